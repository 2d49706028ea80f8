"""`novelty` chooses the parameters that are left to the model."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_csg2a import DrugResponseRegressor, load_model, save_model
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.estimators._preparation import choose_length
from sklearn_csg2a.model_selection import DrugBlindKFold

SMALL = {"hidden_dim": 4, "max_epochs": 1, "random_state": 0}
MORGAN = {"compound_encoder": MorganEncoder(n_bits=32)}
WRITTEN_OUT = {
    "pair": {
        "bilinear_dim": 0,
        "dropout": 0.1,
        "gene_dropout": 0.0,
        "head_hidden": (256, 64),
        "learning_rate": 6e-4,
    },
    "cell": {
        "bilinear_dim": 64,
        "dropout": 0.5,
        "gene_dropout": 0.7,
        "head_hidden": (256, 64),
        "learning_rate": 6e-4,
    },
    "compound": {
        "bilinear_dim": 0,
        "cell_effects": True,
        "dropout": 0.3,
        "gene_dropout": 0.5,
        "head_hidden": (256, 64),
        "learning_rate": 3e-4,
        "level": "structure",
    },
    "both": {
        "bilinear_dim": 0,
        "dropout": 0.5,
        "gene_dropout": 0.7,
        "head_hidden": (256, 64),
        "learning_rate": 3e-4,
        "level": "structure",
    },
}
EPOCHS = {"pair": 40, "cell": 20, "compound": 10, "both": 4}


def _fit(screen, **settings):
    model = DrugResponseRegressor(expression=screen.expression, **SMALL | settings)
    return model.fit(screen.light, screen.y)


@pytest.mark.parametrize("novelty", WRITTEN_OUT)
def test_a_novelty_is_the_same_as_its_settings_written_out(novelty, screen):
    short = _fit(screen, novelty=novelty, **MORGAN)
    long = _fit(screen, **MORGAN, **WRITTEN_OUT[novelty])
    assert (short.predict(screen.light) == long.predict(screen.light)).all()


@pytest.mark.parametrize("novelty", WRITTEN_OUT)
def test_no_rows_are_held_out_unless_it_is_said_which(novelty, screen):
    settings = {"novelty": novelty, **MORGAN}
    assert "valid_loss" not in _fit(screen, **settings).history_
    stops = _fit(screen, **settings, validation=DrugBlindKFold(3))
    assert "valid_loss" in stops.history_
    assert "valid_loss" in _fit(screen, **settings, early_stopping=True).history_
    fixed = _fit(screen, **settings, validation=0.3, early_stopping=False)
    assert "valid_loss" not in fixed.history_


def test_an_explicit_value_is_used_with_every_novelty(screen):
    model = _fit(screen, novelty="cell", head_hidden=(5,), dropout=0.2, **MORGAN)
    head = model.net_.module_.head
    assert head.widths == (5,)
    assert head.dropout.p == 0.2
    assert head.bilinear_dim == 64
    assert model.n_iter_ == 1


@pytest.mark.parametrize("novelty", WRITTEN_OUT)
@pytest.mark.parametrize("n_rows", [66_267, 67_094, 74_550, 148_700])
def test_large_screens_are_trained_as_in_the_tables(novelty, n_rows):
    model = DrugResponseRegressor(novelty=novelty)
    assert choose_length(model, n_rows) == (2048, EPOCHS[novelty])


def test_small_screens_take_as_many_steps_of_smaller_batches():
    model = DrugResponseRegressor(novelty="cell")
    assert choose_length(model, 20_000) == (512, 20)
    assert choose_length(model, 2_000) == (64, 20)
    assert choose_length(model, 300) == (32, 40)
    assert choose_length(model, 10) == (32, 40)


def test_parameters_that_are_left_to_the_model_can_be_searched(screen):
    grid = {"novelty": [None, "cell"], "dropout": ["auto", 0.2], "max_epochs": [1]}
    model = DrugResponseRegressor(expression=screen.expression, **SMALL, **MORGAN)
    search = GridSearchCV(model, grid, cv=KFold(2)).fit(screen.light, screen.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_new_compounds_are_encoded_by_fingerprints_and_the_transformer(
    screen, tmp_path
):
    model = _fit(screen, novelty="compound")
    assert [name for name, _ in model.encoder_.transformer_list] == ["morgan", "mat"]
    save_model(model, tmp_path / "model", include_expression=True)
    again = load_model(tmp_path / "model")
    assert again.novelty == "compound"
    assert (again.predict(screen.light) == model.predict(screen.light)).all()


def test_the_documentation_lists_what_is_chosen():
    rows = re.findall(r"^(\w+) +(.+?) +(.+?) +(.+?) +(.+)$", _table(), re.MULTILINE)
    assert rows[0] == ("parameter", *WRITTEN_OUT)
    for name, *values in rows[1:]:
        for novelty, value in zip(WRITTEN_OUT, values, strict=True):
            expected = WRITTEN_OUT[novelty] | {"max_epochs": EPOCHS[novelty]}
            assert float(value) == expected[name], (name, novelty)


def _table():
    line = "=============  ======  ======  ========  ======\n"
    # Python 3.13 removes the indentation itself
    text = inspect.cleandoc(DrugResponseRegressor.__doc__)
    _, head, body, _ = text.split(line)
    return head + body


def test_another_novelty_is_refused(screen):
    with pytest.raises(ValueError, match="'novelty' parameter"):
        _fit(screen, novelty="drug")
