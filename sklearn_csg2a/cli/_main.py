"""The command: parser, exit codes, and errors and warnings as messages."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sklearn_csg2a._version import __version__
from sklearn_csg2a.cli import _compare, _data, _fit, _inspect, _predict, _rank
from sklearn_csg2a.cli._messages import (
    in_words_of_the_command,
    say,
    without_names_of_tables,
)
from sklearn_csg2a.exceptions import Csg2aError

__all__ = ["main"]

PROGRAM = "sklearn-csg2a"
SUCCESS, FAILURE, INTERRUPTED = 0, 1, 130  # wrong usage is 2, by argparse

_DESCRIPTION = """\
Predict how cell lines and tumours respond to compounds, from tables.

Tables are CSV, TSV, workbooks (.xlsx) or h5ad, compressed with gzip or not; GCT and
GCTX as well where expression is read. "-" as an output is the standard output.
Progress and messages go to the standard error."""

_EPILOG = """\
examples:
  sklearn-csg2a fit screen.csv --expression cells.csv --model kernel_ridge -o m.csg2a
  sklearn-csg2a predict m.csg2a --expression patients.csv --smiles drugs.csv -o out.csv
  sklearn-csg2a rank m.csg2a --expression patients.csv --html page.html -o ranking.csv
  sklearn-csg2a compare screen.csv --expression cells.csv --scheme drug
  sklearn-csg2a data check

"sklearn-csg2a COMMAND --help" shows the options and examples of a command.

exit codes: 0 done; 1 a file or value cannot be used, or data check found something
missing; 2 wrong usage; 130 stopped by Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        The arguments after the name of the program. None: those of the process.

    Returns
    -------
    code : int
        0 if all went well, 1 if a file or a value cannot be used, 130 after Ctrl-C.
        Wrong usage exits the process with 2.

    Examples
    --------
    >>> from sklearn_csg2a.cli import main
    >>> main(["inspect", "nowhere.csg2a"])
    1
    """
    arguments = build_parser().parse_args(argv)
    try:
        with _warnings_as_messages():
            code = arguments.run(arguments)
            sys.stdout.flush()
    except KeyboardInterrupt:
        say(f"{PROGRAM}: stopped.")
        return INTERRUPTED
    except BrokenPipeError:  # "| head" has read enough
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 (until the end)
        return FAILURE
    except (Csg2aError, OSError, ValueError) as error:
        if arguments.traceback:
            raise
        say(f"{PROGRAM}: error: {in_words_of_the_command(error)}")
        return FAILURE
    return SUCCESS if code is None else code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {__version__}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in (_fit, _predict, _rank, _compare, _inspect, _data):
        module.add_parser(commands)
    return parser


@contextmanager
def _warnings_as_messages() -> Iterator[None]:
    """Write warnings that are meant for users in one line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.simplefilter("default", RuntimeWarning)
        said: set[str] = set()

        def show(message: Warning | str, *_: Any, **__: Any) -> None:
            text = in_words_of_the_command(message)
            if without_names_of_tables(text) not in said:
                say(f"{PROGRAM}: warning: {text}")
            said.add(without_names_of_tables(text))

        warnings.showwarning = show
        yield
