"""Every public name can be imported, says what it does and shows it."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import pkgutil
import re
import sys
import textwrap
from pathlib import Path
from typing import Literal, get_args, get_origin

import sklearn_csg2a
from sklearn_csg2a import exceptions

REPOSITORY = Path(__file__).resolve().parents[1]


def _public_modules():
    """Yield the package and the parts of it that say what they export."""
    yield sklearn_csg2a
    for part in pkgutil.walk_packages(sklearn_csg2a.__path__, "sklearn_csg2a."):
        *folders, name = part.name.split(".")[1:]
        is_private = any(word.startswith("_") for word in (*folders, name))
        if not is_private and (part.ispkg or not folders):
            module = importlib.import_module(part.name)
            if hasattr(module, "__all__"):
                yield module


def _public_objects():
    for module in _public_modules():
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isclass(found) or inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found


OBJECTS = dict(_public_objects())


def _public_functions():
    """Yield functions, and methods of classes other than networks."""
    for name, found in OBJECTS.items():
        if inspect.isfunction(found):
            yield name, inspect.unwrap(found)
            continue
        for method, function in inspect.getmembers(found, inspect.isfunction):
            is_ours = function.__module__.startswith("sklearn_csg2a.")
            is_of_network = function.__module__.startswith("sklearn_csg2a.nn.")
            if not method.startswith("_") and is_ours and not is_of_network:
                yield f"{name}.{method}", inspect.unwrap(function)


FUNCTIONS = dict(_public_functions())


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
        if not (_is_record(found) or _is_error(found))
        and _parameters(found)
        and ">>>" not in _docstring(found)
    ]
    assert wrong == []


def test_public_methods_document_their_parameters_in_order():
    wrong = []
    for name, function in FUNCTIONS.items():
        documented = _documented(_sections(_docstring(function)).get("Parameters", ()))
        if documented != [each for each in _parameters(function) if each != "self"]:
            wrong.append(name)
    assert wrong == []


def test_public_functions_say_what_they_return():
    wrong = [
        name
        for name, function in FUNCTIONS.items()
        if inspect.signature(function).return_annotation not in (None, "None")
        and not {"Returns", "Yields"} & set(_sections(_docstring(function)))
    ]
    assert wrong == []


def test_public_functions_name_the_errors_that_they_raise():
    wrong = []
    for name, function in FUNCTIONS.items():
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        errors = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise))
        raised = {
            error.func.id
            for error in errors
            if isinstance(error, ast.Call) and isinstance(error.func, ast.Name)
        }
        named = _documented(_sections(_docstring(function)).get("Raises", ()))
        wrong += [f"{name}: {error}" for error in sorted(raised - set(named))]
    assert wrong == []


def test_arrays_have_shapes():
    wrong = [
        f"{name}: {line}"
        for name, found in (OBJECTS | FUNCTIONS).items()
        for lines in _sections(_docstring(found)).values()
        for line in lines
        if re.match(r"\w[\w, ]* : (ndarray|array-like|NDArray|Tensor)", line)
        and "of shape" not in line
    ]
    assert wrong == []


# A set of strings in the type of a parameter: {"a", "b"} or {"a", None}.
WORDS = r'\{("[^"]*"(?:, "[^"]*")*)(?:, None)?\}'


def _words(annotation):
    """Return the strings of the literals in a type."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return set().union(*map(_words, get_args(annotation)))


def test_words_that_a_parameter_takes_are_its_type():
    """Editors complete them."""
    wrong = []
    for name, found in (OBJECTS | FUNCTIONS).items():
        if _is_error(found):
            continue
        for parameter in inspect.signature(found).parameters.values():
            entry = re.search(
                rf"^{parameter.name} : (?:.*, )?{WORDS}(?! or str)",
                _docstring(found),
                re.MULTILINE,
            )
            if entry:
                words = set(re.findall(r'"(.*?)"', entry.group(1)))
                module = vars(sys.modules[found.__module__])
                annotation = parameter.annotation
                if isinstance(annotation, str):
                    annotation = eval(annotation, module)  # noqa: S307 (our own)
                if _words(annotation) != words:
                    wrong.append(f"{name}, {parameter.name}: {parameter.annotation}")
    assert wrong == []


def test_version_is_the_same_everywhere():
    version = sklearn_csg2a.__version__
    assert f"## {version}" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    assert f"version: {version}\n" in (REPOSITORY / "CITATION.cff").read_text("utf-8")
