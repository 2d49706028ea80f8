"""Whether compounds of one mechanism look alike to a model, more than by structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_csg2a._utils.offenders import list_offenders, quote_names
from sklearn_csg2a._utils.one_warning import one_warning_of_a_kind
from sklearn_csg2a.chem import tanimoto_matrix
from sklearn_csg2a.estimators._readouts import Method
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection._influence import influence
from sklearn_csg2a.metrics import fit_mean_effects
from sklearn_csg2a.treatments import read_response
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._inside import find_names

__all__ = ["mechanism_similarity"]

_FEWEST_CELLS = 5  # that both compounds were measured in


def mechanism_similarity(
    model: Any,
    X: Any,
    mechanisms: Any,
    *,
    method: Method | None = None,
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
            "learned_attention"}, default=None
        What is read from the model, see :func:`influence`. None: "covariation" where
        the model predicts perturbed expression and every compound has ten cells, with
        fewer "jacobian", else "integrated_gradients".
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
    if frame is None:
        raise InputError(
            f"X is a {type(X).__name__}; expected a table of treatments with a column "
            f"{by!r} of compounds."
        )
    if by not in frame.columns:
        raise InputError(
            f"by={by!r} is not a column of X; columns present: "
            f"{quote_names(frame.columns)}."
        )
    if not len(frame):
        raise InputError("X has no rows; expected treatments of two or more compounds.")
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
