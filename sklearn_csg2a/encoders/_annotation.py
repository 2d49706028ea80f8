"""What is known of a compound as its encoding: targets, mechanism, pathway."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_csg2a._utils.sharing import SharesTables
from sklearn_csg2a._utils.sklearn_compat import Interval, StrOptions
from sklearn_csg2a.chem._compounds import compound_identities
from sklearn_csg2a.chem._similarity import tanimoto_matrix
from sklearn_csg2a.encoders._annotation_table import Annotation, read_annotation
from sklearn_csg2a.encoders._base import read_smiles
from sklearn_csg2a.encoders._diffusion import Interactome, spread_terms
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from typing import Self

    from sklearn.utils import Tags

__all__ = ["AnnotationEncoder"]

_POWER = 3.0  # of the similarity, in the weight of a neighbor
_DOUBT = 0.05  # weight of the vote that a compound has none of the terms


class AnnotationEncoder(SharesTables, TransformerMixin, BaseEstimator):
    """Encode compounds by what is known of them: targets, mechanism, pathway.

    A table names the terms of each compound, such as its targets; the encoding has a
    column for each term. The terms of a compound have equal numbers, and all of those
    of a column of the table together the length 1. Terms of a compound that the table
    does not annotate are expected from its nearest neighbors in structure, with the
    share of their votes: the less alike they are, or the less they agree, the smaller
    the numbers. Combine it with an encoder of structure in a `FeatureUnion`.

    Parameters
    ----------
    table : DataFrame of shape (n_rows, n_columns)
        Annotation: SMILES in a column "smiles", or as the index, and the columns named
        by `columns`. Each cell is a text of terms, separated by bars, semicolons or
        commas ("EGFR|ERBB2"), a list of terms, or missing. Rows of one compound, in
        any spelling, are joined. Tables of more compounds than those to encode make
        expected terms better.
    columns : list of str, default=("target", "moa")
        Columns of the table to encode.
    known : {"all", "fit", "none"}, default="all"
        Compounds that are encoded by their own annotation: all in the table, those
        passed to `fit` alone, or none. All others are treated as new compounds, of
        which nothing but the structure is known.
    exclude : list of str, default=None
        Compounds, in any spelling, whose rows of the table are not used, such as those
        of test rows. With ``known="fit"`` all compounds of a data set can be given, as
        rows of compounds passed to `fit` are used nonetheless: in a cross-validation
        nothing is then taken from the annotation of compounds held out.
    weight : float or dict of str to float, default=3.0
        What the columns are multiplied with, or those of each column of the table.
        Beside a fingerprint, in the same Tanimoto similarity, two compounds with the
        same targets then have as much in common as nine bits give them. In a sum of
        kernels, where fingerprints have a kernel of their own, 0.5 is much.
    interactome : DataFrame, default=None
        Edges between genes (`source`, `target`, optional `score` between 0 and 1) or
        an adjacency labelled by gene. Terms that are genes are spread over those
        nearby, so that inhibitors of neighbors in a pathway are alike.
    restart : float, default=0.5
        Probability that the random walk over the interactome goes back to its gene:
        small values spread far. Used with `interactome` alone.
    n_neighbors : int, default=10
        Annotated compounds from which missing annotation is expected.
    min_compounds : int, default=1
        Terms of fewer compounds of the table have no column.
    add_indicator : bool, default=True
        Whether to add, for each column of the table, a column that is 1 where terms
        are expected and 0 where they are known; no weight applies to it.

    Attributes
    ----------
    compounds_ : list of str of length n_compounds
        The compounds of the table that are used, as canonical SMILES.
    terms_ : dict of str to list of str
        Terms that have a column, by column of the table.

    Raises
    ------
    InputError
        In fit, if the table cannot be used; the message names row and column.

    See Also
    --------
    MorganEncoder : Encode the structure.
    PotencyEncoder : Encode the potency in other screens.
    mechanism_groups : Groups of compounds with a common mechanism.

    Notes
    -----
    Terms are expected by a vote of the `n_neighbors` most similar annotated compounds
    of the table. Votes are weighted by the third power of the Tanimoto similarity of
    Morgan fingerprints, and a small constant votes for no term at all. A compound
    never votes on its own annotation, and a column of the table without any usable
    annotation has no terms. Rows of a column of the table that are longer than 1 are
    scaled to this length.

    Nearness of genes is that of a random walk with restart, in proportion to the
    nearness of each gene to itself. In drug-blind splits of GDSC2 it changed nothing.

    The identity of a compound takes milliseconds, once per process: tables of thousands
    of compounds take a while to read. Unless ``known="fit"``, a fitted encoder is the
    same for all compounds passed to `fit`; frozen in a
    :class:`sklearn.frozen.FrozenEstimator` it is not fitted again in each fold of a
    cross-validation.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.pipeline import FeatureUnion
    >>> from sklearn_csg2a.encoders import AnnotationEncoder, MorganEncoder
    >>> table = pd.DataFrame(
    ...     {"target": ["PTGS1|PTGS2", "PTGS1|PTGS2", "ADORA2A, ADORA1"]},
    ...     index=["CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1ccccc1O",
    ...            "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"])
    >>> encoder = AnnotationEncoder(table, columns=["target"], weight=1)
    >>> acid, caffeine = "COC(=O)c1ccccc1O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"
    >>> encoding = encoder.fit_transform([acid, caffeine])
    >>> encoder.get_feature_names_out().tolist()
    ['target_ADORA1', 'target_ADORA2A', 'target_PTGS1', 'target_PTGS2',
     'target_is_expected']
    >>> encoding[1].round(1)
    array([0.7, 0.7, 0. , 0. , 0. ], dtype=float32)
    >>> bool((encoding[0, 2:4] > encoding[0, :2]).all())
    True
    >>> both = FeatureUnion([("morgan", MorganEncoder()), ("known", encoder)])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "table": "no_validation",
        "columns": ["array-like"],
        "known": [StrOptions({"all", "fit", "none"})],
        "exclude": ["array-like", None],
        "weight": [Interval(Real, 0, None, closed="left"), dict],
        "interactome": [pd.DataFrame, None],
        "restart": [Interval(Real, 0, 1, closed="right")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "min_compounds": [Interval(Integral, 1, None, closed="left")],
        "add_indicator": ["boolean"],
    }

    def __init__(
        self,
        table: pd.DataFrame,
        columns: Sequence[str] = ("target", "moa"),
        *,
        known: Literal["all", "fit", "none"] = "all",
        exclude: Iterable[str] | None = None,
        weight: float | dict[str, float] = 3.0,
        interactome: pd.DataFrame | None = None,
        restart: float = 0.5,
        n_neighbors: int = 10,
        min_compounds: int = 1,
        add_indicator: bool = True,
    ) -> None:
        self.table = table
        self.columns = columns
        self.known = known
        self.exclude = exclude
        self.weight = weight
        self.interactome = interactome
        self.restart = restart
        self.n_neighbors = n_neighbors
        self.min_compounds = min_compounds
        self.add_indicator = add_indicator

    def fit(self, X: object, y: object = None) -> Self:
        """Read the table.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds; with ``known="fit"`` those whose annotation is known.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        InputError
            If the table cannot be used; the message names row and column.
        InvalidSmilesError
            If a row of the table or of X has no valid SMILES.
        """
        self._validate_params()
        given = set(compound_identities(read_smiles(X, user=type(self).__name__)))
        annotation = read_annotation(self.table, self.columns)
        used = self._select(annotation, given)
        self._identities = used
        self.compounds_ = [annotation.compounds[identity] for identity in used]
        self._own = [
            identity
            for identity in used
            if self.known == "all" or (self.known == "fit" and identity in given)
        ]
        self.terms_, self._marks = {}, {}
        for name in self.columns:
            of_compound = annotation.terms[name]
            of_used = [of_compound.get(identity, ()) for identity in used]
            self.terms_[name] = _list_terms(of_used, self.min_compounds)
            self._marks[name] = _mark_terms(of_used, self.terms_[name])
        if self.interactome is not None:
            nearby = Interactome(self.interactome, self.restart)
            self._marks = spread_terms(self._marks, self.terms_, nearby)
        self._scales = self._read_weights()
        return self

    def transform(self, X: object) -> np.ndarray:
        """Encode compounds.

        Parameters
        ----------
        X : sequence of str of length n
            Compounds: a list, a Series, a 1-D array or a table of one column.

        Returns
        -------
        encoding : ndarray of shape (n, n_features), dtype float32
            One row per compound, in the order given.

        Raises
        ------
        InvalidSmilesError
            If a row has no valid SMILES; up to five rows are named.
        """
        check_is_fitted(self)
        smiles = read_smiles(X, user=type(self).__name__)
        unique = list(dict.fromkeys(smiles))
        row_of = {identity: row for row, identity in enumerate(self._identities)}
        identities = compound_identities(unique)
        rows = np.array([row_of.get(identity, -1) for identity in identities], int)
        is_own = np.isin(identities.astype(str), np.array(self._own, dtype=str))
        similarity = tanimoto_matrix(unique, self.compounds_)
        similarity[np.flatnonzero(rows >= 0), rows[rows >= 0]] = 0  # no vote for itself
        blocks, flags = [], []
        for name in self.columns:
            marks = self._marks[name]
            annotated = np.flatnonzero(np.diff(marks.indptr))
            is_known = is_own & np.isin(rows, annotated)
            votes = _weigh_neighbors(similarity[:, annotated], self.n_neighbors)
            votes[is_known] = 0
            block = (sparse.csr_array(votes) @ marks[annotated]).toarray()
            block[is_known] = marks[rows[is_known]].toarray()
            blocks.append(_limit_length(block) * self._scales[name])
            flags.append(~is_known)
        if self.add_indicator:
            blocks.append(np.column_stack(flags))
        encoding = np.hstack(blocks).astype(np.float32)
        position = {compound: row for row, compound in enumerate(unique)}
        return encoding[[position[compound] for compound in smiles]]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Name the columns of the encoding.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of shape (n_features,), dtype object
            Such as "target_EGFR", then "target_is_expected".
        """
        check_is_fitted(self)
        names = [
            f"{name}_{term}" for name in self.columns for term in self.terms_[name]
        ]
        if self.add_indicator:
            names += [f"{name}_is_expected" for name in self.columns]
        return np.asarray(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Declare text input."""
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _select(self, annotation: Annotation, given: set[str]) -> list[str]:
        """Return the identities of the compounds of the table that are used."""
        excluded = set(compound_identities(_read_excluded(self.exclude)))
        if self.known == "fit":
            excluded -= given
        used = [one for one in annotation.compounds if one not in excluded]
        if not used:
            msg = (
                f"exclude= leaves none of the {len(annotation.compounds)} compounds of "
                "the table; give a table with other compounds, too, or known='fit' to "
                "use those passed to fit."
            )
            raise InputError(msg)
        return used

    def _read_weights(self) -> dict[str, float]:
        """Return the weight of each column of the table."""
        if not isinstance(self.weight, dict):
            return dict.fromkeys(self.columns, float(self.weight))
        if set(self.weight) != set(self.columns) or not all(
            isinstance(one, Real) and 0 <= one < np.inf for one in self.weight.values()
        ):
            msg = (
                f"weight={self.weight!r} must be one number of 0 or more, or one for "
                f"each of the columns {list(self.columns)}."
            )
            raise InputError(msg)
        return {name: float(self.weight[name]) for name in self.columns}


def _read_excluded(exclude: Any) -> list[str]:
    """Return the compounds not to be used, as canonical SMILES."""
    return [] if exclude is None else read_smiles(exclude, user="exclude=")


def _list_terms(of_compounds: Sequence[Sequence[str]], min_compounds: int) -> list[str]:
    """Return the terms of at least so many compounds, in alphabetical order."""
    counts = pd.Series(
        [term for terms in of_compounds for term in terms], dtype=object
    ).value_counts()
    return sorted(counts.index[counts >= min_compounds])


def _mark_terms(
    of_compounds: Sequence[Sequence[str]], terms: Sequence[str]
) -> sparse.csr_array:
    """Return ones where a compound has a term, (n_compounds, n_terms)."""
    column = {term: place for place, term in enumerate(terms)}
    ends = [
        (row, column[term])
        for row, of_compound in enumerate(of_compounds)
        for term in of_compound
        if term in column
    ]
    rows, columns = np.array(ends, dtype=np.int64).reshape(-1, 2).T
    ones = np.ones(len(rows), dtype=np.float64)
    return sparse.csr_array((ones, (rows, columns)), (len(of_compounds), len(terms)))


def _limit_length(block: np.ndarray) -> np.ndarray:
    """Scale rows that are longer than 1 to this length."""
    length = np.sqrt((block**2).sum(axis=1, keepdims=True))
    return block / np.maximum(length, 1)


def _weigh_neighbors(similarity: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Return the weight of each annotated compound in the vote, rows as given."""
    weights = similarity**_POWER
    if similarity.shape[1] > n_neighbors:
        last = np.sort(similarity, axis=1)[:, -n_neighbors]
        weights[similarity < last[:, None]] = 0
    return weights / (weights.sum(axis=1, keepdims=True) + _DOUBT)
