"""A compound encoder whose network is trained along with the rest."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from sklearn_csg2a.chem import molecule_graphs
from sklearn_csg2a.encoders import MATEncoder
from sklearn_csg2a.encoders._mat_weights import MATWeights
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import MAT, Molecules, csg2a_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from sklearn_csg2a.training.net import TrainingNet

__all__ = ["keep_trained", "network_to_train", "read_molecules"]


def network_to_train(encoder: Any) -> MAT:
    """Return a copy of the network of a fitted encoder, ready to be trained."""
    if encoder is None:
        msg = (
            "train_encoder=True needs compounds and X has none. Give a DataFrame with "
            "a column of SMILES, or set train_encoder=False."
        )
        raise InputError(msg)
    if not isinstance(encoder, MATEncoder):
        msg = (
            f"train_encoder=True cannot train a {type(encoder).__name__}, only the "
            "network of a MATEncoder. Set compound_encoder='mat' or a MATEncoder (in "
            "the pretrained model, if there is one), or train_encoder=False."
        )
        raise InputError(msg)
    network = copy.deepcopy(encoder._network())  # noqa: SLF001 (shared)
    return network.requires_grad_(requires_grad=True)


def read_molecules(
    encoder: MATEncoder, smiles: Sequence[str], device: torch.device
) -> Molecules:
    """Build the graphs of compounds, as the encoder would."""
    settings = encoder._search_settings()  # noqa: SLF001
    graphs = molecule_graphs(encoder._read(list(smiles)), **settings)  # noqa: SLF001
    return Molecules.join(graphs, device)


def keep_trained(encoder: MATEncoder, mat: MAT, net: TrainingNet) -> MATEncoder:
    """Take the trained `mat` out of `net`, and return the encoder that holds it."""
    csg2a_part(net.module_).condition.mat = None
    net.initialize_optimizer()  # the old one holds the moments of the trained encoder
    weights = {
        name: tensor.detach().cpu().numpy().copy()
        for name, tensor in mat.state_dict().items()
    }
    trained = clone(encoder)
    return trained.set_params(weights=MATWeights(weights), n_heads=mat.n_heads)
