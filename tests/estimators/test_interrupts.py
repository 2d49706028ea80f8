"""P32: Ctrl-C in searches, ensembles and pipelines, and in what they are made of."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
import types

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklearn_csg2a import (
    DrugResponseRegressor,
    LevelRankingRegressor,
    ResidualRegressor,
)
from sklearn_csg2a._utils.lazy import attach
from sklearn_csg2a.baselines import DrugMean
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.exceptions import InterruptedFitWarning
from sklearn_csg2a.uncertainty import ConformalRegressor


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """Let SIGINT interrupt, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupt(Callback):
    """Press Ctrl-C in the second epoch of a fit to so many rows, or to any."""

    fits = 0

    def __init__(self, n_rows=None):
        self.n_rows = n_rows

    def on_train_begin(self, net, X=None, **_):
        Interrupt.fits += 1
        self.is_meant = self.n_rows in (None, len(X))

    def on_epoch_end(self, net, **_):
        if self.is_meant and len(net.history) == 2:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def interrupted(screen, monkeypatch):
    monkeypatch.setattr(Interrupt, "fits", 0)

    def interrupted(n_rows=None, **settings):
        return DrugResponseRegressor(
            **{
                "expression": screen.expression,
                "compound_encoder": MorganEncoder(n_bits=32),
                "hidden_dim": 4,
                "head_hidden": (8, 4),
                "max_epochs": 4,
                "batch_size": 16,
                "early_stopping": False,
                "callbacks": [Interrupt(n_rows)],
                "random_state": 0,
                **settings,
            }
        )

    return interrupted


def _search(model, X, y):
    GridSearchCV(model, {"learning_rate": [0.01, 0.02]}, cv=2).fit(X, y)


def _search_of_pipelines(model, X, y):
    cross_validate(make_pipeline("passthrough", model), X, y, cv=3)


def _ensemble(model, X, y):
    BaggingRegressor(
        model.set_params(expression=None), n_estimators=3, random_state=0
    ).fit(np.random.default_rng(0).normal(size=(len(X), 8)), y)


def _in_turn_by_joblib(model, X, y):
    Parallel(n_jobs=1)(delayed(model.fit)(X, y) for _ in range(3))


@pytest.mark.parametrize(
    "fit", [_search, _search_of_pipelines, _ensemble, _in_turn_by_joblib]
)
def test_P32_one_ctrl_c_ends_all_fits_of_a_search(interrupted, screen, fit):
    with pytest.raises(KeyboardInterrupt):
        fit(interrupted(), screen.light, screen.y)
    assert Interrupt.fits == 1


def test_P32_one_ctrl_c_ends_a_search_of_models_with_members(interrupted, screen):
    with pytest.raises(KeyboardInterrupt):
        _search(interrupted(n_members=2), screen.light, screen.y)
    assert Interrupt.fits <= 2


def test_P32_ctrl_c_in_a_pipeline_leaves_a_model(interrupted, screen):
    model = make_pipeline("passthrough", interrupted())
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.light, screen.y)
    assert model[-1].interrupted_
    assert np.isfinite(model.predict(screen.light)).all()


ENSEMBLES = {
    "residual": lambda model: ResidualRegressor(DrugMean(), model, cv=3),
    "level and ranking": lambda model: LevelRankingRegressor(DrugMean(), model),
    "conformal": lambda model: ConformalRegressor(model, cv=3),
}


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_P32_a_meta_estimator_knows_that_its_last_fit_was_interrupted(
    interrupted, screen, kind
):
    model = ENSEMBLES[kind](interrupted(n_rows=len(screen.light)))
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.light, screen.y)
    assert model.interrupted_
    assert np.isfinite(model.predict(screen.light)).all()


def test_P32_one_ctrl_c_ends_the_held_out_fits_of_a_meta_estimator(interrupted, screen):
    for model in (
        ResidualRegressor(interrupted(), DrugMean(), cv=3),
        ConformalRegressor(interrupted(), cv=3),
    ):
        Interrupt.fits = 0
        with pytest.raises(KeyboardInterrupt), pytest.warns(InterruptedFitWarning):
            model.fit(screen.light, screen.y)
        assert Interrupt.fits == 1


class Twice(Callback):
    """Press Ctrl-C twice within one operation that Python does not look into."""

    def on_batch_begin(self, net, **_):
        if len(net.history) == 2:
            pressing = threading.Thread(target=self.press)
            pressing.start()
            hashlib.pbkdf2_hmac("sha256", b"any", b"salt", 1_000_000)
            pressing.join()

    def press(self):
        for _ in range(2):
            time.sleep(0.02)
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_P32_a_second_ctrl_c_is_noticed_where_python_sees_one(interrupted, screen):
    model = interrupted(callbacks=[Twice()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(screen.light, screen.y)
    assert signal.set_wakeup_fd(-1) == -1


class TwiceWhileWaiting(Callback):
    """Press Ctrl-C twice before the system hands over the first."""

    def on_batch_begin(self, net, **_):
        if len(net.history) == 2:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            for _ in range(2):
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_P32_two_that_the_system_hands_over_as_one_end_the_fit_with_a_model(
    interrupted, screen
):
    model = interrupted(callbacks=[TwiceWhileWaiting()])
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.light, screen.y)
    assert model.interrupted_
    assert np.isfinite(model.predict(screen.light)).all()


def test_P32_ctrl_c_before_the_first_epoch_is_not_lost(interrupted, screen):
    class AtOnce(Callback):
        def on_train_begin(self, net, **_):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted(callbacks=[AtOnce()]).fit(screen.light, screen.y)


def test_P32_the_pipe_of_an_event_loop_stays_its_own(interrupted, screen):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        signal.set_wakeup_fd(writer)
        with pytest.warns(InterruptedFitWarning):
            assert interrupted().fit(screen.light, screen.y).interrupted_
        assert signal.set_wakeup_fd(-1) == writer
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def test_P32_ctrl_c_waits_for_an_import_to_end(monkeypatch):
    seen = []

    class Slow(types.ModuleType):
        @property
        def answer(self):
            signal.raise_signal(signal.SIGINT)
            seen.append("whole")
            return 42

    monkeypatch.setitem(sys.modules, "sklearn_csg2a.slow_part", Slow("slow_part"))
    package = types.ModuleType("package")
    monkeypatch.setitem(sys.modules, "package", package)
    load, _ = attach("package", {"answer": "sklearn_csg2a.slow_part"})
    with pytest.raises(KeyboardInterrupt):
        load("answer")
    assert seen == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
