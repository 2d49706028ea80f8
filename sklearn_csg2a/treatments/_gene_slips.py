"""What went wrong where genes do not match: case, quotes, ids, a transposed table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.treatments._columns import refuse_levels
from sklearn_csg2a.treatments._genes import check_gene_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "check_expression_table",
    "check_outputs",
    "describe_slip",
    "find_genes_in_index",
    "refuse_transposed",
]

_AROUND = " \t\"'`\u2018\u2019\u201c\u201d"
_ENSEMBL = re.compile(r"ENS[A-Z]*[GT]\d{6,}")
_SYMBOL_AND_ID = re.compile(r"(.+?) \((?:\d+|ENS\w+(?:\.\d+)?)\)$")
_DIGITS = re.compile(r"\d+(?:\.0)?$")
_UNNAMED = re.compile(r"x\d+$")  # columns of an array
# Some are in every table of expression, be it of a thousand genes or of a panel.
_WELL_KNOWN = """
    ABL1 ACTB AKT1 ALK AR ATM AURKA BAX BCL2 BRAF BRCA1 BRCA2 CASP3 CCNB1 CCND1 CD4
    CD44 CD8A CDH1 CDK1 CDK2 CDK4 CDKN1A CDKN2A CTNNB1 EGFR ERBB2 ESR1 FGFR1 FOS
    GAPDH HIF1A HRAS IL6 JAK2 JUN KIT KRAS MAPK1 MDM2 MET MKI67 MTOR MYC NFKB1
    NOTCH1 NRAS PCNA PDGFRA PIK3CA PTEN RB1 SMAD4 SRC STAT3 TNF TOP2A TP53 TUBB
    VEGFA VIM
"""

_MATCHED_BY: list[tuple[Callable[[str], str], str]] = [
    (
        lambda name: name.strip(_AROUND),
        (
            "the names differ by quotes or blanks alone: use "
            "{source}.columns.str.strip(' \\'\"')"
        ),
    ),
    (
        lambda name: name.strip(_AROUND).upper(),
        (
            "the names differ in upper and lower case alone: use "
            "{source}.columns.str.upper(), or the names used in fit"
        ),
    ),
    (
        lambda name: name.split(".")[0],
        (
            "the names differ by the version after the dot alone: use "
            "{source}.columns.str.split('.').str[0], or the names used in fit"
        ),
    ),
    (
        lambda name: _SYMBOL_AND_ID.sub(r"\1", name),
        (
            "one side has names such as 'TP53 (7157)', as files of DepMap have: read "
            "them with sklearn_csg2a.datasets.read_depmap_expression, or use "
            "{source}.columns.str.split(' ').str[0]"
        ),
    ),
]


def describe_slip(
    available: Iterable[Any],
    genes: Iterable[str],
    source: str,
    index: pd.Index | None = None,
) -> str:
    """Say why most genes are not among the names that are there; "" if unknown."""
    wanted = {str(gene) for gene in genes}
    names = [str(name) for name in available]
    enough = max(len(wanted) / 2, 1)
    if index is not None and len(wanted & {str(one) for one in index}) >= enough:
        return (
            f"the genes are in the index of {source}: is it transposed? Use {source}.T"
        )
    for change, said in _MATCHED_BY:
        changed = {change(name) for name in names}
        if len({change(gene) for gene in wanted} & changed) >= enough:
            return said.format(source=source)
    if all(_UNNAMED.match(gene) for gene in wanted):
        return "the model was fitted on an array, without names: fit it on a DataFrame"
    theirs, ours = _kind_of(names), _kind_of(wanted)
    if theirs == ours or not (theirs or ours):
        return ""
    return (
        f"{source} names genes by {theirs or 'symbols'}, the model by "
        f"{ours or 'symbols'}: map them to the names used in fit"
    )


def _kind_of(names: Iterable[str]) -> str:
    """Name the ids that at least half of the names are, "" for symbols."""
    listed = list(names)
    for form, kind in ((_ENSEMBL, "Ensembl ids"), (_DIGITS, "numbers (Entrez ids?)")):
        matching = sum(form.match(name) is not None for name in listed)
        if matching > 0 and 2 * matching >= len(listed):
            return kind
    return ""


def refuse_transposed(ids: Iterable[Any], expression: pd.DataFrame) -> None:
    """Raise InputError where cell ids of X are the columns of expression."""
    wanted = {str(one) for one in ids}
    found = wanted & {str(name) for name in expression.columns}
    if found and 2 * len(found) >= len(wanted):
        raise InputError(
            f"{len(found)} of {len(wanted)} cell lines of X are columns of expression "
            f"(such as {min(found)!r}), none is in its index: is it transposed? "
            "Expected one row per cell and one column per gene; pass expression.T."
        )


def check_expression_table(
    expression: pd.DataFrame, source: str, genes: Sequence[str] | None = None
) -> None:
    """Refuse a table that is transposed, or whose columns are no genes.

    With the `genes` that a fit has seen, other names are refused where the slip is
    known; without them every kind of name will do, and only the index can tell that
    the table is transposed.

    Parameters
    ----------
    expression : DataFrame of shape (n_cells, n_genes)
        Expression alone, without columns of other kinds.
    source : str
        What the table is called in messages, such as "X".
    genes : sequence of str, default=None
        Genes of fit.

    Raises
    ------
    InputError
        The genes are in the index, or a column is no gene.
    GeneMismatchError
        Fewer than half of `genes` are there, and it is clear why.
    """
    refuse_levels(expression.columns, f"columns of {source}", "columns")
    if genes is None:
        _refuse_genes_in_index(expression, source)
    else:
        _refuse_other_names(expression, genes, source, "the genes of fit are")
    check_gene_names(expression.columns, expression, source)


def check_outputs(Y: pd.DataFrame, genes: Sequence[str]) -> None:
    """Refuse outputs that are meant as the genes of X and are named otherwise.

    Outputs that are no genes, such as scores of pathways, pass.

    Parameters
    ----------
    Y : DataFrame of shape (n_treatments, n_outputs)
        The response.
    genes : sequence of str
        Genes of X.

    Raises
    ------
    InputError
        Among genes is a column that is none, or the genes are in another order.
    GeneMismatchError
        The outputs are genes under other names, or Y is transposed.
    """
    refuse_levels(Y.columns, "columns of Y", "columns")
    names = [str(name) for name in Y.columns]
    counted = names == [str(i) for i in range(len(names))]
    unnamed = counted and not {str(label) for label in Y.index} & set(genes)
    if len(names) < 2 or unnamed or not genes:
        return
    if names != list(genes) and set(names) == set(genes):
        raise InputError(
            "Y has the genes of X in another order. Its columns are compared with "
            "basal expression, gene by gene: give both in one order, as "
            "Y[expression.columns] does."
        )
    _refuse_other_names(Y, genes, "Y", "the genes of X are")
    n_found = len(set(names) & set(genes))
    if 2 * n_found >= min(len(names), len(genes)):
        check_gene_names(Y.columns, Y, "Y")


def _refuse_other_names(
    table: pd.DataFrame, genes: Sequence[str], source: str, wanted: str
) -> None:
    """Raise GeneMismatchError where few genes match and it is clear why."""
    available = [str(name) for name in table.columns]
    n_found = len(set(available) & set(genes))
    if 2 * n_found >= min(len(available), len(genes)):
        return
    slip = describe_slip(available, genes, source, table.index)
    if slip:
        raise GeneMismatchError(
            f"{n_found} of {len(genes)} genes match; {slip} ({wanted} "
            f"{quote_names(genes, 3)}; {source} has {quote_names(available, 3)})."
        )


def find_genes_in_index(expression: pd.DataFrame) -> Any | None:
    """Return a gene of the index, where genes name the rows and not the columns."""
    rows, columns = (
        [_SYMBOL_AND_ID.sub(r"\1", str(name)).strip(_AROUND).upper() for name in names]
        for names in (expression.index, expression.columns)
    )
    known = set(_WELL_KNOWN.split())
    in_rows = known.intersection(rows)
    are_ids = [_kind_of(names) == "Ensembl ids" for names in (rows, columns)] == [1, 0]
    if are_ids:
        return expression.index[0]
    are_symbols = len(in_rows) > 1 and not known.intersection(columns)
    return min(in_rows) if are_symbols else None


def _refuse_genes_in_index(expression: pd.DataFrame, source: str) -> None:
    """Raise InputError where genes name the rows and not the columns."""
    first = find_genes_in_index(expression)
    if first is not None:
        raise InputError(
            f"The index of {source} holds genes (such as {first!r}), and its columns "
            f"do not (such as {expression.columns[0]!r}): is it transposed? Expected "
            f"one row per cell and one column per gene; pass {source}.T."
        )
