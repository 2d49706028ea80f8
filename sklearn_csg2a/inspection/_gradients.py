"""Integrated gradients of the response, row by row."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
import torch

from sklearn_csg2a.estimators._readouts import resolve_readout
from sklearn_csg2a.estimators._sources import (
    attribute_rows,
    find_sources,
    start_paths,
)
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import ResponseNetwork
from sklearn_csg2a.nn.blocks import steady_threads

__all__ = ["integrated_gradients"]

_ROWS_AT_ONCE = 256


@steady_threads()
def integrated_gradients(
    model: Any, X: Any, *, reference: Any = None, n_steps: int = 64
) -> pd.DataFrame:
    """Attribute the predicted response of each row to the expression of genes.

    Parameters
    ----------
    model : DrugResponseRegressor
        A fitted model.
    X : DataFrame or array-like of shape (n_treatments, n_columns)
        Treatments.
    reference : DataFrame of shape (n_cells, n_genes), default=None
        Expression of the cells whose mean is compared with. None: the cells of X.
    n_steps : int, default=64
        Number of points on the path between the two.

    Returns
    -------
    attributions : DataFrame of shape (n_treatments, n_genes)
        Index: that of X; columns: the genes. In units of the response; the sum of a row
        is its prediction minus that of the mean cell for the same treatment, up to the
        error of the integration.

    Raises
    ------
    InputError
        If the model has no response, X cannot be used or has a single cell, or
        `n_steps` is not a positive number.

    See Also
    --------
    influence : Averages over rows, and pairs of genes.

    References
    ----------
    Sundararajan, M., Taly, A. and Yan, Q. (2017). Axiomatic attribution for deep
    networks. International Conference on Machine Learning.

    Examples
    --------
    >>> from sklearn_csg2a import DrugResponseRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import integrated_gradients
    >>> screen = make_screen(n_cells=10, n_compounds=5, random_state=0)
    >>> model = DrugResponseRegressor(expression=screen.expression, max_epochs=2)
    >>> attributions = integrated_gradients(model.fit(screen.X, screen.y), screen.X)
    >>> attributions.shape == (len(screen.X), 120)
    True
    """
    if not isinstance(n_steps, Integral) or n_steps < 1:
        raise InputError(f"n_steps={n_steps}; expected a number of points, 1 or more.")
    resolve_readout(model, "integrated_gradients")
    if not isinstance(model.net_.module_, ResponseNetwork):
        raise InputError(
            f"{type(model).__name__} predicts expression and no response; use "
            "influence(model, X, method='integrated_gradients')."
        )
    sources = find_sources(model, X)
    start_paths(model, X, sources, reference)
    total = torch.zeros(len(X), len(model.genes_), dtype=torch.float64)
    for source in sources:
        rows = torch.arange(len(X)).to(source.data.cell_index)
        for chunk in rows.split(_ROWS_AT_ONCE):
            values = attribute_rows(source, chunk, int(n_steps))
            total[chunk.cpu()] += values.double().cpu()
    index = X.index if hasattr(X, "index") else pd.RangeIndex(len(X))
    values = (total / len(sources)).numpy()
    return pd.DataFrame(values, index=index, columns=np.asarray(model.genes_))
