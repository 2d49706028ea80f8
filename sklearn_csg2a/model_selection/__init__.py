"""Splitters that hold out cells, compounds or pairs, and an audit of any split."""

from sklearn_csg2a.model_selection._audit import audit_split
from sklearn_csg2a.model_selection._clusters import ClusterBlindKFold
from sklearn_csg2a.model_selection._disjoint import DisjointKFold
from sklearn_csg2a.model_selection._report import SplitAudit
from sklearn_csg2a.model_selection._split import (
    CellBlindKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
)
from sklearn_csg2a.model_selection._three_way import train_valid_test_split

__all__ = [
    "CellBlindKFold",
    "ClusterBlindKFold",
    "DisjointKFold",
    "DrugBlindKFold",
    "MixedKFold",
    "SplitAudit",
    "TissueBlindKFold",
    "audit_split",
    "train_valid_test_split",
]
