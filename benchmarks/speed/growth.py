"""Seconds and memory of models, readers, splitters and measures, against sizes.

    python benchmarks/speed/growth.py                      # all that is not stored yet
    python benchmarks/speed/growth.py --tasks reading "kernel ridge" --axes rows
    python benchmarks/speed/growth.py --only-report        # slopes and picture

One size at a time grows, the others stay at 20,000 treatments (rows), 1,000 genes, 100
compounds and 500 cell lines; all tables are random. Each measurement runs in a process
of its own, which has done the same with a small table before: nothing is left to
import. Seconds are those of the processor, over all threads, so that they do not depend
on what else runs; memory is how far the resident memory rises above that with the
tables in it. A slope is that of the logarithms between the two largest sizes: 1 is
linear. Finished measurements are in `results/growth.csv` and are not repeated. A size
is left out if it is expected to take more than 60 s or 4 GB.
"""

from __future__ import annotations

import argparse
import csv
import math
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[2])

import pandas as pd

from benchmarks.speed.memory import field_of
from benchmarks.speed.tasks import TASKS, Sizes, simulate

RESULTS = Path(__file__).parent.parent / "results" / "growth.csv"
PICTURE = Path(__file__).parents[2] / "docs" / "_static" / "growth.svg"
FIELDS = ("task", "axis", "size", "cpu_seconds", "seconds", "memory_mb", "threads")
AXES = {
    "rows": (10_000, 100_000, 300_000, 1_000_000),
    "genes": (1_000, 5_000, 20_000),
    "compounds": (100, 1_000, 3_000, 10_000, 100_000),
    "cells": (100, 500, 2_000, 10_000),
}
WARM_UP = Sizes(rows=400, genes=20, compounds=10, cells=20)
MOST_SECONDS, MOST_MB = 60.0, 4000.0
SETTLED = 0.5  # seconds above which growth is extrapolated
STATUS = Path("/proc/self/status")


def sizes_at(axis: str, size: int) -> Sizes:
    """Return the sizes of a measurement; each compound and cell needs a row."""
    sizes = replace(Sizes(), **{axis: size})
    return replace(sizes, rows=max(sizes.rows, sizes.compounds, sizes.cells))


def measure(task: str, axis: str, size: int, reply: Connection) -> None:
    """Do a task in this process; send its processor seconds, seconds and memory."""
    limit = int(1.5 * MOST_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    work = TASKS[task]
    work(simulate(WARM_UP))
    tables = simulate(sizes_at(axis, size))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the memory of now
    before = field_of(STATUS, "VmRSS")
    start, start_of_cpu = time.perf_counter(), time.process_time()
    work(tables)
    cpu_seconds = time.process_time() - start_of_cpu
    seconds = time.perf_counter() - start
    reply.send((cpu_seconds, seconds, field_of(STATUS, "VmHWM") - before))


def run_apart(task: str, axis: str, size: int) -> tuple[float, float, float] | None:
    """Measure in a new process; None if it ended before it was done."""
    context = multiprocessing.get_context("forkserver")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure, args=(task, axis, size, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        process.join()


def read_stored() -> pd.DataFrame:
    """Return finished measurements."""
    if not RESULTS.exists():
        return pd.DataFrame(columns=list(FIELDS))
    return pd.read_csv(RESULTS)


def expected(stored: pd.DataFrame, size: int) -> tuple[float, float]:
    """Return seconds and memory extrapolated from the two largest sizes."""
    last = stored.sort_values("size").tail(2)
    if not len(last) or last["cpu_seconds"].iloc[-1] < SETTLED:
        return 0.0, 0.0
    values = []
    for column in ("cpu_seconds", "memory_mb"):
        slope = max(slope_of(last, column), 1.0) if len(last) == 2 else 1.0
        growth = (size / last["size"].iloc[-1]) ** slope
        values.append(float(last[column].iloc[-1]) * growth)
    return values[0], values[1]


def slope_of(stored: pd.DataFrame, column: str) -> float:
    """Return the slope of the logarithms between the two largest sizes."""
    last = stored.sort_values("size").tail(2)
    if len(last) < 2 or last[column].min() <= 0:
        return math.nan
    rise = math.log(last[column].iloc[1] / last[column].iloc[0])
    return rise / math.log(last["size"].iloc[1] / last["size"].iloc[0])


def run(tasks: list[str], axes: list[str]) -> None:
    """Measure what is not stored yet, small sizes first."""
    for task, axis in ((task, axis) for axis in axes for task in tasks):
        for size in AXES[axis]:
            stored = read_stored()
            own = stored[(stored["task"] == task) & (stored["axis"] == axis)]
            if (own["size"] == size).any():
                continue
            seconds, memory = expected(own, size)
            if seconds > MOST_SECONDS or memory > MOST_MB:
                print(f"{task}, {size:,} {axis}: left out, {seconds:.0f} s")
                break
            found = run_apart(task, axis, size)
            if found is None:
                print(f"{task}, {size:,} {axis}: stopped, too long or too large")
                break
            store(task, axis, size, found)


def store(task: str, axis: str, size: int, found: tuple[float, float, float]) -> None:
    """Append a measurement."""
    is_new = not RESULTS.exists()
    cpu_seconds, seconds, memory = found
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    row = [task, axis, size, f"{cpu_seconds:.3f}", f"{seconds:.3f}", f"{memory:.1f}"]
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([[*FIELDS], [*row, threads]] if is_new else [[*row, threads]])
    print(f"{task}, {size:,} {axis}: {cpu_seconds:.2f} s, {memory:.0f} MB", flush=True)


def tabulate(stored: pd.DataFrame) -> Iterator[str]:
    """Yield lines of a Markdown table: largest size, its cost, and slopes."""
    yield "| work | " + " | ".join(AXES) + " |"
    yield "|---|" + "---|" * len(AXES)
    for task in TASKS:
        cells = []
        for axis in AXES:
            own = stored[(stored["task"] == task) & (stored["axis"] == axis)]
            if not len(own):
                cells.append("")
                continue
            last = own.sort_values("size").iloc[-1]
            seconds, memory = (
                slope_of(own, column) for column in ("cpu_seconds", "memory_mb")
            )
            cells.append(
                f"{seconds:.2f}, {memory:.2f} ({last['cpu_seconds']:.1f} s, "
                f"{last['memory_mb']:.0f} MB at {int(last['size']):,})"
            )
        yield f"| {task} | " + " | ".join(cells) + " |"


def draw(stored: pd.DataFrame) -> None:
    """Draw seconds and memory against each size."""
    import matplotlib as mpl  # noqa: PLC0415 (optional)

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "growth"  # the same file for the same numbers
    mpl.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt  # noqa: PLC0415 (optional)

    figure, panels = plt.subplots(
        2, len(AXES), figsize=(12, 7), sharey="row", sharex="col", layout="constrained"
    )
    colors = mpl.colormaps["tab20"].colors
    labels = {"cpu_seconds": "processor seconds", "memory_mb": "memory, MB"}
    for row, (column, label) in zip(panels, labels.items(), strict=True):
        row[0].set_ylabel(label)
        for panel, axis in zip(row, AXES, strict=True):
            for color, task in zip(colors, TASKS, strict=False):
                chosen = (stored["task"] == task) & (stored["axis"] == axis)
                own = stored[chosen].sort_values("size")
                least = own[column].clip(lower=0.01 if column != "memory_mb" else 1)
                panel.loglog(
                    own["size"], least, "o-", ms=3, lw=1.2, color=color, label=task
                )
            panel.grid(alpha=0.3)
            panel.minorticks_off()
    for panel, axis in zip(panels[-1], AXES, strict=True):
        panel.set_xlabel(axis)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    """Measure, print the slopes and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--axes", nargs="+", choices=list(AXES), default=list(AXES))
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    asked = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.speed.tasks"])
    if not asked.only_report:
        run(asked.tasks, asked.axes)
    stored = read_stored()
    print("\n".join(tabulate(stored)))
    draw(stored)


if __name__ == "__main__":
    main()
