"""``sklearn-csg2a fit``: fit a model to a table and save it."""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import (
    add_general,
    check_outputs,
    new_command,
    reporter,
)
from sklearn_csg2a.cli._messages import say
from sklearn_csg2a.cli._models import MODELS, model_name
from sklearn_csg2a.cli._training import (
    add_training,
    build_model,
    input_files,
    read_training,
)
from sklearn_csg2a.exceptions import InterruptedFitWarning

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_parser"]

SCHEMES = ("mixed", "cell", "drug", "disjoint")
_INTERRUPTED = 130

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
        choices=MODELS,
        metavar="NAME",
        help=f"one of {', '.join(MODELS)} (default: csg2a)",
    )
    parser.add_argument(
        "--novelty",
        choices=("pair", "cell", "compound", "both"),
        help=(
            "what is new at prediction, for csg2a: chooses the settings that measured "
            "best for it (default: those of the model)"
        ),
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


def run(arguments: argparse.Namespace) -> int | None:
    """Fit and save."""
    check_outputs(arguments, [arguments.output], input_files(arguments))
    if not 0 < arguments.coverage < 1:
        arguments.parser.error("--coverage must be between 0 and 1")
    card = _read_card(arguments)
    X, y, expression = read_training(arguments)
    compounds = _name_compounds(X)
    if compounds:
        card = {"compounds": compounds} | card
    settings = dict(arguments.settings)
    if arguments.novelty is not None:
        settings["novelty"] = arguments.novelty
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


def _name_compounds(X: pd.DataFrame) -> dict[str, str]:
    """Return the SMILES of the drugs by name, where there are names."""
    if "drug" not in X or "smiles" not in X:
        return {}
    named = X[["drug", "smiles"]].dropna().drop_duplicates("drug")
    return dict(zip(named["drug"], named["smiles"], strict=True))


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
