"""Packages that only some features need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sklearn_csg2a.exceptions import MissingDependencyError

__all__ = ["import_optional"]

# Modules of packages that an installation may lack; no other is imported by a name.
_HOME_OF = {
    name: name
    for name in (
        "accelerate",
        "distributed",
        "h5py",
        "jinja2",
        "lightgbm",
        "matplotlib",
        "matplotlib.colors",
        "matplotlib.pyplot",
        "openpyxl",
    )
}


def import_optional(name: str, *, purpose: str, extra: str | None = None) -> Any:
    """Return a package that not every installation has.

    Parameters
    ----------
    name : str
        The package, as it is imported; one of those listed in this module.
    purpose : str
        What needs it; the message begins with it.
    extra : str, default=None
        The extra of this package that installs it; None if no extra does.

    Returns
    -------
    module
        The package.

    Raises
    ------
    MissingDependencyError
        If it cannot be imported; the message says how to install it.
    """
    try:
        return import_module(_HOME_OF[name])
    except ImportError as error:
        wanted = name if extra is None else f"'sklearn_csg2a[{extra}]'"
        msg = f"{purpose} needs the package {name}: pip install {wanted}."
        raise MissingDependencyError(msg, name=name) from error
