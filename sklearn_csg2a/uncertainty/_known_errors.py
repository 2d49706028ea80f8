"""Expected errors from those of the same compound, cell line and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from sklearn_csg2a.chem import compound_identity, smiles_problem
from sklearn_csg2a.treatments._columns import as_frame, factorize_objects
from sklearn_csg2a.uncertainty._widths import LogLinearErrors, reader_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KnownErrors", "KnownUnits"]

_KINDS = ("smiles", "cell_line")
_POWER = 0.7  # chosen on held-out rows of training folds: see benchmarks/README.md
_ROUNDS = 3  # of fitting compounds and cell lines in turn


class KnownUnits:
    """Compounds and cell lines of rows, where `cv` does not hold them out.

    A compound that occurs in one held-out unit alone is as new as that unit, and its
    errors say nothing of new ones.

    Parameters
    ----------
    estimator : regressor
        Its parameters say in which columns compounds and cell lines are.
    """

    def __init__(self, estimator: Any) -> None:
        self.columns = dict(reader_parameters(estimator).get("columns", {}))
        self.names: dict[str, list[str]] = {}

    def fit(self, X: Any, units: NDArray[np.int64]) -> KnownUnits:
        """Keep the names of what is known: units (n_rows, n_kinds) are held out."""
        self.names = {}
        for kind in _KINDS:
            names = self._read(X, kind)
            if names is None:
                continue
            codes, texts = pd.factorize(names)
            named = codes >= 0
            if all(_spans_units(codes[named], one[named]) for one in units.T):
                self.names[kind] = [str(text) for text in texts]
        return self

    def __call__(
        self, X: Any, model: Any, predicted: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the prediction and a code of each kind, -1 for none: (n_rows, n)."""
        del model
        columns = [predicted]
        for kind, known in self.names.items():
            names = self._read(X, kind)
            codes = (
                np.full(len(predicted), -1)
                if names is None
                else pd.Index(known).get_indexer(pd.Index(names))
            )
            columns.append(codes.astype(np.float64))
        return np.column_stack(columns)

    def _read(self, X: Any, kind: str) -> NDArray[np.object_] | None:
        """Return the name in each row, None for none; None without the column."""
        frame = as_frame(X)
        column: str = self.columns.get(kind, kind)
        if frame is None or column not in frame.columns:
            return None
        codes, values = factorize_objects(frame[column])
        names = np.empty(len(values) + 1, dtype=object)
        names[:-1] = [_name(value, kind) for value in values]
        names[-1] = None
        return names[codes]


def _name(value: Any, kind: str) -> str | None:
    """Return what identifies a compound or cell line; None if it is missing."""
    if kind == "smiles":
        return compound_identity(value) if smiles_problem(value) is None else None
    return None if pd.isna(value) else str(value)


def _spans_units(codes: NDArray[np.int64], units: NDArray[np.int64]) -> bool:
    """Whether codes occur with more than one unit each, as a rule."""
    pairs = pd.DataFrame({"code": codes, "unit": units}).drop_duplicates()
    n_units = pairs["code"].value_counts()
    return bool((n_units > 1).sum() > len(n_units) / 2)


class KnownErrors:
    """Expected size of an error: a curve of the prediction, times factors.

    The logarithm of the curve is quadratic. Each known compound and each known cell
    line has a factor: the mean of its errors relative to what is expected without it,
    shrunk towards 1 as its number of rows and the variance between compounds (cell
    lines) suggest (empirical Bayes). The whole is raised to a power below 1, between
    constant widths and widths in proportion: at the same coverage, the mean width is
    smaller if large errors are covered a little less often than small ones.
    """

    def fit(
        self,
        features: NDArray[np.float64],
        errors: NDArray[np.float64],
        weights: NDArray[np.float64],
        n_units: int,
    ) -> KnownErrors:
        """Fit to features of `KnownUnits` and absolute errors (n_rows,)."""
        self.curve = LogLinearErrors().fit(
            _curve_of(features), errors, weights, n_units
        )
        kinds = features[:, 1:].astype(np.int64)
        base = self.curve.predict(_curve_of(features))
        self.factors = [np.ones(kind.max(initial=-1) + 2) for kind in kinds.T]
        for _ in range(_ROUNDS):
            for j, kind in enumerate(kinds.T):
                others = _multiply(self.factors, kinds, leave_out=j)
                self.factors[j] = _shrunken_factors(errors / (base * others), kind)
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the relative width of each row: (n_rows,), positive."""
        kinds = features[:, 1:].astype(np.int64)
        expected = self.curve.predict(_curve_of(features))
        return (expected * _multiply(self.factors, kinds)) ** _POWER


def _curve_of(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the prediction and its square: (n_rows, 2)."""
    return np.column_stack([features[:, 0], features[:, 0] ** 2])


def _multiply(
    factors: list[NDArray[np.float64]],
    kinds: NDArray[np.int64],
    leave_out: int | None = None,
) -> NDArray[np.float64]:
    """Return the product of the factors of each row, 1 for what is unknown."""
    product = np.ones(len(kinds))
    for j, (factor, kind) in enumerate(zip(factors, kinds.T, strict=True)):
        if j != leave_out:
            product *= factor[np.where(kind < len(factor) - 1, kind, -1)]
    return product


def _shrunken_factors(
    ratios: NDArray[np.float64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the factor of each code, and last 1 for what is unknown."""
    known = codes >= 0
    factors = np.ones(codes.max(initial=-1) + 2)
    mean = float(ratios[known].mean()) if known.any() else 0.0
    if mean <= 0:
        return factors
    n_rows = np.bincount(codes[known], minlength=len(factors) - 1)
    sums = np.bincount(codes[known], ratios[known], len(factors) - 1)
    seen = n_rows > 0
    means = np.where(seen, sums / np.maximum(n_rows, 1), mean)
    rest = (ratios[known] - means[codes[known]]) ** 2
    within = rest.sum() / max(n_rows.sum() - seen.sum(), 1)
    spread = np.average((means - mean) ** 2, weights=n_rows)
    between = max(spread - within * seen.sum() / n_rows.sum(), 0.0)
    if between > 0:
        trust = between / (between + within / np.maximum(n_rows, 1))
        factors[:-1] = 1 + np.where(seen, trust, 0) * (means / mean - 1)
    return factors
