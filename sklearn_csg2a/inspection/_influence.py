"""Influence of genes and of gene pairs, by any readout, with contrast and null."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.estimators._group_maps import Contrast
from sklearn_csg2a.estimators._inspection import grouping_column
from sklearn_csg2a.estimators._map_reader import MapReader
from sklearn_csg2a.estimators._readouts import Method
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._groups import Groups
from sklearn_csg2a.inspection._null import Null, check_null
from sklearn_csg2a.inspection._tables import Influence

__all__ = ["influence", "top_interactions"]


def influence(
    model: Any,
    X: Any,
    *,
    method: Method | None = None,
    by: Any = None,
    reference: Any = None,
    contrast: Contrast | None = "auto",
    null: Null | None = None,
    n_null: int = 20,
    random_state: int | np.random.RandomState | None = 0,
) -> Influence:
    """Read the influence of genes, and of genes on genes, from a fitted model.

    Parameters
    ----------
    model : PerturbationRegressor or DrugResponseRegressor
        A fitted model.
    X : DataFrame or array-like of shape (n_treatments, n_columns)
        Treatments to average over.
    method : {"covariation", "jacobian", "integrated_gradients", "attention", \
            "learned_attention"}, default=None
        What is read. None: "covariation" where the model predicts perturbed expression
        and every group has ten cells, with fewer "jacobian", else
        "integrated_gradients".

        - "covariation": the covariance over cells of the predicted change of expression
          with basal expression, per standard deviation of the latter
        - "jacobian": the derivative of predicted perturbed expression by basal
          expression; this and the first need a pretrained network in a response model
        - "integrated_gradients": the derivative integrated along the path from the mean
          expression of `reference` to that of the cell; for a response model, that of
          the response, whose pairs go through the attention
        - "attention": the attention with the interactome, as the network applies it
        - "learned_attention": the attention without the interactome

    by : str or array-like of shape (n_treatments,), default=None
        Column of X, or one label per row: one average for each value. None: one average
        over all rows.
    reference : DataFrame of shape (n_cells, n_genes), default=None
        Expression of the cells whose mean is where integrated gradients start. None:
        the cells of X.
    contrast : {"auto", "difference", "standardised", None}, default="auto"
        What sets a group apart.

        - "difference": its map minus the mean map of all groups
        - "standardised": the difference divided by the standard deviation of the map
          over the cells of the group
        - "auto": "difference" of Jacobian and integrated gradients where there are
          several groups, else None
        - None: the map itself
    null : {"untrained", "rewired", "permuted"}, default=None
        What to compare with.

        - "untrained": networks with new initial weights and the same interactome
        - "rewired": the fitted networks with an interactome whose edges were exchanged;
          every gene keeps its number of partners
        - "permuted": the fitted networks with compounds exchanged
    n_null : int, default=20
        Number of draws of the null; the smallest `p_null` is 1 / (n_null + 1).
    random_state : int, RandomState instance or None, default=0
        Seed of the null.

    Returns
    -------
    influence : Influence
        With the table `genes`, and the methods `top_pairs`, `map` and `wide`.

    Raises
    ------
    InputError
        If the model does not have this readout, X cannot be used, or the null needs an
        interactome or compounds that there are not.

    See Also
    --------
    top_interactions : The table of the strongest pairs alone.

    Notes
    -----
    In simulated screens, covariation finds targets and interactions best, and attention
    hardly. Genes of a module are expressed alike, so that many weights of them predict
    the same change: derivatives show the weights that the network happens to have,
    covariation what they amount to in real cells. Neither tells a gene from another one
    that is always expressed with it. Groups should have the same cells, doses and
    times, as a contrast shows these, too.

    A map is averaged over rows with its sign. The influence of a gene is the norm of
    its column without the diagonal; with integrated gradients of a response, it is
    the attribution of the gene itself, aligned with its expression: positive where the
    response rises with it. So that attributions of cells above and below the mean do
    not cancel, they are weighted by the distance of expression from that of the
    reference, and divided by its root mean square.

    Compare ranks, not values, between readouts. `p_null` of an entry is the share of
    draws that rank it at least as high. With an interactome, its edges are the
    strongest attention whatever was learned: "untrained" ranks them as high.

    No map of a single row is built, and no readout needs more memory for more rows.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import influence
    >>> screen = make_screen(n_perturbation_compounds=4, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> found = influence(model.fit(X, Y), X, by="drug")
    >>> found.genes.columns.tolist()
    ['drug', 'gene', 'influence', 'rank']
    >>> found.wide().shape
    (4, 120)
    """
    if not isinstance(n_null, Integral) or n_null < 1:
        raise InputError(f"n_null={n_null}; expected a number of draws, 1 or more.")
    groups = Groups(X, grouping_column(model, X, by) if isinstance(by, str) else by)
    reader = MapReader.of(model, X, method, groups.rows, reference)
    check_null(reader, null)
    return Influence(
        reader,
        groups,
        contrast=contrast,
        null=null,
        null_seeds=draw_seeds(random_state, int(n_null)) if null else [],
    )


def top_interactions(
    model: Any,
    X: Any,
    k: int = 1000,
    *,
    method: Method | None = None,
    by: Any = "smiles",
    reference: Any = None,
    contrast: Contrast | None = "auto",
    null: Null | None = None,
    n_null: int = 20,
    random_state: int | np.random.RandomState | None = 0,
) -> pd.DataFrame:
    """Rank pairs of genes by the influence of one on the other.

    Parameters
    ----------
    model : PerturbationRegressor or DrugResponseRegressor
        A fitted model.
    X : DataFrame or array-like of shape (n_treatments, n_columns)
        Treatments to average over.
    k : int, default=1000
        Number of pairs per group, or all if there are fewer.
    method : {"covariation", "jacobian", "integrated_gradients", "attention", \
            "learned_attention"}, default=None
        The readout, see :func:`influence`.
    by : str or array-like of shape (n_treatments,), default="smiles"
        Column of X, or one label per row: one ranking for each value. None: one.
    reference : DataFrame of shape (n_cells, n_genes), default=None
        Expression of the cells whose mean is where integrated gradients start. None:
        the cells of X.
    contrast : {"auto", "difference", "standardised", None}, default="auto"
        Whether to rank what sets a group apart, see :func:`influence`.
    null : {"untrained", "rewired", "permuted"}, default=None
        What to compare with, see :func:`influence`.
    n_null : int, default=20
        Number of draws of the null.
    random_state : int, RandomState instance or None, default=0
        Seed of the null.

    Returns
    -------
    pairs : DataFrame
        As :meth:`Influence.top_pairs` returns it.

    Raises
    ------
    InputError
        As :func:`influence`; or if `k` is not a positive number, or the model does not
        predict one output per gene.

    See Also
    --------
    influence : Of genes, too.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import top_interactions
    >>> screen = make_screen(n_perturbation_compounds=4, random_state=0)
    >>> X, Y = screen.perturbation.X, screen.perturbation.Y
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> pairs = top_interactions(model.fit(X, Y), X, k=10, by="drug")
    >>> pairs.columns.tolist()
    ['drug', 'gene_i', 'gene_j', 'score', 'in_interactome']
    >>> len(pairs)
    40
    """
    found = influence(
        model,
        X,
        method=method,
        by=by,
        reference=reference,
        contrast=contrast,
        null=null,
        n_null=n_null,
        random_state=random_state,
    )
    return found.top_pairs(k)
