"""The paper's figures and tables, again.

    python benchmarks/paper_figures.py
    python benchmarks/paper_figures.py --parts zero_shot mechanisms

Pretrains CSG2A on the LINCS profiles at hand, and the same with compounds or edges of
the interactome exchanged, and computes what the paper shows in figures 3 to 6 and
tables 3 to 5, each beside what is found where there is nothing to find. Numbers of
other benchmarks are taken from their results. Finished parts are stored in
results/paper_figures.csv, and not computed again; docs/paper.md tells what they mean.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import pandas as pd
import torch

from benchmarks.data.transfer import load_transfer
from benchmarks.run import RESULTS, cache_folder
from benchmarks.studies.paper import PARTS, Setting, stored
from benchmarks.studies.paper.maps import ABOVE, WITH
from benchmarks.studies.paper.setting import ALPHA, is_there
from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a._utils.p_values import adjust_holm

NAME = "paper_figures.csv"
COLUMNS = (
    *("part", "figure", "quantity", "variant", "paper", "ours", "null", "p", "n"),
    *("effect", "low", "high", "p_adjusted"),
)
ADJUSTED = (ABOVE, WITH)  # quantities with one test for each similarity


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute the parts that are not stored; print the table."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    path = options.results / NAME
    add_rows(path, "stored", pd.DataFrame(stored(options.results)))
    done = set(read_rows(path)["part"])
    missing = [part for part in options.parts if options.again or part not in done]
    if missing:
        data = load_transfer(options.data_home)
        setting = Setting(data, options.cache / "paper", options.data_home)
        for part in missing:
            add_rows(path, part, pd.DataFrame(PARTS[part](setting)))
            print(f"{part} is done", flush=True)
    print(read_rows(path).to_string(index=False))
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--threads", type=int, default=1, help="number of threads (default 1)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV file")
    add("--cache", type=Path, default=cache_folder().parent, help="of trained models")
    add("--again", action="store_true", help="compute stored parts again")
    return parser.parse_args(arguments)


def read_rows(path: Path) -> pd.DataFrame:
    """Return the stored rows."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=COLUMNS)


def add_rows(path: Path, part: str, rows: pd.DataFrame) -> None:
    """Store the rows of a part in the place of earlier ones."""
    known = read_rows(path)
    kept = [frame for frame in (known[known["part"] != part],) if len(frame)]
    new = rows.assign(part=part).reindex(columns=list(COLUMNS))
    order = ["stored", *PARTS]
    table = pd.concat([*kept, new], ignore_index=True)
    table = table.sort_values("part", key=lambda of: of.map(order.index), kind="stable")
    adjust(table)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")


def adjust(table: pd.DataFrame) -> None:
    """Adjust the tests of each quantity by Holm's method, and say which effects are."""
    for quantity in ADJUSTED:
        rows = table["quantity"] == quantity
        adjusted = adjust_holm(table.loc[rows, "p"].to_numpy())
        table.loc[rows, "p_adjusted"] = adjusted
        higher = (table.loc[rows, "ours"] > table.loc[rows, "null"]).to_numpy()
        effects = [is_there(bool(one)) for one in higher & (adjusted <= ALPHA)]
        table.loc[rows, "effect"] = effects


if __name__ == "__main__":
    sys.exit(main())
