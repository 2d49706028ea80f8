"""Clones that share large parameters instead of copying them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SharesTables"]


class SharesTables:
    """Let clones share tables, arrays and sparse matrices.

    scikit-learn's clone copies every parameter that is not an estimator. A search or a
    cross-validation makes hundreds of clones, and an expression table may take a tenth
    of the memory. No estimator of this package modifies a table, so all clones can
    share it; as it is the same object, it is also sent to other processes only once.

    List it before `BaseEstimator` among the base classes.
    """

    def __sklearn_clone__(self) -> Self:
        """Clone all parameters except tables, which are shared."""
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        tables = {name: value for name, value in parameters.items() if _is_table(value)}
        bare = type(self).__new__(type(self))
        bare.__dict__.update(self.__dict__)
        bare.__dict__.update(dict.fromkeys(tables))
        copied = super(SharesTables, bare).__sklearn_clone__()  # type: ignore[misc]
        return copied.set_params(**tables)


def _is_table(value: object) -> bool:
    """Tell whether a parameter is a table, an array or a sparse matrix."""
    return isinstance(value, (pd.DataFrame, np.ndarray)) or sparse.issparse(value)
