"""The deep baselines, with settings that are feasible on one core.

Published values given in comments are the defaults of the estimators. Batches are
blocks of cells and compounds, so that each step encodes only a few of them, which is
most of the cost. Fewer steps are compensated by a larger learning rate that decays over
the epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from sklearn_csg2a.baselines import (
    DeepCoVDR,
    DeepTTA,
    DRPreter,
    EnsembleMF,
    GraphDRP,
    PathDNN,
    Precily,
)
from sklearn_csg2a.evaluation.folds import RANDOM_811, validation_splitter
from sklearn_csg2a.training.device import bfloat16_is_slow, resolve_device

# Precision of training, if the processor is not slower with it.
PRECISION = "float32" if bfloat16_is_slow(resolve_device("auto")) else "bf16"
SHARED: dict[str, Any] = {"batching": "blocks", "patience": 20, "precision": PRECISION}
SETTINGS: dict[type[BaseEstimator], dict[str, Any]] = {
    # published: batches of 1,024 rows, learning rate 1e-4
    GraphDRP: {"learning_rate": 1e-3},
    # published: batches of 128 rows, learning rate 1e-4
    DRPreter: {"batch_size": 256, "learning_rate": 3e-4, "min_genes": 15},
    # published: batches of 64 rows, learning rate 1e-4
    DeepTTA: {"batch_size": 512, "learning_rate": 5e-4},
    # published: batches of 512 rows, learning rate 1e-4
    PathDNN: {"batch_size": 1024, "learning_rate": 1e-3},
    # published: batches of 128 rows
    Precily: {"batch_size": 1024},
    # published: 8 layers and batches of 32 rows, of an eighth of the rows
    DeepCoVDR: {"batch_size": 512, "learning_rate": 7e-4, "n_layers": 1},
    # published: 20 members
    EnsembleMF: {"n_members": 5, "patience": 25},
}
# Maximum epochs for new pairs, new cell lines, and new compounds, where the best epoch
# on held-out rows is reached early. Published: 300 for GraphDRP, DRPreter and
# EnsembleMF, 50 for Precily, 10 for DeepCoVDR.
EPOCHS: dict[type[BaseEstimator], tuple[int, int, int]] = {
    GraphDRP: (50, 30, 17),
    DRPreter: (6, 3, 2),
    DeepTTA: (8, 4, 2),
    PathDNN: (60, 30, 30),
    Precily: (25, 12, 12),
    DeepCoVDR: (8, 8, 3),
    EnsembleMF: (60, 300, 300),
}

# The published protocol is run on fewer splits, with a longer schedule.
SETTINGS_OF_PROTOCOL: dict[type[BaseEstimator], dict[str, Any]] = {
    GraphDRP: {"max_epochs": 120},
    DRPreter: {"max_epochs": 40, "batch_size": 64},
}

# Collections of gene sets that a model uses, if included in the data. Otherwise, genes
# are grouped by expression.
GENE_SETS: dict[type[BaseEstimator], tuple[str, ...]] = {
    DRPreter: ("hallmark",),
    PathDNN: ("reactome", "wikipathways_2023"),
    Precily: ("reactome", "wikipathways_2023", "pid"),
}


def make_deep(
    kind: type[BaseEstimator], data: Bunch, scheme: str, seed: int, **settings: Any
) -> BaseEstimator:
    """Make a deep baseline with early stopping on rows held out like the test rows."""
    given: dict[str, Any] = {
        "expression": data.expression,
        "max_epochs": _epochs(kind, scheme),
        "validation": validation_splitter(scheme),
        "random_state": seed,
        **SHARED,
        **SETTINGS[kind],
    }
    if scheme == RANDOM_811:
        given.update(SETTINGS_OF_PROTOCOL.get(kind, {}))
    if kind in GENE_SETS:
        given["gene_sets"] = _join_gene_sets(data, GENE_SETS[kind])
    if kind is DRPreter:
        given["interactome"] = data.interactome
    return kind(**{**given, **settings})


def _epochs(kind: type[BaseEstimator], scheme: str) -> int:
    """Return the maximum number of epochs of a model in a scheme."""
    of_pairs, of_cells, of_compounds = EPOCHS[kind]
    pairs = {"mixed": of_pairs, RANDOM_811: of_pairs}
    return {**pairs, "cell": of_cells}.get(scheme, of_compounds)


def _join_gene_sets(data: Bunch, names: tuple[str, ...]) -> dict[str, list[str]] | None:
    """Return the gene sets of some collections, None if there are none."""
    collections = data.get("gene_sets") or {}
    joined: dict[str, list[str]] = {}
    for name in names:
        joined.update(collections.get(name, {}))
    return joined or None


DEEP: dict[str, Callable[[Bunch, str, int], BaseEstimator]] = {
    kind.__name__: partial(make_deep, kind) for kind in SETTINGS
}
