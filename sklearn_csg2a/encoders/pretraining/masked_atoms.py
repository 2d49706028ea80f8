"""The masked-atom task: masking, loss and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from sklearn_csg2a.chem.graphs.mat import FEATURE_GROUPS, N_NODE_FEATURES
from sklearn_csg2a.nn.mat import MAT, NodeHead

if TYPE_CHECKING:
    from sklearn_csg2a.encoders.pretraining.packed import GraphBatch

__all__ = ["AccuracyTable", "MaskedAtomModel", "hide_atoms"]


class MaskedAtomModel(nn.Module):
    """A MAT, a read-out per node, and the embedding of masked atoms.

    Parameters
    ----------
    mat : MAT
        The network to be trained.
    generator : torch.Generator
        Source of the initial weights of the read-out.
    """

    def __init__(self, mat: MAT, generator: torch.Generator) -> None:
        super().__init__()
        self.mat = mat
        self.hidden_atom = nn.Parameter(torch.zeros(N_NODE_FEATURES))
        self.generator = NodeHead(mat.d_model, N_NODE_FEATURES, generator=generator)

    def forward(self, batch: GraphBatch, hidden: Tensor) -> Tensor:
        """Predict the features of masked atoms, (masked atoms, 28)."""
        visible = torch.where(
            hidden.unsqueeze(-1), self.hidden_atom, batch.node_features
        )  # (batch, nodes, 28)
        nodes = self.mat(visible, batch.mask, batch.adjacency, batch.distance)
        return self.generator(nodes[hidden])


def hide_atoms(mask: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Choose atoms to mask: (batch, nodes) boolean.

    In each molecule `fraction` of the atoms, at least one, never the dummy node.
    """
    n_hidden = (mask.sum(dim=1) - 1).mul(fraction).round().clamp_min(1)  # (batch,)
    order = torch.rand(mask.shape, generator=generator)
    order = order.masked_fill(~mask.cpu(), 2.0)
    order[:, 0] = 2.0
    rank = order.argsort(dim=1).argsort(dim=1).to(mask.device)  # (batch, nodes)
    return rank < n_hidden.unsqueeze(1)


def masked_atom_loss(logits: Tensor, features: Tensor) -> Tensor:
    """Sum the losses of all feature groups; both inputs are (masked atoms, 28).

    Cross-entropy for one-hot groups, binary cross-entropy for single features (ring,
    aromatic), each a mean over atoms.
    """
    loss = logits.new_zeros((), dtype=torch.float32)
    for columns in FEATURE_GROUPS.values():
        target, score = features[:, columns], logits[:, columns].float()
        if target.shape[1] > 1:
            loss = loss + functional.cross_entropy(score, target)
        else:
            loss = loss + functional.binary_cross_entropy_with_logits(score, target)
    return loss


class AccuracyTable:
    """Count correct predictions per feature group, and those of the best constant."""

    def __init__(self) -> None:
        self._right = dict.fromkeys(FEATURE_GROUPS, 0)
        self._counts = {
            name: torch.zeros(max(2, columns.stop - columns.start), dtype=torch.int64)
            for name, columns in FEATURE_GROUPS.items()
        }

    def add(self, logits: Tensor, features: Tensor) -> None:
        """Add predictions for some masked atoms, both inputs (masked atoms, 28)."""
        for name, columns in FEATURE_GROUPS.items():
            truth = _classes(features[:, columns], 0.5)
            answer = _classes(logits[:, columns], 0.0)
            self._right[name] += int((truth == answer).sum())
            counts = torch.bincount(truth.cpu(), minlength=len(self._counts[name]))
            self._counts[name] += counts

    def table(self) -> pd.DataFrame:
        """Return accuracy and share of the most frequent class, a row per group."""
        n_atoms = {name: int(counts.sum()) for name, counts in self._counts.items()}
        return pd.DataFrame(
            {
                "accuracy": {k: self._right[k] / n for k, n in n_atoms.items()},
                "majority": {
                    k: int(self._counts[k].max()) / n for k, n in n_atoms.items()
                },
                "atoms": n_atoms,
            }
        ).rename_axis("group")


def _classes(values: Tensor, threshold: float) -> Tensor:
    """Return the class of each row: the largest column, or whether it is positive."""
    if values.shape[1] > 1:
        return values.argmax(dim=1)
    return (values[:, 0] > threshold).long()
