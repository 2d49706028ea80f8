"""How many threads there are decides neither the bits nor anything afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.model_selection import cross_val_predict
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor, baselines
from sklearn_csg2a.baselines.deep import _bert_layers
from sklearn_csg2a.baselines.deep._bert_layers import BertLayer, BertLayers, Sequences
from sklearn_csg2a.encoders import MATEncoder, MorganEncoder, PotencyEncoder
from sklearn_csg2a.exceptions import DivergedError, InterruptedFitWarning
from sklearn_csg2a.nn import layers
from sklearn_csg2a.nn.blocks import apply_by_rows, map_blocks, steady_threads
from sklearn_csg2a.nn.layers import linear, set_dropout_generator

N_GENES = 300  # so that small tensors are above what torch gives one thread
SMILES = np.array(
    ["CCO", "c1ccccc1", "CC(=O)O", "CCCCN", "Oc1ccccc1Cl", "CC(=O)Oc1ccccc1C(=O)O"]
)
DEEP = {"max_epochs": 1, "batch_size": 150, "random_state": 0}
MODELS = {
    "DrugResponseRegressor": {**DEEP, "hidden_dim": 32, "dropout": 0.5},
    "DRPreter": DEEP,
    "DeepCoVDR": {**DEEP, "n_layers": 1},
    "DeepTTA": {**DEEP, "n_layers": 1},
    "EnsembleMF": {**DEEP, "n_members": 3},
    "GraphDRP": DEEP,
    "PathDNN": DEEP,
    "Precily": DEEP,
    "PairwiseKernelRidge": {"alpha": [0.1, 1.0], "random_state": 0},
    "ResponseGaussianProcess": {"noise": [0.1, 0.3], "random_state": 0},
    "SVMResponse": {},
    "RandomForestResponse": {"n_estimators": 5, "random_state": 0},
    "GradientBoostingResponse": {
        "max_iter": 5,
        "max_features": 0.5,
        "random_state": 0,
    },
    "LatentFactors": {"random_state": 0},
}


@pytest.fixture(autouse=True)
def _fine_blocks(monkeypatch):
    """Cut small products too."""
    monkeypatch.setattr("sklearn_csg2a.nn.blocks._BLOCK", 2**12)


@contextmanager
def n_threads(n):
    """Let torch and BLAS take `n` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def settings_now():
    blas = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return torch.get_num_threads(), [one["num_threads"] for one in blas]


@pytest.fixture(scope="module")
def screen():
    rng = np.random.default_rng(0)
    cells = [f"c{i}" for i in range(50)]
    genes = [f"g{i}" for i in range(N_GENES)]
    expression = pd.DataFrame(rng.normal(size=(50, N_GENES)), cells, genes)
    cell, drug = np.divmod(rng.permutation(300)[:280], len(SMILES))
    X = pd.DataFrame({"cell_line": np.array(cells)[cell], "smiles": SMILES[drug]})
    return X, drug + expression["g0"].to_numpy()[cell], expression


def make(name, screen):
    model_class = getattr(baselines, name, DrugResponseRegressor)
    model = model_class(**MODELS[name])
    if "expression" in model.get_params():
        model.set_params(expression=screen[2])
    return model


def fit_and_predict(model, X, y):
    return model.fit(X, y).predict(X)


@pytest.mark.parametrize("name", MODELS)
def test_one_and_two_threads_give_the_same_bits(name, screen):
    X, y, _ = screen
    found = []
    for n in (1, 2, 3):
        with n_threads(n):
            before = settings_now()
            found.append(fit_and_predict(make(name, screen), X, y))
            assert settings_now() == before
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_perturbation_model_gives_the_same_bits(screen):
    X, _, expression = screen
    Y = expression.loc[X["cell_line"]].to_numpy()
    found = []
    for n in (1, 2):
        with n_threads(n):
            model = PerturbationRegressor(expression=expression, **DEEP)
            found.append(fit_and_predict(model, X, Y))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    "encoder",
    [
        MorganEncoder(),
        MATEncoder(),
        PotencyEncoder(pd.DataFrame(np.eye(6), index=SMILES)),
    ],
    ids=["Morgan", "MAT", "potency"],
)
def test_encoders_give_the_same_bits(encoder):
    found = []
    for n in (1, 2):
        with n_threads(n):
            found.append(encoder.fit(SMILES).transform(SMILES))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize("name", ["DrugResponseRegressor", "PairwiseKernelRidge"])
@pytest.mark.slow
def test_folds_in_parallel_equal_folds_in_turn(name, backend, screen, monkeypatch):
    monkeypatch.undo()  # other processes cut as they always do
    X, y, _ = screen
    model = make(name, screen)
    with n_threads(2):
        before = settings_now()
        expected = cross_val_predict(model, X, y, cv=3)
        with Parallel(n_jobs=2, backend=backend) as parallel:
            fits = parallel(
                delayed(fit_and_predict)(make(name, screen), X, y) for _ in range(2)
            )
        assert settings_now() == before
        np.testing.assert_array_equal(*fits)
        np.testing.assert_array_equal(fits[0], fit_and_predict(model, X, y))
        again = cross_val_predict(model, X, y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(again, expected)


def test_an_error_leaves_the_settings(screen):
    X, y, expression = screen
    model = DrugResponseRegressor(
        expression=expression, **{**DEEP, "learning_rate": 1e30}
    )
    with n_threads(2):
        before = settings_now()
        with pytest.raises(DivergedError):
            model.fit(X, y)
        assert settings_now() == before


def test_ctrl_c_leaves_the_settings(screen):
    from skorch.callbacks import Callback

    class Interrupt(Callback):
        def on_batch_end(self, net, **_):
            signal.raise_signal(signal.SIGINT)

    X, y, expression = screen
    model = DrugResponseRegressor(
        expression=expression, callbacks=[Interrupt()], **DEEP
    )
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with n_threads(2):
            before = settings_now()
            with pytest.warns(InterruptedFitWarning):
                model.fit(X, y)
            assert settings_now() == before
    finally:
        signal.signal(signal.SIGINT, handler)


def test_threads_that_overlap_leave_the_settings():
    """However those inside at once follow each other, also for threads started then."""
    inside = []

    def work(wait):
        with steady_threads():
            inside.append(settings_now())
            time.sleep(wait)

    with n_threads(2):
        before = settings_now()
        started = [threading.Thread(target=work, args=(w,)) for w in (0.2, 0.05, 0.1)]
        for one in started:
            one.start()
            time.sleep(0.02)
        for one in started:
            one.join()
        assert settings_now() == before
        of_new_thread = []
        new = threading.Thread(
            target=lambda: of_new_thread.append(torch.get_num_threads())
        )
        new.start()
        new.join()
    assert of_new_thread == [2]
    assert {torch_threads for torch_threads, _ in inside} == {1}
    assert {n for _, blas in inside for n in blas} == {1}


def test_blocks_come_in_order_and_from_several_threads():
    with n_threads(2), steady_threads():
        both = threading.Barrier(2, timeout=10)

        def function(block):
            if block < 2:
                both.wait()  # passes once two threads are here
            return block, torch.get_num_threads(), torch.is_grad_enabled()

        with torch.no_grad():
            found = map_blocks(function, 5)
    assert found == [(block, 1, False) for block in range(5)]


def test_an_error_in_a_block_comes_out():
    def fail(block):
        raise ZeroDivisionError(block)

    with n_threads(2), steady_threads():
        with pytest.raises(ZeroDivisionError):
            map_blocks(fail, 4)
        assert map_blocks(abs, 2) == [0, 1]


def test_one_thread_computes_all_blocks_itself():
    caller = threading.get_ident()
    with n_threads(1), steady_threads():
        found = map_blocks(lambda _: threading.get_ident(), 4)
    assert found == [caller] * 4


@pytest.mark.parametrize("shape", [(40, 30), (5, 8, 30), (5, 30)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_product_in_blocks_is_the_product(shape, with_bias):
    rng = np.random.default_rng(0)
    given = [
        torch.tensor(rng.normal(size=size), requires_grad=True)
        for size in (shape, (20, 30), (20,))[: 3 if with_bias else 2]
    ]
    outputs, gradients = [], []
    with n_threads(2), steady_threads():
        for function in (linear, torch.nn.functional.linear):
            outputs.append(function(*given))
            gradients.append(torch.autograd.grad(outputs[-1].square().sum(), given))
    torch.testing.assert_close(*outputs)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("size", [(20, 3, 90), (90, 3, 20), (9, 40, 50), (50, 40, 9)])
def test_tiles_cover_a_product_and_do_not_depend_on_threads(size, monkeypatch):
    monkeypatch.setattr(layers, "_SIDE", 8)
    monkeypatch.setattr(layers, "_SHORT", 4)
    monkeypatch.setattr(layers, "_CACHED", 16)
    monkeypatch.setattr(layers, "_SMALL", (6, 4))
    n_rows, n_terms, n_columns = size
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=generator)
        for shape in ((n_rows, n_terms), (n_columns, n_terms), (n_columns,))
    )
    rows, columns = layers._edges_of_tiles(*size)
    assert len(rows) * len(columns) > 10
    found = []
    for n in (1, 2):
        with n_threads(n), steady_threads():
            found.append(linear(x, weight, bias))
    assert torch.equal(*found)
    torch.testing.assert_close(found[0], x @ weight.T + bias)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_rows_in_blocks_have_the_gradients_of_all_rows(n):
    rng = np.random.default_rng(0)
    given = [
        torch.tensor(rng.normal(size=size), requires_grad=True)
        for size in ((41, 30), (41, 4), (30, 4), (4,))
    ]
    x, y, leaf, unused = given
    fixed = torch.tensor(rng.normal(size=(41, 4)))
    outputs, gradients = [], []
    for blocks in (True, False):
        weight = leaf.exp()  # shared, and computed from something else

        def function(x, y, fixed, weight=weight):
            return torch.tanh(x @ weight) * y + fixed

        with n_threads(n), steady_threads():
            if blocks:
                output = apply_by_rows(function, x, y, fixed, shared=[weight, unused])
            else:
                output = function(x, y, fixed)
            gradient = torch.autograd.grad(
                output.square().sum(), given, allow_unused=True
            )
        outputs.append(output)
        gradients.append(gradient)
    torch.testing.assert_close(*outputs)
    assert gradients[0][3] is None
    torch.testing.assert_close(gradients[0][:3], gradients[1][:3])


@pytest.mark.parametrize("n_layers", [1, 3])
def test_pieces_of_sequences_have_the_dropout_of_all(n_layers, monkeypatch):
    lengths = torch.tensor([3, 9, 1, 7, 7, 2, 5, 4] * 5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = BertLayers(BertLayer(32, 4, 64, dropout=0.5) for _ in range(n_layers))
        x = torch.randn(int(lengths.sum()), 32, requires_grad=True)
    outputs, gradients = [], []
    for at_once in (False, True):
        if at_once:
            monkeypatch.setattr(_bert_layers, "may_cut", lambda _: False)
        set_dropout_generator(layers, torch.Generator().manual_seed(0))
        with n_threads(2), steady_threads():
            outputs.append(layers(x, Sequences(lengths)))
            given = [x, *layers.parameters()]
            gradients.append(torch.autograd.grad(outputs[-1].square().sum(), given))
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)


FORK = """
import os
import numpy as np
from sklearn_csg2a.nn.blocks import map_blocks, steady_threads
with steady_threads():
    map_blocks(abs, 4)
    if os.fork() == 0:
        with steady_threads():
            print(map_blocks(abs, 4), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_has_its_own_helpers():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "[0, 1, 2, 3]\n", done.stderr
