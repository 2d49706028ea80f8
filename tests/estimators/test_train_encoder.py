"""train_encoder: the network of the compound encoder learns along with the rest."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor, load_model, save_model
from sklearn_csg2a.encoders import MATEncoder, MorganEncoder, encode_compounds
from sklearn_csg2a.encoders import _resolve as encoders
from sklearn_csg2a.encoders._mat_weights import MATWeights
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.nn import MAT, csg2a_part
from sklearn_csg2a.training.data import TreatmentDataset

NEW = ["CCCCO", "c1ccncc1", "CC(=O)N"]


@pytest.fixture(scope="module")
def encoder():
    """Return an encoder whose network is small."""
    rng = torch.Generator().manual_seed(0)
    mat = MAT(d_model=16, n_layers=1, n_heads=2, generator=rng)
    weights = {name: value.numpy() for name, value in mat.state_dict().items()}
    return MATEncoder(weights=MATWeights(weights), n_heads=2)


@pytest.fixture
def joint(small, screen, encoder):
    """Return each of the two estimators in turn, its encoder to be trained."""

    def joint(**changed):
        settings = {
            "expression": screen.expression,
            "compound_encoder": encoder,
            "train_encoder": True,
        }
        return small(**(settings | changed))

    return joint


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


def fit(model, screen):
    return model.fit(screen.light, target(model, screen))


def weights_of(model):
    return model.encoder_.weights.arrays


def distance(first, second):
    return sum(float(np.abs(first[name] - second[name]).sum()) for name in first)


class Watch(Callback):
    """Look at the encoder's network in each batch of a training."""

    def __init__(self, *, learn=True):
        self.learn = learn
        self.batches_ = []

    def on_train_begin(self, net, **_):
        mat = csg2a_part(net.module_).condition.mat
        mat.requires_grad_(self.learn)
        mat.register_forward_hook(self.count)
        self.mat = mat

    def count(self, _, inputs, __):
        self.n_encoded += len(inputs[0])

    def on_batch_begin(self, net, **_):
        self.n_encoded = 0

    def on_batch_end(self, net, batch, training, **_):
        compound = batch[0].compound
        sizes = len(compound.chosen), len(compound.position), len(batch[0])
        self.batches_.append((self.n_encoded, *sizes))


def test_each_compound_of_a_batch_is_encoded_once(joint, screen):
    watch = Watch()
    model = fit(joint(callbacks=[watch], batch_size=36), screen)
    assert len(watch.batches_) == 2 * model.n_iter_
    for n_encoded, n_compounds, n_conditions, n_rows in watch.batches_:
        assert n_encoded == n_compounds <= 5
        assert n_compounds <= n_conditions <= n_rows
    assert max(n for _, _, n, _ in watch.batches_) > 5  # one compound, several doses
    assert all(p.grad is not None for p in watch.mat.parameters())


def test_the_encoder_learns_and_the_one_given_stays_as_it_was(joint, screen, encoder):
    before = MATEncoder.transform(clone(encoder), NEW)
    model = fit(joint(), screen)
    assert distance(weights_of(model), encoder.weights.arrays) > 0
    assert model.encoder_.get_params() | {"weights": None} == encoder.get_params() | {
        "weights": None
    }
    assert model.compound_encoder is encoder
    assert not np.array_equal(model.encoder_.transform(NEW), before)
    np.testing.assert_array_equal(clone(encoder).transform(NEW), before)


def test_the_fitted_network_no_longer_holds_the_encoder(joint, screen):
    model = fit(joint(), screen)
    assert csg2a_part(model.net_.module_).condition.mat is None
    n_held = sum(len(group["params"]) for group in model.net_.optimizer_.param_groups)
    assert n_held == len(list(model.net_.module_.parameters()))


def test_without_a_gradient_it_is_the_ordinary_model(joint, screen, monkeypatch):
    def order(self):
        if self.generator is None:
            return torch.arange(len(self))
        return torch.randperm(len(self), generator=self.generator)

    monkeypatch.setattr(TreatmentDataset, "order", order)
    still = fit(joint(callbacks=[Watch(learn=False)]), screen)
    ordinary = fit(joint(train_encoder=False), screen)
    assert distance(weights_of(still), weights_of(ordinary)) == 0
    np.testing.assert_allclose(
        still.predict(screen.light),
        ordinary.predict(screen.light),
        rtol=1e-3,
        atol=1e-3,
    )


def test_fits_of_one_seed_are_equal_bit_by_bit(joint, screen):
    first, again = (fit(joint(), screen) for _ in range(2))
    assert first.encoder_.weights == again.encoder_.weights
    np.testing.assert_array_equal(
        first.predict(screen.light), again.predict(screen.light)
    )


@pytest.mark.parametrize("way", ["pickle", "file"])
def test_a_saved_model_predicts_the_same(joint, screen, tmp_path, way):
    model = fit(joint(), screen)
    if way == "pickle":
        restored = pickle.loads(pickle.dumps(model))
    else:
        save_model(model, tmp_path / "model")
        restored = load_model(tmp_path / "model")
    assert restored.encoder_.weights == model.encoder_.weights
    X = screen.light.assign(smiles=np.resize(NEW, 40))
    np.testing.assert_array_equal(restored.predict(X), model.predict(X))


def test_P23_new_compounds_are_predicted_whatever_the_rows_beside(joint, screen):
    model = fit(joint(), screen)
    X = screen.light.assign(smiles=np.resize(NEW, 40))[:7]
    together = model.predict(X)
    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(model.predict(X[::-1]), together[::-1])


def test_a_fitted_model_can_be_inspected(joint, screen):
    model = fit(joint(), screen)
    X = screen.light[:4]
    grid = model.predict_grid(["A549", "PC3"], NEW)
    assert np.isfinite(grid.to_numpy()).all()
    assert model.attention_maps(X).shape == (8, 8)
    assert len(model.top_interactions(X, k=3, by=None)) == 3
    if not isinstance(model, PerturbationRegressor):
        assert all(
            np.isfinite(part).all() for part in model.predict(X, return_spread=True)
        )


def test_bf16_trains_the_encoder_too(joint, screen, encoder):
    model = fit(joint(precision="bf16"), screen)
    assert {array.dtype for array in weights_of(model).values()} == {np.dtype("f4")}
    assert distance(weights_of(model), encoder.weights.arrays) > 0


class CutOff(Callback):
    """End a training by an error when the third epoch begins."""

    def on_epoch_begin(self, net, **_):
        if len(net.history) == 3:
            raise KeyError("cut off")


def test_P34_a_resumed_fit_equals_an_uninterrupted_one(joint, screen, tmp_path):
    straight = fit(joint(max_epochs=4), screen)
    model = joint(max_epochs=4, checkpoint=tmp_path / "fit.checkpoint")
    with pytest.raises(KeyError, match="cut off"):
        fit(clone(model).set_params(callbacks=[CutOff()]), screen)
    resumed = fit(model, screen)
    assert resumed.encoder_.weights == straight.encoder_.weights
    np.testing.assert_array_equal(
        resumed.predict(screen.light), straight.predict(screen.light)
    )


@pytest.mark.parametrize("train_encoder", [True, False])
def test_a_warm_start_continues_from_the_trained_encoder(joint, screen, train_encoder):
    model = fit(joint(warm_start=True, early_stopping=False), screen)
    first = weights_of(model)
    project = csg2a_part(model.net_.module_).condition.project.weight.clone()
    model.set_params(learning_rate=1e-9, max_epochs=1, train_encoder=train_encoder)
    fit(model, screen)
    moved = distance(weights_of(model), first)
    assert 0 < moved < 1e-4 if train_encoder else moved == 0
    now = csg2a_part(model.net_.module_).condition.project.weight
    torch.testing.assert_close(now, project, rtol=0, atol=1e-6)
    cold = fit(clone(model).set_params(warm_start=False), screen)
    assert distance(weights_of(cold), first) > 1e-2


def test_the_encoder_can_be_given_by_its_name(joint, screen, encoder, monkeypatch):
    monkeypatch.setitem(encoders._NAMED, "mat", lambda: clone(encoder))
    by_name, given = (
        fit(joint(**changed), screen) for changed in ({"compound_encoder": "mat"}, {})
    )
    assert by_name.encoder_.weights == given.encoder_.weights


def test_a_search_may_turn_it_on_and_off(joint, screen):
    search = GridSearchCV(
        joint(max_epochs=1),
        {"train_encoder": [False, True]},
        cv=2,
        error_score="raise",
    )
    search.fit(screen.light, target(joint(), screen))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# --- transfer ------------------------------------------------------------------------


@pytest.fixture
def first(perturbation, screen, encoder):
    """Return a perturbation model whose encoder was trained, frozen."""
    model = perturbation(
        expression=screen.expression, compound_encoder=encoder, train_encoder=True
    )
    return FrozenEstimator(model.fit(screen.light, screen.Y))


def test_a_frozen_pretraining_keeps_its_trained_encoder(first, response, screen):
    model = response(pretrained=first, expression=screen.expression)
    model.fit(screen.light, screen.y)
    assert model.encoder_.weights == first.estimator.encoder_.weights
    np.testing.assert_array_equal(
        encode_compounds(model.encoder_, NEW),
        encode_compounds(first.estimator.encoder_, NEW),
    )
    with_another = clone(model).set_params(compound_encoder=MorganEncoder(n_bits=8))
    np.testing.assert_array_equal(
        with_another.fit(screen.light, screen.y).predict(screen.light),
        model.predict(screen.light),
    )


def test_fine_tuning_trains_the_encoder_further(first, response, screen):
    before = first.estimator.predict(screen.light)
    model = response(
        pretrained=first, freeze=False, train_encoder=True, expression=screen.expression
    ).fit(screen.light, screen.y)
    assert distance(weights_of(model), weights_of(first.estimator)) > 0
    np.testing.assert_array_equal(first.estimator.predict(screen.light), before)


def test_frozen_parts_cannot_be_trained(first, response, screen):
    model = response(pretrained=first, train_encoder=True, expression=screen.expression)
    with pytest.raises(InputError, match="Set freeze=False"):
        model.fit(screen.light, screen.y)


def test_the_encoder_of_the_pretraining_must_have_a_network(
    pretrained, response, screen
):
    model = response(
        pretrained=pretrained,
        freeze=False,
        train_encoder=True,
        expression=screen.expression,
    )
    with pytest.raises(InputError, match="cannot train a MorganEncoder"):
        model.fit(screen.light, screen.y)


@pytest.mark.parametrize("given", ["auto", "morgan", MorganEncoder(n_bits=8)])
def test_an_encoder_without_a_network_is_refused(joint, screen, given):
    with pytest.raises(InputError, match="Set compound_encoder='mat' or a MATEncoder"):
        fit(joint(compound_encoder=given), screen)


def test_an_array_without_compounds_is_refused(joint, screen):
    model = joint(expression=None)
    with pytest.raises(InputError, match="needs compounds and X has none"):
        model.fit(screen.plain, target(model, screen))
