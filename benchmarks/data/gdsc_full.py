"""GDSC2 whole, with landmark genes and the most variable genes of the training cells.

Genes that vary most are chosen in each fold, from the cell lines that it trains on: a
data set of this kind has `n_variable_genes`, and `expression` holds all genes to choose
from. Models are made from the data as `choose_genes` returns them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from benchmarks.models.knowledge import load_knowledge
from benchmarks.models.potency import tabulate_screen
from sklearn_csg2a.datasets import load_gdsc_full, load_interactome, load_nci60

# Landmark genes are used by all models; of the other genes, as many as vary most.
N_VARIABLE_GENES = 2000


def load_gdsc_full_landmark(data_home: str | None) -> Bunch:
    """Load GDSC2 whole, with the landmark genes of L1000 that were measured.

    Genes are standardised over the training cells: by CSG2A through
    `expression_scaler`, by the other models themselves.
    """
    return _load(data_home, "landmark")


def load_gdsc_full_all(data_home: str | None) -> Bunch:
    """Load the same with all genes that were measured."""
    return _load(data_home, "all")


def load_gdsc_full_variable(data_home: str | None) -> Bunch:
    """Load the same with all genes that were measured, to choose from in each fold."""
    data, landmark = _load(data_home, "all"), _load(data_home, "landmark").expression
    data.n_variable_genes = N_VARIABLE_GENES
    data.always_genes = landmark.columns
    return data


def _load(data_home: str | None, genes: str) -> Bunch:
    """Load GDSC2 with the measured genes of a set, interactions and the other screen.

    Genes that were not measured hold a placeholder, and are left out.
    """
    loaded = load_gdsc_full(data_home=data_home, genes=genes)
    measured = ~loaded.expression.columns.isin(loaded.filled_genes)
    expression = _take(loaded.expression, measured)
    return Bunch(
        X=loaded.X,
        y=loaded.y,
        expression=expression,
        expression_scaler=StandardScaler(),
        interactome=load_interactome(data_home=data_home, genes=expression.columns),
        other_screen=lru_cache(
            lambda: tabulate_screen(load_nci60(data_home=data_home), loaded.X["smiles"])
        ),
        knowledge=lru_cache(lambda: load_knowledge(loaded.compounds, data_home)),
    )


def choose_genes(data: Bunch, rows: np.ndarray) -> Bunch:
    """Return the data with the genes to use for training on `rows`, (n_rows,).

    Data without `n_variable_genes` stay as they are. Of the others, only the cell lines
    of these rows count, each once.
    """
    if "n_variable_genes" not in data:
        return data
    trains = data.expression.index.isin(data.X["cell_line"].iloc[rows])
    chosen = most_variable(
        data.expression.to_numpy()[trains],
        data.expression.columns.isin(data.always_genes),
        data.n_variable_genes,
    )
    genes, edges = data.expression.columns[chosen], data.interactome
    among = edges["source"].isin(genes) & edges["target"].isin(genes)
    return Bunch(
        **{
            **data,
            "expression": _take(data.expression, chosen),
            "interactome": edges[among].reset_index(drop=True),
        }
    )


def most_variable(
    expression: np.ndarray, always: np.ndarray, n_variable: int
) -> np.ndarray:
    """Return which genes to use: `always` and the most variable others, (n_genes,).

    `expression` is (n_cells, n_genes), `always` (n_genes,) of bool.
    """
    rank = np.argsort(-expression.var(axis=0, dtype=np.float64), kind="stable")
    chosen = always.copy()
    chosen[rank[~always[rank]][:n_variable]] = True
    return chosen


def _take(expression: pd.DataFrame, genes: np.ndarray) -> pd.DataFrame:
    """Return the columns of a mask, as one block; pandas would return thousands."""
    return pd.DataFrame(
        expression.to_numpy()[:, genes],
        index=expression.index,
        columns=expression.columns[genes],
    )
