"""Hold out cell lines and compounds at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from sklearn.utils.validation import check_consistent_length

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection._base import BaseIdKFold
from sklearn_csg2a.model_selection._folds import fold_of_ids
from sklearn_csg2a.treatments._ids import read_cells_and_drugs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from sklearn_csg2a.treatments._ids import Ids

Design = Literal["diagonal", "grid"]


class DisjointKFold(BaseIdKFold):
    """K-fold in which test and training set share neither cell lines nor compounds.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds of cell lines, and of compounds; at least 2.
    cell : str, default="cell_line"
        Column of X with the cell line.
    drug : str, default="smiles"
        Column of X with the compound.
    design : {"diagonal", "grid"}, default="diagonal"
        "diagonal" makes `n_splits` splits: split k tests the cells of fold k with the
        drugs of fold k. "grid" makes `n_splits ** 2` splits, one for each combination
        of a cell fold and a drug fold, so that every row is tested once.
    shuffle : bool, default=True
        Whether to shuffle the ids. If False, folds are blocks of the sorted ids.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    MixedKFold : Explains how drugs are compared.
    train_valid_test_split : One split into three parts.

    Notes
    -----
    Rows with either a test cell line or a test compound, but not both, are in neither
    set: with ten folds of a complete screen, 81 % of the rows are used for training and
    1 % for testing. `groups` contains two ids per row (cell, drug). The numbers of cell
    lines and of drugs per fold differ by at most one. Folds do not depend on the order
    of the rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import DisjointKFold
    >>> X = pd.DataFrame(
    ...     {
    ...         "cell_line": ["A549", "A549", "MCF7", "MCF7"],
    ...         "smiles": ["CCO", "CCN", "OCC", "CCN"],
    ...     }
    ... )
    >>> for train, test in DisjointKFold(n_splits=2, random_state=0).split(X):
    ...     print(train.tolist(), test.tolist())
    [1] [2]
    [2] [1]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        cell: str = "cell_line",
        drug: str = "smiles",
        design: Design = "diagonal",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        if design not in get_args(Design):
            msg = f"design must be one of {get_args(Design)}; got {design!r}."
            raise InputError(msg)
        self.cell = cell
        self.drug = drug
        self.design = design

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
            `n_splits` for the diagonal design, `n_splits ** 2` for the grid.
        """
        return self.n_splits**2 if self.design == "grid" else self.n_splits

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to a cell fold and a drug fold: (n_rows, 2)."""
        cells, drugs = self._read(X, groups)
        rng = self._rng()
        cell_folds = fold_of_ids(cells, self.n_splits, rng)[cells.codes]
        drug_folds = fold_of_ids(drugs, self.n_splits, rng)[drugs.codes]
        return np.column_stack([cell_folds, drug_folds])

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the cell line and the compound of each row: (n_rows,) each."""
        return [ids.codes for ids in self._read(X, groups)]

    def _read(self, X: Any, groups: Any) -> tuple[Ids, Ids]:
        """Read the cell line and the compound of every row."""
        return read_cells_and_drugs(
            X, groups, cell=self.cell, drug=self.drug, owner=self._owner
        )

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
        groups : DataFrame or array-like of shape (n_rows, 2), default=None
            The ids (cell, drug), used instead of the columns of X.

        Yields
        ------
        train : ndarray of shape (n_train,)
            Rows with neither a test cell line nor a test compound, ascending.
        test : ndarray of shape (n_test,)
            Rows with a test cell line and a test compound, ascending.

        Raises
        ------
        InputError
            If an id or a column is missing, `n_splits` exceeds the number of
            cell lines or of compounds, or a set would be empty. It is a ValueError.
        """
        check_consistent_length(X, y, groups)
        cell_folds, drug_folds = self._row_folds(X, groups).T
        blocks = [
            (i, j)
            for i in range(self.n_splits)
            for j in range(self.n_splits)
            if self.design == "grid" or i == j
        ]
        self._check_blocks(cell_folds, drug_folds, blocks)
        for i, j in blocks:
            is_cell, is_drug = cell_folds == i, drug_folds == j
            yield (
                np.flatnonzero(~(is_cell | is_drug)),
                np.flatnonzero(is_cell & is_drug),
            )

    def _check_blocks(
        self,
        cell_folds: NDArray[np.int64],
        drug_folds: NDArray[np.int64],
        blocks: list[tuple[int, int]],
    ) -> None:
        """Raise an error if a training or test set is empty."""
        n_rows = np.zeros((self.n_splits, self.n_splits), dtype=np.int64)
        np.add.at(n_rows, (cell_folds, drug_folds), 1)
        per_cell, per_drug = n_rows.sum(axis=1), n_rows.sum(axis=0)
        empty = []
        for i, j in blocks:
            n_train = n_rows.sum() - per_cell[i] - per_drug[j] + n_rows[i, j]
            if n_rows[i, j] == 0:
                empty.append(f"cell fold {i} x drug fold {j}: no test rows")
            elif n_train == 0:
                empty.append(f"cell fold {i} x drug fold {j}: no training rows")
        if empty:
            msg = (
                f"{self._owner}(n_splits={self.n_splits}, design={self.design!r}) "
                f"leaves a set empty: {list_offenders(empty)}. The screen has too few "
                "pairs for so many folds: use fewer splits or another random_state."
            )
            raise InputError(msg)
