"""The deep baselines, and the settings that make them affordable on one core.

Where a comment names a published value, it is the default of the estimator. Larger
batches share the towers among more rows; a larger learning rate makes up for the fewer
steps, and one that falls to the end of the few epochs for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from benchmarks._manifest import validation_splitter
from sklearn_csg2a.baselines import (
    DeepCoVDR,
    DeepTTA,
    DRPreter,
    GraphDRP,
    PathDNN,
    Precily,
)

SETTINGS: dict[type[BaseEstimator], dict[str, Any]] = {
    # published: 300 epochs of 1,024 rows, learning rate 1e-4
    GraphDRP: {"max_epochs": 40, "learning_rate": 5e-4},
    # published: 300 epochs of 128 rows, learning rate 1e-4
    DRPreter: {
        "max_epochs": 3,
        "batch_size": 512,
        "learning_rate": 3e-4,
        "min_genes": 15,
    },
    # published: batches of 64 rows, learning rate 1e-4
    DeepTTA: {"max_epochs": 14, "batch_size": 2048, "learning_rate": 5e-4},
    # published: batches of 512 rows, learning rate 1e-4
    PathDNN: {"max_epochs": 45, "batch_size": 1024, "learning_rate": 1e-3},
    # published: 50 epochs of 128 rows
    Precily: {"max_epochs": 30, "batch_size": 1024},
    # published: 8 layers and 10 epochs of 32 rows, on an eighth of the rows
    DeepCoVDR: {
        "max_epochs": 4,
        "batch_size": 1024,
        "learning_rate": 5e-4,
        "n_layers": 2,
    },
}
SHARED: dict[str, Any] = {"patience": 10, "precision": "bf16"}

# Collections of gene sets that a model takes, where the data bring them along. Without,
# genes are grouped by expression.
GENE_SETS: dict[type[BaseEstimator], tuple[str, ...]] = {
    DRPreter: ("hallmark",),
    PathDNN: ("reactome", "wikipathways_2023"),
    Precily: ("reactome", "wikipathways_2023", "pid"),
}


def make_deep(
    kind: type[BaseEstimator], data: Bunch, scheme: str, seed: int, **settings: Any
) -> BaseEstimator:
    """Make a deep baseline; stopped early on rows held out as the test rows are."""
    given: dict[str, Any] = {
        "expression": data.expression,
        "validation": validation_splitter(scheme),
        "random_state": seed,
        **SHARED,
        **SETTINGS[kind],
    }
    if kind in GENE_SETS:
        given["gene_sets"] = _join_gene_sets(data, GENE_SETS[kind])
    if kind is DRPreter:
        given["interactome"] = data.interactome
    return kind(**{**given, **settings})


def _join_gene_sets(data: Bunch, names: tuple[str, ...]) -> dict[str, list[str]] | None:
    """Return the sets of some collections in one, None without any."""
    collections = data.get("gene_sets") or {}
    joined: dict[str, list[str]] = {}
    for name in names:
        joined.update(collections.get(name, {}))
    return joined or None


DEEP: dict[str, Callable[[Bunch, str, int], BaseEstimator]] = {
    kind.__name__: partial(make_deep, kind) for kind in SETTINGS
}
