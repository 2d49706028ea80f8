"""What fit and compare have in common: the tables and parameters of models."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import (
    add_columns,
    add_expression,
    parse_setting,
    reporter,
)
from sklearn_csg2a.cli._models import make_model
from sklearn_csg2a.cli._tables import (
    load_compounds,
    load_expression,
    load_treatments,
    rename_columns,
)
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["add_training", "build_model", "input_files", "read_training"]


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add what fit and compare have in common: tables and parameters of models."""
    parser.add_argument("table", metavar="TABLE", help="the treatments and responses")
    add_expression(parser, "the cell lines of TABLE")
    parser.add_argument(
        "--smiles",
        metavar="TABLE",
        help=(
            "SMILES of the drugs of TABLE, by name, where TABLE has a column drug and "
            "no SMILES: smiles, drug or name; or lines of a .smi file"
        ),
    )
    parser.add_argument(
        "--drop",
        action="store_true",
        help=(
            "leave out rows of TABLE without a response, a valid SMILES or a cell line "
            "with expression, and say how many (default: they are an error)"
        ),
    )
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


def input_files(arguments: argparse.Namespace) -> list[str | None]:
    """Return the files that are read."""
    names = (
        "table",
        "expression",
        "smiles",
        "interactome",
        "gene_sets",
        "pretrained",
        "card",
    )
    return [getattr(arguments, name, None) for name in names]


def read_training(
    arguments: argparse.Namespace,
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame | None]:
    """Return X, y and expression, None where genes are columns of X."""
    X = rename_columns(arguments, load_treatments(arguments, arguments.table))
    response = _find_response(arguments, X)
    cells = set(X["cell_line"].dropna()) if "cell_line" in X else None
    expression = load_expression(arguments, arguments.expression, cells=cells)
    X = _add_smiles(arguments, X)
    if arguments.drop:
        X = _drop_unusable(arguments, X, response, expression)
    return X.drop(columns=response), X[response], expression


def _add_smiles(arguments: argparse.Namespace, X: pd.DataFrame) -> pd.DataFrame:
    """Look the SMILES of drugs up by name, where there is a table of them."""
    from sklearn_csg2a._utils.offenders import list_offenders

    compounds = load_compounds(arguments, arguments.smiles)
    if compounds is None:
        return X
    own = next((name for name in ("drug", "name") if name in compounds), None)
    if own is None or "smiles" not in compounds:
        msg = (
            f"{arguments.smiles} needs the columns smiles, and drug or name; it has "
            f"{_list_columns(compounds)}. Name them by --column."
        )
        raise InputError(msg)
    if "smiles" in X:
        msg = f"{arguments.table} has SMILES of its own: leave out --smiles."
        raise InputError(msg)
    if "drug" not in X:
        msg = (
            f"{arguments.table} has no column 'drug' to look SMILES up by; name it by "
            f"--column drug=<its name>. Columns: {_list_columns(X)}."
        )
        raise InputError(msg)
    named = compounds.dropna(subset=[own, "smiles"]).drop_duplicates(own)
    smiles = X["drug"].map(named.set_index(own)["smiles"])
    unknown = X.loc[smiles.isna(), "drug"].drop_duplicates()
    if len(unknown) and not arguments.drop:
        listed = list_offenders(map(repr, unknown))
        msg = (
            f"{len(unknown)} drugs of {arguments.table} have no SMILES in "
            f"{arguments.smiles}: {listed}. Add them, or leave the rows out by --drop."
        )
        raise InputError(msg)
    return X.assign(smiles=smiles)


def _drop_unusable(
    arguments: argparse.Namespace,
    X: pd.DataFrame,
    response: str,
    expression: pd.DataFrame | None,
) -> pd.DataFrame:
    """Leave out rows that cannot be used, and say why."""
    import numpy as np
    import pandas as pd

    from sklearn_csg2a.chem import smiles_problem

    reasons = {"no response": ~np.isfinite(pd.to_numeric(X[response], errors="coerce"))}
    if "smiles" in X:
        wrong = {smiles for smiles in X["smiles"].unique() if smiles_problem(smiles)}
        reasons["no valid SMILES"] = X["smiles"].isin(wrong)
    if expression is not None and "cell_line" in X:
        reasons["no expression"] = ~X["cell_line"].isin(expression.index)
    left_out = pd.Series(data=False, index=X.index)
    for reason, of_row in reasons.items():
        new = of_row & ~left_out
        left_out |= of_row
        if new.any():
            reporter(arguments)(f"{new.sum():,} rows are left out: {reason}.")
    if left_out.all():
        msg = f"No row of {arguments.table} can be used."
        raise InputError(msg)
    kept = X[~left_out]
    return kept.assign(**{response: pd.to_numeric(kept[response])})


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
    msg = (
        f"{arguments.table} has no column {wanted!r} to predict; name it by "
        f"--response. Columns: {_list_columns(table)}."
    )
    raise InputError(msg)


def _list_columns(table: pd.DataFrame) -> str:
    """List the first columns of a table."""
    listed = ", ".join(map(repr, list(table.columns)[:20]))
    return f"{listed} ..." if len(table.columns) > 20 else listed
