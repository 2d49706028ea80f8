"""Several networks in one model: each as if it were alone, averaged in prediction."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from benchmarks.speed.members import measure
from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.encoders import encode_compounds
from sklearn_csg2a.exceptions import DivergedError, InputError, InterruptedFitWarning
from sklearn_csg2a.training.loop import train_network


@pytest.fixture(scope="module")
def data(tables):
    return tables()


@pytest.fixture(scope="module")
def X(data):
    return data.light


@pytest.fixture(scope="module")
def make(response, data):
    """Return a function that makes a model of three members."""
    return lambda **changed: response(
        **{"expression": data.expression, "n_members": 3, **changed}
    )


@pytest.fixture(scope="module")
def make_first(perturbation, data):
    """Return a function that makes a perturbation model of two members."""
    return lambda **changed: perturbation(
        **{"expression": data.expression, "n_members": 2, **changed}
    )


@pytest.fixture(scope="module")
def fitted(make, data):
    return make().fit(data.light, data.y)


@pytest.fixture(scope="module")
def fitted_first(make_first, data):
    return make_first().fit(data.light, data.Y)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class _Interrupt(Callback):
    """Raise what Ctrl-C raises, at the end of some epoch."""

    def __init__(self, at):
        self.at = at
        self.n_epochs = 0

    def on_epoch_end(self, net, **_):
        self.n_epochs += 1
        if self.n_epochs == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"expression_scaler": StandardScaler()},
        {"early_stopping": False, "gene_dropout": 0.3, "bilinear_dim": 4},
        {"max_samples": 0.5, "expression_scaler": StandardScaler()},
    ],
    ids=["plain", "scaled", "whole", "half"],
)
def test_a_member_is_the_fit_that_its_seed_gives_alone(changed, make, data, X):
    model = make(**changed)
    members = model.fit(X, data.y).predict_members(X)
    for k, member in enumerate(model.members_):
        alone = clone(member).fit(X, data.y)
        assert alone.n_members == 1
        np.testing.assert_array_equal(alone.predict(X), members[..., k])
        np.testing.assert_array_equal(member.predict(X), members[..., k])


def test_the_prediction_is_the_mean_and_its_spread_that_of_the_members(fitted, X):
    members = fitted.predict_members(X)
    assert members.shape == (len(X), 3)
    predicted, std = fitted.predict(X, return_spread=True)
    np.testing.assert_allclose(predicted, members.mean(axis=1))
    np.testing.assert_allclose(std, members.std(axis=1, ddof=1))
    assert (std > 0).all()
    np.testing.assert_array_equal(fitted.predict(X), predicted)


def test_a_row_is_predicted_alike_whatever_is_beside_it(fitted, X):
    np.testing.assert_array_equal(fitted.predict(X.iloc[:1]), fitted.predict(X)[:1])


class _CountRows(Callback):
    """Count the rows of an epoch."""

    def on_epoch_begin(self, net, **_):
        self.n_rows = 0

    def on_batch_begin(self, net, batch, training, **_):
        self.n_rows += len(batch[1]) * training


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_each_network_sees_its_share_of_the_training_rows(share, make, data, X):
    count = _CountRows()
    make(n_members=2, max_samples=share, early_stopping=False, callbacks=[count]).fit(
        X, data.y
    )
    assert count.n_rows == round(share * len(X))


def test_members_draw_rows_of_their_own(make, data, X):
    scaled = {"expression_scaler": StandardScaler(), "max_samples": 0.1}
    first, second, _ = make(**scaled).fit(X, data.y).members_
    assert not np.array_equal(first.scaler_.mean_, second.scaler_.mean_)


@pytest.mark.parametrize("share", [0, 1.5, -0.1])
def test_a_share_of_rows_is_above_zero_and_at_most_one(share, make, data, X):
    with pytest.raises(ValueError, match="'max_samples'"):
        make(max_samples=share).fit(X, data.y)


def test_one_network_is_a_member_too(make, data, X):
    model = make(n_members=1).fit(X, data.y)
    assert not hasattr(model, "members_")
    members = model.predict_members(X)
    np.testing.assert_array_equal(members[:, 0], model.predict(X))


def test_a_member_of_a_perturbation_model_is_a_fit_alone(fitted_first, data):
    members = fitted_first.predict_members(data.light)
    for k, member in enumerate(fitted_first.members_):
        alone = clone(member).fit(data.light, data.Y)
        np.testing.assert_array_equal(alone.predict(data.light), members[..., k])


def test_several_outputs_have_the_members_last(data, fitted_first, X):
    members = fitted_first.predict_members(X)
    assert members.shape == (*data.Y.shape, 2)
    np.testing.assert_allclose(members.mean(axis=-1), fitted_first.predict(X))


def test_threads_and_the_number_of_members_change_no_bit(
    fitted, two_threads, make, data, X
):
    more = make(n_members=5).fit(X, data.y)
    np.testing.assert_array_equal(
        more.predict_members(X)[:, :3], fitted.predict_members(X)
    )


@pytest.mark.usefixtures("two_threads")
def test_members_train_on_several_threads(monkeypatch, make, data, X):
    path = "sklearn_csg2a.training.members.train_network"
    threads, both = set(), threading.Barrier(2, timeout=60)

    def train(*arguments):
        threads.add(threading.get_ident())
        both.wait()  # neither goes on before the other has begun
        return train_network(*arguments)

    monkeypatch.setattr(path, train)
    make(n_members=2).fit(X, data.y)
    assert len(threads) == 2


def test_a_fit_repeats_itself(fitted, data, X):
    again = clone(fitted).fit(X, data.y)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    other = clone(fitted).set_params(random_state=1).fit(X, data.y)
    assert not np.array_equal(other.predict(X), fitted.predict(X))


def test_a_constant_response_is_predicted_exactly(make, X):
    predicted = make().fit(X, np.full(len(X), 0.7)).predict(X)
    np.testing.assert_array_equal(predicted, 0.7)


def test_a_pickle_and_a_model_file_keep_every_member(fitted, tmp_path, data, X):
    expected = fitted.predict_members(X)
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_members(X), expected)
    assert restored.net_ is restored.members_[0].net_
    save_model(fitted, tmp_path / "model.csg2a")
    loaded = load_model(tmp_path / "model.csg2a")
    loaded.set_params(expression=data.expression)
    np.testing.assert_array_equal(loaded.predict_members(X), expected)


def test_attention_is_that_of_the_mean_member(fitted, X):
    each = [member.attention_maps(X) for member in fitted.members_]
    expected = sum(table.to_numpy() for table in each) / 3
    np.testing.assert_allclose(fitted.attention_maps(X), expected, rtol=1e-5)
    rows = fitted.attention_maps(X, aggregate=None)
    assert rows.shape == (len(X), 8, 8)
    top = fitted.top_interactions(X, k=3, by=None, method="attention")
    i, j = top.loc[0, ["gene_i", "gene_j"]]
    assert top.loc[0, "score"] == pytest.approx(fitted.attention_maps(X).loc[i, j])


def test_perturbed_expression_is_that_of_the_mean_member(fitted, X):
    each = [member.predict_perturbation(X) for member in fitted.members_]
    np.testing.assert_allclose(fitted.predict_perturbation(X), sum(each) / 3)


def test_history_tells_the_members_apart(fitted):
    assert fitted.history_["member"].unique().tolist() == [0, 1, 2]
    assert fitted.n_iter_ == 2
    assert not fitted.interrupted_


def test_members_start_from_those_of_the_pretraining_in_turn(
    make, data, fitted_first, X
):
    first = fitted_first
    model = make(pretrained=FrozenEstimator(first)).fit(X, data.y)
    of_first = [m.net_.module_.output.weight for m in first.members_]
    of_model = [m.net_.module_.csg2a.output.weight for m in model.members_]
    for k, weight in enumerate(of_model):
        assert torch.equal(weight, of_first[k % 2])


def test_warm_start_continues_every_member(make, data, X):
    model = make(n_members=2, warm_start=True).fit(X, data.y)
    before = model.predict_members(X)
    after = model.fit(X, data.y).predict_members(X)
    assert (np.abs(after - before).max(axis=0) > 0).all()
    for n_members in (1, 3):
        model.set_params(n_members=n_members)
        with pytest.raises(InputError, match="first fit, 2; now n_members"):
            model.fit(X, data.y)
    alone = model.set_params(n_members=1, warm_start=False).fit(X, data.y)
    assert not hasattr(alone, "members_")


def test_an_interrupted_fit_keeps_members_and_resumes_to_the_bit(
    tmp_path, make, data, X
):
    whole = make(max_epochs=3).fit(X, data.y)
    model = make(max_epochs=3, checkpoint=tmp_path / "fit.ckpt")
    interrupt = _Interrupt(at=4)  # in the second member
    with pytest.warns(InterruptedFitWarning, match="1 of 3 members are complete, 1"):
        model.set_params(callbacks=[interrupt]).fit(X, data.y)
    assert model.interrupted_
    assert [member.n_iter_ for member in model.members_] == [3, 1]
    assert np.isfinite(model.predict(X)).all()
    model.set_params(callbacks=None).fit(X, data.y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))


def test_callbacks_see_the_epochs_of_every_member(make, data, X):
    counter = _Interrupt(at=None)
    make(callbacks=[counter]).fit(X, data.y)
    assert counter.n_epochs == 3 * 2


def test_an_error_in_a_member_is_raised_and_leaves_the_model_as_it_was(
    fitted, two_threads, data, X
):
    model = pickle.loads(pickle.dumps(fitted))
    model.set_params(learning_rate=1e30, max_epochs=50)
    with pytest.raises(DivergedError, match="smaller learning_rate"):
        model.fit(X, data.y)
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))


def test_one_line_shows_the_epochs_of_all_members(capsys, make, data, X):
    make(verbose=1).fit(X, data.y)
    assert "6/6" in capsys.readouterr().err


def test_compounds_are_encoded_once_for_all_members(monkeypatch, make, data, X):
    calls = []
    path = "sklearn_csg2a.estimators._base.encode_compounds"

    def encode(encoder, smiles):
        calls.append(smiles)
        return encode_compounds(encoder, smiles)

    monkeypatch.setattr(path, encode)
    model = make(early_stopping=False).fit(X, data.y)
    model.predict(X)
    assert len(calls) == 2


def test_the_cost_of_members_is_measured():
    measured = measure(2, rounds=1, sizes=(9, 10, 6, 80))
    assert measured["members"] == 2
    assert all(np.isfinite(value) and value > 0 for value in measured.values())
