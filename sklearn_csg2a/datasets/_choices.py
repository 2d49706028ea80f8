"""Options of loaders that are one of a few words."""

from __future__ import annotations

from collections.abc import Iterable

from sklearn_csg2a.exceptions import InputError

__all__ = ["check_choice"]


def check_choice(parameter: str, value: object, choices: Iterable[str]) -> None:
    """Refuse an unknown option, with the options there are."""
    choices = list(choices)
    if value not in choices:
        listed = ", ".join(map(repr, choices))
        msg = f"{parameter}={value!r} is unknown; choose one of {listed}."
        raise InputError(msg)
