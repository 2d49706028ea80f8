"""Hold out clusters of compounds: by similarity, scaffold, or a column of labels."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sklearn_csg2a.chem import murcko_scaffold, tanimoto_clusters
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection._base import BaseIdKFold
from sklearn_csg2a.model_selection._folds import spread
from sklearn_csg2a.treatments._ids import COMPOUND, Ids, read_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRUCTURAL = ("tanimoto", "scaffold")


class ClusterBlindKFold(BaseIdKFold):
    """K-fold over clusters of compounds: test and training compounds are dissimilar.

    Parameters
    ----------
    n_splits : int, default=10
        Number of folds, at least 2 and at most the number of clusters.
    by : {"tanimoto", "scaffold"} or str, default="tanimoto"
        "tanimoto" groups compounds with similar fingerprints, "scaffold" those with the
        same Murcko scaffold (a compound without rings is a cluster of its own). Any
        other string is a column of X with cluster labels, such as a mechanism of
        action.
    threshold : float, default=0.5
        Minimum Tanimoto similarity, in (0, 1], of two compounds in the same cluster.
    drug : str, default="smiles"
        Column of X with the compound. Not needed if `by` is a column of labels.
    shuffle : bool, default=True
        Whether to assign clusters to folds at random. If False, folds are consecutive
        blocks of clusters.
    random_state : int, RandomState instance or None, default=0
        Seed of the draw. An int gives the same folds in every call of `split`; None
        draws new folds in each call. Ignored if `shuffle` is False.

    See Also
    --------
    DrugBlindKFold : Hold out compounds, similar or not.
    MixedKFold : Explains how drugs are compared.

    Notes
    -----
    `groups` contains SMILES, or the labels if `by` is a column. Structures are compared
    without salts. Clusters are those of single linkage: no two compounds of different
    folds reach the threshold. If a compound has two labels, their clusters are merged,
    since it could not be held out otherwise. The numbers of clusters per fold differ by
    at most one; clusters differ in size, so the numbers of rows vary more.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import ClusterBlindKFold
    >>> X = pd.DataFrame({"smiles": ["Cc1ccccc1", "CCc1ccccc1", "C1CCNCC1", "CCO"]})
    >>> cv = ClusterBlindKFold(n_splits=3, by="scaffold", random_state=0)
    >>> sorted(test.tolist() for train, test in cv.split(X))
    [[0, 1], [2], [3]]
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        by: str = "tanimoto",
        threshold: float = 0.5,
        drug: str = "smiles",
        shuffle: bool = True,
        random_state: Any = 0,
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        if not isinstance(by, str):
            msg = f"by must be one of {STRUCTURAL} or the name of a column; got {by!r}."
            raise InputError(msg)
        if not isinstance(threshold, Real) or not 0 < threshold <= 1:
            msg = f"threshold must be a number in (0, 1]; got {threshold!r}."
            raise InputError(msg)
        self.by: str = by
        self.threshold: float = float(threshold)
        self.drug: str = drug

    def _row_folds(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Assign every row to the fold of its cluster: (n_rows,)."""
        clusters = self._row_clusters(X, groups)
        n_clusters = int(clusters.max()) + 1
        if self.n_splits > n_clusters:
            msg = (
                f"Cannot have number of splits n_splits={self.n_splits} greater than "
                f"the number of groups: {n_clusters} (clusters by {self.by!r})."
            )
            raise InputError(msg)
        return spread(n_clusters, self.n_splits, self._rng())[clusters]

    def _row_units(self, X: Any, groups: Any) -> list[NDArray[np.int64]]:
        """Return the cluster of each row: (n_rows,)."""
        return [self._row_clusters(X, groups)]

    def _row_clusters(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Return the cluster of each row: (n_rows,)."""
        if self.by in STRUCTURAL:
            drugs = self._read_drugs(X, groups)
            return self._structural_clusters(drugs)[drugs.codes]
        return self._labelled_clusters(X, groups)

    def _read_drugs(self, X: Any, groups: Any) -> Ids:
        """Read the compounds of every row."""
        return read_ids(
            X, groups, column=self.drug, what=COMPOUND, position=1, owner=self._owner
        )

    def _structural_clusters(self, drugs: Ids) -> NDArray[np.int64]:
        """Cluster the compounds by structure: (n_drugs,)."""
        if not drugs.is_smiles:
            msg = (
                f"{self._owner}(by={self.by!r}) compares structures, and the drug ids "
                f"in {drugs.source} are not SMILES. Pass a column of SMILES as drug=."
            )
            raise InputError(msg)
        texts = [text for spellings in drugs.spellings for text in spellings]
        codes = np.repeat(np.arange(drugs.count), list(map(len, drugs.spellings)))
        labels: Any
        if self.by == "tanimoto":
            labels = tanimoto_clusters(texts, threshold=self.threshold)
        else:
            labels = [
                murcko_scaffold(text) or f"acyclic {drugs.names[code]}"
                for text, code in zip(texts, codes, strict=True)
            ]
        return join(codes, np.unique(labels, return_inverse=True)[1])

    def _labelled_clusters(self, X: Any, groups: Any) -> NDArray[np.int64]:
        """Read clusters from a column, merged if a compound has two: (n_rows,)."""
        labels = read_ids(
            X,
            groups,
            column=self.by,
            what="cluster",
            position=None,
            owner=self._owner,
        )
        if groups is not None or self.drug not in list(X.columns):
            return labels.codes
        drugs = self._read_drugs(X, None)
        return join(labels.codes, drugs.codes)[labels.codes]


def join(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the connected component of every left code: (n_left,).

    Components are numbered by their smallest left code, independent of row order.
    """
    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    links = coo_matrix(
        (np.ones(len(left), dtype=bool), (left, n_left + right)),
        shape=(n_left + n_right,) * 2,
    )
    component = connected_components(links, directed=False)[1][:n_left]
    _, first, codes = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[codes]
