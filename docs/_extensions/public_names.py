"""Pages of the API reference: one a public module, with every public name in it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sklearn_csg2a

if TYPE_CHECKING:
    from types import ModuleType

    from sphinx.application import Sphinx
    from sphinx.config import Config

FOLDER = "api"
FIRST = ["sklearn_csg2a", "estimators", "baselines", "model_selection", "metrics"]


def list_modules() -> list[ModuleType]:
    """Return the package and its public parts that say what they export."""
    names = [sklearn_csg2a.__name__]
    for part in pkgutil.walk_packages(sklearn_csg2a.__path__, "sklearn_csg2a."):
        *folders, last = part.name.split(".")[1:]
        is_private = any(word.startswith("_") for word in (*folders, last))
        if not is_private and (part.ispkg or not folders):
            names.append(part.name)
    modules = [importlib.import_module(name) for name in names]
    return [module for module in modules if getattr(module, "__all__", None)]


def place_names() -> dict[str, list[str]]:
    """Return the names of each module; a name stands in the first that has it."""
    modules = list_modules()
    modules.sort(key=lambda module: _rank(module.__name__))
    seen: set[int] = set()
    placed: dict[str, list[str]] = {}
    for module in modules:
        names = []
        for name in sorted(module.__all__, key=str.lower):
            found = getattr(module, name)
            is_object = inspect.isclass(found) or inspect.isroutine(found)
            if name.startswith("__") or not is_object or id(found) in seen:
                continue
            seen.add(id(found))
            names.append(name)
        if names:
            placed[module.__name__] = names
    return placed


def _shorten(name: str) -> str:
    """Return the name of a module without that of the package before it."""
    return name.removeprefix("sklearn_csg2a.")


def _rank(name: str) -> tuple[int, str]:
    part = _shorten(name)
    return (FIRST.index(part) if part in FIRST else len(FIRST), name)


def _write(path: Path, text: str) -> None:
    """Write a page, unless it is there already, so that builds are incremental."""
    if not path.exists() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def write_pages(app: Sphinx, _config: Config) -> None:
    """Write the reference below the source folder, before it is read."""
    folder = Path(app.srcdir) / FOLDER
    placed = place_names()
    summary = ""
    for module, names in placed.items():
        doc = (inspect.getdoc(importlib.import_module(module)) or "").strip()
        opening = doc.partition("\n\n")[0].replace("\n", " ")
        summary += f":doc:`{module}`\n   {opening}\n\n"
        items = "\n".join(f"   {name}" for name in names)
        _write(
            folder / f"{module}.rst",
            f"{module}\n{'=' * len(module)}\n\n{opening}\n\n"
            f".. currentmodule:: {module}\n\n"
            f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n{items}\n",
        )
    pages = "\n".join(f"   {_shorten(module)} <{module}>" for module in placed)
    _write(
        folder / "index.rst",
        "API reference\n=============\n\n"
        "Every public name, by the module it is imported from. What the names of\n"
        "parameters have in common is in :doc:`/parameters`.\n\n"
        f"{summary}.. toctree::\n   :hidden:\n\n{pages}\n",
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the writer before Sphinx and autosummary look for pages."""
    app.connect("config-inited", write_pages)
    return {"version": "1", "parallel_read_safe": True}
