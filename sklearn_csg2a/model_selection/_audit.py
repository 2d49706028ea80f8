"""Find what the training and test sets of a split have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_consistent_length

from sklearn_csg2a._utils.names import line_spelling, plain_spelling
from sklearn_csg2a.chem import nearest_tanimoto
from sklearn_csg2a.chem._compounds import compound_relations
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection._folds import pair_codes
from sklearn_csg2a.model_selection._report import FORBIDDEN, SplitAudit
from sklearn_csg2a.treatments._ids import (
    COMPOUND,
    Ids,
    read_cells_and_drugs,
    read_ids,
)

OWNER = "audit_split"


def audit_split(
    X: Any,
    train: Any,
    test: Any,
    *,
    scheme: Literal["mixed", "cell", "drug", "disjoint", "tissue", "cluster"],
    pretraining: Any = None,
    strict: bool = False,
    groups: Any = None,
    cell: str = "cell_line",
    drug: str = "smiles",
    tissue: str = "tissue",
) -> SplitAudit:
    """Report what the training and test sets of a split have in common.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        One row per treatment.
    train, test : array-like of int, or of bool of shape (n_rows,)
        Row positions, or masks, of the two sets.
    scheme : {"mixed", "cell", "drug", "disjoint", "tissue", "cluster"}
        What must not be shared: (cell, compound) pairs for "mixed", cell lines for
        "cell", compounds for "drug" and "cluster", both for "disjoint", cell lines
        and tissues for "tissue". Shared rows are always forbidden.
    pretraining : DataFrame, default=None
        Training data of a pretrained model: one row per treatment, with the column
        of compounds, of cell lines, or both.
    strict : bool, default=False
        Whether to raise an error if the split violates its scheme, if a row occurs
        twice in the test set, or if the test set contains a compound of the
        pretraining set or, where cell lines must not be shared, a cell line of it.
    groups : DataFrame or array-like of shape (n_rows, 2), default=None
        The ids (cell, drug), used instead of the columns of X.
    cell : str, default="cell_line"
        Column with the cell line.
    drug : str, default="smiles"
        Column with the compound.
    tissue : str, default="tissue"
        Column with the tissue, only read for the scheme "tissue".

    Returns
    -------
    SplitAudit
        The findings.

    Raises
    ------
    InputError
        If the rows of a set are invalid, or if `strict` is True and the split
        violates its scheme. It is a ValueError.

    See Also
    --------
    MixedKFold : Explains how drugs are compared.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.model_selection import audit_split
    >>> X = pd.DataFrame(
    ...     {
    ...         "cell_line": ["A549", "MCF7", "HL60"],
    ...         "smiles": ["CC(=O)O", "CCN", "CC(=O)[O-].[Na+]"],
    ...     }
    ... )
    >>> audit = audit_split(X, [0, 1], [2], scheme="drug")
    >>> audit.shared_compounds
    ('CC(=O)O',)
    >>> audit.is_clean
    False
    >>> audit.max_tanimoto
    1.0
    """
    if scheme not in FORBIDDEN:
        msg = f"scheme must be one of {tuple(FORBIDDEN)}; got {scheme!r}."
        raise InputError(msg)
    check_consistent_length(X, groups)
    n_rows = len(X)
    train_rows = read_rows(train, n_rows, "train")
    test_rows = read_rows(test, n_rows, "test")
    cells, drugs = read_cells_and_drugs(X, groups, cell=cell, drug=drug, owner=OWNER)
    parts = (train_rows, test_rows)
    seen_drugs, seen_cells = _pretraining_overlap(
        pretraining, cells, drugs, test_rows, cell=cell, drug=drug
    )
    alike = _alike(cells, *parts)
    audit = SplitAudit(
        scheme=scheme,
        n_train=len(train_rows),
        n_test=len(test_rows),
        shared_rows=np.intersect1d(train_rows, test_rows),
        repeated_rows=np.unique(np.concatenate([_repeated(rows) for rows in parts])),
        shared_pairs=_shared_pairs(cells, drugs, *parts),
        shared_cells=_named(cells, _shared(cells.codes, *parts)),
        repeated_test_rows=_repeated(test_rows),
        alike_cells=alike,
        respelled_cells=tuple(
            pair for pair in alike if len(set(map(line_spelling, pair))) == 1
        ),
        shared_compounds=_named(drugs, _shared(drugs.codes, *parts)),
        shared_tissues=(
            _shared_tissues(X, tissue, *parts) if scheme == "tissue" else ()
        ),
        nearest_tanimoto=_nearest(drugs, *parts) if drugs.is_smiles else None,
        related_compounds=_related(drugs, *parts) if drugs.is_smiles else (),
        merges=_merges(drugs),
        pretraining_compounds=seen_drugs,
        pretraining_cells=seen_cells,
    )
    if strict and not audit.is_clean:
        msg = (
            f"{OWNER}: the split violates the scheme {scheme!r}: "
            f"{'; '.join(audit.violations)}. Use the splitter of this scheme, or drop "
            "these rows."
        )
        raise InputError(msg)
    return audit


def read_rows(rows: Any, n_rows: int, name: str) -> NDArray[np.int64]:
    """Turn row positions or a mask into row positions."""
    array = np.asarray(rows)
    if array.dtype == bool and array.shape == (n_rows,):
        array = np.flatnonzero(array)
    is_good = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"
    if not is_good:
        msg = (
            f"{OWNER}: {name} must contain row positions, or be a mask of {n_rows} "
            f"rows, with at least one row; got dtype {array.dtype}, shape "
            f"{array.shape}."
        )
        raise InputError(msg)
    if array.min() < 0 or array.max() >= n_rows:
        msg = (
            f"{OWNER}: {name} contains row positions from {array.min()} to "
            f"{array.max()}, and X has {n_rows} rows: they must be between 0 and "
            f"{n_rows - 1}."
        )
        raise InputError(msg)
    return array.astype(np.int64)


def _repeated(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions that occur more than once."""
    values, counts = np.unique(rows, return_counts=True)
    return values[counts > 1]


def _shared(
    codes: NDArray[np.int64], train: NDArray[np.int64], test: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the codes that occur in both sets."""
    return np.intersect1d(codes[train], codes[test])


def _named(ids: Ids, codes: NDArray[np.int64]) -> tuple[str, ...]:
    """Return the text of ids; for compounds, their first spelling in the table."""
    return tuple(ids.spellings[code][0] for code in codes)


def _shared_pairs(
    cells: Ids, drugs: Ids, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[tuple[str, str], ...]:
    """Return the (cell, compound) pairs that occur in both sets."""
    keys, codes = pair_codes(cells, drugs)
    cell, drug = np.divmod(keys[_shared(codes, train, test)], drugs.count)
    return tuple(zip(_named(cells, cell), _named(drugs, drug), strict=True))


def _alike(
    cells: Ids, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[tuple[str, str], ...]:
    """Return cells of the two sets that differ only in case or punctuation."""
    plain: dict[str, list[str]] = {}
    for name in _named(cells, np.unique(cells.codes[train])):
        plain.setdefault(plain_spelling(name), []).append(name)
    return tuple(
        (known, tested)
        for tested in _named(cells, np.unique(cells.codes[test]))
        for known in plain.get(plain_spelling(tested), [])
        if known != tested and plain_spelling(tested)
    )


def _shared_tissues(
    X: Any, tissue: str, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[str, ...]:
    """Return the tissues that occur in both sets."""
    ids = read_ids(X, None, column=tissue, what="tissue", owner=OWNER)
    return _named(ids, _shared(ids.codes, train, test))


def _nearest(
    drugs: Ids, train: NDArray[np.int64], test: NDArray[np.int64]
) -> pd.Series:
    """Compute the similarity of each test compound to the nearest training compound."""
    known = _named(drugs, np.unique(drugs.codes[train]))
    tested = _named(drugs, np.unique(drugs.codes[test]))
    return pd.Series(
        nearest_tanimoto(tested, known),
        index=pd.Index(tested, name="smiles"),
        name="nearest_tanimoto",
    )


def _related(
    drugs: Ids, train: NDArray[np.int64], test: NDArray[np.int64]
) -> tuple[tuple[str, str], ...]:
    """Return compounds of the two sets that are tautomers or have a drug in common."""
    known = np.unique(drugs.codes[train])
    named: dict[str, set[str]] = {}
    for name in _named(drugs, known):
        for key in compound_relations(name):
            named.setdefault(key, set()).add(name)
    tested = np.setdiff1d(drugs.codes[test], known)
    return tuple(
        (one, other)
        for other in _named(drugs, tested)
        for one in sorted(
            {one for key in compound_relations(other) for one in named.get(key, ())}
        )
    )


def _merges(drugs: Ids) -> dict[str, tuple[str, ...]]:
    """Return the identities that have several spellings in the table."""
    return {
        str(name): texts
        for name, texts in zip(drugs.names, drugs.spellings, strict=True)
        if len(texts) > 1
    }


def _pretraining_overlap(
    pretraining: Any,
    cells: Ids,
    drugs: Ids,
    test: NDArray[np.int64],
    *,
    cell: str,
    drug: str,
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the compounds and cells of the test set that were used in pretraining."""
    if pretraining is None:
        return None, None
    names = list(getattr(pretraining, "columns", ()))
    drug_column = next((name for name in (drug, "smiles") if name in names), None)
    cell_column = next((name for name in (cell, "cell_line") if name in names), None)
    if drug_column is None and cell_column is None:
        msg = (
            f"{OWNER}: pretraining must be a DataFrame with the column {drug!r}, the "
            f"column {cell!r}, or both; its columns are {names[:5]}."
        )
        raise InputError(msg)
    seen_drugs = seen_cells = None
    if drug_column is not None:
        known = _distinct(pretraining, drug_column, COMPOUND)
        if known.is_smiles != drugs.is_smiles:
            msg = (
                f"{OWNER}: {drugs.source} of X and column {drug_column!r} of "
                "pretraining must both contain SMILES, or both names."
            )
            raise InputError(msg)
        seen_drugs = _seen(drugs, known, test)
    if cell_column is not None:
        seen_cells = _seen(
            cells, _distinct(pretraining, cell_column, "cell line"), test, line_spelling
        )
    return seen_drugs, seen_cells


def _distinct(pretraining: Any, column: str, what: str) -> Ids:
    """Read the distinct ids of a column; rows with a missing id are skipped."""
    values = pd.Series(pd.unique(pd.Series(list(pretraining[column])).dropna()))
    frame = pd.DataFrame({column: values})
    return read_ids(frame, None, column=column, what=what, owner=f"{OWNER} pretraining")


def _seen(
    ids: Ids,
    known: Ids,
    test: NDArray[np.int64],
    spelling: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Return the ids of the test set that are known, by a spelling of both."""
    tested = np.unique(ids.codes[test])
    seen = set(map(spelling, known.names))
    is_known = [spelling(name) in seen for name in ids.names[tested]]
    return _named(ids, tested[np.array(is_known, dtype=bool)])
