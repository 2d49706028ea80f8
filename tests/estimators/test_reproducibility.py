"""P23, P27-P30 and P32: replicates, seeds, threads, processes, Ctrl-C."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from skorch.callbacks import Callback

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import CheckpointError, InterruptedFitWarning
from sklearn_csg2a.model_selection import DrugBlindKFold


@pytest.fixture(autouse=True)
def _ctrl_c_is_heard():
    """Let SIGINT interrupt, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


def fit_and_predict(model, X, y):
    return model.fit(X, y).predict(X)


def test_P27_the_same_seed_gives_the_same_bits(small, screen):
    y = target(small(), screen)
    first, second = (
        small(dropout=0.5, max_epochs=3).fit(screen.wide, y) for _ in range(2)
    )
    np.testing.assert_array_equal(
        first.predict(screen.wide), second.predict(screen.wide)
    )
    assert first.history_["train_loss"].equals(second.history_["train_loss"])


def test_P23_replicates_in_any_order_have_the_bits_of_their_row(small, screen):
    model = small().fit(screen.wide, target(small(), screen))
    places = np.random.default_rng(0).integers(len(screen.wide), size=300)
    np.testing.assert_array_equal(
        model.predict(screen.wide.iloc[places]), model.predict(screen.wide)[places]
    )


def test_P27_another_seed_gives_another_model(small, screen):
    y = target(small(), screen)
    predictions = [
        fit_and_predict(small(random_state=seed), screen.wide, y) for seed in (0, 1)
    ]
    assert not np.array_equal(*predictions)


def test_P27_fits_in_threads_equal_fits_in_turn(small, screen):
    y = target(small(), screen)
    seeds = [0, 1, 2, 0, 1, 2, 0, 1]
    run = Parallel(n_jobs=4, backend="threading")
    in_threads = run(
        delayed(fit_and_predict)(small(random_state=s, dropout=0.5), screen.wide, y)
        for s in seeds
    )
    for seed, found in zip(seeds, in_threads, strict=True):
        model = small(random_state=seed, dropout=0.5)
        np.testing.assert_array_equal(found, fit_and_predict(model, screen.wide, y))


SCRIPT = f"""
import hashlib, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import make_tables, perturbation_model, response_model
screen = make_tables()
for model, y in ((perturbation_model(), screen.Y), (response_model(), screen.y)):
    predicted = model.fit(screen.wide, y).predict(screen.wide)
    print(hashlib.sha256(predicted.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_P27_a_new_process_gives_the_same_bits(screen, perturbation, response):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = [
        hashlib.sha256(fit_and_predict(model, screen.wide, y).tobytes()).hexdigest()
        for model, y in ((perturbation(), screen.Y), (response(), screen.y))
    ]
    assert done.stdout.split() == expected


def test_P28_fit_predict_and_score_leave_global_random_states_alone(small, screen):
    model = small(random_state=None, dropout=0.5)
    y = target(model, screen)
    before = torch.get_rng_state().clone(), np.random.get_state()[1].copy()  # noqa: NPY002
    model.fit(screen.wide, y)
    model.predict(screen.wide)
    model.score(screen.wide, y)
    if hasattr(model, "predict_perturbation"):
        model.predict(screen.wide, return_spread=True)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_P28_global_seeds_do_not_reach_a_fit(small, screen):
    y = target(small(), screen)
    expected = fit_and_predict(small(), screen.wide, y)
    state = torch.get_rng_state()
    try:
        torch.manual_seed(123)
        found = fit_and_predict(small(), screen.wide, y)
    finally:
        torch.set_rng_state(state)
    np.testing.assert_array_equal(found, expected)


def test_P29_without_a_seed_two_fits_differ(small, screen):
    y = target(small(), screen)
    model = small(random_state=None)
    first, second = (fit_and_predict(model, screen.wide, y) for _ in range(2))
    assert not np.array_equal(first, second)


def test_P29_a_random_state_instance_is_consumed(small, screen):
    y = target(small(), screen)
    runs = []
    for _ in range(2):
        model = small(random_state=np.random.RandomState(0))
        runs.append([fit_and_predict(model, screen.wide, y) for _ in range(2)])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0][0], runs[0][1])


@pytest.mark.slow
def test_P30_a_search_in_two_processes_ends_and_agrees(response, screen):
    grid = {"dropout": [0.0, 0.3]}
    scores = [
        GridSearchCV(response(), grid, cv=2, n_jobs=n_jobs)
        .fit(screen.wide, screen.y)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


class Interrupt(Callback):
    """Press Ctrl-C at the end of an epoch, or of a batch of it."""

    def __init__(self, epoch, batch=None):
        self.epoch = epoch
        self.batch = batch

    def on_batch_end(self, net, training=True, **_):
        at = len(net.history), len(net.history[-1]["batches"])
        if training and at == (self.epoch, self.batch):
            signal.raise_signal(signal.SIGINT)

    def on_epoch_end(self, net, **_):
        if self.batch is None and len(net.history) == self.epoch:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize(("epoch", "batch"), [(1, 1), (1, None), (3, 2), (3, None)])
def test_P32_ctrl_c_ends_the_fit_with_a_warning_and_a_model(
    small, screen, epoch, batch, early_stopping
):
    model = small(
        max_epochs=1000,
        callbacks=[Interrupt(epoch, batch)],
        early_stopping=early_stopping,
    )
    y = target(model, screen)
    message = f"interrupted in epoch {epoch} of 1000"
    with pytest.warns(InterruptedFitWarning, match=message):
        model.fit(screen.wide, y)
    assert model.interrupted_
    assert model.n_iter_ == len(model.history_) == epoch
    assert np.isfinite(model.predict(screen.wide)).all()


@pytest.mark.parametrize(
    ("epoch", "early_stopping", "message"),
    [
        (1, True, "no epoch was completed.* effectively untrained"),
        (1, False, "no epoch was completed.* effectively untrained"),
        (2, True, "keeps the best weights so far, of epoch 1"),
        (2, False, "keeps its last weights"),
    ],
)
def test_P32_the_warning_says_which_weights_are_kept(
    small, screen, epoch, early_stopping, message
):
    model = small(callbacks=[Interrupt(epoch, 1)], early_stopping=early_stopping)
    with pytest.warns(InterruptedFitWarning, match=message) as warned:
        model.fit(screen.wide, target(model, screen))
    assert [one.filename for one in warned] == [__file__]
    assert model.best_epoch_ == epoch - 1


def test_P32_an_interrupted_fit_keeps_its_best_weights(small, screen):
    model = small(max_epochs=50, callbacks=[Interrupt(6, 1)], learning_rate=0.05)
    y = target(model, screen)
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.wide, y)
    best = model.history_["valid_loss"].idxmin() + 1
    assert model.best_epoch_ == best <= 5


def test_P32_an_interrupted_fit_goes_on_from_its_checkpoint(small, screen, tmp_path):
    settings = {"max_epochs": 6, "dropout": 0.5}
    y = target(small(), screen)
    expected = small(**settings).fit(screen.wide, y)
    model = small(**settings, checkpoint=tmp_path / "fit", callbacks=[Interrupt(3, 2)])
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.wide, y)
    model.set_params(callbacks=None).fit(screen.wide, y)
    assert not model.interrupted_
    assert model.n_iter_ == expected.n_iter_
    np.testing.assert_array_equal(
        model.predict(screen.wide), expected.predict(screen.wide)
    )


def test_P32_a_resumed_fit_sees_the_same_validation_rows(small, screen, tmp_path):
    settings = {
        "expression": screen.expression,
        "validation": DrugBlindKFold(3, random_state=None),
        "max_epochs": 6,
    }
    y = target(small(), screen)
    expected = small(**settings).fit(screen.light, y)
    model = small(**settings, checkpoint=tmp_path / "fit", callbacks=[Interrupt(3, 2)])
    with pytest.warns(InterruptedFitWarning):
        model.fit(screen.light, y)
    model = small(**settings, checkpoint=tmp_path / "fit").fit(screen.light, y)
    np.testing.assert_array_equal(
        model.history_["valid_loss"], expected.history_["valid_loss"]
    )
    np.testing.assert_array_equal(
        model.predict(screen.light), expected.predict(screen.light)
    )


def test_P32_a_fit_on_other_validation_rows_is_not_resumed(small, screen, tmp_path):
    class Drawn(ShuffleSplit):
        """A splitter that draws anew at each fit, whatever its seed."""

        def split(self, X, y=None, groups=None):
            self.random_state = next(seeds)
            return super().split(X, y, groups)

    seeds = iter([1, 2])
    y = target(small(), screen)
    splitter = Drawn(1, random_state=0)
    model = small(validation=splitter, checkpoint=tmp_path / "fit")
    model.fit(screen.wide, y)
    splitter.random_state = 0
    with pytest.raises(CheckpointError, match="training and validation rows"):
        model.fit(screen.wide, y)


def test_P32_an_uninterrupted_fit_says_so(small, screen):
    model = small().fit(screen.wide, target(small(), screen))
    assert model.interrupted_ is False


def test_P32_a_second_ctrl_c_stops_at_once(small, screen):
    class Impatient(Callback):
        def on_epoch_end(self, net, **_):
            signal.raise_signal(signal.SIGINT)

        def on_train_end(self, net, **_):
            signal.raise_signal(signal.SIGINT)

    model = small(callbacks=[Impatient()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(screen.wide, target(model, screen))


FORK_SCRIPT = f"""
import os, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import torch
from conftest import make_tables, response_model
torch.set_num_threads(2)
torch.relu(torch.randn(4_000_000)).sum()  # starts the threads
screen = make_tables(n_rows=400)
settings = dict(head_hidden=(512, 64), hidden_dim=64, batch_size=256)
model = response_model(**settings).fit(screen.wide, screen.y)
child = os.fork()
if child == 0:
    try:
        response_model(**settings).fit(screen.wide, screen.y).predict(screen.wide)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
end = time.monotonic() + 60
while time.monotonic() < end:
    if os.waitpid(child, os.WNOHANG)[0]:
        print("ended")
        break
    time.sleep(0.1)
else:
    os.kill(child, 9)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_P30_a_forked_child_does_not_hang():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK_SCRIPT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "ended" in done.stdout
