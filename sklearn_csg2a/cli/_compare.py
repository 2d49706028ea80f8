"""``sklearn-csg2a compare``: models side by side, beside the naive ones."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import (
    add_general,
    add_output,
    check_outputs,
    new_command,
    reporter,
)
from sklearn_csg2a.cli._models import MODELS, model_name
from sklearn_csg2a.cli._tables import describe_output, write_table
from sklearn_csg2a.cli._training import (
    add_training,
    build_model,
    input_files,
    read_training,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_parser"]

SCHEMES = ("mixed", "cell", "drug", "disjoint", "tissue", "cluster")
DEFAULT_SCHEMES = SCHEMES[:4]
DEFAULT_MODELS = ("kernel_ridge", "gaussian_process")

_DESCRIPTION = """\
Judge models by what is new in the rows to predict: pairs (mixed), cell lines, drugs,
both (disjoint), tissues, or clusters of similar drugs. Every model is fitted to the
same folds; the naive models, which know the ids of a row alone, are always beside.
The table has one row per scheme and model: means, standard deviations and intervals
over folds. The options are those of fit."""

_EXAMPLES = """\
  sklearn-csg2a compare screen.csv --expression cells.csv --scheme drug
  sklearn-csg2a compare screen.csv --expression cells.csv --model kernel_ridge \\
      --model csg2a --scheme cell --scheme drug --splits 5 --store results.csv \\
      -o table.csv --html report.html"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "compare",
        summary="judge models on folds that hold out cell lines, drugs or both",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_training(parser)
    parser.add_argument(
        "--model",
        action="append",
        type=model_name,
        choices=list(MODELS),
        metavar="NAME",
        dest="models",
        help=(
            f"one of {', '.join(MODELS)}; may be repeated (default: "
            f"{', '.join(DEFAULT_MODELS)})"
        ),
    )
    parser.add_argument(
        "--scheme",
        action="append",
        choices=SCHEMES,
        metavar="NAME",
        dest="schemes",
        help=(
            f"one of {', '.join(SCHEMES)}; may be repeated (default: "
            f"{', '.join(DEFAULT_SCHEMES)})"
        ),
    )
    parser.add_argument(
        "--splits", type=int, default=10, metavar="N", help="folds (default: 10)"
    )
    parser.add_argument(
        "--first", type=int, metavar="N", help="run the first N folds alone"
    )
    parser.add_argument(
        "--store",
        metavar="CSV",
        help="add finished fits to this file, and do not repeat those that are there",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="fits at the same time (default: 1)"
    )
    add_output(parser, "the table of results")
    parser.add_argument("--tests", metavar="CSV", help="write the paired tests")
    parser.add_argument("--html", metavar="FILE", help="write a report for a browser")
    add_general(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compare and write."""
    outputs = [arguments.output, arguments.tests, arguments.html, arguments.store]
    check_outputs(arguments, outputs, input_files(arguments))
    names = list(dict.fromkeys(arguments.models or DEFAULT_MODELS))
    X, y, expression = read_training(arguments)
    models = _build_models(arguments, names, expression)
    from sklearn_csg2a import compare

    result = compare(
        models,
        X,
        y,
        schemes=arguments.schemes or DEFAULT_SCHEMES,
        n_splits=arguments.splits,
        n_folds=arguments.first,
        seeds=(arguments.seed,),
        store=arguments.store,
        n_jobs=arguments.jobs,
        name=Path(arguments.table).name,
        verbose=0 if arguments.quiet else 1,
    )
    report = reporter(arguments)
    report(str(result))
    write_table(result.table, arguments.output)
    report(f"Wrote the table to {describe_output(arguments.output)}.")
    if arguments.tests is not None:
        write_table(result.tests, arguments.tests)
        report(f"Wrote {arguments.tests}.")
    if arguments.html is not None:
        result.report(arguments.html)
        report(f"Wrote {arguments.html}.")


def _build_models(
    arguments: argparse.Namespace, names: list[str], expression: pd.DataFrame | None
) -> dict[str, Any]:
    """Return the models by name; settings are for those that have the parameter."""
    models = {name: build_model(arguments, name, expression, {}) for name in names}
    for parameter, value in arguments.settings:
        having = [
            model
            for model in models.values()
            if parameter in model.get_params(deep=False)
        ]
        if not having:
            arguments.parser.error(
                f"--set {parameter}: none of {', '.join(names)} has this parameter"
            )
        for model in having:
            model.set_params(**{parameter: value})
    for model in models.values():  # one line of progress for all of them
        if "verbose" in model.get_params(deep=False):
            model.set_params(verbose=0)
    return models
