"""Several models with one parameter describe it in the same words."""

from __future__ import annotations

import collections
import inspect
import re
from pathlib import Path

from sklearn.base import RegressorMixin

import sklearn_csg2a
from sklearn_csg2a import baselines

GLOSSARY = Path(__file__).resolve().parents[1] / "docs" / "parameters.md"

# The same name, but each model says what it stands for there.
OWN_MEANING = {
    "alpha",
    "corpus",
    "dropout",
    "exclude",
    "gamma",
    "hidden",
    "learning_rate",
    "level",
    "max_features",
    "max_iter",
    "max_samples",
    "min_samples_leaf",
    "n_jobs",
    "n_layers",
    "noise",
    "random_state",
    "shrinkage",
    "tol",
}
PUBLIC = [getattr(m, name) for m in (sklearn_csg2a, baselines) for name in m.__all__]
MODELS = [
    found
    for found in PUBLIC
    if inspect.isclass(found) and issubclass(found, RegressorMixin)
]


def _glossary():
    """Return what the glossary says: name to type and first paragraph."""
    found = re.findall(
        r"^### `(\w+)` : (.*)\n\n((?:.+\n)+)", GLOSSARY.read_text("utf-8"), re.MULTILINE
    )
    return {name: (kind, " ".join(text.split())) for name, kind, text in found}


def _entries(model):
    """Yield name, type and text of the entries of a class docstring."""
    found = re.findall(
        r"^(\w+) : (.*)\n((?:    .+\n)+)", inspect.cleandoc(model.__doc__), re.MULTILINE
    )
    for name, kind, text in found:
        yield name, kind.split(", default=")[0], " ".join(text.split())


def test_shared_entries_open_with_the_words_of_the_glossary():
    glossary, wrong = _glossary(), []
    for model in MODELS:
        for name, kind, text in _entries(model):
            said = glossary.get(name, (kind, text))
            kinds = {one.removesuffix(' or "auto"') for one in (kind, said[0])}
            if len(kinds) > 1 or not f"{text} ".startswith(f"{said[1]} "):
                wrong.append(f"{model.__name__}, {name}: {kind}; {text}")
    assert wrong == []


def test_the_glossary_holds_all_shared_parameters():
    owners = collections.Counter(
        name for model in MODELS for name in inspect.signature(model).parameters
    )
    shared = {name for name, n_owners in owners.items() if n_owners > 1}
    assert shared - set(_glossary()) == OWN_MEANING


def test_the_glossary_holds_nothing_else():
    described = {name for model in MODELS for name, _, _ in _entries(model)}
    assert set(_glossary()) <= described
