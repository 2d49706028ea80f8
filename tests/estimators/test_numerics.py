"""P23-P25: predictions of a row are its own, every row trains, divergence ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import DivergedError
from sklearn_csg2a.training.data import Batches, TreatmentDataset

KINDS = ("light", "wide", "plain")


def take(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def assert_each_row_is_its_own(predict, X):
    n_rows = len(X)
    full = predict(X)
    shuffled = np.random.default_rng(0).permutation(n_rows)
    np.testing.assert_array_equal(predict(take(X, shuffled)), full[shuffled])
    for row in (0, 1, n_rows // 2, n_rows - 1):
        np.testing.assert_array_equal(predict(take(X, [row])), full[[row]])
    half = np.arange(n_rows // 2)
    np.testing.assert_array_equal(predict(take(X, half)), full[half])


def names(n_genes):
    return tuple(f"G{i}" for i in range(n_genes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_genes", [5, 17, 100])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
def test_P23_perturbation_does_not_depend_on_the_other_rows(
    perturbation, tables, kind, n_genes, n_outputs
):
    screen = tables(n_rows=300, genes=names(n_genes))
    model = perturbation(
        expression=screen.expression if kind == "light" else None, max_epochs=1
    )
    X = getattr(screen, kind)
    if kind == "plain":  # 300 cells: several blocks of them
        X = X + np.random.default_rng(1).normal(size=X.shape)
    model.fit(X[:40], screen.Y[:40, :n_outputs])
    assert_each_row_is_its_own(model.predict, X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_genes", [5, 17, 100])
@pytest.mark.parametrize("first", [False, True])
def test_P23_response_does_not_depend_on_the_other_rows(
    perturbation, response, tables, kind, n_genes, first
):
    screen = tables(n_rows=300, genes=names(n_genes))
    X = getattr(screen, kind)
    if kind == "plain":
        X = X + np.random.default_rng(1).normal(size=X.shape)
    settings = {
        "expression": screen.expression if kind == "light" else None,
        "max_epochs": 1,
    }
    if first:
        pretrained = perturbation(**settings).fit(X[:40], screen.Y[:40])
        settings["pretrained"] = FrozenEstimator(pretrained)
    model = response(**settings).fit(X[:40], screen.y[:40])
    assert_each_row_is_its_own(model.predict, X)
    assert_each_row_is_its_own(model.predict_perturbation, X)


@pytest.mark.parametrize("attention", ["released", "off"])
@pytest.mark.parametrize("head_hidden", [(3,), (40, 20, 1)])
def test_P23_holds_for_every_form_of_the_network(
    response, tables, attention, head_hidden
):
    screen = tables(n_rows=100)
    model = response(attention=attention, head_hidden=head_hidden, hidden_dim=33)
    model.fit(screen.wide[:40], screen.y[:40])
    assert_each_row_is_its_own(model.predict, screen.wide)


@pytest.mark.parametrize("n_rows", range(2, 18))
def test_P24_no_number_of_rows_is_in_the_way_of_batch_norm(small, screen, n_rows):
    model = small(batch_size=8, max_epochs=1, early_stopping=False)
    y = screen.Y if isinstance(model, PerturbationRegressor) else screen.y
    model.fit(screen.wide[:n_rows], y[:n_rows])
    assert np.isfinite(model.predict(screen.wide)).all()


@pytest.mark.parametrize("batch_size", [2, 3, 8])
@pytest.mark.parametrize("n_rows", range(2, 18))
def test_P24_no_row_is_dropped_and_no_batch_holds_a_single_row(batch_size, n_rows):
    class Positions(TreatmentDataset):
        encodes_compounds = False

        def batch(self, positions):
            return None, positions

    dataset = Positions(
        tensors=None,
        rows=torch.arange(n_rows),
        target=torch.zeros(n_rows, 1),
        generator=torch.Generator().manual_seed(0),
    )
    seen = [positions for _, positions in Batches(dataset, batch_size)]
    assert min(len(positions) for positions in seen) > 1
    assert sorted(torch.cat(seen).tolist()) == list(range(n_rows))


class LastEpoch(Callback):
    """Remember how far the training came."""

    def on_batch_begin(self, net, **_):
        self.at_ = len(net.history), len(net.history[-1]["batches"])


@pytest.mark.parametrize("early_stopping", [True, False])
def test_P25_divergence_ends_within_one_batch_and_says_where(
    small, screen, early_stopping
):
    last = LastEpoch()
    model = small(
        learning_rate=1e30,
        max_epochs=50,
        early_stopping=early_stopping,
        callbacks=[last],
    )
    y = screen.Y if isinstance(model, PerturbationRegressor) else screen.y
    with pytest.raises(
        DivergedError,
        match=r"loss is (nan|inf) at epoch 1, batch 2 \(last finite loss: \d.*\), "
        r"with learning rate 1e\+30\. Use a smaller learning_rate",
    ) as raised:
        model.fit(screen.wide, y)
    assert isinstance(raised.value, RuntimeError)
    assert last.at_ == (1, 2)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_P25_divergence_in_the_very_last_step_is_seen(small, screen, early_stopping):
    model = small(
        learning_rate=1e30,
        max_epochs=1,
        batch_size=64,
        early_stopping=early_stopping,
    )
    y = screen.Y if isinstance(model, PerturbationRegressor) else screen.y
    with pytest.raises(DivergedError, match=r"learning rate 1e\+30"):
        model.fit(screen.wide, y)
