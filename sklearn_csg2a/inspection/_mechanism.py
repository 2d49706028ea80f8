"""Whether compounds of one mechanism look alike to a model, more than by structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.estimators._readouts import Method
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._influence import influence
from sklearn_csg2a.inspection._running_sum import draw_orders
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._inside import find_names

__all__ = ["compare_mechanisms", "mechanism_similarity"]

SIMILARITIES = ("similarity", "tanimoto", "response")
_FEWEST_CELLS = 5  # that both compounds were measured in


def mechanism_similarity(
    model: Any,
    X: Any,
    mechanisms: Any,
    *,
    method: Method = "jacobian",
    by: str = "smiles",
    contrast: bool = False,
    y: Any = None,
) -> pd.DataFrame:
    """Correlate the influence of genes between compounds, beside other similarities.

    Parameters
    ----------
    model : PerturbationRegressor or DrugResponseRegressor
        A fitted model.
    X : DataFrame of shape (n_treatments, n_columns)
        Treatments to average over, of the same cell lines for all compounds if the
        compounds are to be compared.
    mechanisms : str, dict or Series
        Column of X, or the mechanism by compound. Several are a list, or separated by
        a vertical bar; compounds that share one have the same mechanism. Compounds
        without any are left out.
    method : {"covariation", "jacobian", "integrated_gradients", "attention", \
            "learned_attention"}, default="jacobian"
        What is read from the model, see :func:`influence`.
    by : str, default="smiles"
        Column of X that names the compounds.
    contrast : bool, default=False
        Correlate what sets each compound apart from the mean of all compounds, in units
        of its spread over cells: "standardised" of :func:`influence`.
    y : array-like of shape (n_treatments,), default=None
        Measured response, for the similarity of responses.

    Returns
    -------
    pairs : DataFrame
        One row per pair of compounds.

        - `compound_i`, `compound_j`: the compounds
        - `same_mechanism`: whether they share a mechanism
        - `similarity`: Pearson's correlation of their mean maps, over pairs of genes
        - `tanimoto`: similarity of the structures
        - `response`: correlation of the responses over the cell lines that both were
          measured in, after cell and compound effects are subtracted; NaN for fewer
          than five; only if y is given

    Raises
    ------
    InputError
        If the model does not have this readout, X, y or `mechanisms` cannot be used, or
        no two compounds share a mechanism.

    See Also
    --------
    compare_mechanisms : Tests of pairs within against pairs between mechanisms.

    Examples
    --------
    >>> from sklearn_csg2a import PerturbationRegressor
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.inspection import mechanism_similarity
    >>> screen = make_screen(n_cells=8, n_genes=24, n_targets=2, random_state=0)
    >>> X = screen.perturbation.X
    >>> model = PerturbationRegressor(expression=screen.expression, max_epochs=2)
    >>> model = model.fit(X, screen.perturbation.Y)
    >>> kept = X["drug"].isin(X["drug"].unique()[:4])
    >>> pairs = mechanism_similarity(model, X[kept], screen.truth.target, by="drug")
    >>> len(pairs)
    6
    """
    frame = as_frame(X)
    if frame is None or by not in frame.columns:
        columns = "none" if frame is None else quote_names(frame.columns)
        raise InputError(f"by={by!r} is not a column of X; columns present: {columns}.")
    compounds = list(pd.unique(frame[by].dropna().astype(object)))
    of_compound = _read_mechanisms(mechanisms, frame, compounds, by)
    names = list(of_compound)
    kept = frame[by].isin(names).to_numpy()
    rows = frame[kept]
    with one_warning_of_a_kind():
        found = influence(
            model,
            rows,
            method=method,
            by=by,
            contrast="standardised" if contrast else None,
        )
        similarity = found.similarity().loc[names, names].to_numpy()
    i, j = np.triu_indices(len(names), k=1)
    smiles = rows.drop_duplicates(by).set_index(by)[find_names(model)["smiles"]]
    labels = np.asarray(names, dtype=object)
    pairs = pd.DataFrame(
        {
            "compound_i": labels[i],
            "compound_j": labels[j],
            "same_mechanism": _share(list(of_compound.values()))[i, j],
            "similarity": similarity[i, j],
            "tanimoto": tanimoto_matrix(smiles.loc[names].tolist())[i, j],
        }
    )
    if y is not None:
        response = read_response(y, len(frame), estimator_name="mechanism_similarity")
        cell = rows[find_names(model)["cell_line"]].to_numpy(dtype=object)
        measured = response[kept], cell, rows[by].to_numpy(dtype=object)
        pairs["response"] = _correlate_responses(*measured, names)[i, j]
    return pairs


def _read_mechanisms(
    mechanisms: Any, frame: pd.DataFrame, compounds: list[Any], by: str
) -> dict[Any, frozenset[str]]:
    """Return the mechanisms of the compounds that have any."""
    if isinstance(mechanisms, str):
        if mechanisms not in frame.columns:
            raise InputError(
                f"mechanisms={mechanisms!r} is not a column of X; columns present: "
                f"{quote_names(frame.columns)}."
            )
        mechanisms = (
            frame.dropna(subset=[by]).drop_duplicates(by).set_index(by)[mechanisms]
        )
    if not isinstance(mechanisms, Mapping | pd.Series):
        raise InputError(
            f"mechanisms is a {type(mechanisms).__name__}; expected a column of X, or "
            "a dict or Series of mechanisms by compound."
        )
    known = dict(mechanisms.items())
    found = {name: _split(known[name]) for name in compounds if name in known}
    found = {name: of_name for name, of_name in found.items() if of_name}
    if not found:
        raise InputError(
            f"None of the {len(compounds)} compounds of X has a mechanism: "
            f"{list_offenders(compounds, repr, limit=3)} in the column {by!r} against "
            f"{list_offenders(known, repr, limit=3)}. Pass by=, the column with the "
            "names that mechanisms has."
        )
    if not _share(list(found.values()))[np.triu_indices(len(found), k=1)].any():
        raise InputError(
            f"No two of the {len(found)} compounds with a mechanism share one; nothing "
            "can be compared within mechanisms."
        )
    return found


def _split(value: Any) -> frozenset[str]:
    """Return the mechanisms in a value: one, several with bars, a list or none."""
    if isinstance(value, str):
        parts: Iterable[Any] = value.split("|")
    elif isinstance(value, Iterable):
        parts = value
    else:
        parts = [] if pd.isna(value) else [value]
    return frozenset(str(part).strip() for part in parts) - {""}


def _share(mechanisms: list[frozenset[str]]) -> NDArray[np.bool_]:
    """Return whether compounds share a mechanism, (n, n)."""
    names = sorted(frozenset().union(*mechanisms))
    has = np.array([[name in some for name in names] for some in mechanisms])
    return (has.astype(np.int64) @ has.T.astype(np.int64)) > 0


def _correlate_responses(
    response: NDArray[np.float64],
    cell: NDArray[Any],
    compound: NDArray[Any],
    names: list[Any],
) -> NDArray[np.float64]:
    """Correlate what cells and compounds do not explain, (n, n)."""
    rest = response - fit_mean_effects(response, cell, compound).predict(cell, compound)
    table = pd.DataFrame({"cell": cell, "compound": compound, "rest": rest})
    grid = table.pivot_table(index="cell", columns="compound", values="rest")
    return grid[names].corr(min_periods=_FEWEST_CELLS).to_numpy()


def compare_mechanisms(
    pairs: pd.DataFrame, *, n_permutations: int = 999, random_state: int | None = 0
) -> pd.DataFrame:
    """Test whether compounds of one mechanism are more similar than others.

    Parameters
    ----------
    pairs : DataFrame
        What :func:`mechanism_similarity` returns, or the columns `compound_i`,
        `compound_j`, `same_mechanism` and `similarity` for all pairs of compounds.
    n_permutations : int, default=999
        Number of permutations of the mechanisms among the compounds.
    random_state : int or None, default=0
        Seed of the permutations; None draws anew at each call.

    Returns
    -------
    comparison : DataFrame
        One row per similarity (the index).

        - `n_compounds`, `n_within`, `n_between`: compounds, and pairs that share a
          mechanism and that do not
        - `within`, `between`: mean similarity of both
        - `auroc`: probability that a pair within is the more similar one
        - `p`: share of permutations, the given mechanisms included, whose difference of
          the means is at least as large
        - `beyond_tanimoto`: AUROC of the ranks of the similarity that those of the
          Tanimoto similarity do not explain linearly
        - `p_beyond`: p of this

    Raises
    ------
    InputError
        If columns or pairs are missing, or all pairs are within or between.

    Notes
    -----
    Pairs are not independent, as each compound is in many of them: compounds are
    permuted, not pairs.

    Examples
    --------
    >>> import itertools
    >>> import pandas as pd
    >>> from sklearn_csg2a.inspection import compare_mechanisms
    >>> pairs = pd.DataFrame(
    ...     itertools.combinations("abcxyz", 2), columns=["compound_i", "compound_j"])
    >>> same = [(i in "abc") == (j in "abc") for i, j in pairs.to_numpy()]
    >>> pairs = pairs.assign(same_mechanism=same, similarity=[0.1 + s for s in same])
    >>> result = compare_mechanisms(pairs)
    >>> result["auroc"].tolist(), bool(result["p"].iloc[0] < 0.2)
    ([1.0], True)
    """
    if not isinstance(n_permutations, Integral) or n_permutations < 1:
        raise InputError(
            f"n_permutations={n_permutations!r}; expected an integer, 1 or more."
        )
    names = _check_pairs(pairs)
    order = list(pd.unique(pd.concat([pairs["compound_i"], pairs["compound_j"]])))
    grids = {name: _as_grid(pairs, name, order) for name in (*names, "same_mechanism")}
    same = grids.pop("same_mechanism") > 0
    rng = np.random.default_rng(random_state)
    orders = draw_orders(n_permutations, len(order), rng)
    rows = {}
    for name in names:
        row = _compare(grids[name], same, orders)
        row["beyond_tanimoto"], row["p_beyond"] = np.nan, np.nan
        if name != "tanimoto" and "tanimoto" in names:
            rest = _compare(_explain(grids[name], grids["tanimoto"]), same, orders)
            row["beyond_tanimoto"], row["p_beyond"] = rest["auroc"], rest["p"]
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("similarity")


def _check_pairs(pairs: Any) -> list[str]:
    """Return the similarities of a table of all pairs of compounds."""
    columns = list(getattr(pairs, "columns", []))
    needed = ["compound_i", "compound_j", "same_mechanism", "similarity"]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"pairs has no column {quote_names(missing)}; expected what "
            "mechanism_similarity returns."
        )
    compounds = pd.concat([pairs["compound_i"], pairs["compound_j"]]).nunique()
    if len(pairs) != compounds * (compounds - 1) // 2:
        raise InputError(
            f"pairs has {len(pairs)} rows for {compounds} compounds; expected each of "
            f"the {compounds * (compounds - 1) // 2} pairs once."
        )
    n_within = int(pairs["same_mechanism"].sum())
    if n_within in (0, len(pairs)):
        raise InputError(
            f"{n_within} of {len(pairs)} pairs share a mechanism; expected some that "
            "do and some that do not."
        )
    return [name for name in SIMILARITIES if name in columns]


def _as_grid(pairs: pd.DataFrame, name: str, order: list[Any]) -> NDArray[np.float64]:
    """Return values of pairs as a symmetric matrix with NaN on the diagonal."""
    index = pd.Index(order)
    i, j = (index.get_indexer(pairs[side]) for side in ("compound_i", "compound_j"))
    grid = np.full((len(order), len(order)), np.nan)
    grid[i, j] = grid[j, i] = pairs[name].to_numpy(dtype=np.float64)
    return grid


def _explain(
    grid: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the ranks in a grid that the ranks in another do not explain linearly."""
    known = ~np.isnan(grid) & ~np.isnan(other)
    ranks, others = rankdata(grid[known]), rankdata(other[known])
    others = others - others.mean()
    slope = (ranks * others).sum() / max((others**2).sum(), 1.0)
    rest = np.full(grid.shape, np.nan)
    rest[known] = ranks - ranks.mean() - slope * others
    return rest


def _compare(
    grid: NDArray[np.float64], same: NDArray[np.bool_], orders: NDArray[np.int64]
) -> dict[str, float]:
    """Compare pairs within and between; each pair stands in the grid twice."""
    known = ~np.isnan(grid)
    within, between = grid[known & same], grid[known & ~same]
    values = np.where(known, grid, 0.0)

    def difference(labels: NDArray[np.bool_]) -> float:
        n = int((known & labels).sum())
        inside = float(values[labels].sum())
        rest = float(values.sum()) - inside
        return inside / max(n, 1) - rest / max(int(known.sum()) - n, 1)

    observed = difference(same)
    drawn = np.array([difference(same[np.ix_(order, order)]) for order in orders])
    as_large = int((drawn >= observed - 1e-12).sum())
    ranks = rankdata(np.concatenate([within, between]))[: len(within)]
    above = ranks.sum() - len(within) * (len(within) + 1) / 2
    return {
        "n_compounds": len(grid),
        "n_within": len(within) // 2,
        "n_between": len(between) // 2,
        "within": float(within.mean()),
        "between": float(between.mean()),
        "auroc": float(above / (len(within) * len(between))),
        "p": (1 + as_large) / (1 + len(orders)),
    }
