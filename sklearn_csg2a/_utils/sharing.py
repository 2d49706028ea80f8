"""Estimators whose clones share tables, and whose texts give their sizes alone."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from sklearn_csg2a._utils.sklearn_compat import print_nested_as
from sklearn_csg2a._utils.stored_tables import StoresTables

if TYPE_CHECKING:
    from typing import Any, Self

__all__ = ["SharesTables"]


class SharesTables(StoresTables):
    """Let clones share tables, arrays, sparse matrices and dicts of these.

    scikit-learn's clone copies every parameter that is not an estimator. A search or a
    cross-validation makes hundreds of clones, and an expression table may take a tenth
    of the memory. No estimator of this package modifies a table, so all clones can
    share it; as it is the same object, it is also sent to other processes only once.

    List it before `BaseEstimator` among the base classes.
    """

    def __sklearn_clone__(self) -> Self:
        """Clone all parameters except tables, which are shared."""
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        tables = {
            name: value
            for name, value in parameters.items()
            if _is_table(value) or _holds_tables(value)
        }
        bare = type(self).__new__(type(self))
        bare.__dict__.update(self.__dict__)
        bare.__dict__.update(dict.fromkeys(tables))
        copied = super(SharesTables, bare).__sklearn_clone__()  # type: ignore[misc]
        return copied.set_params(**tables)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Print as scikit-learn does, with the size of a table in its place."""
        return BaseEstimator.__repr__(_without_tables(self), N_CHAR_MAX)


class _Size:
    """What stands for a table in a text."""

    def __init__(self, table: Any) -> None:
        self.text = f"<{' x '.join(map(str, table.shape))} {_kind(table)}>"

    def __repr__(self) -> str:
        return self.text


def _kind(table: Any) -> str:
    if isinstance(table, (pd.DataFrame, pd.Series)):
        return "table" if table.ndim == 2 else "column"
    return "array" if isinstance(table, np.ndarray) else "sparse matrix"


def _without_tables(value: Any) -> Any:
    """Return what prints like a value, down to the sizes of the tables in it.

    An estimator gives another of the same name and parameters that only prints.
    """
    if _is_table(value):
        return _Size(value)
    if _holds_tables(value):
        return {name: _Size(table) for name, table in value.items()}
    if not isinstance(value, BaseEstimator):
        return value
    parameters = value.get_params(deep=False)
    if set(parameters) != set(signature(type(value)).parameters):
        return value  # a pipeline, say, whose parameters have no fixed names
    kind = type(value)
    text: Any = type(kind.__name__, (BaseEstimator,), {"__init__": kind.__init__})
    printed = text.__new__(text)
    printed.__dict__.update(
        {name: _without_tables(one) for name, one in parameters.items()}
    )
    return printed


def _is_table(value: object) -> bool:
    """Tell whether a parameter is a table, an array or a sparse matrix."""
    return isinstance(value, (pd.DataFrame, np.ndarray)) or sparse.issparse(value)


def _holds_tables(value: object) -> bool:
    """Tell whether a parameter is a dict of tables, such as screens by name."""
    if not isinstance(value, dict) or not value:
        return False
    return all(_is_table(one) for one in value.values())


print_nested_as(SharesTables.__repr__, _without_tables)
