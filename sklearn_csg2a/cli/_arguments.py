"""Arguments that several commands have, and what is checked before any work."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sklearn_csg2a.cli._messages import say

__all__ = [
    "STANDARD_OUTPUT",
    "add_columns",
    "add_expression",
    "add_general",
    "add_output",
    "check_outputs",
    "new_command",
    "parse_setting",
    "reporter",
]

STANDARD_OUTPUT = "-"
NAMES = ("cell_line", "smiles", "dose", "time", "drug")
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".xlsx")


def new_command(
    commands: Any, name: str, *, summary: str, description: str, examples: str
) -> argparse.ArgumentParser:
    """Add a command with its help."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(parser=parser)
    return parser


def add_general(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    parser.add_argument("-q", "--quiet", action="store_true", help="write no progress")
    parser.add_argument(
        "--traceback",
        action="store_true",
        help="show where in the code an error was raised",
    )


def add_expression(
    parser: argparse.ArgumentParser, whose: str, *, required: bool = False
) -> None:
    """Add the table of expression and what its rows are."""
    parser.add_argument(
        "--expression",
        metavar="TABLE",
        required=required,
        help=f"basal expression of {whose}: a row per sample, a column per gene",
    )
    parser.add_argument(
        "--rows",
        choices=("auto", "samples", "genes"),
        default="auto",
        help="what a row of a table of expression is (default: found out by its ids)",
    )
    parser.add_argument(
        "--gene-names",
        metavar="COLUMN",
        help="the metadata of h5ad, GCT or GCTX that names genes, as pr_gene_symbol",
    )
    parser.add_argument(
        "--duplicates",
        choices=("error", "mean", "drop"),
        default="error",
        help="what to do with genes that occur more than once (default: error)",
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add the names of columns."""
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        type=_parse_column,
        metavar="NAME=COLUMN",
        dest="columns",
        help=(
            "the column of the table that holds cell_line, smiles, dose [uM], time "
            "[h] or drug, where it has another name; may be repeated"
        ),
    )


def add_output(
    parser: argparse.ArgumentParser, what: str, *, required: bool = False
) -> None:
    """Add the file to write a table to."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=required,
        default=STANDARD_OUTPUT,
        type=_parse_table_output,
        help=(
            f"{what}, as CSV, TSV or workbook by its name; compressed with .gz at the "
            "end (default: CSV on the standard output)"
        ),
    )


def parse_setting(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, with a Python literal or else text as value."""
    name, equals, value = text.partition("=")
    if not (equals and name.strip().isidentifier()):
        msg = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(msg)
    try:
        return name.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return name.strip(), value.strip()


def check_outputs(
    arguments: argparse.Namespace,
    outputs: Iterable[str | None],
    inputs: Iterable[str | None],
) -> None:
    """Refuse to write over an input, into a missing folder, or twice to one file."""
    taken = {_resolve(path): path for path in inputs if path is not None}
    for path in outputs:
        if path is None or path == STANDARD_OUTPUT:
            continue
        place = _resolve(path)
        if place in taken:
            arguments.parser.error(
                f"{path} would be overwritten: it is {taken[place]}, another file of "
                "this command; choose another output"
            )
        if Path(path).is_dir():
            arguments.parser.error(f"{path} is a folder; name a file in it")
        if not Path(path).absolute().parent.is_dir():
            arguments.parser.error(
                f"the folder of {path} does not exist; make it first"
            )
        taken[place] = path


def reporter(arguments: argparse.Namespace) -> Any:
    """Return a function that writes progress, unless it is not wanted."""
    return (lambda _: None) if arguments.quiet else say


def _resolve(path: str) -> Path | tuple[int, int]:
    """Return what two names of one file have in common, be it linked."""
    try:
        status = Path(path).stat()
    except OSError:
        return Path(path).absolute()
    return status.st_dev, status.st_ino


def _parse_column(text: str) -> tuple[str, str]:
    """Read NAME=COLUMN."""
    name, equals, column = text.partition("=")
    if not equals or not column or name not in NAMES:
        msg = f"{text!r} is not NAME=COLUMN, with NAME one of {', '.join(NAMES)}"
        raise argparse.ArgumentTypeError(msg)
    return name, column


def _parse_table_output(text: str) -> str:
    """Refuse names of tables that say no kind of file."""
    if text != STANDARD_OUTPUT and not text.casefold().endswith(TABLE_SUFFIXES):
        msg = (
            f"{text!r} does not end in one of {', '.join(TABLE_SUFFIXES)}, and is not "
            f"{STANDARD_OUTPUT!r}, the standard output"
        )
        raise argparse.ArgumentTypeError(msg)
    return text
