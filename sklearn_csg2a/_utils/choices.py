"""Types of parameters that take one of a few words.

Editors complete them, and `StrOptions(options(...))` checks them when a model is
fitted, so that each list of words is written once.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol, get_args

__all__ = [
    "AttentionForm",
    "Auto",
    "Batching",
    "CompoundEncoder",
    "CompoundKernel",
    "CompoundTransformer",
    "FingerprintKind",
    "GraphConvolution",
    "Levels",
    "MissingGenes",
    "Novelty",
    "OnInvalidSmiles",
    "Precision",
    "options",
]

AttentionForm = Literal["paper", "gated", "released", "off"]
Auto = Literal["auto"]
Batching = Literal["rows", "blocks"]
CompoundKernel = Literal["tanimoto", "linear"]
FingerprintKind = Literal["pairs", "features", "paths", "torsions", "keys"]
GraphConvolution = Literal["gin", "gcn", "gat", "gat_gcn"]
MissingGenes = Literal["error", "zero"]
Novelty = Literal["pair", "cell", "compound", "both"]
OnInvalidSmiles = Literal["raise", "nan"]
Precision = Literal["float32", "bf16"]


class CompoundTransformer(Protocol):
    """A transformer from a list of SMILES to a 2-D array."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn from SMILES."""

    def transform(self, X: Any) -> Any:
        """Return one row for each SMILES."""


CompoundEncoder = Literal["auto", "morgan", "mat"] | CompoundTransformer
Levels = Literal["auto", "structure"] | Any  # or a regressor


def options(choice: Any) -> set[str]:
    """Return the words of a `Literal`."""
    return set(get_args(choice))
