"""Model files that ask for more than they contain, or name what is no file."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.baselines import DeepTTA, GraphDRP
from sklearn_csg2a.encoders import MATEncoder, MorganEncoder
from sklearn_csg2a.exceptions import InputError, ModelFileError
from sklearn_csg2a.persistence import inspect_model, load_model, save_model

CELLS = ["A549", "HeLa", "K562", "MCF7"]
SMILES = ["CCO", "c1ccccc1O", "CC(=O)O"]
GENES = [f"G{i}" for i in range(6)]
HUGE = 10**9


def _screen():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(4, 6)), index=CELLS, columns=GENES)
    pairs = [(cell, smiles) for cell in CELLS for smiles in SMILES]
    X = pd.DataFrame(pairs, columns=["cell_line", "smiles"])
    return table, X, rng.normal(size=len(X))


EXPRESSION, X, RESPONSE = _screen()


def _fit(cls=DrugResponseRegressor, **parameters):
    settings = {"expression": EXPRESSION, "max_epochs": 1, "random_state": 0}
    return cls(**settings, **parameters).fit(X, RESPONSE)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """Return the manifest and arrays of a small model."""
    path = tmp_path_factory.mktemp("models") / "model.csg2a"
    encoder = MorganEncoder(n_bits=16)
    model = _fit(hidden_dim=3, head_hidden=(4,), compound_encoder=encoder)
    save_model(model, path)
    return path.read_bytes()


@pytest.fixture
def edit(content, tmp_path):
    """Return a function that writes the model with a changed manifest."""
    path = tmp_path / "model.csg2a"

    def write(change):
        path.write_bytes(content)
        manifest, arrays = read_archive(path)
        arrays["three"] = np.arange(3)
        arrays["none"] = np.zeros((HUGE * 1000, 0))
        change(manifest)
        write_archive(path, manifest, arrays)
        return path

    return write


def _parameters(manifest):
    return manifest["model"]["parameters"]["items"]


def _set(name, value):
    return lambda manifest: _parameters(manifest).update({name: value})


def _array(name="three"):
    return {"type": "array", "name": name}


def _sparse(kind, n_rows, n_columns=3):
    return {
        "type": "sparse",
        "format": kind,
        "is_matrix": False,
        "shape": [n_rows, n_columns],
        "data": _array(),
        "rows": _array(),
        "columns": _array(),
    }


def _range(n_rows):
    return {"range": [0, n_rows, 1], "name": None}


def _random_state(position):
    return {
        "type": "random_state",
        "keys": _array(),
        "position": position,
        "has_gauss": 0,
        "gauss": 0.0,
    }


def _text(n_characters, n_entries):
    items = ["a" * n_characters, *["b"] * n_entries]
    return {"type": "str", "items": items, "shape": [n_entries + 1]}


GREEDY = {
    **{f"sparse {kind}": _sparse(kind, HUGE) for kind in ("csr", "lil", "bsr", "dok")},
    "sparse csc": _sparse("csc", 3, HUGE),
    "sparse dia": _sparse("dia", HUGE, HUGE),
    "negative shape": _sparse("csr", -1),
    "index": {
        "type": "table",
        "index": _range(HUGE),
        "columns": _range(0),
        "series": [],
    },
    "text": _text(10**6, 3000),
    "empty objects": {"type": "object", "items": [], "shape": [HUGE, 0]},
    "empty array": _array("none"),
    "many sparse ones": {"type": "list", "items": [_sparse("csr", 10**6)] * 100},
    "random state of three words": _random_state(0),
}


@pytest.mark.parametrize("name", GREEDY)
def test_P37_a_value_larger_than_its_file_explains_is_refused_by_its_place(edit, name):
    path = edit(_set("interactome", GREEDY[name]))
    where = re.escape("model.csg2a, model/parameters/interactome")
    with pytest.raises(ModelFileError, match=where):
        load_model(path)


def test_P37_an_array_named_a_million_times_is_not_copied_so_often(edit):
    def change(manifest):
        manifest["model"]["state"]["items"]["genes_"] = {
            "type": "list",
            "items": [_array("large")] * 10**4,
        }

    path = edit(change)
    manifest, arrays = read_archive(path)
    write_archive(path, manifest, {**arrays, "large": np.zeros(10**5)})
    with pytest.raises(ModelFileError, match="far more than its size explains"):
        load_model(path)


def _numbers(stored, found=None):
    """List the places of numbers in the configuration of a network."""
    found = [] if found is None else found
    items = stored if isinstance(stored, dict) else dict(enumerate(stored))
    for name, value in items.items():
        if isinstance(value, (dict, list)):
            _numbers(value, found)
        elif type(value) is int:
            found.append((stored, name))
    return found


@pytest.mark.parametrize(
    "model",
    [
        (PerturbationRegressor, {"hidden_dim": 3}),
        (DrugResponseRegressor, {"hidden_dim": 3, "head_hidden": (4,)}),
        (GraphDRP, {}),
        (DeepTTA, {"n_layers": 1, "corpus": SMILES}),
    ],
    ids=lambda model: model[0].__name__,
)
def test_P37_no_number_of_a_network_makes_it_larger_than_its_weights(model, tmp_path):
    cls, parameters = model
    path = tmp_path / "model.csg2a"
    if cls is PerturbationRegressor:
        fitted = cls(max_epochs=1, random_state=0, **parameters)
        fitted.fit(EXPRESSION.to_numpy(), EXPRESSION.to_numpy())
    else:
        fitted = _fit(cls, **parameters)
    save_model(fitted, path)
    manifest, arrays = read_archive(path)
    config = manifest["model"]["state"]["items"]["_network"]["items"][0]["items"]
    places = _numbers(config)
    assert places
    for owner, name in places:
        before, owner[name] = owner[name], 2 * HUGE
        write_archive(path, manifest, arrays)
        with pytest.raises(ModelFileError, match=r"model\.csg2a"):
            load_model(path)
        owner[name] = before
    write_archive(path, manifest, arrays)
    load_model(path)


@pytest.mark.parametrize("name", ["fit", "predict", "__class__", "a b"])
def test_P37_the_state_cannot_replace_a_method(edit, name):
    path = edit(
        lambda manifest: manifest["model"]["state"]["items"].update({name: "text"})
    )
    with pytest.raises(ModelFileError, match=rf"attribute '{name}' of its own"):
        load_model(path)


def test_P37_weights_that_are_no_numbers_are_refused_by_name(edit):
    path = edit(lambda manifest: None)
    manifest, arrays = read_archive(path)
    name = next(name for name in arrays if name.endswith("output.weight"))
    arrays[name] = np.full_like(arrays[name], np.nan)
    write_archive(path, manifest, arrays)
    with pytest.raises(ModelFileError, match=r"NaN in the weights .*output\.weight"):
        load_model(path)


@pytest.mark.skipif(os.name != "posix", reason="special files as on Unix")
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "empty"])
def test_P37_weights_of_an_encoder_that_are_no_regular_file_are_refused(
    edit, tmp_path, kind
):
    weights = tmp_path / "weights"
    if kind == "device":
        weights.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(weights)
    elif kind == "folder":
        weights.mkdir()
    else:
        weights.touch()
    stored = {
        "type": "instance",
        "class": "MATEncoder",
        "weights_sha256": "0" * 64,
        "parameters": {"type": "dict", "items": {"weights": str(weights)}},
        "state": {"type": "dict", "items": {}},
    }
    path = edit(_set("compound_encoder", stored))
    with pytest.raises(ModelFileError, match=r"compound_encoder: weights=.*weights'"):
        load_model(path)
    with pytest.raises(ModelFileError, match="weights="):
        MATEncoder(weights=weights, n_heads=2).fit(SMILES).transform(SMILES)


def test_P37_weights_of_an_encoder_need_a_checksum(edit):
    stored = {
        "type": "instance",
        "class": "MATEncoder",
        "parameters": {"type": "dict", "items": {"weights": "shipped"}},
        "state": {"type": "dict", "items": {}},
    }
    with pytest.raises(ModelFileError, match="no sha256 of the weights 'shipped'"):
        load_model(edit(_set("compound_encoder", stored)))


@pytest.mark.parametrize("read", [load_model, inspect_model])
@pytest.mark.parametrize(
    "version", [float("nan"), 0, -1, True, False, 1.0, "2", None, [2], {}]
)
def test_P39_a_format_version_that_is_none_is_refused(edit, read, version):
    path = edit(lambda manifest: manifest.update(format_version=version))
    with pytest.raises(InputError, match=r"model\.csg2a: its format_version is"):
        read(path)


@pytest.mark.parametrize("read", [load_model, inspect_model])
@pytest.mark.parametrize(
    "part", ["kind", "format_version", "class", "versions", "model"]
)
@pytest.mark.parametrize("value", ["gone", None, -3, [], [1]])
def test_P37_a_manifest_without_a_part_is_refused(edit, read, part, value):
    def change(manifest):
        if value == "gone":
            del manifest[part]
        else:
            manifest[part] = value

    with pytest.raises(
        ModelFileError, match=rf"model\.csg2a: it.*{part}|model\.csg2a: it is a"
    ):
        read(edit(change))


@pytest.mark.parametrize("read", [load_model, inspect_model])
@pytest.mark.parametrize("depth", [150, 10_000])
def test_P37_deep_nesting_is_refused(edit, read, depth):
    value = 1
    for _ in range(min(depth, 300)):
        value = {"type": "list", "items": [value]}
    path = edit(_set("interactome", value))
    with pytest.raises(ModelFileError, match=r"model\.csg2a: .*nested"):
        read(path)


def test_deep_but_real_models_load(tmp_path):
    path = tmp_path / "model.csg2a"
    model = _fit(GraphDRP)
    for _ in range(5):
        model = make_pipeline(model)
    save_model(model, path)
    np.testing.assert_array_equal(load_model(path).predict(X), model.predict(X))
