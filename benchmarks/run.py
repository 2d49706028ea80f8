"""Compare models on the same folds; what is finished is kept and not run again.

    python benchmarks/run.py --data gdsc2 --schemes mixed cell --models naive csg2a

See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

if not __package__:  # run as a script, whose own folder is first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from joblib import Parallel, delayed, parallel_config

from benchmarks import models
from benchmarks._data import LOADERS, load_data
from benchmarks._evaluate import (
    COLUMNS,
    KEY,
    Failure,
    Result,
    Task,
    evaluate,
    make_task,
)
from benchmarks._manifest import SPLITTERS, Fold, make_folds
from benchmarks._progress import Progress
from benchmarks._store import Table, replaced

RESULTS = Path(__file__).resolve().parent / "results"
FOLD_KEY = ("scheme", "n_splits", "fold")
FOLD_COLUMNS = (*FOLD_KEY, "split_hash", "n_train", "n_test")


def results_table(folder: Path, data: str) -> Table:
    """Return the file of results of a data set."""
    return Table(folder / f"{data}.csv", KEY, COLUMNS)


def folds_table(folder: Path, data: str) -> Table:
    """Return the manifest: the folds of a data set, known by their hashes."""
    return Table(folder / f"{data}_folds.csv", FOLD_KEY, FOLD_COLUMNS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for and not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    data = load_data(options.data, options.data_home)
    folds = make_folds(data, options.schemes, options.n_splits, options.folds)
    record_folds(folds_table(options.results, options.data), folds)
    tasks = list_tasks(options, folds)
    table = results_table(options.results, options.data)
    stored = table.read()
    if not options.again:
        tasks = [task for task in tasks if not is_stored(task, table, stored)]
    progress = Progress(tasks, stored.values(), jobs=options.jobs)
    n_failed = 0
    try:
        for result in run_tasks(tasks, options.jobs, options.threads):
            if isinstance(result, Failure):
                n_failed += 1
            else:
                save_predictions(options.predictions, result)
                table.add([result.row])
            progress.show(result)
    except KeyboardInterrupt:
        progress.say("Stopped. Start again to go on: what was finished is kept.")
        return 130
    progress.say(
        f"{len(tasks) - n_failed} new results in {table.path}"
        + (f"; {n_failed} tasks failed" if n_failed else "")
    )
    return 1 if n_failed else 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", choices=LOADERS, default="gdsc2", help="data set")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SPLITTERS, default=list(SPLITTERS))
    add("--models", nargs="+", default=["naive", "csg2a"], help="names or groups")
    add("--folds", type=_positive, default=3, help="run the first folds (default 3)")
    add("--n-splits", type=_positive, default=10, help="of so many (default 10)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--jobs", type=_positive, default=1, help="processes (default 1)")
    add("--threads", type=_positive, default=1, help="of each process (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add("--predictions", type=Path, default=cache_folder(), help="folder of the rows")
    add("--again", action="store_true", help="run also what is stored")
    options = parser.parse_args(arguments)
    try:
        options.models = models.expand_names(options.models)
    except ValueError as error:
        parser.error(str(error))
    return options


def cache_folder() -> Path:
    """Return the default folder of predictions, outside the repository."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "sklearn_csg2a" / "predictions"


def record_folds(manifest: Table, folds: Iterable[Fold]) -> None:
    """Enter the folds in the manifest; say where they are not what they were."""
    rows = [fold.as_row() for fold in folds]
    known = manifest.read()
    for row in rows:
        before = known.get(manifest.key_of(row))
        if before is not None and before["split_hash"] != row["split_hash"]:
            sys.stderr.write(
                f"{row['scheme']} fold {row['fold']} of {row['n_splits']} is not the "
                f"fold in {manifest.path}: the data or the splitter has changed. "
                "Results on the former fold are no longer valid.\n"
            )
    manifest.add(rows)


def list_tasks(options: argparse.Namespace, folds: Iterable[Fold]) -> list[Task]:
    """List all tasks: naive models first, then fold by fold."""
    tasks = [
        make_task(options.data, options.data_home, fold, model, seed)
        for fold in sorted(folds, key=lambda fold: fold.index)
        for model in options.models
        for seed in (options.seeds if model not in models.WITHOUT_SEED else [0])
    ]
    return sorted(tasks, key=lambda task: task.model not in models.WITHOUT_SEED)


def is_stored(
    task: Task, table: Table, stored: dict[tuple[str, ...], dict[str, str]]
) -> bool:
    """Whether there is a result of the same data, fold and configuration."""
    row = stored.get(table.key_of(task.as_row()))
    return row is not None and all(
        row[name] == value for name, value in task.hashes.items()
    )


def run_tasks(
    tasks: Sequence[Task], jobs: int, threads: int
) -> Iterator[Result | Failure]:
    """Yield the results as they come; one process needs no others."""
    if jobs == 1:
        for task in tasks:
            yield evaluate(task, threads)
        return
    with parallel_config("loky", inner_max_num_threads=threads):
        parallel = Parallel(jobs, return_as="generator_unordered", batch_size=1)
        yield from parallel(delayed(evaluate)(task, threads) for task in tasks)


def save_predictions(folder: Path, result: Result) -> None:
    """Keep row positions, measured and predicted values of the test fold."""
    task = result.task
    name = (
        f"{task.fold.scheme}-{task.fold.n_splits}-fold{task.fold.index}-{task.model}"
        f"-seed{task.seed}-{task.hashes['config_hash'][:8]}.npz"
    )
    with replaced(folder / task.data / name) as part, part.open("wb") as file:
        np.savez_compressed(file, **result.arrays)


def _positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        msg = f"{text} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number


if __name__ == "__main__":
    sys.exit(main())
