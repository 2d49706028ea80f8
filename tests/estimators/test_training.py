"""How the estimators train: validation rows, best weights, history, freezing."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit
from sklearn.preprocessing import RobustScaler, StandardScaler
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a._utils.validation import draw_seeds
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import CellBlindKFold, DisjointKFold, DrugBlindKFold
from sklearn_csg2a.training.net import TrainingNet


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


class FirstSplit:
    """A splitter of given rows."""

    def __init__(self, train, valid):
        self.train = train
        self.valid = valid

    def split(self, X, y=None, groups=None):
        yield self.train, self.valid

    def get_n_splits(self, X=None, y=None, groups=None):
        return 1


class Watch(Callback):
    """Keep what a training used: its rows and the weights after each epoch."""

    def on_train_begin(self, net, X, **_):
        self.weights_ = []
        train, valid = net.get_split_datasets(X)
        self.rows_ = [None if s is None else s.rows.tolist() for s in (train, valid)]

    def on_epoch_end(self, net, **_):
        weights = {k: v.clone() for k, v in net.module_.state_dict().items()}
        self.weights_.append(weights)


@pytest.mark.parametrize("kind", [DrugBlindKFold, CellBlindKFold])
def test_a_splitter_judges_early_stopping_on_novelty(small, screen, kind):
    watch, splitter = Watch(), kind(3, random_state=0)
    model = small(
        expression=screen.expression, validation=splitter, callbacks=[watch]
    ).fit(screen.light, target(small(), screen))
    train, valid = next(iter(splitter.split(screen.light)))
    assert watch.rows_ == [train.tolist(), valid.tolist()]
    column = "smiles" if kind is DrugBlindKFold else "cell_line"
    names = screen.light[column].to_numpy()
    assert not set(names[train]) & set(names[valid])
    assert "valid_loss" in model.history_


def test_rows_on_neither_side_of_a_split_are_not_used(small, screen):
    splitter = DisjointKFold(2, random_state=0)
    train, valid = next(iter(splitter.split(screen.light)))
    unused = np.setdiff1d(np.arange(40), [*train, *valid])
    assert len(unused) > 0
    y = target(small(), screen)
    other = y.copy()
    other[unused] = 1e6
    settings = {"expression": screen.expression, "validation": splitter}
    expected, found = (
        small(**settings).fit(screen.light, values).predict(screen.light)
        for values in (y, other)
    )
    np.testing.assert_array_equal(found, expected)


def test_a_fraction_is_held_out_at_random_and_by_the_seed(small, screen):
    held_out = []
    for seed in (0, 0, 1):
        watch = Watch()
        model = small(random_state=seed, validation=0.25, callbacks=[watch])
        model.fit(screen.wide, target(model, screen))
        train, valid = watch.rows_
        assert len(valid) == 10
        assert sorted(train + valid) == list(range(40))
        held_out.append(valid)
    assert held_out[0] == held_out[1] != held_out[2]


def _rows_of(model, X, y):
    """Fit and return the training and the validation rows."""
    watch = Watch()
    model.set_params(callbacks=[watch]).fit(X, y)
    return tuple(watch.rows_)


@pytest.mark.parametrize("form", ["light", "wide"])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_a_fraction_keeps_replicates_on_one_side(small, tables, form, fraction):
    screen = tables(n_rows=200)  # 30 pairs
    X = getattr(screen, form)
    expression = screen.expression if form == "light" else None
    model = small(expression=expression, validation=fraction, max_epochs=1)
    train, valid = _rows_of(model, X, target(model, screen))
    pairs = (screen.light["cell_line"] + screen.light["smiles"]).to_numpy()
    assert not set(pairs[train]) & set(pairs[valid])
    assert sorted(train + valid) == list(range(200))
    assert abs(len(valid) - 200 * fraction) <= 4


def test_a_fraction_keeps_all_spellings_of_a_compound_together(response, screen):
    X = screen.light.replace({"smiles": {"CCO": "OCC"}})
    X = pd.concat([screen.light, X, X.replace({"smiles": {"OCC": "CCO.Cl"}})])
    y = np.tile(screen.y, 3)
    model = response(expression=screen.expression, max_epochs=1, validation=0.2)
    train, valid = _rows_of(model, X, y)
    pairs = np.tile(screen.light["cell_line"] + screen.light["smiles"], 3)
    assert not set(pairs[train]) & set(pairs[valid])


def test_a_fraction_of_wide_rows_uses_the_name_of_the_cell(response, screen):
    """Controls of two plates differ; the cell line is the same."""
    wide = screen.wide.assign(cell_line=screen.light["cell_line"])
    X = pd.concat([wide, wide.assign(TP53=wide["TP53"] + 0.1)], ignore_index=True)
    model = response(max_epochs=1, validation=0.2)
    train, valid = _rows_of(model, X, np.tile(screen.y, 2))
    pairs = (X["cell_line"] + X["smiles"]).to_numpy()
    assert not set(pairs[train]) & set(pairs[valid])


def test_a_fraction_of_a_plain_array_keeps_equal_rows_together(response):
    X = np.repeat(np.random.default_rng(0).normal(size=(30, 4)), 3, axis=0)
    model = response(max_epochs=1, validation=0.1)
    train, valid = _rows_of(model, X, X[:, 0])
    assert not {i // 3 for i in train} & {i // 3 for i in valid}
    assert len(valid) == 9


def test_a_fraction_without_replicates_is_exact(response):
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = response(max_epochs=1, validation=0.25)
    train, valid = _rows_of(model, X, X[:, 0])
    seed = draw_seeds(0, 4)[3]
    order = np.random.RandomState(seed).permutation(40)
    assert valid == sorted(order[:10])
    assert train == sorted(order[10:])


def test_a_fraction_of_few_pairs_warns_of_what_it_holds_out(response):
    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    y = np.arange(40.0)
    model = response(max_epochs=2, validation=0.1)
    with pytest.warns(
        UserWarning, match="4 of 40 rows.*20 rows are held out"
    ) as caught:
        train, valid = _rows_of(model, X, y)
    assert [one.filename for one in caught] == [__file__]
    assert len(train) == len(valid) == 20
    with pytest.warns(UserWarning, match="4 of 40 rows.* 0 rows are held out"):
        train, valid = _rows_of(model, X * 0, y)
    assert (len(train), valid) == (40, None)


@pytest.mark.parametrize(
    "splitter",
    [
        DrugBlindKFold(3, random_state=None),
        KFold(4, shuffle=True),
        ShuffleSplit(2),
        RepeatedKFold(n_splits=3, n_repeats=2),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_splitter_without_a_seed_follows_the_random_state(small, screen, splitter):
    y = target(small(), screen)
    rows = [
        _rows_of(
            small(
                expression=screen.expression,
                validation=splitter,
                max_epochs=1,
                random_state=seed,
            ),
            screen.light,
            y,
        )
        for seed in (0, 0, 1, 2, 3)
    ]
    assert rows[0] == rows[1]
    assert any(one != rows[0] for one in rows[2:])
    assert splitter.random_state is None


def test_a_splitter_with_a_seed_keeps_it(small, screen):
    y = target(small(), screen)
    rows = [
        _rows_of(
            small(
                expression=screen.expression,
                validation=DrugBlindKFold(3),
                max_epochs=1,
                random_state=seed,
            ),
            screen.light,
            y,
        )
        for seed in (0, 1)
    ]
    assert rows[0] == rows[1]


def test_without_early_stopping_every_row_trains_for_every_epoch(small, screen):
    watch = Watch()
    model = small(early_stopping=False, max_epochs=4, callbacks=[watch])
    model.fit(screen.wide, target(model, screen))
    assert watch.rows_ == [list(range(40)), None]
    assert model.n_iter_ == model.best_epoch_ == 4
    assert "valid_loss" not in model.history_


@pytest.mark.parametrize("validation", [5, 1.0, 0.0, -0.1, "half", [([0], [1])]])
def test_a_validation_that_is_neither_fraction_nor_splitter_is_refused(
    small, screen, validation
):
    with pytest.raises(ValueError, match="validation"):
        small(validation=validation).fit(screen.wide, target(small(), screen))


@pytest.mark.parametrize(
    ("train", "valid"), [([0], [1, 2]), ([], [1, 2]), ([0, 1, 2], [])]
)
def test_a_split_that_leaves_too_few_rows_is_refused(small, screen, train, valid):
    splitter = FirstSplit(np.array(train, dtype=int), np.array(valid, dtype=int))
    message = f"{len(train)} training and {len(valid)} validation"
    with pytest.raises(InputError, match=message):
        small(validation=splitter).fit(screen.wide, target(small(), screen))


def test_the_best_weights_are_kept(small, screen):
    watch = Watch()
    model = small(
        max_epochs=40, learning_rate=0.1, patience=3, callbacks=[watch], dropout=0.0
    )
    model.fit(screen.wide, target(model, screen))
    losses = model.history_["valid_loss"]
    assert model.best_epoch_ == losses.idxmin() + 1
    assert model.n_iter_ == len(losses) == min(40, model.best_epoch_ + 3)
    best = watch.weights_[model.best_epoch_ - 1]
    for name, value in model.net_.module_.state_dict().items():
        assert torch.equal(value, best[name]), name


def test_the_kept_weights_have_the_smallest_validation_loss(small, screen):
    splitter = FirstSplit(np.arange(30), np.arange(30, 40))
    model = small(max_epochs=20, learning_rate=0.05, validation=splitter)
    y = target(model, screen)
    error = model.fit(screen.wide, y).predict(screen.wide)[30:] - y[30:]
    np.testing.assert_allclose(
        np.mean(error**2), model.history_["valid_loss"].min(), rtol=1e-4
    )


def test_training_lowers_the_loss(small, screen):
    y = target(small(), screen)
    model = small(max_epochs=60, learning_rate=0.03, dropout=0.0).fit(screen.wide, y)
    assert model.score(screen.wide, y) > 0.5


def test_history_has_one_row_per_epoch(small, screen):
    model = small(max_epochs=3).fit(screen.wide, target(small(), screen))
    assert list(model.history_) == [
        *("epoch", "train_loss", "valid_loss", "learning_rate", "seconds")
    ]
    assert model.history_["epoch"].tolist() == [1, 2, 3]
    assert (model.history_["learning_rate"].diff().dropna() < 0).all()
    assert model.history_.notna().all(axis=None)


def test_history_is_in_squared_units_of_y(small, screen):
    y = target(small(), screen)
    model, scaled = (small().fit(screen.wide, f * y) for f in (1.0, 1000.0))
    np.testing.assert_allclose(
        scaled.history_["valid_loss"], 1e6 * model.history_["valid_loss"], rtol=1e-4
    )


def test_predictions_follow_a_change_of_units(small, screen):
    y = target(small(), screen)
    expected = small().fit(screen.wide, y).predict(screen.wide)
    found = small().fit(screen.wide, 1024.0 * y).predict(screen.wide)
    np.testing.assert_allclose(found, 1024.0 * expected, rtol=1e-5)


def test_fitted_attributes_are_plain(small, screen):
    model = small().fit(screen.wide, target(small(), screen))
    assert model.genes_.tolist() == list(screen.expression.columns)
    assert model.n_features_in_ == screen.wide.shape[1]
    assert model.feature_names_in_.tolist() == list(screen.wide.columns)
    assert model.device_ == "cpu"
    assert isinstance(model.net_, TrainingNet)
    assert not model.net_.module_.training


def test_warm_start_continues_from_the_fitted_weights(small, screen):
    settings = {"early_stopping": False, "max_epochs": 15, "dropout": 0.0}
    y = target(small(), screen)
    model = small(warm_start=True, learning_rate=0.03, **settings).fit(screen.wide, y)
    last = model.history_["train_loss"].iloc[-1]
    model.set_params(learning_rate=1e-6).fit(screen.wide, y)
    assert model.history_["train_loss"].iloc[0] < 1.5 * last
    cold = model.set_params(warm_start=False).fit(screen.wide, y)
    assert cold.history_["train_loss"].iloc[0] > 1.5 * last


def test_warm_start_needs_the_genes_of_the_first_fit(small, screen, tables):
    model = small(warm_start=True).fit(screen.wide, target(small(), screen))
    other = tables(genes=tuple("ABCDEFGH"))
    with pytest.raises(InputError, match=r"warm_start=True .* genes"):
        model.fit(other.wide, target(model, other))


def test_warm_start_needs_the_outputs_of_the_first_fit(perturbation, screen):
    model = perturbation(warm_start=True).fit(screen.wide, screen.Y)
    with pytest.raises(InputError, match=r"warm_start=True .* 8 .* 3"):
        model.fit(screen.wide, screen.Y[:, :3])


def test_warm_start_needs_the_compounds_of_the_first_fit(small, screen):
    X = screen.wide[list(screen.expression.columns)]
    model = small(warm_start=True).fit(X, target(small(), screen))
    with pytest.raises(InputError, match="warm_start=True"):
        model.fit(screen.wide, target(model, screen))


def weights_of_csg2a(network):
    csg2a = getattr(network, "csg2a", network)
    return {name: value.clone() for name, value in csg2a.state_dict().items()}


@pytest.mark.parametrize("freeze", [True, False])
def test_freeze_decides_whether_the_pretrained_part_learns(
    screen, response, pretrained, freeze
):
    first = weights_of_csg2a(pretrained.estimator.net_.module_)
    model = response(
        pretrained=pretrained, expression=screen.expression, freeze=freeze
    ).fit(screen.light, screen.y)
    weights = weights_of_csg2a(model.net_.module_)
    same = {
        name: torch.equal(value, weights[name])
        for name, value in first.items()
        if name not in {"location", "scale"}  # units of Y, handed over
    }
    batch_norm = [name for name in same if "running" in name]
    assert batch_norm
    if freeze:
        assert all(same.values())
    else:
        assert not any(same[name] for name in batch_norm)
        learned = [n for n, _ in model.net_.module_.csg2a.named_parameters()]
        assert not any(same[name] for name in learned if name.endswith("weight"))


def test_scaling_and_head_learn_on_a_frozen_network(screen, response, pretrained):
    model = response(pretrained=pretrained, expression=screen.expression)
    network = model.fit(screen.light, screen.y).net_.module_
    assert network.scaling.mean.item() != 0
    assert network.scaling.inverse_std.item() != 1
    assert network.head.output.weight.abs().sum() > 0


def test_the_first_prediction_is_the_mean_of_y(response, screen):
    model = response(
        max_epochs=1, learning_rate=1e-12, early_stopping=False, weight_decay=0.0
    ).fit(screen.wide, screen.y)
    np.testing.assert_allclose(
        model.predict(screen.wide), screen.y.mean(), rtol=0, atol=1e-6
    )


def test_pretraining_decides_genes_encoder_and_size(screen, response, pretrained):
    model = response(
        pretrained=pretrained, expression=screen.expression, hidden_dim=7
    ).fit(screen.light, screen.y)
    first = pretrained.estimator
    assert model.genes_.tolist() == first.genes_.tolist()
    assert model.encoder_ is first.encoder_
    assert model.net_.module_.csg2a.attention.hidden_dim == 4


def test_the_units_of_the_pretraining_are_kept(screen, response, pretrained):
    model = response(
        pretrained=pretrained,
        expression=screen.expression,
        max_epochs=1,
        learning_rate=1e-12,
        weight_decay=0.0,
    ).fit(screen.light, screen.y)
    np.testing.assert_allclose(
        model.predict_perturbation(screen.light),
        pretrained.estimator.predict(
            screen.expression.loc[screen.light["cell_line"]]
            .set_index(screen.light.index)
            .assign(**screen.light[["smiles", "dose", "time"]])
        ),
        rtol=1e-4,
        atol=1e-5,
    )


def test_pretraining_with_compounds_needs_them(screen, response, pretrained):
    X = screen.wide[list(screen.expression.columns)]
    with pytest.raises(InputError, match="fitted with compounds"):
        response(pretrained=pretrained).fit(X, screen.y)


def test_pretraining_needs_its_genes(screen, response, pretrained):
    X = screen.wide.drop(columns="MYC")
    with pytest.raises(InputError, match=r"7 of 8 genes match.*'MYC'"):
        response(pretrained=pretrained).fit(X, screen.y)


def test_the_scaler_sees_each_training_cell_once(screen, response):
    model = response(
        expression=screen.expression, expression_scaler=StandardScaler()
    ).fit(screen.light, screen.y)
    np.testing.assert_allclose(
        model.scaler_.mean_, screen.expression.mean(), rtol=1e-5, atol=1e-6
    )
    few = screen.light[screen.light["cell_line"].isin(["A549", "MCF7"])]
    y = screen.y[screen.light["cell_line"].isin(["A549", "MCF7"])]
    model.fit(few, y)
    np.testing.assert_allclose(
        model.scaler_.mean_,
        screen.expression.loc[["A549", "MCF7"]].mean(),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("held_out", [["HT29"], ["A549", "K562"]])
def test_the_scaler_never_sees_cells_that_only_judge_early_stopping(
    screen, response, held_out
):
    valid = screen.light["cell_line"].isin(held_out).to_numpy()
    model = response(
        expression=screen.expression,
        expression_scaler=StandardScaler(),
        validation=FirstSplit(np.flatnonzero(~valid), np.flatnonzero(valid)),
    ).fit(screen.light, screen.y)
    np.testing.assert_allclose(
        model.scaler_.mean_, screen.expression.drop(held_out).mean(), rtol=1e-5
    )


class Recorder(TransformerMixin, BaseEstimator):
    """Encode a compound by the length of its SMILES; keep those seen in fit."""

    def fit(self, X, y=None):
        self.seen_ = set(X)
        return self

    def transform(self, X):
        return np.array([[len(smiles)] for smiles in X], dtype=np.float32)


def test_an_encoder_never_sees_compounds_that_only_judge_early_stopping(small, screen):
    valid = (screen.light["smiles"] == "CCO").to_numpy()
    model = small(
        compound_encoder=Recorder(),
        validation=FirstSplit(np.flatnonzero(~valid), np.flatnonzero(valid)),
    ).fit(screen.wide, target(small(), screen))
    assert len(model.encoder_.seen_) == 4
    assert "CCO" not in model.encoder_.seen_


def test_with_a_scaler_units_of_expression_do_not_matter(screen, response):
    scaler = RobustScaler()
    found, expected = (
        response(expression=screen.expression * factor, expression_scaler=scaler)
        .fit(screen.light, screen.y)
        .predict(screen.light)
        for factor in (1024.0, 1.0)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("head_hidden", [(), (0,), (4, -1), (2.5,), ("a",)])
def test_head_widths_that_make_no_head_are_refused(response, screen, head_hidden):
    with pytest.raises(InputError, match=re.escape(f"head_hidden={head_hidden!r}")):
        response(head_hidden=head_hidden).fit(screen.wide, screen.y)


@pytest.mark.parametrize("device", ["tpu9", "gpu", 0.5])
def test_a_missing_device_is_refused(small, screen, device):
    with pytest.raises(ValueError, match="device"):
        small(device=device).fit(screen.wide, target(small(), screen))


def test_verbose_shows_one_line_on_stderr(small, screen, capsys):
    small(verbose=1, max_epochs=3).fit(screen.wide, target(small(), screen))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "epoch 3/3" in shown.err
    small().fit(screen.wide, target(small(), screen))
    assert capsys.readouterr() == ("", "")
