"""The models that are shipped with the package, by name."""

from __future__ import annotations

import errno
import os
import warnings
from pathlib import Path

__all__ = ["SHIPPED", "find_model"]

# The files of the shipped models, by name.
SHIPPED = {
    name: Path(__file__).with_name("shipped") / f"{name}.csg2a"
    for name in ("gdsc2", "lincs")
}


def find_model(path: str | os.PathLike[str]) -> tuple[str | os.PathLike[str], bool]:
    """Return the file that is meant, and whether it is shipped with the package.

    The name of a shipped model, given as text, means that model. A path object, and
    text with a folder or a suffix, means a file.

    Raises
    ------
    FileNotFoundError
        If text that could be a name is neither that of a shipped model nor a file.
    """
    if not isinstance(path, str):
        return path, False
    if path in SHIPPED:
        if Path(path).is_file():
            warnings.warn(
                f"{path!r} is the model shipped with sklearn_csg2a and also a file in "
                f"the working directory: the shipped model is meant. Pass './{path}' "
                "for the file.",
                UserWarning,
                stacklevel=3,
            )
        return SHIPPED[path], True
    if not Path(path).exists():
        shipped = ", ".join(map(repr, SHIPPED))
        problem = f"No such file, and no shipped model ({shipped}) of this name"
        raise FileNotFoundError(errno.ENOENT, problem, path)
    return path, False
