"""Base class of the splitters."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import check_consistent_length

from sklearn_csg2a._utils.validation import private_random_state
from sklearn_csg2a.model_selection._folds import check_fold_params

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class BaseIdKFold(BaseCrossValidator, metaclass=ABCMeta):
    """K folds over ids that are read from columns of X or from `groups`.

    A subclass writes `_row_folds`, one fold per row, and `_row_units`.
    """

    # `groups` is routed by default, as in scikit-learn's GroupKFold.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    @abstractmethod
    def __init__(self, n_splits: int, *, shuffle: bool, random_state: Any) -> None:
        check_fold_params(n_splits, shuffle, random_state)
        self.n_splits = int(n_splits)
        self.shuffle = shuffle
        self.random_state = random_state

    def _rng(self) -> np.random.RandomState | None:
        """Return the random number generator of one split; None without shuffling."""
        return private_random_state(self.random_state) if self.shuffle else None

    @property
    def _owner(self) -> str:
        """Name of the class, used in messages."""
        return type(self).__name__

    @abstractmethod
    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to a fold: (n_rows,)."""

    @abstractmethod
    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return codes of what is held out together: (n_rows,) of each kind."""

    def held_out_units(self, X: Any, groups: Any = None) -> NDArray[np.int64]:
        """Return which cell line, compound, pair or group each row belongs to.

        Rows of one unit are always held out together, so a unit is what the test set
        is new in.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            One row per treatment.
        groups : array-like of shape (n_rows,) or (n_rows, 2), default=None
            The ids, as in `split`.

        Returns
        -------
        units : ndarray of shape (n_rows, n_kinds)
            Codes from 0. One column; two, cell then compound, if both are held out.
        """
        check_consistent_length(X, groups)
        return np.column_stack(self._row_units(X, groups))

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Generate indices to split data into training and test set.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            One row per treatment. If `groups` contains the ids, only the length of X
            is used.
        y : array-like of shape (n_rows,), default=None
            Only its length is checked.
        groups : array-like of shape (n_rows,) or (n_rows, 2), default=None
            The ids, used instead of the columns of X: an array for one id, a
            DataFrame or array with two columns (cell, drug) for two.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Row positions of the training set, ascending.
        test : ndarray of shape (n_test,)
            Row positions of the test set, ascending.

        Raises
        ------
        InputError
            If an id or a column is missing, or `n_splits` exceeds the number
            of groups. It is a ValueError.
        """
        check_consistent_length(X, y, groups)
        folds = self._row_folds(X, groups)
        for k in range(self.n_splits):
            test = folds == k
            yield np.flatnonzero(~test), np.flatnonzero(test)

    def get_n_splits(
        self,
        X: Any = None,
        y: Any = None,
        groups: Any = None,
    ) -> int:
        """Return the number of (train, test) pairs.

        Parameters
        ----------
        X, y, groups : object, default=None
            Not used, present for API consistency.

        Returns
        -------
        int
            Number of splits.
        """
        return self.n_splits
