"""``sklearn-csg2a predict``: predictions of a saved model."""

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
from sklearn_csg2a.cli._loaded import (
    Loaded,
    add_model,
    choose_compounds,
    has_own_scale,
    read_model,
    with_expression,
)
from sklearn_csg2a.cli._messages import in_words_of_the_command
from sklearn_csg2a.cli._rank import add_page, rank, write_page
from sklearn_csg2a.cli._tables import (
    describe_output,
    load_expression,
    load_treatments,
    rename_columns,
    write_table,
)
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_parser"]

_DESCRIPTION = """\
Predict the response with a saved model: of every sample of --expression to every
compound of --smiles, or of the rows of --treatments. Without --expression, the cell
lines are those that the model has stored; without --smiles, the compounds are those
that it was fitted with. A model with calibrated intervals gives their limits, too."""

_EXAMPLES = """\
  sklearn-csg2a predict model.csg2a --expression patients.csv --smiles drugs.csv \\
      -o out.csv --html page.html
  sklearn-csg2a predict model.csg2a --expression cells.csv --treatments new.csv \\
      -o out.xlsx
  sklearn-csg2a predict gdsc2 --expression patients.h5ad | head"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "predict",
        summary="predict with a saved model",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_model(parser)
    add_expression(parser, "the samples")
    compounds = parser.add_mutually_exclusive_group()
    compounds.add_argument(
        "--smiles",
        metavar="TABLE",
        help="compounds: smiles, drug or name, and dose, time; or lines of a .smi file",
    )
    compounds.add_argument(
        "--treatments",
        metavar="TABLE",
        help="rows to predict: cell_line, smiles, and dose, time",
    )
    add_columns(parser)
    add_output(parser, "the predictions")
    add_page(parser)
    add_general(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Predict and write."""
    inputs = [getattr(arguments, name) for name in ("model", "expression", "smiles")]
    inputs += [arguments.treatments, arguments.reference]
    check_outputs(arguments, [arguments.output, arguments.html], inputs)
    if arguments.treatments is not None and arguments.html is not None:
        arguments.parser.error("--html needs every sample with every drug: --smiles")
    if arguments.reference is not None and arguments.html is None:
        arguments.parser.error("--reference is for the page: add --html FILE")
    loaded = read_model(arguments)
    model, response = loaded.model, loaded.response
    expression = load_expression(arguments, arguments.expression, genes=loaded.genes)
    if arguments.treatments is not None:
        table = _predict_rows(arguments, model, expression, response)
    else:
        compounds = choose_compounds(arguments, loaded)
        table = _predict_grid(model, expression, compounds, response)
    write_table(table, arguments.output)
    report = reporter(arguments)
    report(f"Wrote {len(table):,} predictions to {describe_output(arguments.output)}.")
    if arguments.html is None:
        return
    write_page(arguments, _rank(arguments, loaded, expression, compounds, table))


def _rank(
    arguments: argparse.Namespace,
    loaded: Loaded,
    expression: pd.DataFrame | None,
    compounds: Any,
    table: pd.DataFrame,
) -> pd.DataFrame:
    """Rank drugs, by the response alone where there is nothing to compare with."""
    try:
        return rank(arguments, loaded, expression, compounds)
    except InputError as error:
        if arguments.reference is not None:
            raise
        reason = in_words_of_the_command(error)
        reporter(arguments)(f"The page has no percentiles. {reason}")
    return _order_by_response(table, loaded.response)


def _order_by_response(table: pd.DataFrame, response: str) -> pd.DataFrame:
    """Return predictions as a ranking by the response, without percentiles."""
    if response not in table:
        msg = "--html needs a model of one response, and this one predicts several."
        raise InputError(msg)
    ranks = table.groupby("sample", sort=False)[response].rank(method="min")
    return table.rename(columns={response: "ln_ic50"}).assign(
        percentile=float("nan"),
        rank=ranks.astype("Int64"),
    )


def _predict_grid(
    model: Any,
    expression: pd.DataFrame | None,
    compounds: Any,
    response: str,
) -> pd.DataFrame:
    """Predict every sample with every compound; one row for each."""
    import pandas as pd

    from sklearn_csg2a import rank_drugs
    from sklearn_csg2a.patients import predict_grid

    if expression is not None and len(expression) > 1 and has_own_scale(model):
        ranking = rank_drugs(model, expression, compounds, reference=expression)
        names = ["sample", "drug", "ln_ic50", "lower", "upper"]
        table = ranking[names].rename(columns={"ln_ic50": response})
        return table.dropna(axis="columns", how="all")
    grid = predict_grid(model, expression, compounds)
    if grid.index.nlevels > 1:  # several outputs
        grid.columns = pd.Index(_name_outputs(model, grid.shape[1], response))
        return grid.rename_axis(["sample", "drug"]).reset_index()
    index = pd.MultiIndex.from_product([grid.index, grid.columns])
    table = pd.DataFrame({response: grid.to_numpy().ravel()}, index=index)
    table = table.rename_axis(["sample", "drug"]).reset_index()
    if hasattr(model, "predict_interval"):
        limits = predict_grid(_limits_of(model), expression, compounds)
        table["lower"], table["upper"] = limits.to_numpy().T
    return table


def _limits_of(model: Any) -> Any:
    """Return an estimator that predicts two values, the limits of a model."""
    from sklearn.base import BaseEstimator

    class Limits(BaseEstimator):
        def __init__(self, estimator: Any) -> None:
            self.estimator = estimator

        def predict(self, X: pd.DataFrame) -> Any:
            return self.estimator.predict_interval(X)

    return Limits(model)


def _predict_rows(
    arguments: argparse.Namespace,
    model: Any,
    expression: pd.DataFrame | None,
    response: str,
) -> pd.DataFrame:
    """Predict the rows of a table; its columns come first."""
    import numpy as np
    import pandas as pd

    X = load_treatments(arguments, arguments.treatments)
    contract = rename_columns(arguments, X)
    blocks = list(with_expression(model, contract, expression))
    predicted = pd.DataFrame(
        np.concatenate([np.asarray(model.predict(block)) for block in blocks])
    )
    predicted.columns = pd.Index(_name_outputs(model, predicted.shape[1], response))
    if hasattr(model, "predict_interval"):
        limits = np.concatenate([model.predict_interval(block) for block in blocks])
        predicted["lower"], predicted["upper"] = limits.T
    clashes = [name for name in predicted.columns if name in X.columns]
    predicted = predicted.rename(
        columns={name: f"predicted_{name}" for name in clashes}
    )
    return pd.concat([X, predicted.set_axis(X.index)], axis=1)


def _name_outputs(model: Any, n_outputs: int, response: str) -> list[str]:
    """Return the names of what a model predicts: genes, where it predicts them."""
    if n_outputs == 1:
        return [response]
    genes = list(getattr(model, "genes_", ()))
    if len(genes) == n_outputs:
        return [str(gene) for gene in genes]
    return [f"output_{i}" for i in range(n_outputs)]
