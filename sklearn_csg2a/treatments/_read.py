"""From anything the user may pass as X to Treatments, for fit and for predict."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from sklearn_csg2a._utils.choices import MissingGenes, OnInvalidSmiles
from sklearn_csg2a._utils.offenders import describe_entries, name_row
from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import validate_plain
from sklearn_csg2a._utils.validation import (
    ARRAYS_HAVE_NO_NAMES,
    column_type_problem,
    parse_numbers,
    to_finite_float32,
    type_problem,
)
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._cells import read_cells, unique_rows
from sklearn_csg2a.treatments._columns import (
    as_frame,
    is_plain,
    label_rows,
    read_contract_table,
    refuse_duplicates,
)
from sklearn_csg2a.treatments._treatments import (
    DEFAULT_DOSE,
    DEFAULT_TIME,
    Treatments,
    read_amounts,
    read_compounds,
)
from sklearn_csg2a.treatments._units import measure_scale, warn_other_scale

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

__all__ = [
    "TreatmentEstimator",
    "TreatmentRegressor",
    "check_kind",
    "read_plain_values",
    "read_treatments",
    "require_two_rows",
]


def read_treatments(
    X: Any,
    *,
    expression: pd.DataFrame | None = None,
    columns: Mapping[str, str] | None = None,
    genes: Sequence[str] | None = None,
    missing_genes: MissingGenes = "error",
    on_invalid_smiles: OnInvalidSmiles = "raise",
    default_dose: float = DEFAULT_DOSE,
    default_time: float = DEFAULT_TIME,
    fitted_ranges: Mapping[str, Sequence[float]] | None = None,
    has_compounds: bool | None = None,
    estimator_name: str = "The estimator",
) -> Treatments:
    """Read and validate X by the column contract.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        One row per treatment. A table has the column ``smiles``; with `expression`
        the column ``cell_line`` (light rows), without it one numeric column per
        gene (wide rows); optionally ``dose`` in micromolar and ``time`` in hours,
        where zero is allowed (untreated, time zero). Other columns are ignored.
        In a plain array, or a table of numbers with none of these columns, every
        column is a gene and there is no compound.
    expression : DataFrame of shape (n_known_cells, n_genes), default=None
        Basal expression; index cell ids, columns genes. Rows whose id is not in it
        are read from their own gene columns, if X has all of them.
    columns : mapping of str to str, default=None
        Renamed columns, contract name to the name in X. One that is absent is an
        error, but for the cell line of wide rows, and for dose and time where
        `has_compounds` is given: there they have their defaults.
    genes : sequence of str, default=None
        Genes known from fit; X and `expression` are matched to them by name, a
        plain X by position. None takes the genes that are there.
    missing_genes : {"error", "zero"}, default="error"
        What to do where some of `genes` are missing. "zero" fills them with 0, and
        still raises if fewer than half of the genes are there.
    on_invalid_smiles : {"raise", "nan"}, default="raise"
        "nan" gives such rows the compound index -1.
    default_dose : float, default=10.0
        Dose in micromolar where X has no column for it.
    default_time : float, default=72.0
        Time in hours where X has no column for it.
    fitted_ranges : mapping of str to sequence of two floats, default=None
        Smallest and largest dose and time that fit was given, as
        `Treatments.ranges` has them. Where X lacks such a column, a warning says
        so, unless a default other than 10 uM or 72 h was asked for.
    has_compounds : bool, default=None
        What fit was given; X of the other kind is an error. None takes both.
    estimator_name : str, default="The estimator"
        Name used in messages.

    Returns
    -------
    treatments : Treatments
        Cells and compounds in order of first appearance. X and `expression` are
        never changed, and its arrays share no memory with them.

    Raises
    ------
    InputError
        A column is missing, renamed wrongly or twice there, or a value is not a
        finite number in the range of float32.
    GeneMismatchError
        The genes of X or `expression` are not those of `genes`.
    UnknownCellLineError
        A cell line is not in `expression` and X has no genes for it.
    InvalidSmilesError
        A SMILES cannot be read, and `on_invalid_smiles` is "raise".

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.treatments import read_treatments
    >>> expression = pd.DataFrame({"TP53": [0.1, 0.2]}, index=["A549", "MCF7"])
    >>> X = pd.DataFrame({"cell_line": ["MCF7", "MCF7"], "smiles": ["CCO", "OCC"]})
    >>> treatments = read_treatments(X, expression=expression)
    >>> treatments.cell_ids, treatments.smiles
    (array(['MCF7'], dtype=object), ('CCO',))
    """
    known = None if genes is None else tuple(genes)
    frame = as_frame(X)
    plain = is_plain(X if frame is None else frame, columns, expression)
    check_kind(plain, has_compounds, expression, estimator_name)
    if frame is None or plain:
        return _read_plain(X, known, default_dose, default_time, estimator_name)
    fitted = has_compounds is not None
    table = read_contract_table(frame, columns, estimator_name, fitted=fitted)
    table.require("smiles")
    cells = read_cells(table, expression, known, missing_genes)
    smiles, compound_index = read_compounds(table, on_invalid_smiles)
    defaults = {"dose": default_dose, "time": default_time}
    amounts = read_amounts(table, defaults, fitted_ranges)
    return Treatments(
        row_labels=table.row_labels,
        cell_ids=cells.ids,
        cell_index=cells.index,
        basal_expression=cells.basal_expression,
        genes=cells.genes,
        genes_named=True,
        smiles=smiles,
        compound_index=compound_index,
        has_compounds=True,
        dose=amounts.dose,
        time=amounts.time,
        amounts_given=amounts.given,
        filled=cells.filled,
        table_rows=cells.table_rows,
    )


def check_kind(
    plain: bool,
    has_compounds: bool | None,
    expression: pd.DataFrame | None,
    estimator_name: str,
) -> None:
    """Refuse a plain X where compounds or cell ids are needed, and the reverse."""
    if plain and expression is not None:
        raise InputError(
            "X is a plain array, but expression= is given: pass a DataFrame with the "
            "columns 'cell_line' and 'smiles', or set expression=None. "
            f"{ARRAYS_HAVE_NO_NAMES}"
        )
    if plain and has_compounds:
        raise InputError(
            f"X has no column 'smiles', but {estimator_name} was fitted with "
            "compounds: pass a DataFrame with the columns used in fit. "
            f"{ARRAYS_HAVE_NO_NAMES}"
        )
    if not plain and has_compounds is False:
        raise InputError(
            f"X is a table of treatments, but {estimator_name} was fitted on a plain "
            "table without compounds: pass the gene columns alone, in the same order."
        )


def read_plain_values(
    X: Any, estimator_name: str
) -> tuple[np.ndarray, np.ndarray, pd.Index | None]:
    """Return finite float32 values, row labels and column names of a plain X."""
    frame = as_frame(X)
    if frame is None:
        labels, names = None, None
    else:
        refuse_duplicates(frame.columns, "column names in X")
        _refuse_text(frame)
        labels, names, X = label_rows(frame), frame.columns, frame
    values = check_array(
        X, input_name="X", estimator=estimator_name, ensure_all_finite=False
    )
    column_names = range(values.shape[1]) if names is None else names
    finite = to_finite_float32(
        values,
        name="X",
        where=lambda i, j: f"{name_row(i, labels)}, column {column_names[j]!r}",
        advice=(
            f"{estimator_name} does not impute; drop these rows or fill them before."
        ),
    )
    if labels is None:
        labels = np.arange(len(finite)).astype(object)
    return finite, labels, names


def _refuse_text(frame: pd.DataFrame) -> None:
    """Raise InputError for text among the numbers of a plain table."""
    labels = label_rows(frame)
    for i, name in enumerate(frame.columns):
        column = frame.iloc[:, i]
        kind = column_type_problem(column.dtype)
        if pd.api.types.is_numeric_dtype(column.dtype) and not kind:
            continue
        bad = parse_numbers(column)[1]
        is_foreign = [
            isinstance(value, str) or bool(type_problem(value))
            for value in column.to_numpy(dtype=object)
        ]
        rows = np.flatnonzero(bad & is_foreign)
        if len(rows):
            offenders = describe_entries(
                column, rows, lambda row: name_row(row, labels)
            )
            raise InputError(
                f"could not convert string to float: column {name!r} of X, "
                f"{offenders}. Correct these values, or drop the column if it is not "
                "a gene."
            )


def _read_plain(
    X: Any,
    genes: tuple[str, ...] | None,
    default_dose: float,
    default_time: float,
    estimator_name: str,
) -> Treatments:
    """Read a plain array or table: every column a gene, no compound."""
    values, labels, names = read_plain_values(X, estimator_name)
    n_rows, n_columns = values.shape
    own_names = () if names is None else tuple(names)
    named = bool(own_names) and all(isinstance(name, str) for name in own_names)
    if genes is None:
        genes = own_names if named else tuple(f"x{i}" for i in range(n_columns))
    elif len(genes) != n_columns:
        raise InputError(
            f"X has {n_columns} features, but {estimator_name} is expecting "
            f"{len(genes)} features as input."
        )
    first, inverse = unique_rows(values)
    return Treatments(
        row_labels=labels,
        cell_ids=labels[first],
        cell_index=inverse,
        basal_expression=values[first],
        genes=genes,
        genes_named=named,
        smiles=(),
        compound_index=np.zeros(n_rows, dtype=np.int64),
        has_compounds=False,
        dose=np.full(n_rows, float(default_dose)),
        time=np.full(n_rows, float(default_time)),
    )


class _Rows(Protocol):
    """Rows of X, as `read_treatments` and `read_identifiers` return them."""

    @property
    def has_compounds(self) -> bool:
        """Whether X has compounds."""


Rows = TypeVar("Rows", bound=_Rows)


class TreatmentEstimator(SharesTables, BaseEstimator):
    """An estimator whose X follows the column contract.

    A subclass defines `_fit_in_place` and calls `_fit_a_copy` in `fit`. Its parameters
    `expression`, `columns`, `missing_genes` and `on_invalid_smiles` say how X is read;
    one that reads ids alone has only some of them and uses `_record` and `_check`.
    """

    expression: pd.DataFrame | None
    columns: Mapping[str, str] | None
    missing_genes: MissingGenes
    on_invalid_smiles: OnInvalidSmiles

    genes_: np.ndarray
    compounds_: list[str]  # SMILES of the training compounds as X gives them
    _has_compounds: bool
    _fitted_ranges: Mapping[str, Sequence[float]] | None = None  # of dose and time

    @abstractmethod
    def _fit_in_place(self, X: Any, y: Any) -> None:
        """Fit; an error may leave the estimator half fitted."""

    def _fit_a_copy(self, X: Any, y: Any, *more: Any) -> Self:
        """Fit a copy and take over its state; an error leaves the model as it was."""
        fitted = type(self).__new__(type(self))
        fitted.__dict__.update(self.__dict__)
        fitted.__dict__.pop("reference_", None)  # of an earlier fit
        fitted._fit_in_place(X, y, *more)  # noqa: SLF001 (its own class)
        forgotten = set(self.__dict__) - set(fitted.__dict__)
        self.__dict__.update(fitted.__dict__)
        for name in forgotten:
            del self.__dict__[name]
        return self

    def _read_for_fit(self, X: Any) -> Treatments:
        """Read X and set what scikit-learn records of it."""
        return self._record(
            X,
            lambda plain: read_treatments(
                X,
                expression=self.expression,
                columns=self.columns,
                genes=self._genes_to_read(plain=plain),
                missing_genes=self.missing_genes,
                estimator_name=type(self).__name__,
                **self._amount_defaults(),
            ),
        )

    def _read_for_predict(self, X: Any) -> Treatments:
        """Read X as the fitted model knows it."""
        self._check(X)
        return read_treatments(
            X,
            expression=self.expression,
            columns=self.columns,
            genes=tuple(self.genes_),
            missing_genes=self.missing_genes,
            on_invalid_smiles=self.on_invalid_smiles,
            fitted_ranges=self._fitted_ranges,
            has_compounds=self._has_compounds,
            estimator_name=type(self).__name__,
            **self._amount_defaults(),
        )

    def _remember(self, treatments: Treatments) -> None:
        """Keep the genes, and what warnings about X in `predict` compare it with."""
        self.genes_ = np.asarray(treatments.genes, dtype=object)
        self._fitted_ranges = {  # a constant dose or time has no effect
            name: limits
            for name, limits in treatments.ranges.items()
            if len(set(limits)) > 1
        }
        self._expression_scale = measure_scale(treatments)

    def _predict_rows(
        self,
        X: Any,
        predict: Callable[[Treatments], np.ndarray],
        width: int | None = None,
    ) -> np.ndarray:
        """Apply `predict` to the valid rows of X; NaN in the others.

        Returns (n_rows, width), or (n_rows,) where `width` is None, as `predict` does.
        """
        if self._asks_whether_fitted(X):
            return np.full(1 if width is None else (1, width), np.nan)
        treatments = self._read_for_predict(X)
        warn_other_scale(self, treatments)
        valid = treatments.compound_index >= 0
        if valid.all():
            return predict(treatments)
        n_rows = treatments.n_rows
        result = np.full(n_rows if width is None else (n_rows, width), np.nan)
        if valid.any():
            result[valid] = predict(treatments.take(valid))
        return result

    def _record(self, X: Any, read: Callable[[bool], Rows]) -> Rows:
        """Return ``read(plain)``; set what scikit-learn records of X in fit."""
        plain = is_plain(X, self.columns, getattr(self, "expression", None))
        if plain:
            validate_plain(self, X, reset=True)
        rows = read(plain)
        if not plain:
            validate_data(self, X, reset=True, skip_check_array=True)
        self._has_compounds = rows.has_compounds
        frame = as_frame(X) if rows.has_compounds else None
        self.compounds_ = [] if frame is None else self._list_smiles(frame)
        return rows

    def _list_smiles(self, frame: pd.DataFrame) -> list[str]:
        """Return the distinct SMILES of X, as they are written there."""
        name = (self.columns or {}).get("smiles", "smiles")
        return [str(text) for text in pd.unique(frame[name].astype(object))]

    def _check(self, X: Any) -> None:
        """Refuse to predict before fit, or from a plain X of another shape."""
        check_is_fitted(self)
        if not self._has_compounds and is_plain(X, self.columns, None):
            validate_plain(self, X, reset=False)

    def _asks_whether_fitted(self, X: Any) -> bool:
        """Whether X is what MAPIE has a model predict to see that it is fitted.

        It is an array of one row of zeros, whatever `fit` was given. Among treatments
        it is none, so that the answer is NaN; any other array is an error.
        """
        check_is_fitted(self)
        return (
            self._has_compounds
            and isinstance(X, np.ndarray)
            and X.dtype == np.float64
            and X.shape == (1, getattr(self, "n_features_in_", -1))
            and not X.any()
        )

    def _genes_to_read(self, *, plain: bool) -> tuple[str, ...] | None:
        """Return the genes that fit must find; None takes those that are there."""
        del plain
        return None

    def _amount_defaults(self) -> dict[str, Any]:
        """Return dose and time where X has none, if not those of `read_treatments`."""
        return {}


class TreatmentRegressor(RegressorMixin, TreatmentEstimator):
    """A regressor whose X follows the column contract."""


def require_two_rows(treatments: Treatments) -> None:
    """Refuse to train on a single treatment."""
    if treatments.n_rows < 2:
        msg = "Found n_samples=1; training needs at least 2 treatments."
        raise InputError(msg)
