"""LINCS profiles to pretrain on, and a drug screen with the same genes, in one set.

Both are in one unit, z-scores of each gene over untreated cell lines: of LINCS's own
lines for the profiles; of the screen, over all lines with such data ("gdsc2") or over
the training cells of each fold ("gdsc_full", by `expression_scaler`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from benchmarks.data.lincs import load_profiles
from benchmarks.data.load import row_ids
from sklearn_csg2a._utils.names import plain_spelling
from sklearn_csg2a.datasets import (
    load_gdsc,
    load_gdsc2,
    load_gdsc_full,
    load_interactome,
)
from sklearn_csg2a.evaluation.configuration import hash_parts


@lru_cache(maxsize=2)
def load_transfer(
    data_home: str | None = None,
    screen: str = "gdsc2",
    target: str = "perturbed",
) -> Bunch:
    """Load a screen, with `profiles` of the same genes.

    Parameters
    ----------
    data_home : str or None
        Folder of the data; None for the environment variable.
    screen : {"gdsc2", "gdsc_full"}
        "gdsc2": the cell lines of GDSC2 with measured landmark genes, 976 genes.
        "gdsc_full": all cell lines of GDSC2 whole, with the 495 landmark genes of its
        microarrays. Those that were not measured there are 0, the mean of z-scores.
    target : {"perturbed", "change"}
        What pretraining predicts: expression after treatment, or its change.

    Returns
    -------
    data : Bunch
        X, y, expression, expression_scaler, interactome, ids, hash; `profiles` with X
        (`cell` is the id of the same line in the screen, where it is one), Y,
        expression, interactome, compound, ids, hash.
    """
    response = SCREENS[screen](data_home)
    lincs = load_profiles(data_home)
    genes = [gene for gene in response.expression if gene in lincs.scaled]
    interactome = load_interactome(data_home=data_home, genes=genes)
    profiles = Bunch(
        X=lincs.X.assign(cell=match_cells(lincs.X["cell"], response.cell_names)),
        expression=lincs.scaled[genes],
        interactome=interactome,
        compound=lincs.compound,
        ids=lincs.ids,
        **scale_profiles(lincs, genes, target),
    )
    return make_transfer(
        response.X,
        response.y,
        response.expression[genes],
        interactome,
        profiles,
        response.expression_scaler,
    )


def load_measured_landmarks(data_home: str | None) -> Bunch:
    """Load the rows of GDSC2 whose cell lines have landmark genes, as z-scores."""
    response, merged = load_gdsc2(data_home=data_home), load_gdsc(data_home=data_home)
    landmark = merged.landmark_expression
    kept = response.X["cell_line"].isin(landmark.index)
    return Bunch(
        X=response.X[kept].reset_index(drop=True),
        y=response.y[kept].reset_index(drop=True),
        expression=landmark,
        expression_scaler=None,
        cell_names=merged.cells.set_index("cell_line")["cell_line_name"],
    )


def load_whole_landmarks(data_home: str | None) -> Bunch:
    """Load GDSC2 whole with its landmark genes, to scale over the training cells."""
    data = load_gdsc_full(data_home=data_home)
    expression = data.expression.copy()
    expression[data.filled_genes] = np.float32(0)
    names = pd.Series(expression.index, index=expression.index)
    return Bunch(
        X=data.X,
        y=data.y,
        expression=expression,
        expression_scaler=StandardScaler(),
        cell_names=names,
    )


SCREENS: dict[str, Callable[[str | None], Bunch]] = {
    "gdsc2": load_measured_landmarks,
    "gdsc_full": load_whole_landmarks,
}


def make_transfer(
    X: pd.DataFrame,
    y: pd.Series,
    expression: pd.DataFrame,
    interactome: pd.DataFrame,
    profiles: Bunch,
    expression_scaler: Any = None,
) -> Bunch:
    """Combine the response data and the profiles."""
    tissue = X["tissue"].astype(object)
    X = X.assign(tissue=tissue.where(tissue.notna(), "unknown"))
    data = Bunch(
        X=X,
        y=y,
        expression=expression,
        expression_scaler=expression_scaler,
        interactome=interactome,
        profiles=profiles,
    )
    data.ids = row_ids(X)
    data.hash = hash_parts(data.ids, X["tissue"], np.asarray(y, dtype=float))
    return data


def scale_profiles(lincs: Bunch, genes: Sequence[str], target: str) -> dict[str, Any]:
    """Return the target of pretraining, in z-scores, and its hash."""
    at = lincs.genes.get_indexer(pd.Index(genes))
    scale = lincs.scale[genes].to_numpy()
    location = lincs.location[genes].to_numpy()
    if target == "change":
        Y = lincs.change[:, at] / scale
    else:
        Y = (lincs.Y[:, at] - location) / scale
    return {"Y": Y.astype(np.float32), "hash": hash_parts(lincs.hash, genes, Y)}


def match_cells(cells: pd.Series, names: pd.Series) -> pd.Series:
    """Replace names of cell lines by their ids, ignoring case and punctuation.

    `names` contains the name of each id. A name without an id is kept.
    """
    known = {plain_spelling(name): cell for cell, name in names.items()}
    return cells.map(lambda name: known.get(plain_spelling(name), name))
