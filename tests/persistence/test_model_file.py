"""Model files: the same model back, and nothing else ever."""

from __future__ import annotations

import gc
import json
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, RobustScaler, StandardScaler
from skorch.callbacks import EpochScoring

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.encoders import MATEncoder, MorganEncoder, PotencyEncoder
from sklearn_csg2a.exceptions import InputError, ModelFileError
from sklearn_csg2a.model_selection import ClusterBlindKFold, DrugBlindKFold
from sklearn_csg2a.persistence import inspect_model, load_model, save_model
from sklearn_csg2a.persistence._classes import find_class
from sklearn_csg2a.persistence._read_values import ValueReader
from sklearn_csg2a.persistence._write_values import ValueWriter

FILES = sorted((Path(__file__).parents[1] / "data").glob("format_*.csg2a"))
GENES = [f"G{i}" for i in range(6)]
CELLS = ["A549", "HeLa", "K562", "MCF7"]
SMILES = ["CCO", "c1ccccc1O", "CC(=O)O", "CCN", "CCCl"]
SMALL = {
    "hidden_dim": 3,
    "max_epochs": 2,
    "random_state": 0,
    "compound_encoder": MorganEncoder(n_bits=32),
}


def _expression():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(len(CELLS), 6)), index=CELLS, columns=GENES)


EXPRESSION = _expression()
INTERACTOME = pd.DataFrame({"source": ["G0", "G1"], "target": ["G3", "G2"]})


def _light(n_rows=24):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "cell_line": rng.choice(CELLS, n_rows),
            "smiles": rng.choice(SMILES, n_rows),
            "dose": rng.choice([1.0, 10.0], n_rows),
        }
    )


LIGHT = _light()
Y = EXPRESSION.loc[LIGHT["cell_line"]].to_numpy() + np.arange(6) / 7
RESPONSE = Y[:, 0] + LIGHT["smiles"].str.len().to_numpy()
WIDE = pd.concat(
    [LIGHT[["smiles"]], EXPRESSION.loc[LIGHT["cell_line"]].reset_index(drop=True)],
    axis=1,
)
PLAIN = EXPRESSION.loc[LIGHT["cell_line"]].to_numpy()


def _perturbation(**parameters):
    model = PerturbationRegressor(**{"expression": EXPRESSION, **SMALL, **parameters})
    return model.fit(LIGHT, Y)


def _response(**parameters):
    settings = {"expression": EXPRESSION, "head_hidden": (8, 4), **SMALL, **parameters}
    return DrugResponseRegressor(**settings).fit(LIGHT, RESPONSE)


@pytest.fixture(scope="module")
def perturbation():
    return _perturbation(interactome=INTERACTOME)


@pytest.fixture(scope="module")
def response(perturbation):
    return _response(
        pretrained=FrozenEstimator(perturbation), expression_scaler=StandardScaler()
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.csg2a"


def _round_trip(model, path, **settings):
    save_model(model, path, **settings)
    return load_model(path)


def _same(actual, expected):
    """Compare values with types and last bits."""
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected), strict=True)


# --- the same model back -------------------------------------------------------------


def test_P36_response_model_predicts_the_same_bits(response, path):
    loaded = _round_trip(response, path)
    _same(loaded.predict(LIGHT), response.predict(LIGHT))
    for ours, theirs in zip(
        loaded.predict(LIGHT, return_spread=True),
        response.predict(LIGHT, return_spread=True),
        strict=True,
    ):
        _same(ours, theirs)
    _same(loaded.predict_perturbation(LIGHT), response.predict_perturbation(LIGHT))
    pd.testing.assert_frame_equal(
        loaded.attention_maps(LIGHT), response.attention_maps(LIGHT)
    )


def test_P36_perturbation_model_predicts_the_same_bits(perturbation, path):
    loaded = _round_trip(perturbation, path)
    _same(loaded.predict(LIGHT), perturbation.predict(LIGHT))
    pd.testing.assert_frame_equal(
        loaded.top_interactions(LIGHT, k=5), perturbation.top_interactions(LIGHT, k=5)
    )


@pytest.mark.parametrize(("X", "y"), [(WIDE, Y), (PLAIN, Y), (PLAIN, Y[:, 0])])
def test_P36_wide_and_plain_models_predict_the_same_bits(path, X, y):
    model = PerturbationRegressor(**SMALL).fit(X, y)
    loaded = _round_trip(model, path)
    _same(loaded.predict(X), model.predict(X))
    assert loaded.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("dump", [pickle, joblib])
def test_P36_pickled_models_predict_the_same_bits(response, path, dump):
    with path.open("wb") as file:
        dump.dump(response, file)
    with path.open("rb") as file:
        loaded = dump.load(file)
    _same(loaded.predict(LIGHT), response.predict(LIGHT))


def test_P37_a_pickle_names_no_class_of_torch_or_skorch(response):
    content = pickle.dumps(response)
    assert b"torch" not in content
    assert b"skorch" not in content


def test_fitted_attributes_are_loaded_as_saved(response, path):
    loaded = _round_trip(response, path)
    pd.testing.assert_frame_equal(loaded.history_, response.history_)
    pd.testing.assert_frame_equal(loaded.expression, response.expression)
    for name in ("genes_", "feature_names_in_"):
        _same(getattr(loaded, name), getattr(response, name))
    for name in ("best_epoch_", "n_iter_", "device_", "interrupted_"):
        assert getattr(loaded, name) == getattr(response, name)
    assert repr(loaded.encoder_) == repr(response.encoder_)
    assert set(vars(response)) - set(vars(loaded)) <= {"_pretrained"}


def test_loaded_model_can_be_cloned_and_fitted_again(response, path):
    loaded = _round_trip(response, path)
    assert (
        loaded.get_params(deep=False).keys() == response.get_params(deep=False).keys()
    )
    again = clone(loaded).fit(LIGHT, RESPONSE)
    _same(again.predict(LIGHT), response.predict(LIGHT))


def test_loaded_model_can_be_saved_again_to_the_same_bytes(response, path, tmp_path):
    loaded = _round_trip(response, path)
    save_model(loaded, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_saved_pretraining_is_used_by_its_path(perturbation, path, tmp_path):
    save_model(perturbation, path)
    model = _response(pretrained=str(path))
    loaded = _round_trip(model, tmp_path / "response")
    assert loaded.pretrained == str(path)
    _same(loaded.predict(LIGHT), model.predict(LIGHT))


def test_P36_saving_does_not_change_the_live_model(response, path):
    before = pickle.dumps(response)
    weights = {k: v.data_ptr() for k, v in response.net_.module_.state_dict().items()}
    save_model(response, path)
    save_model(response, path)
    assert pickle.dumps(response) == before
    after = {k: v.data_ptr() for k, v in response.net_.module_.state_dict().items()}
    assert weights == after


def test_P36_a_model_of_a_missing_cuda_device_is_loaded_to_the_cpu(
    response, path, monkeypatch
):
    save_model(response, path)
    manifest, arrays = read_archive(path)
    manifest["model"]["state"]["items"]["device_"] = "cuda:3"
    write_archive(path, manifest, arrays)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    loaded = load_model(path)
    assert loaded.device_ == "cpu"
    _same(loaded.predict(LIGHT), response.predict(LIGHT))


@pytest.mark.gpu
def test_P36_a_model_trained_on_a_gpu_predicts_on_the_cpu(path, monkeypatch):
    model = _response(device="cuda")
    save_model(model, path)
    assert next(model.net_.module_.parameters()).is_cuda
    on_gpu = load_model(path)
    _same(on_gpu.predict(LIGHT), model.predict(LIGHT))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    loaded = load_model(path)
    assert loaded.device_ == "cpu"
    np.testing.assert_allclose(loaded.predict(LIGHT), model.predict(LIGHT), rtol=1e-4)


def test_expression_stays_out_of_the_file_unless_asked_for(response, path, tmp_path):
    save_model(response, path)
    full = tmp_path / "full"
    save_model(response, full, include_expression=True)
    profile = EXPRESSION.to_numpy()
    assert not any(np.array_equal(one, profile) for one in _stored_arrays(path))
    assert any(np.array_equal(one, profile) for one in _stored_arrays(full))
    assert inspect_model(full).left_out == {}
    left_out = inspect_model(path).left_out
    assert [(one["n_cells"], one["n_genes"]) for one in left_out.values()] == [
        EXPRESSION.shape,
        EXPRESSION.shape,
    ]


def _stored_arrays(path):
    return list(read_archive(path)[1].values())


LOAD_IN_A_NEW_PROCESS = """
import sys
import numpy as np, pandas as pd
from sklearn_csg2a import load_model
folder = sys.argv[1]
model = load_model(folder + "/model.csg2a")
assert model.expression is None
X = pd.read_pickle(folder + "/X")
try:
    model.predict(X)
except ValueError as error:
    assert "set_params(expression=...)" in str(error), error
else:
    raise AssertionError("predicted without a table")
model.set_params(expression=pd.read_pickle(folder + "/expression"))
np.testing.assert_array_equal(model.predict(X), np.load(folder + "/predicted.npy"))
"""


@pytest.mark.slow
def test_another_process_gives_the_table_by_set_params(response, path, tmp_path):
    save_model(response, path)
    LIGHT.to_pickle(tmp_path / "X")
    EXPRESSION.to_pickle(tmp_path / "expression")
    np.save(tmp_path / "predicted.npy", response.predict(LIGHT))
    script = [sys.executable, "-c", LOAD_IN_A_NEW_PROCESS, str(tmp_path)]
    subprocess.run(script, check=True)


def test_a_table_that_was_left_out_is_found_while_it_exists(path):
    table = EXPRESSION.copy()
    model = PairwiseKernelRidge(expression=table).fit(LIGHT, RESPONSE)
    save_model(model, path)
    assert load_model(path).expression is table
    table.iloc[0, 0] += 1  # another table now
    assert load_model(path).expression is None
    del table, model
    gc.collect()
    assert load_model(path).expression is None


# --- what parameters may hold --------------------------------------------------------

VALUES = {
    "keys that are no text": {3: "a", ("b", 1): [2]},
    "one path, two values": {"a/b": np.zeros(2), "a": {"b": np.ones(2)}},
    "plain": [None, True, 3, 0.1, "text", float("inf"), -0.0],
    "nested": {"a": (1, [2.5, {"b": "c"}], ()), "empty": {}},
    "doubles": np.linspace(0, 1, 5),
    "big-endian": np.arange(4, dtype=">i4"),
    "column-major": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "half": np.ones(3, dtype=np.float16),
    "0-d": np.asarray(2),
    "text array": np.array([["a", "bc"]]),
    "objects": np.array(["a", None, 3, 0.5], dtype=object),
    "no entries": np.zeros((0, 3)),
}
TABLES = {
    "expression": EXPRESSION,
    "float32, named index": EXPRESSION.astype("float32").rename_axis("cell_line"),
    "text": INTERACTOME,
    "mixed": INTERACTOME.assign(score=[0.9, 0.95], n=[1, 2], known=[True, False]),
    "gap in text": pd.DataFrame({"a": ["x", None]}),
    "old text": pd.DataFrame({"a": pd.Series(["x", "y"], dtype=object)}),
    "old text as labels": pd.DataFrame([[1.0]], index=pd.Index(["x"], dtype=object)),
    "no columns": pd.DataFrame(index=["a", "b"]),
    "integer labels": pd.DataFrame(np.eye(2), index=[5, 7], columns=[2, 1]),
    "no rows": INTERACTOME.iloc[:0],
    "columns of one name": pd.DataFrame([[1, "x", 0.5]], columns=["a", "a", "a"]),
}


def _through_json(value):
    writer = ValueWriter()
    stored = json.loads(json.dumps(writer.write(value, "value")))
    return ValueReader(writer.arrays).read(stored)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_loaded_as_saved(name):
    value = VALUES[name]
    loaded = _through_json(value)
    assert type(loaded) is type(value)
    if isinstance(value, np.ndarray):
        native = value.astype(value.dtype.newbyteorder("="))
        _same(loaded, native)
    elif name == "one path, two values":
        _same(loaded["a/b"], value["a/b"])
        _same(loaded["a"]["b"], value["a"]["b"])
    else:
        assert loaded == value


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_loaded_as_saved(name):
    loaded = _through_json(TABLES[name])
    pd.testing.assert_frame_equal(loaded, TABLES[name])


@pytest.mark.parametrize(
    "kind", [sparse.csr_array, sparse.coo_array, sparse.csc_matrix]
)
def test_sparse_matrices_are_loaded_as_saved(kind):
    value = kind(np.diag([1.0, 2.0, 0.0]))
    loaded = _through_json(value)
    assert type(loaded) is type(value)
    _same(loaded.toarray(), value.toarray())


def test_the_random_state_is_restored():
    rng = np.random.RandomState(0)
    rng.normal()  # leaves a second number for later
    loaded = _through_json(rng)
    _same(loaded.normal(size=5), rng.normal(size=5))


@pytest.mark.parametrize(
    "splitter",
    [
        KFold(3, shuffle=True, random_state=0),
        ShuffleSplit(2, random_state=1),
        DrugBlindKFold(3, random_state=0),
        ClusterBlindKFold(2, threshold=0.4, random_state=0),
    ],
)
def test_splitters_are_loaded_as_saved(splitter):
    loaded = _through_json(splitter)
    assert type(loaded) is type(splitter)
    assert vars(loaded) == vars(splitter)


def test_a_union_of_encoders_is_loaded_as_saved():
    screen = pd.DataFrame({"A": [1.0, 2.0, np.nan], "B": 3.0}, index=["CCO", "C", "N"])
    parts = [("bits", MorganEncoder(n_bits=8)), ("potency", PotencyEncoder(screen))]
    union = FeatureUnion(parts, transformer_weights={"potency": 3.0}).fit(SMILES)
    _same(_through_json(union).transform(SMILES), union.transform(SMILES))


def test_a_model_with_a_union_of_encoders_is_loaded_as_saved(path):
    screen = pd.DataFrame({"A": [1.0, 2.0, 3.0]}, index=["CCO", "CCC", "CCN"])
    parts = [("bits", MorganEncoder(n_bits=8)), ("potency", PotencyEncoder(screen))]
    model = _perturbation(compound_encoder=FeatureUnion(parts))
    save_model(model, path)
    _same(load_model(path).predict(LIGHT), model.predict(LIGHT))


def test_a_union_of_what_is_not_allowed_is_refused(path):
    parts = [("words", CountVectorizer(analyzer="char"))]
    model = _perturbation(compound_encoder=FeatureUnion(parts))
    with pytest.raises(InputError, match="CountVectorizer"):
        save_model(model, path)


@pytest.mark.parametrize("scaler", [StandardScaler(), RobustScaler()])
def test_fitted_scalers_are_loaded_as_saved(scaler):
    scaler.fit(PLAIN)
    _same(_through_json(scaler).transform(PLAIN), scaler.transform(PLAIN))


@pytest.mark.parametrize("part", ["encoders", "model_selection", "preprocessing"])
def test_encoders_splitters_and_scalers_of_the_package_have_a_place(part):
    name = f"sklearn_csg2a.{part}"
    module = pytest.importorskip(name, reason=f"the package has no {part} yet")
    classes = [getattr(module, name) for name in module.__all__]
    savable = [
        cls
        for cls in classes
        if isinstance(cls, type)
        and (hasattr(cls, "transform") or hasattr(cls, "split"))
    ]
    assert savable
    for cls in savable:
        assert find_class(cls.__name__) is cls


def test_parameters_of_every_kind_are_loaded_as_saved(path, tmp_path):
    adjacency = sparse.csr_array(np.eye(6)[::-1])
    model = _perturbation(
        interactome=adjacency,
        random_state=np.random.RandomState(0),
        validation=DrugBlindKFold(2, random_state=0),
        columns={"dose": "dose"},
        device=torch.device("cpu"),
        compound_encoder="morgan",
    )
    model.checkpoint = tmp_path / "checkpoint"
    loaded = _round_trip(model, path, include_expression=True)
    assert loaded.device == torch.device("cpu")
    assert loaded.checkpoint == tmp_path / "checkpoint"
    assert loaded.columns == {"dose": "dose"}
    assert vars(loaded.validation) == vars(model.validation)
    _same(loaded.interactome.toarray(), adjacency.toarray())
    _same(loaded.random_state.rand(3), model.random_state.rand(3))


def test_equal_arrays_are_stored_once_and_loaded_apart(path):
    model = PerturbationRegressor(expression=EXPRESSION, **SMALL).fit(LIGHT, Y)
    first = path.with_name("first")
    save_model(model, first)
    outer = _response(pretrained=FrozenEstimator(model))
    loaded = _round_trip(outer, path, include_expression=True)
    stored = sum(
        array.shape == EXPRESSION.shape and array.dtype == np.float64
        for array in read_archive(path)[1].values()
    )
    assert stored == 1
    assert not np.shares_memory(
        loaded.expression.to_numpy(), loaded.pretrained.estimator.expression.to_numpy()
    )


def test_callbacks_are_left_out_with_a_warning(path):
    model = _perturbation()
    model.callbacks = [EpochScoring("r2")]
    with pytest.warns(UserWarning, match="callbacks are code"):
        save_model(model, path)
    assert load_model(path).callbacks is None
    assert model.callbacks


def test_a_transformer_with_other_weights_is_loaded_as_saved(path):
    encoder = MATEncoder(weights=None, d_model=16, n_layers=1, max_attempts=2)
    model = _perturbation(compound_encoder=encoder)
    _same(_round_trip(model, path).predict(LIGHT), model.predict(LIGHT))


def test_a_transformer_with_the_packaged_weights_is_loaded_as_saved(path):
    model = _perturbation(compound_encoder=MATEncoder(max_attempts=2))
    _same(_round_trip(model, path).predict(LIGHT), model.predict(LIGHT))


def test_weight_file_of_the_transformer_must_be_there_unchanged(path, tmp_path):
    weights = tmp_path / "mat.pt"
    network = MATEncoder(weights=None, d_model=16, n_layers=1)._network()
    torch.save(dict(network.state_dict()), weights)
    encoder = MATEncoder(weights=weights, n_heads=4, max_attempts=2)
    model = _perturbation(compound_encoder=encoder)
    _same(_round_trip(model, path).predict(LIGHT), model.predict(LIGHT))

    other = {name: 2 * tensor for name, tensor in network.state_dict().items()}
    torch.save(other, weights)
    os.utime(weights, ns=(1, 1))
    with pytest.raises(ModelFileError, match="have changed since"):
        load_model(path)
    weights.unlink()
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(path)


# --- what cannot be saved ------------------------------------------------------------


class ForeignEncoder(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[float(len(one))] for one in X])


class MorganEncoderOfAnother(MorganEncoder):
    pass


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"compound_encoder": ForeignEncoder()}, "ForeignEncoder"),
        ({"compound_encoder": MorganEncoderOfAnother(n_bits=8)}, "OfAnother"),
        ({"validation": RepeatedKFold(n_splits=2, random_state=0)}, "RepeatedKFold"),
    ],
)
def test_values_other_than_data_are_refused_by_name(path, parameters, named):
    model = _perturbation(**parameters)
    with pytest.raises(InputError, match=rf"{named}.*model/parameters.*joblib"):
        save_model(model, path)
    assert not path.exists()


def test_scaler_with_code_in_it_is_refused(path):
    model = _response(expression_scaler=FunctionTransformer(np.negative))
    with pytest.raises(InputError, match=r"FunctionTransformer .*expression_scaler"):
        save_model(model, path)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])}),
        pd.DataFrame({"a": pd.Categorical(["x"])}),
        pd.DataFrame([[1]], index=pd.MultiIndex.from_tuples([(1, 2)])),
        {1.5: "key"},
        np.array([object()]),
        np.array([1j]),
        object(),
    ],
)
def test_values_without_a_form_are_refused(table):
    with pytest.raises(InputError, match="cannot write"):
        ValueWriter().write(table, "value")


def test_an_unfitted_model_is_refused(path):
    with pytest.raises(NotFittedError):
        save_model(PerturbationRegressor(), path)


@pytest.mark.parametrize(
    "other", [StandardScaler(), KFold(), PairwiseKernelRidge, "text", None]
)
def test_other_objects_are_refused(path, other):
    with pytest.raises(InputError, match="it saves a fitted"):
        save_model(other, path)


# --- files that are not what they should be ------------------------------------------


def test_P38_damaged_model_files_never_load(response, path):
    save_model(response, path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in rng.integers(len(content), size=50):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            load_model(path)


def test_a_missing_file_is_said_to_be_missing(path):
    with pytest.raises(FileNotFoundError):
        load_model(path)


def _edit(path, change):
    """Change the manifest of a model file, checksums renewed."""
    manifest, arrays = read_archive(path)
    change(manifest, arrays)
    write_archive(path, manifest, arrays)


@pytest.fixture
def saved(perturbation, path):
    save_model(perturbation, path)
    return path


def test_P39_a_file_of_the_future_is_named_as_such(saved):
    _edit(saved, lambda manifest, _: manifest.update(format_version=99))
    with pytest.raises(ModelFileError, match=r"format version 99.*newer sklearn_csg2a"):
        load_model(saved)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_P39_files_of_every_format_version_load(file):
    """What the model predicted when it was written stands beside it."""
    model = load_model(file)
    said = json.loads(file.with_suffix(".json").read_text())
    X = pd.DataFrame(said["X"])
    np.testing.assert_allclose(model.predict(X), said["prediction"], rtol=1e-4)


def test_P39_another_scikit_learn_warns(saved):
    _edit(saved, lambda manifest, _: manifest["versions"].update({"scikit-learn": "1"}))
    with pytest.warns(InconsistentVersionWarning, match="PerturbationRegressor"):
        load_model(saved)


def test_the_same_scikit_learn_does_not_warn(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(saved)


def test_P37_classes_outside_the_list_are_never_imported(saved, tmp_path, monkeypatch):
    canary = tmp_path / "canary"
    module = tmp_path / "malicious.py"
    module.write_text(f"import os\nos.mkdir({str(canary)!r})\nclass Model: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("malicious.Model", "malicious", "os.system", "__import__", "Birch"):
        _edit(saved, lambda manifest, _, name=name: manifest.update({"class": name}))
        with pytest.raises(ModelFileError):
            load_model(saved)
        _edit(
            saved,
            lambda manifest, _, name=name: manifest["model"].update({"class": name}),
        )
        with pytest.raises(ModelFileError, match="model files must not contain"):
            load_model(saved)
    assert not canary.exists()


def _wrong_class(manifest, arrays):
    manifest["model"]["class"] = "KFold"
    manifest["model"]["parameters"]["items"] = {}


def _unknown_parameter(manifest, arrays):
    manifest["model"]["parameters"]["items"]["surprise"] = 3


def _dunder(manifest, arrays):
    manifest["model"]["state"]["items"]["__class__"] = "text"


def _unfitted(manifest, arrays):
    manifest["model"]["state"]["items"] = {}


def _unknown_type(manifest, arrays):
    manifest["model"]["parameters"]["items"]["dropout"] = {"type": "code"}


def _missing_array(manifest, arrays):
    arrays.popitem()


def _wrong_shape(manifest, arrays):
    name = next(name for name in arrays if name.endswith("output.weight"))
    arrays[name] = arrays[name][:2]


def _no_model(manifest, arrays):
    del manifest["model"]


def _other_kind(manifest, arrays):
    manifest["kind"] = "checkpoint"


def _text_for_a_dictionary(manifest, arrays):
    manifest["model"]["state"] = "text"


@pytest.mark.parametrize(
    "change",
    [
        _wrong_class,
        _unknown_parameter,
        _dunder,
        _unfitted,
        _unknown_type,
        _missing_array,
        _wrong_shape,
        _no_model,
        _other_kind,
        _text_for_a_dictionary,
    ],
)
def test_P37_forged_content_is_a_model_file_error(saved, change):
    _edit(saved, change)
    with pytest.raises(ModelFileError, match=r"model\.csg2a"):
        load_model(saved)


# --- pretraining through clone -------------------------------------------------------


def test_P05_a_bare_estimator_as_pretraining_is_refused_with_the_remedy(perturbation):
    with pytest.raises(ValueError, match=r"pretrained=FrozenEstimator\(fitted\)"):
        _response(pretrained=perturbation)


@pytest.mark.parametrize("by_path", [False, True])
def test_P05_clone_keeps_the_pretraining(perturbation, path, by_path):
    save_model(perturbation, path)
    pretrained = path if by_path else FrozenEstimator(perturbation)
    model = clone(DrugResponseRegressor(**SMALL, expression=EXPRESSION)).set_params(
        pretrained=pretrained, head_hidden=(8, 4)
    )
    fitted = clone(model).fit(LIGHT, RESPONSE)
    weights = perturbation.net_.module_.state_dict()
    ours = fitted.net_.module_.csg2a.state_dict()
    for name in set(weights) - {"location", "scale"}:
        assert torch.equal(ours[name], weights[name])
