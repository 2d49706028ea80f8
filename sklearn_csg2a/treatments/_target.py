"""read_response: the y of fit and score as float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, column_or_1d

from sklearn_csg2a._utils.numbers import parse_numbers, to_finite_float32, type_problem
from sklearn_csg2a._utils.offenders import list_offenders, name_row
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._columns import as_frame
from sklearn_csg2a.treatments._gene_slips import check_outputs
from sklearn_csg2a.treatments._response_units import warn_about_units
from sklearn_csg2a.treatments._treatments import Treatments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["read_response"]

_TRANSPOSED = (
    ". Is y transposed? It has one column for each row of X; expected one row for each "
    "treatment and one column for each output: pass y.T."
)


def read_response(
    y: Any,
    treatments: Treatments | int,
    row_labels: ArrayLike | None = None,
    *,
    multi_output: bool = False,
    ln_ic50: bool = True,
    estimator_name: str = "estimator",
) -> np.ndarray:
    """Read and validate a response by the rules of scikit-learn.

    Parameters
    ----------
    y : array-like, Series or DataFrame of shape (n_rows,) or (n_rows, n_outputs)
        Numbers of any type.
    treatments : Treatments or int
        The treatments y belongs to, or their number.
    row_labels : array-like of shape (n_rows,), default=None
        Labels for messages; None takes those of `treatments`.
    multi_output : bool, default=False
        Keep two dimensions. If False, a single column is taken with scikit-learn's
        `DataConversionWarning`.
    ln_ic50 : bool, default=True
        Whether a response of one output is meant as ln IC50: one that looks like IC50
        itself, in uM, nM or M, then gives a warning.
    estimator_name : str, default="estimator"
        Name used in messages.

    Returns
    -------
    response : ndarray of shape (n_rows,) or (n_rows, n_outputs), dtype=float64
        A copy; all of it is finite in float32.

    Raises
    ------
    InputError
        y is None, has text, NaN, infinity or a value too large for float32, or its
        length is not that of X. Booleans, bytes, dates and durations are no numbers.
        Among outputs that are genes of X is a column that is no gene.
    GeneMismatchError
        The outputs are genes of X under other names.

    Examples
    --------
    >>> from sklearn_csg2a.treatments import read_response
    >>> read_response([1, 2, 3], 3)
    array([1., 2., 3.])
    """
    if y is None:
        raise InputError(
            f"This {estimator_name} estimator requires y to be passed, but the "
            "target y is None."
        )
    n_rows, labels = treatments, row_labels
    if isinstance(treatments, Treatments):
        n_rows = treatments.n_rows
        labels = treatments.row_labels if row_labels is None else row_labels
    row_names = None if labels is None else np.asarray(labels, dtype=object)
    frame = as_frame(y)
    y = y if frame is None else frame
    if np.isscalar(y):
        raise InputError(f"y should be an array of {n_rows} rows, got {y!r}.")
    if multi_output:
        values = check_array(
            y, dtype=None, ensure_2d=False, ensure_all_finite=False, input_name="y"
        )
    else:
        values = column_or_1d(y, warn=True)
    if len(values) != n_rows:
        turned = values.ndim == 2 and values.shape[1] == n_rows
        raise InputError(
            "Found input variables with inconsistent numbers of samples: "
            f"[{n_rows}, {len(values)}]{_TRANSPOSED if turned else ''}"
        )
    names = None if frame is None or values.ndim == 1 else frame.columns
    if frame is not None and values.ndim == 2 and isinstance(treatments, Treatments):
        check_outputs(frame, treatments.genes if treatments.genes_named else ())

    def where(row: int, column: int) -> str:
        if values.ndim == 1:
            return name_row(row, row_names)
        name = column if names is None else names[column]
        return f"{name_row(row, row_names)}, output {name!r}"

    table = _as_float64(values.reshape(len(values), -1), where)
    to_finite_float32(
        table, name="y", where=where, advice="Drop these rows or correct the values."
    )
    if ln_ic50 and table.shape[1] == 1:
        warn_about_units(table[:, 0], estimator_name)
    return table.reshape(values.shape)


def _as_float64(table: np.ndarray, where: Any) -> np.ndarray:
    """Return a copy as float64, naming text that is no number."""
    if table.dtype.kind in "fiu":
        return np.array(table, dtype=np.float64)
    entries = table.astype(object)
    numbers, bad = parse_numbers(pd.Series(entries.ravel(), dtype=object))
    at = np.argwhere(bad.reshape(table.shape))
    if len(at):
        offenders = list_offenders(
            at,
            lambda i: f"{where(int(i[0]), int(i[1]))}: {entries[i[0], i[1]]!r}",
        )
        first = entries[at[0][0], at[0][1]]
        kind = type_problem(first)
        problem = f"not a number but {kind}"
        if not kind:
            problem = "could not convert string to float"
        raise InputError(
            f"{problem}: y, {offenders}. Expected numbers, such as ln IC50."
        )
    return numbers.reshape(table.shape)
