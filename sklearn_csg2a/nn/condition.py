"""The chemical condition encoder: compound, dose and time to gene space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sklearn_csg2a.nn.layers import Dense, Dropout, EntityBatchNorm
from sklearn_csg2a.nn.molecules import MoleculeBatch

if TYPE_CHECKING:
    from sklearn_csg2a.nn.mat import MAT

__all__ = ["DOSE_SCALE", "TIME_SCALE", "ChemicalConditionEncoder"]

DOSE_SCALE = 100.0  # uM
TIME_SCALE = 72.0  # hours


class ChemicalConditionEncoder(nn.Module):
    """Map a compound, its dose and its time to one value per gene.

    ``D = dropout(ReLU(BatchNorm(W [compound, dose, time])))`` with W without
    bias, dose divided by 100 uM and time by 72 h, each expanded to two values
    (paper, Appendix A.1). Conditions are distinct (compound, dose, time)
    triples: the encoder sees each once per batch.

    Parameters
    ----------
    compound_dim : int
        Width of the compound's encoding; 0 without compounds.
    n_genes : int
        Width of the output.
    dropout : float
        Probability that an output value is zeroed in training.

    Attributes
    ----------
    mat : MAT or None
        Encodes molecules given as graphs; set while it is trained with the network.
        Each molecule is encoded once per batch, whatever its doses and times.
    """

    mat: MAT | None

    def __init__(self, compound_dim: int, n_genes: int, dropout: float) -> None:
        super().__init__()
        self.compound_dim = compound_dim
        self.dose = Dense(1, 2)
        self.time = Dense(1, 2)
        self.project = Dense(compound_dim + 4, n_genes, bias=False)
        self.norm = EntityBatchNorm(n_genes)
        self.dropout = Dropout(dropout)
        self.register_module("mat", None)

    def forward(
        self,
        compound: Tensor | MoleculeBatch,
        dose: Tensor,
        time: Tensor,
        counts: Tensor | None,
    ) -> Tensor:
        """Encode conditions.

        `compound` (conditions, compound_dim) or the molecules that `mat` encodes,
        `dose` uM and `time` hours (conditions,), `counts` rows per condition.
        Returns (conditions, genes).
        """
        if self.mat is not None and isinstance(compound, MoleculeBatch):
            compound = compound.encode(self.mat)
        expanded = [
            compound,
            self.dose(dose.unsqueeze(-1) / DOSE_SCALE),
            self.time(time.unsqueeze(-1) / TIME_SCALE),
        ]
        projected = self.project(torch.cat(expanded, dim=-1))
        return self.dropout(torch.relu(self.norm(projected, counts)))
