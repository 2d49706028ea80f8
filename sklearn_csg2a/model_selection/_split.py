"""Splitters that hold out pairs, cells, compounds, tissues, or cells and compounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn_csg2a.model_selection._base import BaseIdKFold
from sklearn_csg2a.model_selection._folds import (
    fold_of_ids,
    fold_of_pairs,
    pair_codes,
)
from sklearn_csg2a.treatments._ids import (
    COMPOUND,
    read_cells_and_drugs,
    read_ids,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sklearn_csg2a.treatments._ids import Ids


class MixedKFold(BaseIdKFold):
    """K-fold over (cell, drug) pairs: cells and drugs are known, the pairs are new.

    Replicates of a pair (several doses, times or repeated measurements) are in the same
    fold, even if the compound is spelled differently.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2.
    cell : str, default="cell_line"
        Column of X with the cell line.
    drug : str, default="smiles"
        Column of X with the compound.
    shuffle : bool, default=True
        Whether to shuffle the pairs. If False, folds are the diagonals of the table of
        sorted cells and drugs.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    CellBlindKFold : Hold out cell lines.
    DrugBlindKFold : Hold out compounds.
    DisjointKFold : Hold out both at the same time.
    audit_split : Report what training and test set have in common.

    Notes
    -----
    The fold of a pair depends on the set of pairs and on `random_state`, not on the
    order of the rows. The numbers of pairs per fold differ by at most one.

    Drugs are compared by :func:`~sklearn_csg2a.chem.compound_identity`, which ignores
    salts, atom order, stereo marks and the bonds of a metal. This requires that all
    drug ids, from the column or from `groups`, are SMILES. If some are not, a column
    with "smiles" in its name raises an error that lists them; any other source is read
    as plain names, compared as text (with a warning if nine in ten are SMILES, as the
    others are probably typos). Names that all happen to be valid SMILES, such as "CN"
    and "NC", are read as compounds: at worst they are in the same fold.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import MixedKFold
    >>> X = pd.DataFrame(
    ...     {
    ...         "cell_line": ["A549", "A549", "MCF7", "MCF7"],
    ...         "smiles": ["CCO", "OCC", "CCO", "CCN"],
    ...     }
    ... )
    >>> for train, test in MixedKFold(n_splits=3, random_state=0).split(X):
    ...     print(train.tolist(), test.tolist())
    [0, 1, 2] [3]
    [0, 1, 3] [2]
    [2, 3] [0, 1]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        cell: str = "cell_line",
        drug: str = "smiles",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.cell = cell
        self.drug = drug

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to the fold of its pair: (n_rows,)."""
        pairs = self._read(X, groups)
        return fold_of_pairs(*pairs, self.n_splits, self._rng())

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the pair of each row: (n_rows,)."""
        return [pair_codes(*self._read(X, groups))[1]]

    def _read(self, X: Any, groups: Any) -> tuple[Ids, Ids]:
        """Read the cell line and the compound of every row."""
        return read_cells_and_drugs(
            X, groups, cell=self.cell, drug=self.drug, owner=self._owner
        )


class CellBlindKFold(BaseIdKFold):
    """K-fold over cell lines: no cell line of the test set is in the training set.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2 and at most the number of cell lines.
    cell : str, default="cell_line"
        Column of X with the cell line.
    shuffle : bool, default=True
        Whether to shuffle the ids. If False, folds are blocks of the sorted ids.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    TissueBlindKFold : Hold out whole tissues.
    DisjointKFold : Hold out cell lines and compounds at the same time.

    Notes
    -----
    The fold of a cell line depends on the set of cell lines and on `random_state`,
    not on the order or the number of their rows. The numbers of cell lines per fold
    differ by at most one.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import CellBlindKFold
    >>> X = pd.DataFrame({"cell_line": ["A549", "MCF7", "A549", "HL60"]})
    >>> for train, test in CellBlindKFold(n_splits=2, random_state=0).split(X):
    ...     print(train.tolist(), test.tolist())
    [0, 2] [1, 3]
    [1, 3] [0, 2]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        cell: str = "cell_line",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.cell = cell

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to the fold of its cell line: (n_rows,)."""
        cells = self._read(X, groups)
        return fold_of_ids(cells, self.n_splits, self._rng())[cells.codes]

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the cell line of each row: (n_rows,)."""
        return [self._read(X, groups).codes]

    def _read(self, X: Any, groups: Any) -> Ids:
        """Read the cell line of every row."""
        return read_ids(
            X, groups, column=self.cell, what="cell line", owner=self._owner
        )


class DrugBlindKFold(BaseIdKFold):
    """K-fold over compounds: no compound of the test set is in the training set.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2 and at most the number of compounds.
    drug : str, default="smiles"
        Column of X with the compound.
    shuffle : bool, default=True
        Whether to shuffle the ids. If False, folds are blocks of the sorted ids.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    ClusterBlindKFold : Hold out clusters of similar compounds, which is harder.
    MixedKFold : Explains how drugs are compared.

    Notes
    -----
    Different spellings of a compound count as one drug; see `MixedKFold` for the rule,
    and for ids that are names. The fold of a drug depends on the set of drugs and on
    `random_state`, not on the order or the number of their rows. The numbers of drugs
    per fold differ by at most one.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import DrugBlindKFold
    >>> X = pd.DataFrame({"smiles": ["CCO", "OCC", "CCN", "c1ccccc1"]})
    >>> for train, test in DrugBlindKFold(n_splits=3, random_state=0).split(X):
    ...     print(train.tolist(), test.tolist())
    [0, 1, 2] [3]
    [0, 1, 3] [2]
    [2, 3] [0, 1]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        drug: str = "smiles",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.drug = drug

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to the fold of its compound: (n_rows,)."""
        drugs = self._read(X, groups)
        return fold_of_ids(drugs, self.n_splits, self._rng())[drugs.codes]

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the compound of each row: (n_rows,)."""
        return [self._read(X, groups).codes]

    def _read(self, X: Any, groups: Any) -> Ids:
        """Read the compound of every row."""
        return read_ids(
            X, groups, column=self.drug, what=COMPOUND, position=1, owner=self._owner
        )


class TissueBlindKFold(BaseIdKFold):
    """K-fold over tissues: no tissue of the test set is in the training set.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2 and at most the number of tissues.
    tissue : str, default="tissue"
        Column of X with the tissue of the cell line.
    shuffle : bool, default=True
        Whether to shuffle the ids. If False, folds are blocks of the sorted ids.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    CellBlindKFold : Hold out cell lines.

    Notes
    -----
    The numbers of tissues per fold differ by at most one; tissues differ in size, so
    the numbers of rows vary more. `groups` is an array with the tissues.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import TissueBlindKFold
    >>> X = pd.DataFrame({"tissue": ["lung", "breast", "lung", "blood"]})
    >>> for train, test in TissueBlindKFold(n_splits=3, random_state=0).split(X):
    ...     print(train.tolist(), test.tolist())
    [1, 3] [0, 2]
    [0, 2, 3] [1]
    [0, 1, 2] [3]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        tissue: str = "tissue",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.tissue = tissue

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to the fold of its tissue: (n_rows,)."""
        tissues = self._read(X, groups)
        return fold_of_ids(tissues, self.n_splits, self._rng())[tissues.codes]

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the tissue of each row: (n_rows,)."""
        return [self._read(X, groups).codes]

    def _read(self, X: Any, groups: Any) -> Ids:
        """Read the tissue of every row."""
        return read_ids(
            X,
            groups,
            column=self.tissue,
            what="tissue",
            position=None,
            owner=self._owner,
        )
