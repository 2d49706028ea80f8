"""``sklearn-csg2a data``: the public data that loaders read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import add_general, new_command, reporter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_parser"]

GENE_SETS = ("hallmark", "pid", "reactome", "wikipathways_2023")
NAMES = ("interactome", "repurposing_hub", "lincs", *GENE_SETS)

_MISSING = 1

_DESCRIPTION = """\
Say which files of public data are in a folder, which are missing, under which terms
they may be used, and how to get them. Leaves with 1 if something is missing."""

_EXAMPLES = """\
  sklearn-csg2a data check ~/data
  sklearn-csg2a data check ~/data --loader gdsc2 --loader interactome
  SKLEARN_CSG2A_DATA=~/data sklearn-csg2a data check"""

_FETCH_DESCRIPTION = """\
Download public data, convert them, and put them where the loaders look for them. The
terms of use are shown first. Downloads are resumed, and checked where checksums are
published. GDSC, NCI-60, TCGA and DrugCell have no download here: docs/data.md of the
package says where their files come from and how to lay them out. "lincs" is 49 GB."""

_FETCH_EXAMPLES = """\
  sklearn-csg2a data fetch interactome ~/data
  sklearn-csg2a data fetch hallmark ~/data
  sklearn-csg2a data fetch repurposing_hub ~/data"""


def add_parser(commands: Any) -> None:
    """Add the command and its own commands."""
    parser = new_command(
        commands,
        "data",
        summary="check a folder of public data, or download to it",
        description="The public data that the loaders of the package read.",
        examples=_EXAMPLES,
    )
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    check = new_command(
        inner,
        "check",
        summary="say what is missing of a data folder, and how to get it",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    check.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="the folder (default: environment variable SKLEARN_CSG2A_DATA)",
    )
    check.add_argument(
        "--loader",
        action="append",
        metavar="NAME",
        dest="loaders",
        help="check the files of this loader alone; may be repeated",
    )
    add_general(check)
    check.set_defaults(run=run_check)
    _add_fetch(inner)


def _add_fetch(inner: Any) -> None:
    """Add the download of public data."""
    fetch = new_command(
        inner,
        "fetch",
        summary="download public data into a data folder",
        description=_FETCH_DESCRIPTION,
        examples=_FETCH_EXAMPLES,
    )
    fetch.add_argument("name", metavar="NAME", choices=NAMES, help=", ".join(NAMES))
    fetch.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="the folder (default: environment variable SKLEARN_CSG2A_DATA)",
    )
    fetch.add_argument(
        "--url", help="address of a mirror that has the files under the same names"
    )
    add_general(fetch)
    fetch.set_defaults(run=run_fetch)


def run_fetch(arguments: argparse.Namespace) -> None:
    """Download."""
    from sklearn_csg2a import datasets

    how = {"data_home": arguments.folder}
    if arguments.url is not None:
        how["url"] = arguments.url
    if arguments.name in GENE_SETS:
        datasets.fetch_gene_sets(arguments.name, **how)
    else:
        fetch = {
            "interactome": datasets.fetch_interactome,
            "repurposing_hub": datasets.fetch_repurposing_hub,
            "lincs": datasets.fetch_lincs,
        }
        fetch[arguments.name](**how)
    where = arguments.folder or "the data folder"
    reporter(arguments)(f"{arguments.name} is in {where}.")


def run_check(arguments: argparse.Namespace) -> int:
    """Check a folder."""
    from sklearn_csg2a.datasets import check_data_home

    files = check_data_home(arguments.folder, loaders=arguments.loaders)
    sys.stdout.writelines(f"{line}\n" for line in _describe(files))
    return _MISSING if files["problem"].notna().any() else 0


def _describe(files: pd.DataFrame) -> Iterator[str]:
    """Yield lines about each loader, what it lacks, and a summary."""
    n_complete = 0
    groups = list(files.groupby("loader", sort=False))
    for loader, rows in groups:
        lacking = rows[rows["problem"].notna()]
        n_complete += lacking.empty
        state = "complete" if lacking.empty else f"{len(lacking)} of {len(rows)} files"
        first = rows.iloc[0]
        yield f"{loader}: {state}{'' if lacking.empty else ' cannot be used'}"
        yield f"  {first['title']}"
        yield f"  terms: {first['terms']}"
        for row in lacking.itertuples():
            yield f"  {row.file}: {row.problem} ({row.content})"
        if len(lacking):
            yield f"  source: {first['source']}"
            yield f"  to get it: {first['how']}"
    yield f"{n_complete} of {len(groups)} loaders have all of their files."
