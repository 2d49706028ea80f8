"""A second fit: it replaces the first one whole, or leaves it as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import DivergedError, InputError

DIVERGING = {"learning_rate": 1e30, "max_epochs": 9}


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


def weights(model):
    state = model.net_.module_.state_dict()
    return {name: value.clone() for name, value in state.items()}


class Fail(Callback):
    """End a training by an error."""

    def on_batch_end(self, net, **_):
        raise KeyError("out of luck")


class Look(Callback):
    """Predict with the estimator in the midst of its own training."""

    def __init__(self, model, X):
        self.model = model
        self.X = X

    def on_epoch_end(self, net, **_):
        self.found_ = self.model.predict(self.X)


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_diverges_leaves_the_fitted_model_untouched(
    small, screen, warm_start
):
    model = small(expression=screen.expression, warm_start=warm_start)
    y = target(model, screen)
    expected = model.fit(screen.light, y).predict(screen.light)
    before = dict(vars(model))
    kept = weights(model)
    with pytest.raises(DivergedError):
        model.set_params(**DIVERGING).fit(screen.light[:30], 2 * y[:30])
    after = {name: value for name, value in vars(model).items() if name in before}
    assert set(vars(model)) == set(before)
    assert {n for n in before if after[n] is not before[n]} == set(DIVERGING)
    for name, value in weights(model).items():
        assert torch.equal(value, kept[name]), name
    np.testing.assert_array_equal(model.predict(screen.light), expected)


def test_a_fit_that_diverges_on_another_kind_of_input_is_forgotten(response, screen):
    model = response(expression=screen.expression, expression_scaler=StandardScaler())
    expected = model.fit(screen.light, screen.y).predict(screen.light)
    model.set_params(expression=None, **DIVERGING)
    with pytest.raises(DivergedError):
        model.fit(screen.plain, screen.y)
    model.set_params(expression=screen.expression)
    assert model.n_features_in_ == screen.light.shape[1]
    assert model.feature_names_in_.tolist() == list(screen.light)
    np.testing.assert_array_equal(model.predict(screen.light), expected)


@pytest.mark.parametrize("case", ["y", "X", "training"])
def test_a_fit_that_fails_leaves_the_fitted_model_untouched(small, screen, case):
    model = small()
    y = target(model, screen)
    expected = model.fit(screen.wide, y).predict(screen.wide)
    before = dict(vars(model))
    X = screen.wide.assign(extra=1.0)
    if case == "y":
        y = y * np.nan
    elif case == "X":
        X = X.assign(smiles="C1CC")
    else:
        model.callbacks = [Fail()]
    with pytest.raises(KeyError if case == "training" else ValueError):
        model.fit(X, y)
    model.callbacks = None
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict(screen.wide), expected)


def test_a_first_fit_that_fails_leaves_the_estimator_unfitted(small, screen):
    model = small(**DIVERGING)
    before = dict(vars(model))
    with pytest.raises(DivergedError):
        model.fit(screen.wide, target(model, screen))
    assert vars(model) == before


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_model_predicts_as_before_while_it_is_fitted_again(small, screen, warm_start):
    model = small(warm_start=warm_start)
    y = target(model, screen)
    expected = model.fit(screen.wide, y).predict(screen.wide)
    look = Look(model, screen.wide)
    model.set_params(callbacks=[look]).fit(screen.wide, -y)
    np.testing.assert_array_equal(look.found_, expected)
    assert not np.array_equal(model.predict(screen.wide), expected)


def test_a_second_fit_does_not_depend_on_the_first(small, screen):
    y = target(small(), screen)
    again = small().fit(screen.wide, y).fit(screen.plain, y)
    once = small().fit(screen.plain, y)
    assert set(vars(again)) == set(vars(once))
    assert not hasattr(again, "feature_names_in_")


@pytest.mark.parametrize("kind", ["light", "wide"])
def test_warm_start_matches_genes_by_name(small, screen, kind):
    y = target(small(), screen)
    X, expression = getattr(screen, kind), screen.expression
    other_X, other = X[list(X)[::-1]], expression[list(expression)[::-1]]
    if kind == "wide":
        expression = other = None
    models = []
    for second_X, second in ((X, expression), (other_X, other)):
        model = small(expression=expression, warm_start=True).fit(X, y)
        models.append(model.set_params(expression=second).fit(second_X, y))
    same, reordered = models
    assert reordered.genes_.tolist() == same.genes_.tolist()
    np.testing.assert_array_equal(reordered.predict(X), same.predict(X))


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_checkpoint_needs_a_seed_that_a_later_fit_can_repeat(
    small, screen, tmp_path, random_state
):
    model = small(checkpoint=tmp_path / "fit", random_state=random_state)
    with pytest.raises(InputError, match="integer random_state to make a fit resum"):
        model.fit(screen.wide, target(model, screen))
    assert list(tmp_path.iterdir()) == []
    model.set_params(random_state=np.int64(3)).fit(screen.wide, target(model, screen))
    assert (tmp_path / "fit").exists()
