"""Schemes that a user asks for: by name, by splitter, or as a list of splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from sklearn_csg2a._utils.offenders import list_offenders
from sklearn_csg2a.evaluation.folds import OTHER_SPLITTERS, SPLITTERS, Fold, split_by
from sklearn_csg2a.exceptions import InputError

_KNOWN = SPLITTERS | OTHER_SPLITTERS


def make_scheme_folds(
    data: Bunch, schemes: Any, n_splits: int, n_folds: int | None
) -> list[Fold]:
    """Return the first folds of each scheme.

    Raises
    ------
    InputError
        If a scheme is not known, or cannot split the table.
    """
    if n_folds is not None and n_folds < 1:
        msg = f"n_folds must be at least 1, or None for all folds; got {n_folds!r}."
        raise InputError(msg)
    return [
        fold
        for name, scheme in _name_schemes(schemes).items()
        for fold in _split(data, name, _read_scheme(scheme, n_splits), n_folds)
    ]


def _name_schemes(schemes: Any) -> dict[str, Any]:
    """Return what was asked for by name; splitters are named by their classes."""
    if isinstance(schemes, Mapping):
        named = [(str(name), scheme) for name, scheme in schemes.items()]
    else:
        one = isinstance(schemes, str) or _is_splitter(schemes)
        listed = (
            list(schemes) if isinstance(schemes, Iterable) and not one else [schemes]
        )
        named = [(_name_of(scheme), scheme) for scheme in listed]
    if not named:
        msg = "schemes is empty: name at least one, such as schemes=('drug',)."
        raise InputError(msg)
    twice = [name for name, count in Counter(n for n, _ in named).items() if count > 1]
    if twice:
        msg = (
            f"Two schemes have the same name: {list_offenders(twice, repr)}. Give them "
            "names of your own: schemes={'first': ..., 'second': ...}."
        )
        raise InputError(msg)
    return dict(named)


def _name_of(scheme: Any) -> str:
    """Return the name of a scheme, or the class of a splitter."""
    return scheme if isinstance(scheme, str) else type(scheme).__name__


def _is_splitter(scheme: Any) -> bool:
    """Tell whether a scheme is an instance that splits."""
    return hasattr(scheme, "split") and not isinstance(scheme, str | type)


def _read_scheme(scheme: Any, n_splits: int) -> Any:
    """Return the splitter of a scheme."""
    if _is_splitter(scheme):
        return scheme
    if isinstance(scheme, str) and scheme in _KNOWN:
        return _KNOWN[scheme](n_splits)
    if isinstance(scheme, Iterable) and not isinstance(scheme, str):
        splits = list(scheme)
        if splits and all(_is_split(one) for one in splits):
            return check_cv(splits)
    shown = scheme if isinstance(scheme, str) else type(scheme).__name__
    msg = (
        f"Unknown scheme {shown!r}; known are {', '.join(_KNOWN)}. Give a splitter of "
        "your own, or a list of (train, test) positions, by name: "
        "schemes={'mine': splitter}."
    )
    raise InputError(msg)


def _is_split(pair: Any) -> bool:
    """Tell whether this is a pair of positions of training and test rows."""
    return isinstance(pair, tuple | list) and len(pair) == 2


def _split(data: Bunch, name: str, splitter: Any, n_folds: int | None) -> list[Fold]:
    """Return the first folds of a splitter, or say which scheme cannot be had."""
    try:
        return list(islice(split_by(data, name, splitter), n_folds))
    except ValueError as error:
        msg = f"Scheme {name!r}: {str(error).rstrip('.')}. {_remedy(str(error))}"
        raise InputError(msg) from error


def _remedy(error: str) -> str:
    """Say what can be done about the error of a splitter."""
    if "groups' parameter" in error:
        return (
            "compare passes no groups: give ClusterBlindKFold(by=<column>), or the "
            "splits, list(splitter.split(X, y, groups))."
        )
    return "Give another n_splits, or leave this scheme out of schemes=."
