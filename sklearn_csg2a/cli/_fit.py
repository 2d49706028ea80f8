"""``sklearn-csg2a fit``: fit a model to a table and save it."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import (
    add_columns,
    add_expression,
    add_general,
    check_outputs,
    new_command,
    parse_setting,
    reporter,
)
from sklearn_csg2a.cli._messages import say
from sklearn_csg2a.cli._models import MODELS, make_model, model_name
from sklearn_csg2a.cli._tables import (
    load_expression,
    load_treatments,
    rename_columns,
)
from sklearn_csg2a.exceptions import InputError, InterruptedFitWarning

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "add_parser",
    "add_training",
    "build_model",
    "input_files",
    "read_training",
]

SCHEMES = ("mixed", "cell", "drug", "disjoint")
_INTERRUPTED = 130
_CANNOT_BE_SAVED = ("random_forest", "gradient_boosting")

_DESCRIPTION = """\
Fit a model of drug response to TABLE and save it. TABLE has one row per treatment:
cell_line, smiles, the response, and dose [uM] and time [h] where they differ; other
columns are ignored. Basal expression is looked up by cell_line in the table of
--expression, or stands in TABLE, one column per gene, where there is none.

Ctrl-C ends the fit: the model of the epochs so far is saved."""

_EXAMPLES = """\
  sklearn-csg2a fit screen.csv --expression cells.csv -o model.csg2a
  sklearn-csg2a fit screen.xlsx --expression cells.csv --response LN_IC50 \\
      --column cell_line=DepMap_ID --column smiles=SMILES --model kernel_ridge \\
      -o model.csg2a
  sklearn-csg2a fit screen.csv --expression cells.h5ad --set max_epochs=30 \\
      --set n_members=5 --interval drug -o model.csg2a"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "fit",
        summary="fit a model to a table and save it",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_training(parser)
    parser.add_argument(
        "--model",
        default="csg2a",
        type=model_name,
        choices=[name for name in MODELS if name not in _CANNOT_BE_SAVED],
        metavar="NAME",
        help=f"one of {', '.join(MODELS)} (default: csg2a)",
    )
    parser.add_argument(
        "-o", "--output", metavar="MODEL", required=True, help="the file to write"
    )
    parser.add_argument(
        "--interval",
        choices=SCHEMES,
        help=(
            "calibrate prediction intervals for what is new: pairs, cell lines, drugs "
            "or both; five more fits"
        ),
    )
    parser.add_argument(
        "--coverage",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="share of new rows that intervals contain (default: 0.9)",
    )
    parser.add_argument(
        "--include-expression",
        action="store_true",
        help="store the table of expression: rank compares samples with its cell lines",
    )
    parser.add_argument(
        "--card",
        metavar="FILE",
        help="JSON or text about data, terms and errors, stored with the model",
    )
    add_general(parser)
    parser.set_defaults(run=run)


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add what fit and compare have in common: tables and parameters of models."""
    parser.add_argument("table", metavar="TABLE", help="the treatments and responses")
    add_expression(parser, "the cell lines of TABLE")
    parser.add_argument(
        "--response",
        default="ln_ic50",
        metavar="COLUMN",
        help="the column of TABLE to predict, ln IC50 in ln uM (default: ln_ic50)",
    )
    add_columns(parser)
    parser.add_argument(
        "--interactome",
        metavar="TABLE",
        help="protein interactions, for csg2a and drpreter: source, target",
    )
    parser.add_argument(
        "--gene-sets", metavar="GMT", help="gene sets, for pathdnn and precily"
    )
    parser.add_argument(
        "--pretrained",
        metavar="MODEL",
        help="a saved perturbation model for csg2a to start from",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers (default: 0)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=parse_setting,
        metavar="NAME=VALUE",
        dest="settings",
        help="a parameter of the model, as in the documentation; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int | None:
    """Fit and save."""
    check_outputs(arguments, [arguments.output], input_files(arguments))
    if not 0 < arguments.coverage < 1:
        arguments.parser.error("--coverage must be between 0 and 1")
    card = _read_card(arguments)
    X, y, expression = read_training(arguments)
    settings = dict(arguments.settings)
    model = build_model(arguments, arguments.model, expression, settings)
    if arguments.interval is not None:
        model = _with_intervals(arguments, model)
    report = reporter(arguments)
    report(f"Fitting {arguments.model} to {len(X):,} rows ...")
    _fit(model, X, y)
    from sklearn_csg2a import save_model

    save_model(
        model,
        arguments.output,
        include_expression=arguments.include_expression,
        card=card,
    )
    if getattr(model, "interrupted_", False):
        say(f"Stopped; {arguments.output} holds the model as it was then.")
        return _INTERRUPTED
    report(
        f"Wrote {arguments.output}. Next: sklearn-csg2a predict {arguments.output} "
        "--expression patients.csv --smiles drugs.csv -o predictions.csv"
    )
    return None


def input_files(arguments: argparse.Namespace) -> list[str | None]:
    """Return the files that are read."""
    names = ("table", "expression", "interactome", "gene_sets", "pretrained", "card")
    return [getattr(arguments, name, None) for name in names]


def read_training(
    arguments: argparse.Namespace,
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame | None]:
    """Return X, y and expression, None where genes are columns of X."""
    X = rename_columns(arguments, load_treatments(arguments, arguments.table))
    response = _find_response(arguments, X)
    cells = set(X["cell_line"].dropna()) if "cell_line" in X else None
    expression = load_expression(arguments, arguments.expression, cells=cells)
    return X.drop(columns=response), X[response], expression


def build_model(
    arguments: argparse.Namespace,
    name: str,
    expression: pd.DataFrame | None,
    settings: dict[str, Any],
) -> Any:
    """Return an unfitted model with the tables and settings of the command."""
    from sklearn_csg2a.datasets import read_gmt, read_table

    given: dict[str, Any] = {
        "expression": expression,
        "pretrained": arguments.pretrained,
        "random_state": arguments.seed,
        "verbose": 0 if arguments.quiet else 1,
    }
    if arguments.interactome is not None:
        given["interactome"] = read_table(
            arguments.interactome, text=("source", "target")
        )
    if arguments.gene_sets is not None:
        given["gene_sets"] = read_gmt(arguments.gene_sets)
    return make_model(name, settings, given)


def _find_response(arguments: argparse.Namespace, table: pd.DataFrame) -> str:
    """Return the column of the response, in any case and punctuation."""
    wanted = arguments.response
    if wanted in table.columns:
        return str(wanted)
    plain = "".join(filter(str.isalnum, wanted)).casefold()
    near = [
        name
        for name in map(str, table.columns)
        if "".join(filter(str.isalnum, name)).casefold() == plain
    ]
    if len(near) == 1:
        reporter(arguments)(f"The response is column {near[0]!r}.")
        return near[0]
    listed = ", ".join(map(repr, list(table.columns)[:20]))
    msg = (
        f"{arguments.table} has no column {wanted!r} to predict; name it by "
        f"--response. Columns: {listed}{' ...' if len(table.columns) > 20 else ''}."
    )
    raise InputError(msg)


def _with_intervals(arguments: argparse.Namespace, model: Any) -> Any:
    """Return a model with intervals that are calibrated on what a scheme holds out."""
    from sklearn_csg2a import model_selection
    from sklearn_csg2a.uncertainty import ConformalRegressor

    kinds: dict[str, Callable[..., Any]] = {
        "mixed": model_selection.MixedKFold,
        "cell": model_selection.CellBlindKFold,
        "drug": model_selection.DrugBlindKFold,
        "disjoint": model_selection.DisjointKFold,
    }
    cv = kinds[arguments.interval](n_splits=5)
    return ConformalRegressor(model, cv=cv, coverage=arguments.coverage)


def _fit(model: Any, X: pd.DataFrame, y: pd.Series) -> None:
    """Fit; a model with intervals is of no use if one of its fits was stopped."""
    with warnings.catch_warnings():
        if hasattr(model, "predict_interval"):
            warnings.simplefilter("error", InterruptedFitWarning)
        try:
            model.fit(X, y)
        except InterruptedFitWarning as error:
            raise KeyboardInterrupt from error


def _read_card(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what is stored about the model: the response, and the user's words."""
    card: dict[str, Any] = {"response": arguments.response}
    if arguments.card is None:
        return card
    text = Path(arguments.card).read_text("utf-8")
    try:
        content = json.loads(text)
    except ValueError:
        content = text
    more = content if isinstance(content, dict) else {"description": content}
    return card | more
