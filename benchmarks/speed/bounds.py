"""What share of the rate of a matrix product training steps can reach.

    python benchmarks/speed/bounds.py finetune pretrain epoch wide gdsc_full

A step cannot be faster than its products at the rate of a large square product, plus
its other operations at the bandwidth of the memory (or cache) that their values fit
into, each of which reads its inputs and writes its output once. Both rates are measured
in the same process, the second with copies as large as the operands; everything is in
processor time on one thread. `products_alone_ms` is what the products of a step take if
each finds its operands in the cache. `share_on_two_threads` is what two threads reach
with the blocks of today. Kinds of operations are listed with what they take today.
`at_most_with_these_products` is the share of two threads that never wait, if products
take what they take in a step today, and each other operation only moves its bytes, at
the rate of both threads together.
`members_at_least` is what twenty networks cost, in units of one, if each thread trained
its own with products at the full rate. `gdsc_full` is the shape of a default fit to
`load_gdsc_full` with all genes, whose epochs are counted.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.speed.paths import TRAINERS, measured_blocks, product_seconds
from benchmarks.speed.steps import Trainer, count_products, random_treatments
from sklearn_csg2a.nn.blocks import steady_threads

RESULTS = Path(__file__).parent.parent / "results" / "speed_bounds.json"
_SIZES = 2 ** np.arange(14, 28, 2)  # bytes of an operand, from 16 kB to 64 MB
_N_MEMBERS = 20
_N_REPEATS = 5  # of a product, in each of three runs
FULL = {"rows": 159_036, "cells": 848, "compounds": 210, "genes": 6163}
FULL_BATCH, FULL_EPOCHS, FULL_WIDTHS = 2048, 40, (256, 64)
TRAINED_SHARE = 0.9  # the others validate


class Bandwidth:
    """Bytes per second that are read and written, by the size of the operands.

    The faster of a copy and of an addition in place counts: what is only written is
    read into the cache first. With `n_threads`, that of all of them together.
    """

    def __init__(self, n_threads: int = 1) -> None:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            barrier = Barrier(n_threads)
            of_threads = list(
                pool.map(lambda _: self._measure(barrier), range(n_threads))
            )
        self.rates = np.sum(of_threads, axis=0)

    @staticmethod
    def _measure(barrier: Barrier) -> list[float]:
        """Return the rates of this thread, while others do the same."""
        rates = []
        for size in _SIZES:
            source, target = torch.rand(2, size // 4)
            n = max(2**26 // size, 3)
            barrier.wait()
            copy = seconds_of(partial(target.copy_, source), n)
            barrier.wait()
            addition = seconds_of(partial(target.add_, source), n)
            rates.append(max(2 * size / copy, 3 * size / addition))
        return rates

    def __call__(self, n_bytes: float) -> float:
        """Return the rate of an operation that moves so many bytes."""
        size = np.log2(max(n_bytes / 2, 1))
        return float(np.interp(size, np.log2(_SIZES), self.rates))


def seconds_of(function: Callable[[], object], n: int) -> float:
    """Return the least processor time of a call, in runs of `n`."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        for _ in range(n):
            function()
        times.append((time.thread_time() - start) / n)
    return min(times)


class Kinds(TorchDispatchMode):
    """Seconds, bytes and number of the operations of a step, by kind."""

    def __init__(self, bandwidth: Bandwidth, together: Bandwidth) -> None:
        super().__init__()
        self.bandwidth, self.together = bandwidth, together
        self.is_loading = False
        self.seconds: Counter[str] = Counter()
        self.moving: Counter[str] = Counter()  # least seconds of moving bytes
        self.moving_together: Counter[str] = Counter()  # the same with two threads
        self.n_bytes: Counter[str] = Counter()
        self.n_operations: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute an operation and record what it takes."""
        kwargs = kwargs or {}
        start = time.thread_time()
        result = function(*args, **kwargs)
        seconds = time.thread_time() - start
        kind = self.kind_of(function)
        self.seconds[kind] += seconds
        self.n_operations[kind] += 1
        n_bytes = moved_bytes(function, args, kwargs, result)
        self.n_bytes[kind] += n_bytes
        self.moving[kind] += n_bytes / self.bandwidth(n_bytes)
        self.moving_together[kind] += n_bytes / self.together(n_bytes / 2)
        return result

    def kind_of(self, function: Any) -> str:
        """Return the kind of an operation."""
        name = function.name()
        if self.is_loading:
            return "loading"
        if function.overloadpacket in flop_registry:
            return "products"
        if "adamw" in name or "_foreach" in name:
            return "optimizer"
        if "random" in name:
            return "random numbers"
        if "index" in name or "::cat" in name:
            return "gathering"
        return "values"


class Repeated(TorchDispatchMode):
    """Seconds of the products of a step, each repeated with its operands in the cache.

    What they take longer in a step is due to operations in between, not to shapes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute an operation; time a product once more."""
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        if function.overloadpacket in flop_registry:
            self.seconds += seconds_of(partial(function, *args, **kwargs), _N_REPEATS)
        return result


def moved_bytes(function: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Return the bytes that an operation must at least read and write."""
    name = function.name()
    if function.is_view or "empty" in name:
        return 0
    written = sum(one.nbytes for one in tensors_in(result))
    if "index" in name and "add" not in name:
        return 2 * written  # of what it chooses from, no more is read
    given = [args, {key: kwargs[key] for key in kwargs if key != "out"}]
    read = sum(one.nbytes for one in tensors_in(given))
    if function._schema.is_mutable and not written:  # noqa: SLF001
        written = read
    return read + written


def tensors_in(nested: Any) -> list[Tensor]:
    """Return all tensors in nested lists and dictionaries."""
    if isinstance(nested, Tensor):
        return [nested]
    if isinstance(nested, dict):
        nested = nested.values()
    elif not isinstance(nested, (list, tuple)):
        return []
    return [tensor for one in nested for tensor in tensors_in(one)]


def gdsc_full_shape(device: torch.device) -> Trainer:
    """Return training of a default response model with all genes of GDSC."""
    return Trainer(
        random_treatments(
            2 * FULL_BATCH, FULL["cells"], FULL["compounds"], FULL["genes"]
        ),
        2048,
        20_000,
        FULL_BATCH,
        device=device,
        response=True,
        widths=FULL_WIDTHS,
    )


def measure(name: str, n_steps: int) -> dict[str, Any]:
    """Return kinds of operations of a step, in milliseconds, and its bounds."""
    make = TRAINERS.get(name, gdsc_full_shape)
    trainer = make(torch.device("cpu"))
    n_flop = count_products(trainer.step)
    bandwidths = Bandwidth(), Bandwidth(2)
    times, paths, all_kinds = [], [], []
    collate = trainer.dataset.batch

    def batch(positions: Tensor) -> Any:
        all_kinds[-1].is_loading = True
        try:
            return collate(positions)
        finally:
            all_kinds[-1].is_loading = False

    with steady_threads(), measured_blocks() as measured:
        floor = product_seconds(n_flop)
        trainer.step()
        for _ in range(n_steps):
            measured.saved, start = 0.0, time.thread_time()
            trainer.step()
            times.append(time.thread_time() - start)
            paths.append(times[-1] - measured.saved)
        trainer.dataset.batch = batch
        for _ in range(n_steps):
            all_kinds.append(Kinds(*bandwidths))
            with all_kinds[-1]:
                trainer.step()
            floor = min(floor, product_seconds(n_flop))
        with Repeated() as repeated:
            trainer.step()
    fastest = min(all_kinds, key=lambda kinds: kinds.seconds["products"])
    found = summarise(fastest, floor, min(times))
    found["products_alone_ms"] = 1e3 * repeated.seconds
    found["share_on_two_threads"] = floor / 2 / min(paths)
    found["members_at_least"] = _N_MEMBERS * found["least_ms"] / 2e3 / min(paths)
    if name == "gdsc_full":
        n_trained = TRAINED_SHARE * FULL["rows"]
        total = FULL_EPOCHS * math.ceil(n_trained / FULL_BATCH)
        found["minutes_of_products"] = total * floor / 2 / 60
        found["minutes_at_least"] = total * found["least_ms"] / 2e3 / 60
    return {"gflop_per_step": n_flop / 1e9} | found


def summarise(kinds: Kinds, floor: float, seconds: float) -> dict[str, Any]:
    """Return the kinds, and the bounds that follow from them."""
    of_kinds = {
        kind: {
            "ms": 1e3 * kinds.seconds[kind],
            "least_ms": 1e3 * (floor if kind == "products" else kinds.moving[kind]),
            "megabytes": kinds.n_bytes[kind] / 1e6,
            "operations": kinds.n_operations[kind],
        }
        for kind in sorted(kinds.seconds)
    }
    least = sum(one["least_ms"] for one in of_kinds.values()) / 1e3
    together = kinds.seconds["products"] / 2 + sum(
        kinds.moving_together[kind] for kind in of_kinds if kind != "products"
    )
    return {
        "kinds": of_kinds,
        "step_ms": 1e3 * seconds,
        "products_ms": 1e3 * floor,
        "least_ms": 1e3 * least,
        "share_of_rate": floor / seconds,
        "at_most": floor / least,
        "at_most_with_these_products": floor / 2 / together,
    }


def rounded(values: Any) -> Any:
    """Return nested numbers with four digits."""
    if isinstance(values, dict):
        return {key: rounded(value) for key, value in values.items()}
    return float(f"{values:.4g}")


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shapes", nargs="+", choices=[*TRAINERS, "gdsc_full"])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="a file for another processor"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = asked.results
    kept = json.loads(results.read_text("utf-8")) if results.exists() else {}
    for name in asked.shapes:
        n_steps = 3 if name in {"wide", "gdsc_full"} else asked.steps
        kept[name] = rounded(measure(name, n_steps))
        print(name, json.dumps(kept[name], indent=1), flush=True)
        results.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
