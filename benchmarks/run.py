"""Compare models on the same folds; what is finished is kept and not run again.

    python benchmarks/run.py --data gdsc2 --schemes mixed cell --models naive csg2a
    python benchmarks/run.py --schemes drug --models classical csg2a --tune 20 --jobs 4

See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, whose own folder is first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from sklearn.utils import Bunch

from benchmarks import models
from benchmarks._data import LOADERS, load_data
from benchmarks._evaluate import COLUMNS, KEY, Failure, Result, Task, make_task
from benchmarks._manifest import SCHEMES, Fold, list_schemes, make_folds
from benchmarks._progress import Progress
from benchmarks._store import Table, replaced
from benchmarks._tuning import (
    Search,
    choose,
    is_tunable,
    is_valid,
    make_inner_fold,
    plan_search,
    scores_table,
)
from benchmarks._workers import Workers, open_workers
from benchmarks.spaces import draw_candidates

RESULTS = Path(__file__).resolve().parent / "results"
STOPPED = "Stopped. Start again to go on: what was finished is kept."
FOLD_KEY = ("scheme", "n_splits", "fold")
FOLD_COLUMNS = (*FOLD_KEY, "split_hash", "n_train", "n_test", "n_valid")


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
    schemes = choose_schemes(options.schemes, data)
    folds = make_folds(data, schemes, options.n_splits, options.folds)
    record_folds(folds_table(options.results, options.data), folds)
    with open_workers(options.jobs, options.threads, options.scheduler) as workers:
        return Run(options, workers).run(
            list_tasks(options, folds), list_searches(options, folds)
        )


class Run:
    """Do tasks and write down what comes of them, as it comes."""

    def __init__(self, options: argparse.Namespace, workers: Workers) -> None:
        self.predictions = options.predictions
        self.again = options.again
        self.workers = workers
        self.table = results_table(options.results, options.data)
        self.scores = scores_table(options.results, options.data)
        self.n_new = self.n_failed = 0

    def run(self, tasks: Sequence[Task], searches: Sequence[Search]) -> int:
        """Run what is not stored yet; return the exit status."""
        rows, scores = self.table.read(), self.scores.read()
        wanted = partial(self._is_wanted, table=self.table, stored=rows)
        tasks = list(filter(wanted, tasks))
        searches = [search for search in searches if wanted(search.task)]
        wanted = partial(self._is_wanted, table=self.scores, stored=scores)
        candidates = [
            [one for search in of_fold for one in filter(wanted, search.candidates)]
            for of_fold in by_fold(searches)
        ]
        self.progress = Progress(
            [*tasks, *(s.task for s in searches), *chain.from_iterable(candidates)],
            [*rows.values(), *scores.values()],
            jobs=self.workers.n_jobs,
        )
        try:
            self._do(tasks)
            for to_judge, of_fold in zip(candidates, by_fold(searches), strict=True):
                self._do(to_judge)
                self._do_best(of_fold)
        except KeyboardInterrupt:
            self.progress.say(STOPPED)
            return 130
        self.progress.say(
            f"{self.n_new} new results in {self.table.path}"
            + (f"; {self.n_failed} tasks failed" if self.n_failed else "")
        )
        return 1 if self.n_failed else 0

    def _is_wanted(
        self, task: Any, table: Table, stored: dict[Any, dict[str, str]]
    ) -> bool:
        """Whether a task is to be done: no valid row of it is stored."""
        return self.again or not is_stored(task, table, stored)

    def _do(self, tasks: Sequence[Any]) -> None:
        """Do tasks of any kind."""
        for outcome in self.workers.run(tasks):
            self._record(outcome)

    def _do_best(self, searches: Iterable[Search]) -> None:
        """Fit the best candidate of each search."""
        best = [choose(search, self.scores) for search in searches]
        for failure in best:
            if isinstance(failure, Failure):
                self._record(failure)
        self._do([task for task in best if isinstance(task, Task)])

    def _record(self, outcome: Any) -> None:
        """Write down an outcome and show it."""
        if isinstance(outcome, Failure):
            self.n_failed += 1
        elif isinstance(outcome, Result):
            save_predictions(self.predictions, outcome)
            self.table.add([outcome.row])
            self.n_new += 1
        else:
            self.scores.add([outcome.row])
        self.progress.show(outcome)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", choices=LOADERS, default="gdsc2", help="data set (default gdsc2)")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SCHEMES, help="default: all but random811")
    add("--models", nargs="+", default=["naive", "csg2a"], help="names or groups")
    add("--folds", type=_positive, default=3, help="run the first folds (default 3)")
    add("--n-splits", type=_positive, default=10, help="of so many (default 10)")
    add("--seeds", nargs="+", type=int, default=[0])
    add("--tune", type=_positive, metavar="N", help="try N configurations of each")
    add("--backend", choices=["processes", "dask"], default="processes")
    add("--scheduler", metavar="ADDRESS", help="of Dask, such as tcp://host:8786")
    add("--jobs", type=_positive, default=1, help="processes (default 1)")
    add("--threads", type=_positive, default=1, help="of each process (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add("--predictions", type=Path, default=cache_folder(), help="folder of the rows")
    add("--again", action="store_true", help="run also what is stored")
    options = parser.parse_args(arguments)
    if (options.backend == "dask") != (options.scheduler is not None):
        parser.error("--backend dask and --scheduler ADDRESS go together")
    try:
        options.models = models.expand_names(options.models)
        for model in filter(is_tunable, options.models if options.tune else []):
            draw_candidates(model, options.tune)
    except ValueError as error:
        parser.error(str(error))
    return options


def choose_schemes(asked: Sequence[str] | None, data: Bunch) -> list[str]:
    """Return the schemes to split by: those asked for, or all of the data."""
    possible = list_schemes(data)
    wrong = set(asked or []).difference(possible if "splits" in data else SCHEMES)
    if wrong:
        msg = f"These data are split by {', '.join(possible)} alone, not {min(wrong)}."
        raise SystemExit(msg)
    return possible if asked is None else list(asked)


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
    """List the tasks without tuning: naive models first, then fold by fold."""
    tasks = [
        make_task(options.data, options.data_home, fold, model, seed)
        for fold in sorted(folds, key=lambda fold: fold.index)
        for model in options.models
        if not (options.tune and is_tunable(model))
        for seed in seeds_of(model, options.seeds)
    ]
    return sorted(tasks, key=lambda task: task.model not in models.WITHOUT_SEED)


def list_searches(options: argparse.Namespace, folds: Iterable[Fold]) -> list[Search]:
    """List the models to tune, fold by fold; none without --tune."""
    if not options.tune:
        return []
    where = options.data, options.data_home
    known: dict[Any, str] = {}
    return [
        plan_search(*where, (fold, inner), model, seed, options.tune, known)
        for fold in sorted(folds, key=lambda fold: fold.index)
        for inner in [make_inner_fold(*where, fold)]
        for model in options.models
        if is_tunable(model)
        for seed in seeds_of(model, options.seeds)
    ]


def seeds_of(model: str, seeds: Sequence[int]) -> Sequence[int]:
    """Return the seeds to run a model with."""
    return [0] if model in models.WITHOUT_SEED else seeds


def by_fold(searches: Iterable[Search]) -> Iterator[list[Search]]:
    """Group searches by the number of their fold, in order."""
    for _, group in groupby(searches, key=lambda search: search.task.fold.index):
        yield list(group)


def is_stored(
    task: Any, table: Table, stored: dict[tuple[str, ...], dict[str, str]]
) -> bool:
    """Whether there is a result of the same data, fold and configuration."""
    row = stored.get(table.key_of(task.as_row()))
    return row is not None and is_valid(row, task.hashes)


def save_predictions(folder: Path, result: Result) -> None:
    """Keep row positions, measured and predicted values of the test fold."""
    path = folder / result.task.data / predictions_path(result.task.as_row())
    with replaced(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **result.arrays)


def predictions_path(row: Mapping[str, Any]) -> str:
    """Name the file with the predictions of a result."""
    return (
        f"{row['scheme']}-{row['n_splits']}-fold{row['fold']}-{row['model']}"
        f"-seed{row['seed']}-{row['config_hash'][:8]}.npz"
    )


def _positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        msg = f"{text} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number


if __name__ == "__main__":
    sys.exit(main())
