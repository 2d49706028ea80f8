"""Ranked drugs as one page to read in a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.offenders import quote_names
from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.exceptions import InputError

__all__ = ["write_ranking"]

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_COLUMNS = ("sample", "drug", "ln_ic50", "percentile", "rank")
_OPTIONAL = ("lower", "upper", "in_domain")
_MOST_BYTES = 2_000_000
_MISSING = "\N{EN DASH}"


@dataclass
class _Row:
    """A drug of a sample, as text, and places of marks in percent of the width."""

    rank: str
    drug: str
    percentile: str
    place: float | None
    ln_ic50: str
    limits: str
    in_domain: bool | None
    start: float | None = None
    length: float | None = None
    middle: float | None = None


@dataclass
class _Sample:
    """A section of the page."""

    name: str
    caption: str
    axis: list[str]  # its ends
    top: list[_Row]
    rest: list[_Row]
    rest_title: str


@dataclass
class _Page:
    """The content of the page."""

    title: str
    has_percentile: bool
    has_limits: bool
    has_domain: bool
    samples: list[_Sample]
    notes: list[str] = field(default_factory=list)


def write_ranking(
    ranking: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    title: str = "Ranked drugs",
    n_top: int = 10,
) -> None:
    """Write a ranking of drugs as one HTML page, which says "not for clinical use".

    The page needs no other file and no network. Each sample has a section with its
    first drugs, their percentiles, predictions and intervals; the others are folded.

    Parameters
    ----------
    ranking : DataFrame
        As :func:`rank_drugs` returns it, or some of its rows. Without any percentile,
        the page says that drugs are in the order of ln IC50.
    path : path-like
        The file to write. It is replaced only when the new one is complete.
    title : str, default="Ranked drugs"
        Heading of the page.
    n_top : int, default=10
        Number of drugs of a sample that are shown at once.

    Raises
    ------
    InputError
        If a column is missing, the table is empty, or there are so many samples that
        the page would be larger than 2 MB even without the folded drugs.
    MissingDependencyError
        If jinja2 is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_csg2a import rank_drugs
    >>> from sklearn_csg2a.baselines import PairwiseKernelRidge
    >>> from sklearn_csg2a.datasets import make_screen
    >>> from sklearn_csg2a.patients import write_ranking
    >>> screen = make_screen(n_cells=10, n_compounds=8, random_state=0)
    >>> model = PairwiseKernelRidge(expression=screen.expression)
    >>> ranking = rank_drugs(model.fit(screen.X, screen.y), ["CELL001"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_ranking(ranking, Path(folder) / "ranking.html")
    ...     "Not for clinical use" in (Path(folder) / "ranking.html").read_text("utf-8")
    True
    """
    _check(ranking, n_top)
    jinja2 = import_optional("jinja2", extra="report", purpose="The page")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("ranking.html")
    for page in _shorter_and_shorter(ranking, title, n_top):
        content = template.render(page=page).encode("utf-8")
        if len(content) <= _MOST_BYTES:
            break
    else:
        raise InputError(
            f"ranking has {ranking['sample'].nunique()} samples, too many for a page "
            f"of {_MOST_BYTES / 1e6:g} MB with {n_top} drugs each. Write some of the "
            "samples to each of several pages, or lower n_top."
        )
    with replacing(Path(path)) as part:
        part.write_bytes(content)


def _check(ranking: Any, n_top: int) -> None:
    """Refuse what is not a ranking."""
    if not isinstance(ranking, pd.DataFrame):
        raise InputError(
            f"ranking is a {type(ranking).__name__}; expected the table that "
            "rank_drugs returns."
        )
    missing = [name for name in _COLUMNS if name not in ranking.columns]
    if missing:
        raise InputError(
            f"ranking has no column {quote_names(missing)}; expected the table that "
            f"rank_drugs returns. Columns present: {quote_names(ranking.columns)}."
        )
    if ranking.empty:
        raise InputError("ranking is empty; expected at least one drug of a sample.")
    if n_top < 1:
        raise InputError(f"n_top={n_top}; expected 1 or more.")


def _shorter_and_shorter(
    ranking: pd.DataFrame, title: str, n_top: int
) -> Iterator[_Page]:
    """Yield the page with all drugs, and with fewer and fewer of the folded ones."""
    table = ranking.copy()
    for name in _OPTIONAL:
        if name not in table.columns:
            table[name] = np.nan
    most = int(table.groupby("sample", sort=False).size().max())
    n_shown = most
    while n_shown > n_top:
        yield _make_page(table, title, n_top, n_shown)
        n_shown //= 2
    yield _make_page(table, title, n_top, n_top)


def _make_page(table: pd.DataFrame, title: str, n_top: int, n_shown: int) -> _Page:
    """Make the page with at most `n_shown` drugs of each sample."""
    samples = [
        _make_sample(str(name), rows, n_top, n_shown)
        for name, rows in table.groupby("sample", sort=False)
    ]
    return _Page(
        title,
        has_percentile=bool(table["percentile"].notna().any()),
        has_limits=bool(table[["lower", "upper"]].notna().any(axis=None)),
        has_domain=bool(table["in_domain"].notna().any()),
        samples=samples,
        notes=list(_note(table)),
    )


def _note(table: pd.DataFrame) -> Iterator[str]:
    """Say what the table does not hold."""
    if table[["lower", "upper"]].isna().all(axis=None):
        yield "No prediction intervals were given, so nothing says how sure these are."
    if table["in_domain"].isna().all():
        yield (
            "It was not checked whether the samples and drugs are like those that the "
            "model has learned from."
        )


def _make_sample(name: str, rows: pd.DataFrame, n_top: int, n_shown: int) -> _Sample:
    """Make the section of a sample."""
    ordered = rows.sort_values("rank", kind="stable", na_position="last")
    made = [_make_row(row) for row in ordered.head(n_shown).itertuples(index=False)]
    top, rest = made[:n_top], made[n_top:]
    axis = _place_limits(top, ordered.head(n_top))
    n_left = len(ordered) - len(made)
    cut = f"; {n_left} more are left out of this page" if n_left else ""
    return _Sample(
        name,
        caption=f"The first {len(top)} of {len(ordered)} drugs{'' if rest else cut}",
        axis=axis,
        top=top,
        rest=rest,
        rest_title=f"{len(rest)} other drugs{cut}",
    )


def _make_row(row: Any) -> _Row:
    """Write the values of a drug as text."""
    unknown = pd.isna(row.percentile)
    limits = _MISSING
    if not (pd.isna(row.lower) or pd.isna(row.upper)):
        limits = f"{_write(row.lower)} to {_write(row.upper)}"
    return _Row(
        rank=_MISSING if pd.isna(row.rank) else f"{row.rank}",
        drug=str(row.drug),
        percentile=_MISSING if unknown else f"{row.percentile:.1f}",
        place=None if unknown else round(float(row.percentile), 1),
        ln_ic50=_write(row.ln_ic50),
        limits=limits,
        in_domain=None if pd.isna(row.in_domain) else bool(row.in_domain),
    )


def _write(value: float) -> str:
    """Write a number with a minus sign."""
    if pd.isna(value):
        return _MISSING
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _place_limits(top: list[_Row], rows: pd.DataFrame) -> list[str]:
    """Place the intervals on one axis; return its ends as texts."""
    values = rows[["ln_ic50", "lower", "upper"]].to_numpy(dtype=np.float64)
    known = np.isfinite(values).all(axis=1)
    if not known.any():
        return []
    first, last = values[known].min(), values[known].max()
    scale = 100 / ((last - first) or 1.0)
    for row, (middle, lower, upper), has_limits in zip(top, values, known, strict=True):
        if has_limits:
            row.start = round((lower - first) * scale, 1)
            row.length = round((upper - lower) * scale, 1)
            row.middle = round((middle - first) * scale, 1)
    return [_write(first), _write(last)]
