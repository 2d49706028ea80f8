"""Compare models on the same folds; finished results are stored and not run again.

    python benchmarks/run.py --data gdsc2 --schemes mixed cell --models naive csg2a
    python benchmarks/run.py --schemes drug --models classical csg2a --tune 20 --jobs 4

See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from sklearn.utils import Bunch

from benchmarks.data.load import LOADERS
from benchmarks.models import registry as models
from benchmarks.models.spaces import draw_candidates
from sklearn_csg2a.evaluation.evaluate import FoldTask, Source, make_task
from sklearn_csg2a.evaluation.folds import SCHEMES, Fold, list_schemes, make_folds
from sklearn_csg2a.evaluation.results import (
    folds_table,
    record_folds,
    results_table,
    save_predictions,
)
from sklearn_csg2a.evaluation.store import Table
from sklearn_csg2a.evaluation.study import STOPPED, Study, is_stored
from sklearn_csg2a.evaluation.tasks import Failure, Result
from sklearn_csg2a.evaluation.tuning import (
    Candidate,
    Search,
    choose,
    is_tunable,
    make_inner_fold,
    plan_search,
    scores_table,
)
from sklearn_csg2a.evaluation.workers import Workers, open_workers

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested tasks that are not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    source = models.Registered(options.data, options.data_home)
    data = source.load()
    schemes = choose_schemes(options.schemes, data)
    folds = make_folds(data, schemes, options.n_splits, options.folds)
    record_folds(folds_table(options.results, options.data), folds)
    with open_workers(options.jobs, options.threads, options.scheduler) as workers:
        return Run(options, workers).run_all(
            list_tasks(options, source, folds), list_searches(options, source, folds)
        )


class Run(Study):
    """Fits of models with their settings, and tuning."""

    def __init__(self, options: argparse.Namespace, workers: Workers) -> None:
        super().__init__(workers, self._keep)
        self.n_new = 0
        self.predictions = options.predictions
        self.again = options.again
        self.table = results_table(options.results, options.data)
        self.scores = scores_table(options.results, options.data)

    def run_all(self, tasks: Sequence[FoldTask], searches: Sequence[Search]) -> int:
        """Run tasks that are not stored yet; return the exit status."""
        rows, scores = self.table.read(), self.scores.read()
        wanted = partial(self._is_wanted, table=self.table, stored=rows)
        tasks = list(filter(wanted, tasks))
        searches = [search for search in searches if wanted(search.task)]
        wanted = partial(self._is_wanted, table=self.scores, stored=scores)
        candidates = [
            [item for search in of_fold for item in filter(wanted, search.candidates)]
            for of_fold in by_fold(searches)
        ]
        self.start(
            [*tasks, *(s.task for s in searches), *chain.from_iterable(candidates)],
            [*rows.values(), *scores.values()],
        )
        try:
            self.do(tasks)
            for to_judge, of_fold in zip(candidates, by_fold(searches), strict=True):
                self.do(to_judge)
                self._do_best(of_fold)
        except KeyboardInterrupt:
            self.progress.finish(STOPPED)
            return 130
        self.progress.finish(
            f"{self.n_new} new results in {self.table.path}"
            + (f"; {self.n_failed} tasks failed" if self.n_failed else "")
        )
        return 1 if self.n_failed else 0

    def _is_wanted(
        self, task: Any, table: Table, stored: dict[Any, dict[str, str]]
    ) -> bool:
        """Whether a task has to be run: no valid row of it is stored."""
        return self.again or not is_stored(task, table, stored)

    def _do_best(self, searches: Iterable[Search]) -> None:
        """Fit the best candidate of each search."""
        best = [choose(search, self.scores) for search in searches]
        for failure in best:
            if isinstance(failure, Failure):
                self.record(failure)
        self.do([task for task in best if isinstance(task, FoldTask)])

    def _keep(self, result: Result) -> None:
        """Store a score, or a result with its predictions."""
        if isinstance(result.task, Candidate):
            self.scores.add([result.row])
            return
        save_predictions(self.predictions, result)
        self.table.add([result.row])
        self.n_new += 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", choices=LOADERS, default="gdsc2", help="data set (default gdsc2)")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SCHEMES, help="default: all but random811")
    add("--models", nargs="+", default=["naive", "csg2a"], help="names or groups")
    add("--folds", type=_positive, default=3, help="run the first folds (default 3)")
    add(
        "--n-splits",
        type=_positive,
        default=10,
        help="number of folds (default 10)",
    )
    add("--seeds", nargs="+", type=int, default=[0])
    add("--tune", type=_positive, metavar="N", help="evaluate N configurations of each")
    add("--backend", choices=["processes", "dask"], default="processes")
    add("--scheduler", metavar="ADDRESS", help="Dask, such as tcp://host:8786")
    add("--jobs", type=_positive, default=1, help="processes (default 1)")
    add(
        "--threads",
        type=_positive,
        default=1,
        help="threads of each process (default 1)",
    )
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add(
        "--predictions",
        type=Path,
        default=cache_folder(),
        help="for predictions",
    )
    add("--again", action="store_true", help="recompute stored results")
    options = parser.parse_args(arguments)
    if (options.backend == "dask") != (options.scheduler is not None):
        parser.error("--backend dask and --scheduler ADDRESS must be used together")
    try:
        options.models = models.expand_names(options.models)
        for model in filter(is_tunable, options.models if options.tune else []):
            draw_candidates(model, options.tune)
    except ValueError as error:
        parser.error(str(error))
    return options


def choose_schemes(asked: Sequence[str] | None, data: Bunch) -> list[str]:
    """Return the requested schemes, or by default all schemes of the data."""
    possible = list_schemes(data)
    wrong = set(asked or []).difference(possible if "splits" in data else SCHEMES)
    if wrong:
        msg = f"These data are only split by {', '.join(possible)}, not {min(wrong)}."
        raise SystemExit(msg)
    return possible if asked is None else list(asked)


def cache_folder() -> Path:
    """Return the default folder of predictions, outside the repository."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "sklearn_csg2a" / "predictions"


def list_tasks(
    options: argparse.Namespace, source: Source, folds: Iterable[Fold]
) -> list[FoldTask]:
    """List the tasks without tuning: naive models first, then fold by fold."""
    tasks = [
        make_task(source, fold, model, seed)
        for fold in sorted(folds, key=lambda fold: fold.index)
        for model in options.models
        if not (options.tune and is_tunable(model))
        for seed in seeds_of(model, options.seeds)
    ]
    return sorted(tasks, key=lambda task: task.model not in models.WITHOUT_SEED)


def list_searches(
    options: argparse.Namespace, source: Source, folds: Iterable[Fold]
) -> list[Search]:
    """List the models to tune, fold by fold; none without --tune."""
    if not options.tune:
        return []
    known: dict[Any, str] = {}
    return [
        plan_search(source, (fold, inner), model, seed, options.tune, known)
        for fold in sorted(folds, key=lambda fold: fold.index)
        for inner in [make_inner_fold(source, fold)]
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


def _positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        msg = f"{text} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number


if __name__ == "__main__":
    sys.exit(main())
