"""Compare models on the same folds; finished results are stored and not run again.

    python benchmarks/run.py --data gdsc2 --schemes mixed cell --models naive csg2a
    python benchmarks/run.py --schemes drug --models classical csg2a --tune 20 --jobs 4

See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks import interrupts

if __name__ == "__main__":
    interrupts.stop_at_once()

from sklearn.utils import Bunch

from benchmarks.data.load import LOADERS
from benchmarks.models import registry as models
from benchmarks.models.spaces import draw_candidates
from sklearn_csg2a._utils.interrupts import STOPPED
from sklearn_csg2a.evaluation.evaluate import FoldTask
from sklearn_csg2a.evaluation.folds import SCHEMES, list_schemes, make_folds
from sklearn_csg2a.evaluation.plan import Plan
from sklearn_csg2a.evaluation.results import (
    folds_table,
    record_folds,
    results_table,
    save_predictions,
)
from sklearn_csg2a.evaluation.runs import Run
from sklearn_csg2a.evaluation.tuning import Search, is_tunable, scores_table
from sklearn_csg2a.evaluation.workers import Workers, open_workers
from sklearn_csg2a.exceptions import InputError

RESULTS = Path(__file__).resolve().parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the requested tasks that are not stored yet; return the exit status."""
    options = parse_arguments(arguments)
    source = models.Registered(options.data, options.data_home)
    data = source.load()
    schemes = choose_schemes(options.schemes, data)
    folds = make_folds(data, schemes, options.n_splits, options.folds)
    try:
        record_folds(folds_table(options.results, options.data), folds)
    except InputError as error:  # other folds than those of the stored results
        print(error, file=sys.stderr)
        return 1
    plan = Plan(source, folds, options.models, partial(seeds_of, seeds=options.seeds))
    as_they_are = [m for m in options.models if not (options.tune and is_tunable(m))]
    tasks = sorted(
        plan.list_tasks(as_they_are),
        key=lambda task: task.model not in models.WITHOUT_SEED,
    )
    searches = plan.list_searches(source, options.tune) if options.tune else []
    with open_workers(options.jobs, options.threads, options.scheduler) as workers:
        return do_all(options, workers, tasks, searches)


def do_all(
    options: argparse.Namespace,
    workers: Workers,
    tasks: Sequence[FoldTask],
    searches: Sequence[Search],
) -> int:
    """Run what is not stored yet; return the exit status, 130 after Ctrl-C."""
    run = Run(
        workers,
        results_table(options.results, options.data),
        scores=scores_table(options.results, options.data),
        save=partial(save_predictions, options.predictions),
        again=options.again,
    )
    try:
        run.do_all(tasks, searches)
    except KeyboardInterrupt:
        run.progress.finish(STOPPED)
        return 130
    failed = len(run.failures)
    run.progress.finish(
        f"{run.n_new} new results in {run.table.path}"
        + (f"; {failed} tasks failed" if failed else "")
    )
    return 1 if failed else 0


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


def seeds_of(model: str, seeds: Sequence[int]) -> Sequence[int]:
    """Return the seeds to run a model with."""
    return [0] if model in models.WITHOUT_SEED else seeds


def _positive(text: str) -> int:
    """Parse an integer of at least 1."""
    number = int(text)
    if number < 1:
        msg = f"{text} is less than 1"
        raise argparse.ArgumentTypeError(msg)
    return number


if __name__ == "__main__":
    interrupts.run(main)
