"""``sklearn-csg2a rank``: drugs to which samples are unusually sensitive."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import (
    add_columns,
    add_expression,
    add_general,
    add_output,
    check_outputs,
    new_command,
    reporter,
)
from sklearn_csg2a.cli._loaded import Loaded, add_model, choose_compounds, read_model
from sklearn_csg2a.cli._tables import (
    describe_output,
    load_expression,
    write_table,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_page", "add_parser", "rank", "write_page"]

_DESCRIPTION = """\
Rank drugs by how unusual the predicted sensitivity of a sample is: each prediction is
compared with those of the same drug for reference cell lines, which are those stored
in the model, or of --reference. Predictions are not measurements: for research, not
for clinical use."""

_EXAMPLES = """\
  sklearn-csg2a rank model.csg2a --expression patients.csv -o ranking.csv
  sklearn-csg2a rank model.csg2a --expression patients.csv --smiles drugs.csv \\
      --reference cells.csv --html page.html -o ranking.xlsx
  sklearn-csg2a rank gdsc2 --expression patients.h5ad --top 5"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "rank",
        summary="rank drugs for samples",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_model(parser)
    add_expression(parser, "the samples", required=True)
    parser.add_argument(
        "--smiles",
        metavar="TABLE",
        help=(
            "compounds: smiles, drug or name, and dose, time; or lines of a .smi file "
            "(default: those that the model was fitted with)"
        ),
    )
    add_columns(parser)
    add_output(parser, "the ranking")
    add_page(parser)
    parser.add_argument(
        "--top",
        type=int,
        metavar="N",
        help="write the first N drugs of each sample alone",
    )
    add_general(parser)
    parser.set_defaults(run=run)


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the page of ranked drugs, and what samples are compared with."""
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="a page of the ranked drugs of each sample, to read in a browser",
    )
    parser.add_argument(
        "--reference",
        metavar="TABLE",
        help=(
            "expression of cell lines to compare samples with (default: those stored "
            "in the model)"
        ),
    )


def run(arguments: argparse.Namespace) -> None:
    """Rank and write."""
    names = ("model", "expression", "smiles", "reference")
    inputs = [getattr(arguments, name) for name in names]
    check_outputs(arguments, [arguments.output, arguments.html], inputs)
    if arguments.top is not None and arguments.top < 1:
        arguments.parser.error("--top must be at least 1")
    loaded = read_model(arguments)
    samples = load_expression(arguments, arguments.expression, genes=loaded.genes)
    compounds = choose_compounds(arguments, loaded)
    ranking = rank(arguments, loaded, samples, compounds)
    written = ranking
    if arguments.top is not None:
        written = ranking[ranking["rank"].le(arguments.top).fillna(value=False)]
    write_table(written, arguments.output)
    reporter(arguments)(
        f"Wrote {len(written):,} rows to {describe_output(arguments.output)}."
    )
    if arguments.html is not None:
        write_page(arguments, ranking)


def rank(
    arguments: argparse.Namespace,
    loaded: Loaded,
    samples: pd.DataFrame | None,
    compounds: Any,
) -> pd.DataFrame:
    """Rank the drugs of each sample."""
    from sklearn_csg2a import rank_drugs

    reference = load_expression(arguments, arguments.reference, genes=loaded.genes)
    return rank_drugs(loaded.model, samples, compounds, reference=reference)


def write_page(arguments: argparse.Namespace, ranking: pd.DataFrame) -> None:
    """Write the page of a ranking."""
    from sklearn_csg2a.patients import write_ranking

    write_ranking(ranking, arguments.html)
    reporter(arguments)(f"Wrote {arguments.html}.")
