"""What predictions are compared with, kept in a model without its cells."""

from __future__ import annotations

import warnings
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.caller import find_stacklevel
from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.chem import compound_identities, smiles_problem
from sklearn_csg2a.exceptions import ExpressionScaleWarning, InputError
from sklearn_csg2a.treatments._cells import match_genes
from sklearn_csg2a.treatments._grid import CellTable, Grid, read_cell_table, read_named
from sklearn_csg2a.treatments._inside import (
    default_amounts,
    find_genes,
    find_reference,
    find_scale,
)
from sklearn_csg2a.treatments._units import has_other_scale

__all__ = ["keep_reference", "kept_predictions", "scale_cohort"]

_FEWEST = 10  # samples; ranks within fewer say little


def keep_reference(
    model: Any,
    compounds: Any = None,
    *,
    reference: Any = None,
    transformer: Any = None,
    n_levels: int = 100,
) -> Any:
    """Keep in a fitted model what `rank_drugs` needs, but for the cells themselves.

    A model that is saved without its table `expression` can then be shared, and ranks
    drugs by itself: it holds names of compounds and, for each, quantiles of its own
    predictions for the reference cell lines. Neither their expression nor any
    prediction for one of them is kept.

    Parameters
    ----------
    model : regressor
        A fitted model of ln IC50 whose X follows the column contract. It gets the
        attribute `reference_`, which a new fit removes.
    compounds : dict, Series, DataFrame or sequence of str, default=None
        SMILES by name, which `rank_drugs` then ranks by default; or a table with the
        columns ``smiles`` and ``drug`` or ``name``. None: all compounds that the model
        was fitted with, named by their SMILES.
    reference : DataFrame of shape (n_cells, n_genes) or sequence of str, default=None
        The cell lines to compare with, on the scale that the model was fitted with, or
        ids in the table `expression` of the model. None: all of that table.
    transformer : transformer or None, default=None
        What turned the expression of a cohort into what the model was fitted with, such
        as :class:`~sklearn_csg2a.preprocessing.NormalScores`. `rank_drugs` then applies
        a copy of it to samples on another scale, with a warning.
    n_levels : int, default=100
        Number of quantiles of each compound.

    Returns
    -------
    model : regressor
        The same object.

    Raises
    ------
    InputError
        If compounds or reference cannot be used, there are fewer than two reference
        cells, or compounds have doses or times.
    NotFittedError
        If the model is not fitted.

    See Also
    --------
    rank_drugs : Rank drugs for samples.
    sklearn_csg2a.save_model : Save the model, without its table of expression.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_csg2a import load_model, rank_drugs, save_model
    >>> from sklearn_csg2a.baselines import MeanEffects
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.patients import keep_reference
    >>> screen = make_screen(n_cells=20, n_compounds=8, random_state=0)
    >>> model = MeanEffects().fit(screen.X, screen.y)
    >>> cells = screen.X["cell_line"].unique().tolist()
    >>> drugs = screen.X[["drug", "smiles"]].drop_duplicates()
    >>> model = keep_reference(model, drugs, reference=cells)
    >>> len(rank_drugs(model, cells[:2]))
    16
    """
    check_is_fitted(model)
    if not isinstance(n_levels, Integral) or n_levels < 2:
        raise InputError(f"n_levels is {n_levels!r}; expected an integer of 2 or more.")
    named = read_named(compounds, model)
    amounts = [name for name in ("dose", "time") if name in named]
    if amounts:
        raise InputError(
            f"compounds has the column {list_offenders(amounts, repr)}; a reference is "
            "kept for the default dose and time of the model: drop it."
        )
    grid = Grid(read_cell_table(reference, model, name="reference"), named)
    if len(grid.cells.ids) < 2:
        raise InputError("reference has 1 cell; expected at least 2 to compare with.")
    values = np.asarray(grid.apply(model, model.predict), dtype=np.float64)
    predictions = values.reshape(len(grid.cells.ids), len(named))
    levels = (np.arange(n_levels) + 0.5) / n_levels
    model.reference_ = {
        "compounds": dict(zip(named.index, named["smiles"], strict=True)),
        "predictions": np.quantile(predictions, levels, axis=0),
        "n_cells": len(grid.cells.ids),
        "transformer": transformer,
    }
    return model


def kept_predictions(model: Any, named: pd.DataFrame) -> np.ndarray | None:
    """Return the kept quantiles of compounds, (n_levels, n_compounds); None if none.

    An error where some of the compounds are not among those kept.
    """
    kept = find_reference(model)
    if kept is None:
        return None
    known = compound_identities(kept["compounds"].values())
    at = {identity: column for column, identity in enumerate(known)}
    columns = [_find_column(smiles, at) for smiles in named["smiles"]]
    is_default = _has_default_amounts(model, named)
    unknown = [
        name
        for name, column, same in zip(named.index, columns, is_default, strict=True)
        if column is None or (column >= 0 and not same)
    ]
    if unknown:
        raise InputError(
            f"{type(model).__name__} holds no cell lines, only quantiles of its "
            f"predictions for {len(known)} compounds at its default dose and time; "
            f"{len(unknown)} of {len(named)} compounds are not among them: "
            f"{list_offenders(unknown, repr)}. Pass reference=, the expression of cell "
            "lines or of a cohort to compare with."
        )
    predictions = kept["predictions"]
    empty = np.full((len(predictions), 1), np.nan)  # column -1: an invalid SMILES
    found = [column for column in columns if column is not None]
    return np.hstack([predictions, empty])[:, found]


def _find_column(smiles: Any, at: dict[Any, int]) -> int | None:
    """Return the column of a compound, -1 without a valid SMILES, None if unknown."""
    if smiles_problem(smiles):
        return -1
    return at.get(compound_identities([smiles])[0])


def _has_default_amounts(model: Any, named: pd.DataFrame) -> np.ndarray:
    """Return whether each compound has the default dose and time, (n_compounds,)."""
    same = np.ones(len(named), dtype=bool)
    for name, default in default_amounts(model).items():
        if name in named:
            given = pd.to_numeric(named[name], errors="coerce").to_numpy(np.float64)
            same &= np.isclose(given, default)
    return same


def scale_cohort(cells: CellTable, model: Any) -> CellTable:
    """Return cells on the scale of a model that says how to get there, with a warning.

    Other cells are returned as they are: without expression of their own, on the scale
    of the model, or for a model that keeps no transformer.
    """
    transformer = (find_reference(model) or {}).get("transformer")
    needed, scale = find_genes(model), find_scale(model)
    if cells.genes is None or transformer is None or needed is None or scale is None:
        return cells
    own = cells.read_genes(*needed)
    at = match_genes(own.columns, *needed, cells.name, own.index)
    values = np.zeros((len(own), len(at)), dtype=np.float32)
    values[:, at >= 0] = own.to_numpy()[:, at[at >= 0]]
    if not has_other_scale(scale, values, at < 0):
        return replace(cells, genes=own)
    name = type(transformer).__name__
    here = own.to_numpy()
    found = (
        f"Expression in {cells.name} is on another scale than in the fit of "
        f"{type(model).__name__} (fit: mean {scale['mean']:.3g}, sd "
        f"{scale['spread']:.3g}; here: mean {here.mean():.3g}, sd {here.std():.3g})"
    )
    if len(own) < _FEWEST:
        raise InputError(
            f"{found}, and there are {len(own)} samples, too few for {name} in them "
            f"(at least {_FEWEST}). Compare them with a larger cohort of the same "
            f"platform: {name}().fit(cohort).transform({cells.name}), with "
            f"'from sklearn_csg2a.preprocessing import {name}'."
        )
    warnings.warn(
        f"{found}: each gene was replaced by its {name} within the {len(own)} samples, "
        "and what all of them have in common is lost. Pass "
        f"{name}().fit_transform({cells.name}) to do so without this warning.",
        ExpressionScaleWarning,
        stacklevel=find_stacklevel(),
    )
    return replace(cells, genes=clone(transformer).fit_transform(own))
