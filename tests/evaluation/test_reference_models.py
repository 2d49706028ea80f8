"""How the shipped models are measured and written."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.data.load import load_data
from benchmarks.reference.cards import SCHEMES
from benchmarks.reference.files import _halve, round_weights
from benchmarks.reference.gdsc2 import hold_out
from sklearn_csg2a import DrugResponseRegressor, inspect_model
from sklearn_csg2a._utils.archive import read_archive, write_archive
from sklearn_csg2a.evaluation.folds import SCHEMES as KNOWN_SCHEMES
from sklearn_csg2a.persistence import load_model, save_model


@pytest.fixture(scope="module")
def data():
    return load_data("screen")


def test_what_is_tested_is_new_as_the_scheme_says(data):
    folds = {fold.scheme: fold for fold in hold_out(data, 0)}
    assert set(folds) == set(SCHEMES) == set(KNOWN_SCHEMES) - {"random811"}
    train = data.X.iloc[folds["cell"].train]
    for scheme, fold in folds.items():
        np.testing.assert_array_equal(fold.train, folds["cell"].train)
        test = data.X.iloc[fold.test]
        assert len(test) > 0
        is_new = {
            "cell": not test["cell_line"].isin(train["cell_line"]).any(),
            "compound": not test["smiles"].isin(train["smiles"]).any(),
        }
        assert is_new == {
            "cell": scheme in ("cell", "disjoint"),
            "compound": scheme in ("drug", "disjoint"),
        }
    rows = np.concatenate([fold.test for fold in folds.values()])
    assert len(np.unique(rows)) == len(rows)
    assert not np.isin(rows, folds["cell"].train).any()


def test_rounded_weights_take_half_the_bytes_and_predict_the_same(data, tmp_path):
    model = DrugResponseRegressor(
        expression=data.expression, head_hidden=(64,), max_epochs=1, random_state=0
    ).fit(data.X, data.y)
    before = model.predict(data.X)
    round_weights(model)
    rounded = model.predict(data.X)
    np.testing.assert_allclose(rounded, before, atol=0.02)
    save_model(model, tmp_path / "whole.csg2a", include_expression=True)
    manifest, arrays = read_archive(tmp_path / "whole.csg2a")
    halved = {name: _halve(array) for name, array in arrays.items()}
    write_archive(tmp_path / "half.csg2a", manifest, halved)
    np.testing.assert_array_equal(
        load_model(tmp_path / "half.csg2a").predict(data.X), rounded
    )
    whole, half = (
        inspect_model(tmp_path / f"{name}.csg2a").n_bytes for name in ("whole", "half")
    )
    assert half < 0.6 * whole
