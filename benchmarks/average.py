"""Evaluate averages of models, from predictions stored by benchmarks/run.py.

    python benchmarks/average.py --data gdsc2

The average is the prediction of a VotingRegressor of the models, without fitting them
again. Each average of AVERAGES is computed on all folds with stored predictions, and
stored as the result of another model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np

from benchmarks.data.load import LOADERS
from benchmarks.models.registry import AVERAGES, Registered
from benchmarks.run import RESULTS, cache_folder, choose_schemes
from sklearn_csg2a.evaluation.configuration import hash_parts
from sklearn_csg2a.evaluation.evaluate import FoldTask, Source, measure
from sklearn_csg2a.evaluation.folds import SCHEMES, Fold, make_folds
from sklearn_csg2a.evaluation.results import (
    predictions_path,
    results_table,
    save_predictions,
)
from sklearn_csg2a.evaluation.tasks import Result, describe_versions

SUMMED = ("fit_seconds", "predict_seconds", "n_parameters")


class Member(NamedTuple):
    """A stored result that is part of an average."""

    row: dict[str, str]
    predicted: np.ndarray  # (n_test,)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute all averages whose members are stored; return the exit status."""
    options = parse_arguments(arguments)
    source = Registered(options.data, options.data_home)
    data = source.load()
    table = results_table(options.results, options.data)
    stored = table.read()
    n_written = 0
    schemes = choose_schemes(options.schemes, data)
    for fold in make_folds(data, schemes, options.n_splits, options.n_splits):
        for name in AVERAGES:
            members = list(read_members(options, stored, fold, name))
            if len(members) < len(AVERAGES[name]):
                continue
            result = average(source, fold, name, members)
            save_predictions(options.predictions, result)
            table.add([result.row])
            n_written += 1
    print(f"{n_written} averages in {table.path}")
    return 0


def read_members(
    options: argparse.Namespace,
    stored: dict[tuple[str, ...], dict[str, str]],
    fold: Fold,
    name: str,
) -> Iterator[Member]:
    """Yield the stored members of an average on this fold."""
    table = results_table(options.results, options.data)
    for model, seed, _ in AVERAGES[name]:
        key = table.key_of({**fold.as_row(), "model": model, "seed": seed})
        row = stored.get(key)
        if row is None or row["split_hash"] != fold.split_hash:
            continue
        path = options.predictions / options.data / predictions_path(row)
        if not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as arrays:
            if np.array_equal(arrays["row"], fold.test):
                yield Member(row, arrays["y_pred"])


def average(
    source: Source,
    fold: Fold,
    name: str,
    members: Sequence[Member],
) -> Result:
    """Average the predictions of the members and evaluate them."""
    data = source.load()
    weights = [weight for *_, weight in AVERAGES[name]]
    predicted = np.average(
        [member.predicted for member in members], axis=0, weights=weights
    )
    rows = [member.row for member in members]
    hashes = {
        "data_hash": data.hash,
        "split_hash": fold.split_hash,
        "config_hash": hash_parts(weights, *(row["config_hash"] for row in rows)),
    }
    task = FoldTask(source, fold, name, 0, hashes)
    sums = {
        column: sum(float(row[column]) for row in rows if row[column])
        for column in SUMMED
    }
    row = {
        **task.as_row(),
        **measure(data, fold, predicted),
        **sums,
        "n_parameters": int(sums["n_parameters"]) or None,
        "settings": json.dumps({"average of": AVERAGES[name]}),
        "versions": describe_versions(),
    }
    true = data.y.iloc[fold.test].to_numpy(dtype=float)
    return Result(task, row, {"row": fold.test, "y_true": true, "y_pred": predicted})


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", choices=LOADERS, default="gdsc2", help="data set (default gdsc2)")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SCHEMES, help="default: all but random811")
    add("--n-splits", type=int, default=10, help="folds of a scheme (default 10)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add(
        "--predictions",
        type=Path,
        default=cache_folder(),
        help="for predictions",
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
