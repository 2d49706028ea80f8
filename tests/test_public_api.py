"""Every public name can be imported, says what it does and shows it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import itertools
import pkgutil
import re
from pathlib import Path

import sklearn_csg2a
from sklearn_csg2a import exceptions

REPOSITORY = Path(__file__).resolve().parents[1]

# The parts that users import from.
PUBLIC_PARTS = (
    "baselines",
    "chem",
    "datasets",
    "encoders",
    "estimators",
    "exceptions",
    "metrics",
    "model_selection",
    "nn",
    "persistence",
    "preprocessing",
    "treatments",
)

# Names that need no example of their own: errors, network layers (the estimators are
# their example), plots, and functions that need files which the project cannot ship.
NEEDS_NO_EXAMPLE = re.compile(
    r"\.(exceptions|nn)\.|\.datasets\.(load|fetch|read)_|\.plotting\.",
)


def _public_objects():
    present = {part.name for part in pkgutil.iter_modules(sklearn_csg2a.__path__)}
    assert set(PUBLIC_PARTS) <= present
    modules = [sklearn_csg2a] + [
        importlib.import_module(f"sklearn_csg2a.{part}") for part in PUBLIC_PARTS
    ]
    for module in modules:
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found


OBJECTS = dict(_public_objects())


def _sections(text):
    """Split a numpydoc text into its sections, the opening under ''."""
    sections, name = {"": []}, ""
    for line, following in itertools.pairwise([*text.splitlines(), ""]):
        if following and set(following) == {"-"} and len(following) == len(line):
            name = line
            sections[name] = []
        elif not (line and set(line) == {"-"}):
            sections[name].append(line)
    return sections


def _is_record(found):
    """Whether the class only holds values: its attributes are its parameters."""
    return dataclasses.is_dataclass(found) or hasattr(found, "_fields")


def _is_error(found):
    return inspect.isclass(found) and issubclass(found, Exception)


def _documented(section):
    """Names that open an entry of the section: 'alpha, beta : float'."""
    entries = (line for line in section if re.match(r"\S", line))
    return [
        name.strip().lstrip("*")
        for entry in entries
        for name in entry.split(" : ")[0].split(",")
    ]


def _parameters(found):
    return list(inspect.signature(found).parameters)


def _docstring(found):
    text = vars(found).get("__doc__") if inspect.isclass(found) else found.__doc__
    return inspect.cleandoc(text or "")


def test_public_names_open_with_one_sentence():
    wrong = []
    for name, found in OBJECTS.items():
        first, *rest = _docstring(found).splitlines() or [""]
        if not first.endswith(".") or (rest and rest[0]):
            wrong.append(f"{name}: {first!r}")
    assert wrong == []


def _documents_its_parameters_in_order(found):
    sections = _sections(_docstring(found))
    documented = _documented(sections.get("Parameters", ()))
    if not _is_record(found):
        return documented == _parameters(found)
    # What a network passes on says its shapes in comments instead.
    documented += _documented(sections.get("Attributes", ()))
    in_network = found.__module__.startswith("sklearn_csg2a.nn.")
    return in_network or set(_parameters(found)) <= set(documented)


def test_public_names_document_their_parameters_in_order():
    wrong = [
        name
        for name, found in OBJECTS.items()
        if found.__module__ != exceptions.__name__
        and not _is_error(found)
        and not _documents_its_parameters_in_order(found)
    ]
    assert wrong == []


def test_public_methods_say_what_they_do():
    silent = [
        f"{name}.{method}"
        for name, found in OBJECTS.items()
        if inspect.isclass(found)
        for method, function in vars(found).items()
        if not method.startswith("_")
        and inspect.isfunction(function)
        and not inspect.getdoc(getattr(found, method))
    ]
    assert silent == []


def test_public_names_show_an_example():
    wrong = [
        name
        for name, found in OBJECTS.items()
        if not NEEDS_NO_EXAMPLE.search(name)
        and not (_is_record(found) or _is_error(found))
        and _parameters(found)
        and ">>>" not in _docstring(found)
    ]
    assert wrong == []


def test_version_is_the_same_everywhere():
    version = sklearn_csg2a.__version__
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"version: {version}\n" in (REPOSITORY / "CITATION.cff").read_text("utf-8")
