"""Read checkpoints of the published code into estimators."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.encoders import MATEncoder
from sklearn_csg2a.encoders._mat_weights import MATWeights, read_tensors
from sklearn_csg2a.estimators._perturbation import PerturbationRegressor
from sklearn_csg2a.estimators._response import DrugResponseRegressor
from sklearn_csg2a.exceptions import GeneMismatchError, InputError, ModelFileError
from sklearn_csg2a.training.device import seeded_initialisation
from sklearn_csg2a.training.net import wrap_network

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor, nn

__all__ = ["load_published"]

_CSG2A_PREFIX = "CSG2A."  # of the perturbation network, in fine-tuned files
_MAT_PREFIX = "CCE.MAT."
_IGNORED = "num_batches_tracked"
_HEAD_WIDTH = 64  # of the published transformer: 1024 / 16

# Our names to the published ones; those that end in a dot are prefixes.
_PERTURBATION_NAMES = {
    "attention.w_gene": "w_gex",
    "attention.w_comp": "w_comp",
    "condition.dose.": "CCE.dose_enc.",
    "condition.time.": "CCE.time_enc.",
    "condition.project.": "CCE.comp_proj.0.",
    "condition.norm.": "CCE.comp_proj.1.",
    "norm.": "feed_forward.0.",
    "output.": "feed_forward.3.",
}
_RESPONSE_NAMES = {
    "head.basal.dense.": "bgex_proj.0.",
    "head.basal.norm.": "bgex_proj.1.",
    "head.perturbed.dense.": "agex_proj.0.",
    "head.perturbed.norm.": "agex_proj.1.",
    "head.compound.dense.": "comp_proj.0.",
    "head.compound.norm.": "comp_proj.1.",
    "head.first.": "pred_head.0.",
    "head.first_norm.": "pred_head.1.",
    "head.hidden.0.dense.": "pred_head.4.",
    "head.hidden.0.norm.": "pred_head.5.",
    "head.output.": "pred_head.8.",
    "scaling.mean": "bias",
    "scaling.inverse_std": "scalar",
}
# Not in published files: the interactome, and the units of the expression.
_UNPUBLISHED = ("attention.edge_", "attention.degree", "location", "scale")


def load_published(
    path: str | os.PathLike[str],
    *,
    genes: Iterable[str],
    interactome: Any = None,
    n_heads: int | None = None,
) -> Any:
    """Read a checkpoint with the names of the published code.

    Parameters
    ----------
    path : path-like
        A state dictionary: a ``.safetensors`` file, or a ``.pt`` file that holds
        tensors only. One of the perturbation network gives a
        :class:`~sklearn_csg2a.PerturbationRegressor`, one of the fine-tuned network
        a :class:`~sklearn_csg2a.DrugResponseRegressor`.
    genes : sequence of str
        Genes in the order of the training, which the file does not hold.
    interactome : DataFrame, array, sparse array or None, default=None
        The interactome of the training, which the file does not hold either; see
        :class:`~sklearn_csg2a.PerturbationRegressor`. None: self loops only.
    n_heads : int, default=None
        Attention heads of the transformer; None takes one per 64 of its width.

    Returns
    -------
    estimator : PerturbationRegressor or DrugResponseRegressor
        A fitted model with ``attention="released"``, on the CPU. It predicts; it can be
        `pretrained`, inside a FrozenEstimator; :func:`save_model` saves it,
        the transformer included.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If the file cannot be read, or names or shapes are not the expected ones.
    GeneMismatchError
        If the number of genes is not that of the file.

    Notes
    -----
    The published code shifts and scales expression as ``(g + bias) * scalar``, here
    ``(g - mean) * inverse_std``. X without dose and time means 10 uM and 72 h.

    Examples
    --------
    >>> from sklearn_csg2a.persistence import load_published
    >>> load_published("published.pt", genes=["TP53", "EGFR"])
    Traceback (most recent call last):
        ...
    FileNotFoundError: published.pt: no such file.
    """
    path = Path(path)
    if not path.is_file():
        msg = f"{path}: no such file."
        raise FileNotFoundError(msg)
    tensors = {
        name: tensor
        for name, tensor in read_tensors(path)[0].items()
        if not name.endswith(_IGNORED)
    }
    is_response = any(name.startswith(_CSG2A_PREFIX) for name in tensors)
    perturbation_tensors = (
        _strip_prefix(_CSG2A_PREFIX, tensors) if is_response else tensors
    )
    names = _read_genes(genes)
    for needed in (
        "w_gex",
        "CCE.comp_proj.0.weight",
        f"{_MAT_PREFIX}src_embed.lut.weight",
    ):
        found = perturbation_tensors.get(needed)
        if found is None or found.ndim != 2 or not found.numel():
            msg = (
                f"{path.name}: no matrix {needed!r}; this is not a state dictionary of "
                "the published code."
            )
            raise ModelFileError(msg)
    n_genes = len(perturbation_tensors["w_gex"])
    if n_genes != len(names):
        msg = (
            f"{path.name} was trained on {n_genes} genes, genes has "
            f"{len(names)}. Give the genes of its training, in their order."
        )
        raise GeneMismatchError(msg)
    perturbation = _read_perturbation(
        path, perturbation_tensors, names, interactome, n_heads
    )
    if not is_response:
        return perturbation
    return _read_response(path, tensors, perturbation, interactome)


def _read_genes(genes: Iterable[str]) -> tuple[str, ...]:
    """Check the names of the genes."""
    names: tuple[Any, ...] = (genes,) if isinstance(genes, str) else tuple(genes)
    repeated = sorted({name for name in names if names.count(name) > 1})
    wrong = [repr(name) for name in names if not isinstance(name, str)]
    if wrong or repeated:
        msg = (
            "genes must be distinct names; "
            f"{list_offenders(wrong or repeated)} {'are not strings' if wrong else ''}"
            f"{'' if wrong else 'occur more than once'}."
        )
        raise InputError(msg)
    return names


def _read_perturbation(
    path: Path,
    tensors: dict[str, Tensor],
    genes: tuple[str, ...],
    interactome: Any,
    n_heads: int | None,
) -> Any:
    """Return the fitted perturbation model of a checkpoint without prefix."""
    transformer = _strip_prefix(_MAT_PREFIX, tensors)
    rest = {k: v for k, v in tensors.items() if not k.startswith(_MAT_PREFIX)}
    width = transformer["src_embed.lut.weight"].shape[0]
    encoder = MATEncoder(
        MATWeights({k: v.numpy() for k, v in transformer.items()}),
        n_heads=max(1, width // _HEAD_WIDTH) if n_heads is None else n_heads,
    )
    compound_dim = rest["CCE.comp_proj.0.weight"].shape[1] - 4
    if compound_dim != width:
        msg = (
            f"{path.name}: the transformer gives {width} values per compound, "
            f"CCE.comp_proj.0.weight takes {compound_dim}."
        )
        raise ModelFileError(msg)
    estimator = PerturbationRegressor(
        interactome=interactome,
        compound_encoder=encoder,
        attention="released",
        hidden_dim=rest["w_gex"].shape[1],
    )
    network = _new_network(estimator, genes, compound_dim, n_outputs=len(genes))
    _load(path, network, rest, _PERTURBATION_NAMES)
    estimator._single_output = False  # noqa: SLF001
    _set_fitted(estimator, network, genes, n_outputs=len(genes))
    _check_encoder(path, estimator)
    return estimator


def _read_response(
    path: Path, tensors: dict[str, Tensor], perturbation: Any, interactome: Any
) -> Any:
    """Return the fitted response model around its perturbation model."""
    rest = {k: v for k, v in tensors.items() if not k.startswith(_CSG2A_PREFIX)}
    widths = [
        len(rest[name])
        for name in ("pred_head.0.weight", "pred_head.4.weight")
        if name in rest and rest[name].ndim
    ]
    estimator = DrugResponseRegressor(
        pretrained=FrozenEstimator(perturbation),
        interactome=interactome,
        compound_encoder=perturbation.compound_encoder,
        attention="released",
        hidden_dim=perturbation.hidden_dim,
        head_hidden=tuple(widths) if len(widths) == 2 else (512, 64),
        bilinear_dim=0,
        dropout=0.1,
    )
    estimator._pretrained = perturbation  # noqa: SLF001
    genes = tuple(perturbation.genes_)
    network = _new_network(estimator, genes, compound_dim=0, n_outputs=1)
    if "bias" in rest:
        rest["bias"] = -rest["bias"]
    _load(path, network, rest, _RESPONSE_NAMES, skip="csg2a.")
    estimator.scaler_ = None
    _set_fitted(estimator, network, genes, n_outputs=1)
    return estimator


def _new_network(
    estimator: Any, genes: tuple[str, ...], compound_dim: int, n_outputs: int
) -> nn.Module:
    """Return the estimator's network as fit would build it."""
    sizes = SimpleNamespace(genes=genes, genes_named=True, n_genes=len(genes))
    with seeded_initialisation(0):
        return estimator._build_network(sizes, compound_dim, n_outputs)  # noqa: SLF001


def _load(
    path: Path,
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    names: Mapping[str, str],
    skip: str | None = None,
) -> None:
    """Load published tensors, names and shapes checked in both directions."""
    state = {
        _published_name(name, names): (name, tensor)
        for name, tensor in network.state_dict().items()
        if not name.startswith(_UNPUBLISHED) and not (skip and name.startswith(skip))
    }
    missing = sorted(set(state) - set(tensors))
    unexpected = sorted(set(tensors) - set(state))
    if missing or unexpected:
        msg = (
            f"{path.name}: {len(missing)} tensors are missing "
            f"({list_offenders(missing) or 'none'}) and {len(unexpected)} are "
            f"unexpected ({list_offenders(unexpected) or 'none'})."
        )
        raise ModelFileError(msg)
    wrong = [
        f"{name} {tuple(tensors[name].shape)}, expected {tuple(ours.shape)}"
        for name, (_, ours) in state.items()
        if tensors[name].shape != ours.shape
    ]
    if wrong:
        msg = f"{path.name}: {len(wrong)} wrong shapes: {list_offenders(wrong)}."
        raise ModelFileError(msg)
    broken = [name for name in state if not torch.isfinite(tensors[name]).all()]
    if broken:
        msg = f"{path.name}: NaN or infinity in {list_offenders(broken)}."
        raise ModelFileError(msg)
    ours = {own: tensors[name] for name, (own, _) in state.items()}
    network.load_state_dict(ours, strict=False)


def _published_name(name: str, names: Mapping[str, str]) -> str:
    """Return the published name of one of our tensors."""
    if name in names:
        return names[name]
    prefix = next(key for key in names if key.endswith(".") and name.startswith(key))
    return names[prefix] + name.removeprefix(prefix)


def _set_fitted(
    estimator: Any, network: nn.Module, genes: tuple[str, ...], n_outputs: int
) -> None:
    """Set the fitted attributes, as after a fit on one column per gene."""
    device = torch.device("cpu")
    columns = np.asarray([*genes, "smiles"], dtype=object)
    fitted = {
        "genes_": np.asarray(genes, dtype=object),
        "net_": wrap_network(network.eval(), device),
        "encoder_": estimator.compound_encoder,
        "device_": str(device),
        "interrupted_": False,
        "n_iter_": 0,
        "best_epoch_": 0,
        "history_": pd.DataFrame({"epoch": np.zeros(0, dtype=np.int64)}),
        "n_features_in_": len(columns),
        "feature_names_in_": columns,
        "_genes_named": True,
        "_has_compounds": True,
        "_location": np.zeros(n_outputs),
        "_scale": np.ones(n_outputs),
        "_dropout_seed": 0,
    }
    vars(estimator).update(fitted)


def _check_encoder(path: Path, estimator: Any) -> None:
    """Build the transformer, so that wrong weights are an error here."""
    try:
        estimator.encoder_._network()  # noqa: SLF001
    except ModelFileError as error:
        msg = f"{path.name}, tensors with the prefix {_MAT_PREFIX!r}: {error}"
        raise ModelFileError(msg) from error


def _strip_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries with a prefix, without it."""
    return {
        k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
    }
