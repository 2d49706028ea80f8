"""Train, measure and write the models that are shipped with the package.

    python benchmarks/reference_model.py gdsc2 train
    python benchmarks/reference_model.py gdsc2 measure --folds 3
    python benchmarks/reference_model.py gdsc2 write

The same for `lincs`. Training continues after an interruption; measured folds are
stored in results/reference_<model>.csv, and not measured again. `write` rounds the
weights, keeps quantiles of predictions instead of cell lines, and writes the file that
`load_model` finds by name, with its card. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.reference import gdsc2, lincs
from benchmarks.reference.cards import CARDS
from benchmarks.reference.files import round_weights, write_shipped
from benchmarks.run import RESULTS, cache_folder
from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.evaluation.store import Table

PARTS: dict[str, Any] = {"gdsc2": gdsc2, "lincs": lincs}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one step for one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("model", choices=PARTS)
    add("step", choices=["train", "measure", "write"])
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--folds", type=int, default=3, help="to measure on (default 3)")
    add("--members", type=int, default=1, help="to measure with, gdsc2 (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add("--cache", type=Path, default=cache_folder().parent / "reference")
    options = parser.parse_args(arguments)
    part = PARTS[options.model]
    table = Table(
        options.results / f"reference_{options.model}.csv", part.KEY, part.COLUMNS
    )
    trained = options.cache / f"{options.model}_trained.csg2a"
    if options.step == "train":
        options.cache.mkdir(parents=True, exist_ok=True)
        model = part.train(options.data_home, options.cache)
        save_model(model, trained, include_expression=True)
    elif options.step == "measure":
        more = {"n_members": options.members} if part is gdsc2 else {}
        part.measure_errors(options.data_home, table, options.folds, **more)
    else:
        model = load_model(trained)
        round_weights(model)
        described = part.describe(model, options.data_home)
        card = CARDS[options.model](model, described, table)
        if part is gdsc2:
            gdsc2.keep_what_ranking_needs(model, options.data_home)
        print(write_shipped(options.model, model, card))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
