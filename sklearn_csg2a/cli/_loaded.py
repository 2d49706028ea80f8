"""A saved model, with the tables that are given beside it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import reporter
from sklearn_csg2a.cli._tables import load_compounds
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Loaded",
    "add_model",
    "choose_compounds",
    "has_own_scale",
    "read_model",
    "with_expression",
]

_VALUES_AT_ONCE = 2**24  # numbers of the rows that a model is given: 128 MB


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model and what a command may change of it."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="a file that fit or save_model wrote, or the name of a shipped model",
    )
    parser.add_argument(
        "--missing-genes",
        choices=("error", "zero"),
        help="what to do if some genes of the model are missing (default: as fitted)",
    )


@dataclass(frozen=True)
class Loaded:
    """A model, its genes, named compounds, and the name of what it predicts."""

    model: Any
    genes: tuple[str, ...] | None
    response: str
    compounds: dict[str, str] | None


def read_model(arguments: argparse.Namespace) -> Loaded:
    """Load the model and set what the command says about it."""
    from sklearn_csg2a import inspect_model, load_model

    reporter(arguments)(f"Loading {arguments.model} ...")
    model = load_model(arguments.model)
    if not hasattr(model, "predict"):
        msg = f"{arguments.model} is a {type(model).__name__}, which does not predict."
        raise InputError(msg)
    if arguments.missing_genes is not None:
        _set_everywhere(model, "missing_genes", arguments.missing_genes)
    content = inspect_model(arguments.model)
    card = content.card if isinstance(content.card, dict) else {}
    named, compounds = card.get("response"), card.get("compounds")
    return Loaded(
        model,
        content.genes,
        named if isinstance(named, str) and named else "ln_ic50",
        compounds if compounds and _is_of_text(compounds) else None,
    )


def choose_compounds(
    arguments: argparse.Namespace, loaded: Loaded
) -> pd.DataFrame | dict[str, str] | None:
    """Return the compounds of the command, else those that the model's file names."""
    given = load_compounds(arguments, arguments.smiles)
    return loaded.compounds if given is None else given


def _is_of_text(card: Any) -> bool:
    """Tell whether an entry of a card is SMILES by name: a card can hold anything."""
    return isinstance(card, dict) and all(isinstance(one, str) for one in card.values())


def has_own_scale(model: Any) -> bool:
    """Tell whether a model says how samples are brought to its scale.

    `rank_drugs` does so, and `predict_grid` does not.
    """
    kept = getattr(model, "reference_", None)
    return isinstance(kept, dict) and kept.get("transformer") is not None


def with_expression(
    model: Any, X: pd.DataFrame, expression: pd.DataFrame | None
) -> Iterator[pd.DataFrame]:
    """Yield rows of X such that the model finds their expression, maybe in blocks."""
    X = _in_names_of_the_model(model, X)
    if expression is None or not _expression_parameters(model):
        yield X
    elif "expression" in model.get_params(deep=False):
        model.set_params(expression=expression)
        yield X
    else:  # a model around others: rows bring their genes along
        yield from _widen(X, expression, _column_names(model)["cell_line"])


def _expression_parameters(model: Any) -> list[str]:
    """Return the parameters of a model that are tables of expression."""
    return [
        name
        for name in model.get_params()
        if name.split("__")[-1] == "expression" and "pretrained" not in name
    ]


def _column_names(model: Any) -> dict[str, str]:
    """Return the names of columns that a model was fitted with, by the contract's."""
    names = {name: name for name in ("cell_line", "smiles", "dose", "time")}
    parameters = model.get_params()
    renamed = (
        value
        for name, value in sorted(parameters.items(), key=lambda item: len(item[0]))
        if name.split("__")[-1] == "columns" and isinstance(value, dict)
    )
    return names | next(renamed, {})


def _in_names_of_the_model(model: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Rename columns of the contract as the model calls them."""
    names = _column_names(model)
    own = {name: new for name, new in names.items() if new not in X and name in X}
    return X.rename(columns=own)


def _widen(
    X: pd.DataFrame, expression: pd.DataFrame, cell_line: str
) -> Iterator[pd.DataFrame]:
    """Yield blocks of X with one column per gene."""
    import pandas as pd

    from sklearn_csg2a._utils.offenders import list_offenders

    if cell_line not in X:
        msg = (
            f"The table has no column {cell_line!r} to look up in the table of "
            f"expression; name it by --column {cell_line}=<its name>."
        )
        raise InputError(msg)
    unknown = X.loc[~X[cell_line].isin(expression.index), cell_line].drop_duplicates()
    if len(unknown):
        msg = (
            f"{len(unknown)} cell lines of the table are not in the table of "
            f"expression: {list_offenders(map(repr, unknown))}."
        )
        raise InputError(msg)
    other = X.drop(columns=expression.columns.intersection(X.columns))
    size = max(_VALUES_AT_ONCE // expression.shape[1], 1)
    for start in range(0, len(X), size):
        block = other.iloc[start : start + size]
        genes = expression.loc[block[cell_line]].set_axis(block.index)
        yield pd.concat([block, genes], axis=1)


def _set_everywhere(model: Any, name: str, value: Any) -> None:
    """Set a parameter of a model and of the fitted ones inside of it."""
    for part in (model, *vars(model).values()):
        if hasattr(part, "set_params") and name in part.get_params(deep=False):
            part.set_params(**{name: value})
