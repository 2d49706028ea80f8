"""Clones that share the tables among their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from typing import Self

__all__ = ["SharesTables"]


class SharesTables:
    """Let clones take tables, arrays and sparse matrices as they are.

    scikit-learn's clone copies every parameter that is no estimator. A search or a
    cross-validation makes hundreds of clones, and a table of expression may fill a
    tenth of the memory. No estimator of this package changes a table, so one does for
    all; being the same object, it is also sent to other processes once.

    Goes before `BaseEstimator` among the bases of an estimator.
    """

    def __sklearn_clone__(self) -> Self:
        """Clone all parameters but the tables, which the clone shares."""
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        tables = {name: one for name, one in parameters.items() if _is_table(one)}
        bare = type(self).__new__(type(self))
        bare.__dict__.update(self.__dict__)
        bare.__dict__.update(dict.fromkeys(tables))
        copied = super(SharesTables, bare).__sklearn_clone__()  # type: ignore[misc]
        return copied.set_params(**tables)


def _is_table(value: object) -> bool:
    """Tell whether a parameter holds many numbers."""
    return isinstance(value, (pd.DataFrame, np.ndarray)) or sparse.issparse(value)
