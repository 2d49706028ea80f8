"""Genes: columns that cannot be one, and the interactions of those that are.

Flags, row numbers, ids, dates that spreadsheets make of MARCH1, SEPT2 and DEC1, and
quoted symbols are refused; edges or an adjacency become the entries of A_PPI.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a._utils.validation import holds_numbers
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "check_gene_names",
    "is_date",
    "read_interactome",
]

# Most names are like this, and need no closer look than the lists below.
_PLAIN_SYMBOL = re.compile(r"[A-Za-z][A-Za-z0-9]*$")
_UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?$|\.\.\.\d+$")
_NUMBER = re.compile(r"[+-]?\d+([.,]\d*)?([eE][+-]?\d+)?$")
_MISSING = {"", "nan", "NaN", "NaT", "None", "none", "null", "<NA>", "NA", "N/A", "n/a"}
_AROUND = " \t\r\n\"'`\u00a0\u2018\u2019\u201c\u201d"
_SEPARATORS = str.maketrans("", "", "_ .-")
_CONCENTRATION = re.compile(r"(?:^|[^a-z])(?:p|ln|log|log10)?[_ ]?(?:ic|ec|gi|gr|lc)50")
_IDENTIFIER = re.compile(r"(?i:[_ .-]ids?$)|[a-z]I[Dd]s?$")

# Written small and without separators. No symbol of a human gene is among them.
_OF_CELLS = """
    age sex gender race ethnicity height weight bmi stage grade survival status event
    osmonths osdays osstatus pfsmonths tissue cohort lineage tcgatype passage ploidy
    purity tmb msi doublingtime growthrate patient cellline sample replicate batch
    plate well lane cluster group label totalreads librarysize readcount ncount
    nfeature oncotreecode site cosmic entrez
"""
_OF_RESPONSES = """
    response responder target drug compound gdscdrug smiles inchikey dose time conc
    concentration minconc maxconc auc aac rmse zscore viability inhibition lnic50
    logic50 pic50 ic50 ec50 gi50 gr50 nloggi50 einf emax nsc cid pubchem
"""
_OF_TABLES = "index row rowid rownumber number id uid level0"
_METADATA = set(f"{_OF_CELLS} {_OF_RESPONSES} {_OF_TABLES}".split())

_SMALLEST_ID = 1000
_FEWEST_ROWS = 5  # fewer whole numbers follow one another by chance

# As spreadsheets write them, in a few languages, shortened or not.
_MONTHS = """
    jan feb mar apr may jun jul aug sep sept oct nov dec
    january february march april june july august september october november december
    mär mrz mai okt dez
    janv févr mars avr juin juil août déc ene abr ago dic gen giu lug set ott mag
"""
_MONTH = f"(?:{'|'.join(_MONTHS.split())})\\.?"
_YEAR = r"(?:\d{4}|\d{2})"
_CLOCK = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?Z?)?"
_DATES = [
    re.compile(f"{form}{_CLOCK}$", re.IGNORECASE)
    for form in (
        rf"\d{{1,2}}[-./ ] ?{_MONTH}(?:[-./ ]{_YEAR})?",  # 2-Mar, 1. Sep, 1-Dec-24
        rf"{_YEAR}[-./ ]{_MONTH}(?:[-./ ]\d{{1,2}})?",  # 2024-Mar-01
        r"\d{4}[-./]\d{1,2}[-./]\d{1,2}",  # 2024-03-01
        rf"\d{{1,2}}[-./]\d{{1,2}}[-./]{_YEAR}",  # 3/1/2024, 01.03.2024
    )
]
# Mar-02 is a date; sep-1, in small letters, is a gene of the worm.
_MONTH_FIRST = re.compile(rf"{_MONTH}[-./ ]\d{{1,4}}$", re.IGNORECASE)


def check_gene_names(names: Iterable[Any], values: pd.DataFrame, source: str) -> None:
    """Refuse columns that cannot be genes, in one message that names them.

    Row numbers, flags, ids, text, dates that a spreadsheet made of symbols, missing
    and quoted names, spellings that differ in case alone, and what is known to
    describe cells or responses are refused. Numbers as names are fine where most
    columns have them, and flags where most columns are such, as in mutations.

    Parameters
    ----------
    names : iterable of hashable
        Names of the columns that are to be genes, each once.
    values : DataFrame of shape (n_rows, n_columns)
        The table that holds these columns, and maybe others.
    source : str
        What the table is called in messages, such as "expression".

    Raises
    ------
    InputError
        A column is no gene.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_csg2a.treatments._genes import check_gene_names
    >>> table = pd.DataFrame({"TP53": [0.5], "EGFR": [1.5], "IsDefault": [True]})
    >>> try:
    ...     check_gene_names(table.columns, table, "expression")
    ... except ValueError as error:
    ...     print(str(error)[:68])
    1 of 3 columns of expression is no gene: 'IsDefault' (True or False)
    """
    listed = list(names)
    if len(listed) == values.shape[1]:
        at = np.arange(len(listed))
    else:
        at = values.columns.get_indexer(pd.Index(listed, dtype=values.columns.dtype))
    found = dict(_find_by_name(listed))
    for position, problem in _find_by_values(values, at, len(listed)):
        found.setdefault(position, problem)
    if not found:
        return
    order = sorted(found)
    offenders = list_offenders(order, lambda i: f"{listed[i]!r} ({found[i]})")
    verb = "is no gene" if len(order) == 1 else "are no genes"
    raise InputError(
        f"{len(order)} of {len(listed)} columns of {source} {verb}: {offenders}. Each "
        f"must be one gene under its symbol. {_advise(set(found.values()), source)}"
    )


def _find_by_name(names: list[Any]) -> Iterator[tuple[int, str]]:
    """Generate the position and the problem of each name that no gene has."""
    numbers = [i for i, name in enumerate(names) if _is_number(name)]
    if 2 * len(numbers) < len(names):  # else row numbers or Entrez ids name all genes
        yield from ((i, "a number") for i in numbers)
    spelled = Counter(str(name).strip(_AROUND).lower() for name in set(names))
    for i, name in enumerate(names):
        text = str(name)
        if spelled[text.strip(_AROUND).lower()] > 1:
            yield i, "another column has this name but for case, blanks or quotes"
        elif _PLAIN_SYMBOL.match(text) is None:
            problem = _problem_of_odd_name(name)
            if problem is not None:
                yield i, problem
        elif text in _MISSING:
            yield i, "a missing name"
        elif _describes_data(text):
            yield i, "describes cells or responses"


def _is_number(name: Any) -> bool:
    """Tell whether a name is a number, such as a row number, Entrez or COSMIC id."""
    if isinstance(name, str):
        return _NUMBER.match(name.strip()) is not None
    is_real = isinstance(name, (int, float, np.number))
    return is_real and not isinstance(name, bool) and not pd.isna(name)


def _problem_of_odd_name(name: Any) -> str | None:
    """Say what is wrong with a name other than letters and digits, if anything."""
    is_text = isinstance(name, str)
    if (not is_text and pd.api.types.is_scalar(name) and pd.isna(name)) or (
        is_text and name.strip(_AROUND) in _MISSING
    ):
        return "a missing name"
    if is_date(name):
        return "a date"
    if not is_text:
        return None
    if _UNNAMED.match(name):
        return "a column without a name"
    if name != name.strip(_AROUND):
        return "quotes or blanks around the name"
    return "describes cells or responses" if _describes_data(name) else None


def _describes_data(name: str) -> bool:
    """Tell whether a name is one of metadata, responses, doses or ids."""
    if _IDENTIFIER.search(name) is not None:
        return True
    small = name.lower()
    return (
        small.translate(_SEPARATORS) in _METADATA
        or _CONCENTRATION.search(small) is not None
    )


def _find_by_values(
    values: pd.DataFrame, at: np.ndarray, n_names: int
) -> Iterator[tuple[int, str]]:
    """Generate the position and the problem of each column no gene has."""
    dtypes = values.dtypes.to_numpy()[at]
    kinds = np.array([getattr(dtype, "kind", "O") for dtype in dtypes])
    odd = np.flatnonzero(~np.isin(kinds, list("fiuc")))
    flags = []
    for i in odd.tolist():
        column = values.iloc[:, at[i]]
        if _holds_flags(column):
            flags.append(i)
        elif not holds_numbers(column):
            yield i, "no numbers"
    if 2 * len(flags) < n_names:  # else a table of mutations
        yield from ((i, "True or False") for i in flags)
    whole = np.flatnonzero(np.isin(kinds, list("iu")))
    if len(values) < _FEWEST_ROWS or len(whole) == 0:
        return
    numbers = values.iloc[:, at[whole]].to_numpy(dtype=np.float64, na_value=np.nan)
    counts_up = (np.diff(numbers, axis=0) == 1).all(axis=0)
    yield from ((i, "row numbers") for i in whole[counts_up].tolist())
    if 2 * len(whole) >= n_names:  # a table of counts
        return
    for i, column in zip(whole.tolist(), numbers.T, strict=True):
        large = (column >= _SMALLEST_ID).all()
        if large and len(np.unique(column)) == len(column):
            yield i, "large whole numbers, all different, as ids are"


def _holds_flags(column: pd.Series) -> bool:
    """Tell whether a column holds True and False."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return True
    if column.dtype != object:
        return False
    entries = column.dropna()
    return len(entries) > 0 and all(
        isinstance(one, (bool, np.bool_)) for one in entries
    )


def _advise(problems: set[str], source: str) -> str:
    """Say what to do about the problems found."""
    remedies = {
        "a date": (
            "Dates are symbols such as MARCH1 or SEPT2 that a spreadsheet changed: "
            "take the names from the original file, or drop these columns."
        ),
        "quotes or blanks around the name": (
            f"Clean the names with {source}.columns.str.strip(' \\'\"')."
        ),
        "no numbers": (
            f"Where a column holds the ids of the cells, use {source}.set_index(...)."
        ),
    }
    said = [remedy for problem, remedy in remedies.items() if problem in problems]
    others = "the others" if said else "them"
    if problems - set(remedies):
        said.append(
            f"Drop {others} with {source}.drop(columns=[...]); row numbers go with "
            "index_col=0 in read_csv."
        )
    return " ".join(said)


def is_date(name: Any) -> bool:
    """Tell whether the name of a column is a date, as such or as text.

    Symbols such as MARCH1, SEPT2, DEC1 and OCT4 are none.
    """
    if isinstance(name, (dt.date, dt.time, np.datetime64)):
        return True
    if not isinstance(name, str):
        return False
    text = name.strip()
    if text[:1].isupper() and _MONTH_FIRST.match(text):
        return True
    return text[:1].isdigit() and any(form.match(text) for form in _DATES)


def read_interactome(
    interactome: Any, genes: Sequence[str], *, genes_named: bool
) -> sparse.coo_array:
    """Return the symmetric adjacency with ones on the diagonal, (genes, genes).

    `interactome` is a table of edges (`source`, `target`, optional `score`
    between 0 and 1 as the weight), a dense or sparse (genes, genes) adjacency in
    the order of `genes`, a DataFrame adjacency labelled by gene, or None.
    """
    n_genes = len(genes)
    if interactome is None:
        off_diagonal = sparse.coo_array((n_genes, n_genes))
    elif isinstance(interactome, pd.DataFrame) and "source" in interactome.columns:
        off_diagonal = _from_edges(interactome, genes, genes_named=genes_named)
    else:
        off_diagonal = _from_adjacency(interactome, genes)
    off_diagonal = sparse.coo_array(off_diagonal)
    kept = off_diagonal.row != off_diagonal.col
    rows = np.concatenate([off_diagonal.row[kept], np.arange(n_genes)])
    columns = np.concatenate([off_diagonal.col[kept], np.arange(n_genes)])
    values = np.concatenate([off_diagonal.data[kept], np.ones(n_genes)])
    return sparse.coo_array((values, (rows, columns)), shape=(n_genes, n_genes))


def _from_edges(
    edges: pd.DataFrame, genes: Sequence[str], *, genes_named: bool
) -> sparse.coo_array:
    """Build the adjacency from undirected edges between known genes."""
    if "target" not in edges.columns:
        msg = (
            "interactome has a column 'source' but no 'target'; its columns are "
            f"{list(edges.columns)}. Name the two ends of an edge source and target."
        )
        raise InputError(msg)
    if not genes_named:
        msg = (
            "interactome is a table of edges between named genes, but X is a plain "
            "array without gene names. Pass X as a DataFrame, or an adjacency matrix."
        )
        raise InputError(msg)
    position = pd.Series(np.arange(len(genes)), index=list(genes))
    source = position.reindex(edges["source"]).to_numpy()
    target = position.reindex(edges["target"]).to_numpy()
    known = ~(np.isnan(source) | np.isnan(target))
    if not known.any():
        msg = (
            f"None of the {len(edges)} edges of interactome joins two of the "
            f"{len(genes)} genes (a gene of the model: {genes[0]!r}; an edge: "
            f"{edges['source'].iloc[0] if len(edges) else 'none'!r}). "
            "Use the same gene symbols."
        )
        raise GeneMismatchError(msg)
    weight = _edge_weights(edges)[known]
    ends = np.column_stack([source[known], target[known]]).astype(np.int64)
    low, high = ends.min(axis=1), ends.max(axis=1)
    code, first = np.unique(low * len(genes) + high, return_index=True)
    low, high, weight = code // len(genes), code % len(genes), weight[first]
    return sparse.coo_array(
        (
            np.concatenate([weight, weight]),
            (np.concatenate([low, high]), np.concatenate([high, low])),
        ),
        shape=(len(genes), len(genes)),
    )


def _edge_weights(edges: pd.DataFrame) -> np.ndarray:
    """Return the score of each edge, 1 where there is none."""
    if "score" not in edges.columns:
        return np.ones(len(edges))
    scores = pd.to_numeric(edges["score"], errors="coerce").to_numpy(dtype=float)
    bad = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if len(bad):
        msg = (
            f"interactome column 'score', row {bad[0]} (index "
            f"{edges.index[bad[0]]!r}): {edges['score'].iloc[bad[0]]!r} is not between "
            f"0 and 1 ({len(bad)} such rows). Divide STRING's scores by 1000."
        )
        raise InputError(msg)
    return scores


def _from_adjacency(interactome: Any, genes: Sequence[str]) -> sparse.coo_array:
    """Check a (genes, genes) adjacency, dense, sparse or labelled."""
    n_genes = len(genes)
    if isinstance(interactome, pd.DataFrame):
        missing = [g for g in genes if g not in interactome.index]
        missing += [g for g in genes if g not in interactome.columns]
        if missing:
            msg = (
                f"interactome lacks {len(set(missing))} of {n_genes} genes as row or "
                f"column labels (first: {missing[0]!r})."
            )
            raise GeneMismatchError(msg)
        interactome = interactome.loc[list(genes), list(genes)].to_numpy()
    adjacency = sparse.coo_array(interactome, dtype=np.float64)
    if adjacency.shape != (n_genes, n_genes):
        msg = (
            f"interactome has shape {adjacency.shape}, expected ({n_genes}, "
            f"{n_genes}), one row and column per gene in the order of the genes."
        )
        raise InputError(msg)
    if not np.isfinite(adjacency.data).all():
        msg = "interactome holds NaN or infinite values; use 0 where there is no edge."
        raise InputError(msg)
    if abs(adjacency - adjacency.T).max() > 0:
        msg = (
            "interactome is not symmetric; protein interactions have no direction. "
            "Use (A + A.T) / 2 or the maximum of both."
        )
        raise InputError(msg)
    return adjacency
