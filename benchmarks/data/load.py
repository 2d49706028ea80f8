"""Data sets of the benchmarks, by name."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from benchmarks.data.gdsc_full import (
    load_gdsc_full_all,
    load_gdsc_full_landmark,
    load_gdsc_full_variable,
)
from benchmarks.data.nci60 import load_nci60_alone, load_nci60_transfer
from benchmarks.models.knowledge import COLUMNS, SCREENS, load_knowledge
from benchmarks.models.potency import tabulate_screen
from sklearn_csg2a.datasets import (
    load_gdsc2,
    load_gene_sets,
    load_interactome,
    load_nci60,
    make_screen,
)
from sklearn_csg2a.datasets._home import find_file
from sklearn_csg2a.evaluation.configuration import hash_parts

GENE_SETS = ("hallmark", "pid", "reactome", "wikipathways_2023")


def load_screen(data_home: str | None) -> Bunch:
    """Simulate a small screen: fast to fit, without a download."""
    del data_home
    size = {"n_cells": 40, "n_compounds": 40, "n_genes": 60}
    few = {"n_perturbation_compounds": 20, "profiles_per_compound": 1}
    data = make_screen(**size, **few, random_state=0)
    data.other_screen = lru_cache(
        lambda: tabulate_screen(
            make_screen(**size, **few, random_state=1), data.X["smiles"]
        )
    )
    data.knowledge = lru_cache(lambda: _simulate_knowledge(data))
    data.molecules = lru_cache(lambda: data.X["smiles"].unique().tolist())
    return data


def _simulate_knowledge(data: Bunch) -> Bunch:
    """Make other screens, and an annotation that says the scaffold of a compound."""
    screen = data.other_screen()
    said = dict.fromkeys(COLUMNS, data.compounds["scaffold"])
    return Bunch(
        screens={name: (-1) ** k * screen for k, name in enumerate(SCREENS)},
        annotation=data.compounds[["smiles"]].assign(**said),
        smiles=data.X["smiles"].unique().tolist(),
        depmap_ids={},
    )


def load_gdsc2_with_interactome(data_home: str | None) -> Bunch:
    """Load GDSC2 and the interactions of its genes; the other screen is NCI-60."""
    data = load_gdsc2(data_home=data_home)
    data.interactome = load_interactome(
        data_home=data_home, genes=data.expression.columns
    )
    data.other_screen = lru_cache(
        lambda: tabulate_screen(load_nci60(data_home=data_home), data.X["smiles"])
    )
    data.knowledge = lru_cache(lambda: load_knowledge(data.compounds, data_home))
    data.molecules = lru_cache(lambda: read_molecules(data_home))
    return data


def read_molecules(data_home: str | None) -> list[str]:
    """Return the SMILES of a library of molecules, in the order of its file."""
    path = find_file(data_home, "molecules/smiles.smi.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [line.split()[0] for line in lines if line.strip()]


def with_gene_sets(
    load: Callable[[str | None], Bunch],
) -> Callable[[str | None], Bunch]:
    """Return a loader that adds collections of gene sets, by name."""

    def load_both(data_home: str | None) -> Bunch:
        data = load(data_home)
        data.gene_sets = {
            name: load_gene_sets(name, data_home=data_home) for name in GENE_SETS
        }
        return data

    return load_both


LOADERS: dict[str, Callable[[str | None], Bunch]] = {
    "gdsc2": with_gene_sets(load_gdsc2_with_interactome),
    "gdsc_full": with_gene_sets(load_gdsc_full_variable),
    "gdsc_full_all": with_gene_sets(load_gdsc_full_all),
    "gdsc_full_landmark": with_gene_sets(load_gdsc_full_landmark),
    "nci60": with_gene_sets(load_nci60_alone),
    "nci60_transfer": with_gene_sets(load_nci60_transfer),
    "screen": load_screen,
}


@lru_cache(maxsize=2)
def load_data(name: str, data_home: str | None = None) -> Bunch:
    """Load a data set: X, y, expression, interactome and a hash of X and y.

    A data set with predefined splits has `splits`, {scheme: (train, test)}.
    `expression_scaler` is for models that do not scale expression. `other_screen`, if
    available, returns responses to compounds that are not in X: compounds by cell
    lines, indexed by SMILES. Rows of unknown tissue get the tissue "unknown".
    """
    data = LOADERS[name](data_home)
    tissue = data.X["tissue"].astype(object)
    data.X = data.X.assign(tissue=tissue.where(tissue.notna(), "unknown"))
    data.ids = row_ids(data.X)
    parts = [data.ids, data.X["tissue"], np.asarray(data.y, dtype=float)]
    if "n_variable_genes" in data:
        parts += [data.n_variable_genes, data.always_genes]
    data.hash = hash_parts(*parts)
    return data


def row_ids(X: pd.DataFrame) -> np.ndarray:
    """Return row ids of cell line and compound, as given: (n_rows,)."""
    return (X["cell_line"].astype(str) + "\t" + X["smiles"].astype(str)).to_numpy()
