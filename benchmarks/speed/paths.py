"""Where the time of a training step goes, also on a busy machine.

    python benchmarks/speed/paths.py finetune pretrain epoch wide

All blocks of a step are computed on one thread, and each is measured in processor time;
of several steps the fastest counts, which other processes disturb least. From the times
of the blocks follows how long a step takes on two idle cores: each block goes to the
first thread that is free. Both are compared with the time that a product of two square
matrices of 2,048 takes for the same number of operations, on one thread and on two.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch

from benchmarks.speed.steps import (
    CountedProducts,
    Trainer,
    count_products,
    finetuning,
    gdsc2_shape,
    pretraining,
    wide,
)
from sklearn_csg2a.nn import blocks, csg2a, layers
from sklearn_csg2a.nn.blocks import steady_threads
from sklearn_csg2a.training import net

RESULTS = Path(__file__).parent.parent / "results" / "speed_paths.json"
TRAINERS: dict[str, Callable[[torch.device], Trainer]] = {
    "finetune": finetuning,
    "pretrain": pretraining,
    "epoch": gdsc2_shape,
    "wide": wide,
}
_SECONDS_OF_HANDING_OVER = 60e-6  # to a second thread and back
Result = TypeVar("Result")


class MeasuredBlocks:
    """A `map_blocks` on one thread that measures what a second one would save."""

    def __init__(self) -> None:
        self.saved = 0.0
        self._inside = False

    def __call__(
        self, function: Callable[[int], Result], n_blocks: int
    ) -> list[Result]:
        """Compute all blocks."""
        if n_blocks < 2 or self._inside:
            return [function(k) for k in range(n_blocks)]
        self._inside = True
        results, threads, total = [], [0.0, 0.0], 0.0
        try:
            for k in range(n_blocks):
                start = time.thread_time()
                results.append(function(k))
                seconds = time.thread_time() - start
                threads[threads.index(min(threads))] += seconds
                total += seconds
        finally:
            self._inside = False
        self.saved += total - max(threads) - _SECONDS_OF_HANDING_OVER
        return results


class TimedProducts(CountedProducts):
    """Processor seconds in the matrix products of a step."""

    seconds = 0.0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Compute an operation, and measure it if it is a product."""
        before, start = self.n_flop, time.thread_time()
        result = super().__torch_dispatch__(function, types, args, kwargs)
        if self.n_flop > before:
            self.seconds += time.thread_time() - start
        return result


@contextmanager
def measured_blocks():
    """Replace `map_blocks` in the modules of a step."""
    measured, modules = MeasuredBlocks(), (blocks, csg2a, layers, net)
    using = [module for module in modules if hasattr(module, "map_blocks")]
    original = blocks.map_blocks
    for module in using:
        module.map_blocks = measured
    try:
        yield measured
    finally:
        for module in using:
            module.map_blocks = original


def product_seconds(n_flop: int) -> float:
    """Return the processor time of so many operations in a large product."""
    left, right = torch.randn(2, 2048, 2048)
    times = []
    for _ in range(5):
        start = time.thread_time()
        torch.mm(left, right)
        times.append(time.thread_time() - start)
    return n_flop / (2 * 2048**3) * min(times)


def measure(trainer: Trainer, n_steps: int) -> dict[str, float]:
    """Return milliseconds of a step, and shares of the matrix product rate."""
    n_flop = count_products(trainer.step)
    alone, path, products = [], [], []
    with steady_threads(), measured_blocks() as measured:
        trainer.step()
        floor = product_seconds(n_flop)
        for _ in range(n_steps):
            measured.saved, start = 0.0, time.thread_time()
            trainer.step()
            seconds = time.thread_time() - start
            alone.append(seconds)
            path.append(seconds - measured.saved)
            with TimedProducts() as timed:
                trainer.step()
            products.append(timed.seconds)
        floor = min(floor, product_seconds(n_flop))
    return {
        "gflop_per_step": n_flop / 1e9,
        "floor_ms": 1e3 * floor,
        "products_ms": 1e3 * min(products),
        "one_thread_ms": 1e3 * min(alone),
        "two_threads_ms": 1e3 * min(path),
        "share_of_one_thread": floor / min(alone),
        "share_of_two_threads": floor / 2 / min(path),
    }


def main() -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("shapes", nargs="+", choices=[*TRAINERS])
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in asked.shapes:
        n_steps = max(asked.steps // 5, 3) if name == "wide" else asked.steps
        measured = measure(TRAINERS[name](torch.device("cpu")), n_steps)
        kept[name] = {key: float(f"{value:.4g}") for key, value in measured.items()}
        print(name, kept[name], flush=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
