"""The spread of Monte-Carlo dropout: private, frozen where fit is, row by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sklearn_csg2a.nn import Dropout, set_dropout_generator
from sklearn_csg2a.training import inference as _uncertainty

MODEL = {"dropout": 0.5, "max_epochs": 10, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def fitted(response, tables):
    """Return a model with a spread; 300 rows fill more than one block."""
    screen = tables(n_rows=300)
    model = response(expression=screen.expression, **MODEL)
    return model.fit(screen.light, screen.y)


def test_predictions_during_dropout_passes_are_without_dropout(
    fitted, screen, monkeypatch
):
    expected = fitted.predict(screen.light)
    meanwhile = []
    plain = _uncertainty.predict_response

    def predict_and_look(*args):
        meanwhile.append(fitted.predict(screen.light))
        return plain(*args)

    monkeypatch.setattr(_uncertainty, "predict_response", predict_and_look)
    fitted.predict(screen.light, return_spread=True)
    assert len(meanwhile) == 30
    for found in meanwhile:
        np.testing.assert_array_equal(found, expected)


def test_predictions_and_spreads_in_threads_equal_those_in_turn(fitted, screen):
    plain, with_std = (
        fitted.predict(screen.light, return_spread=wanted) for wanted in (False, True)
    )
    found = Parallel(n_jobs=4, backend="threading")(
        delayed(fitted.predict)(screen.light, return_spread=bool(i % 2))
        for i in range(12)
    )
    for values in found[::2]:
        np.testing.assert_array_equal(values, plain)
    for values in found[1::2]:
        np.testing.assert_array_equal(values, with_std)


def test_the_spread_has_the_name_of_scikit_learn_too(fitted, screen):
    for found, wanted in zip(
        fitted.predict(screen.light, return_std=True),
        fitted.predict(screen.light, return_spread=True),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)


def test_the_spread_of_a_row_does_not_depend_on_the_other_rows(fitted, tables):
    X = tables(n_rows=300).light
    values, std = fitted.predict(X, return_spread=True)
    assert (std > 0).all()
    for rows in ([299], [5], [7, 5, 7], np.arange(299, -1, -1), np.arange(3, 270)):
        found = fitted.predict(X.iloc[rows], return_spread=True)
        np.testing.assert_array_equal(found, (values[rows], std[rows]))


@pytest.mark.parametrize("freeze", [True, False])
def test_dropout_of_a_pretrained_part_adds_to_the_spread_unless_frozen(
    perturbation, response, screen, freeze
):
    first = perturbation(expression=screen.expression, dropout=0.5)
    first.fit(screen.light, screen.Y)
    model = response(
        expression=screen.expression,
        pretrained=FrozenEstimator(first),
        freeze=freeze,
        dropout=0.0,
    ).fit(screen.light, screen.y)
    std = model.predict(screen.light, return_spread=True)[1]
    assert (std == 0).all() if freeze else (std > 0).all()


@pytest.mark.slow
def test_the_spread_is_near_that_of_dropout_drawn_anew_for_each_row(fitted, screen):
    model = clone(fitted).fit(screen.light, screen.y)
    _, found = model.predict(screen.light, return_spread=True)
    network = model.net_.module_
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    for part in network.modules():
        part.training = isinstance(part, Dropout)
    passes = np.stack([model.predict(screen.light) for _ in range(150)])
    np.testing.assert_allclose(found, passes.std(0), rtol=0.5)


def test_the_spread_has_the_units_of_y(response, screen):
    models = [
        response(expression=screen.expression, **MODEL).fit(screen.light, factor * y)
        for factor, y in ((1.0, screen.y), (1024.0, screen.y))
    ]
    small, large = (m.predict(screen.light, return_spread=True)[1] for m in models)
    np.testing.assert_allclose(large, 1024.0 * small, rtol=1e-4)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_thinning_drops_the_same_units_for_every_row_and_keeps_the_mean(p):
    layer = _uncertainty._Thinning(p, torch.Generator().manual_seed(0))
    thinned = layer(torch.ones(3, 10_000))
    assert (thinned == thinned[0]).all()
    kept = thinned[0] > 0
    np.testing.assert_allclose(kept.float().mean(), 1 - p, atol=0.02)
    np.testing.assert_allclose(thinned[0, kept], 1 / (1 - p), rtol=1e-6)
