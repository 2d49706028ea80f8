"""Compare models compound by compound, from predictions stored by benchmarks/run.py.

    python benchmarks/by_compound.py LevelRanking_similarity_known \
        PairwiseKernelRidge_known --data gdsc_full --schemes drug disjoint

The first model is compared with each of the others. Folds of new compounds hold few of
them, whose levels differ, so that folds say little; over all folds each compound is new
once. For each measure, RMSE and correlation over the cell lines, there is the number of
compounds for which the first model is better, the mean difference, and p of Wilcoxon's
signed-rank test over the compounds (two-sided, not corrected for multiple testing).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.utils import Bunch

from benchmarks.data.load import LOADERS
from benchmarks.models.registry import Registered
from benchmarks.run import RESULTS, cache_folder, choose_schemes
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.evaluation.folds import SCHEMES, Fold, make_folds
from sklearn_csg2a.evaluation.predictions import per_compound
from sklearn_csg2a.evaluation.results import predictions_path, results_table
from sklearn_csg2a.exceptions import InputError

BETTER = {"rmse": -1, "r": 1}  # lower or higher


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparisons; return the exit status."""
    options = parse_arguments(arguments)
    data = Registered(options.data, options.data_home).load()
    rows = list(list_comparisons(options, data))
    print(pd.DataFrame(rows).to_string(index=False))
    return 0


def list_comparisons(
    options: argparse.Namespace, data: Bunch
) -> Iterator[dict[str, object]]:
    """Yield a row for each scheme, other model and measure."""
    identity = compound_identities(data.X["smiles"])
    first, *others = options.models
    for scheme in choose_schemes(options.schemes, data):
        folds = make_folds(data, [scheme], options.n_splits, options.n_splits)
        of_model = {
            model: per_compound(read_rows(options, folds, model), identity)
            for model in options.models
        }
        for other in others:
            for measure in BETTER:
                compared = compare(of_model[first], of_model[other], measure)
                yield {"scheme": scheme, "model": first, "against": other, **compared}


def read_rows(
    options: argparse.Namespace, folds: Sequence[Fold], model: str
) -> pd.DataFrame:
    """Return the stored predictions of a model: fold, row, y_true and y_pred."""
    table = results_table(options.results, options.data)
    stored = table.read()
    parts = []
    for fold in folds:
        key = table.key_of({**fold.as_row(), "model": model, "seed": options.seed})
        row = stored.get(key)
        path = row and options.predictions / options.data / predictions_path(row)
        if not path or not path.is_file():
            msg = (
                f"{fold.scheme} fold {fold.index}: no predictions of {model} with seed "
                f"{options.seed} in {options.predictions}. Run benchmarks/run.py with "
                "--again first: predictions are kept on the machine that makes them."
            )
            raise InputError(msg)
        with np.load(path, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in ("row", "y_true", "y_pred")}
        parts.append(pd.DataFrame(columns).assign(fold=fold.index))
    return pd.concat(parts, ignore_index=True)


def compare(one: pd.DataFrame, other: pd.DataFrame, measure: str) -> dict[str, object]:
    """Compare two models by one measure of the compounds that both have."""
    difference = (one[measure] - other[measure]).dropna()
    better = BETTER[measure] * difference > 0
    return {
        "measure": measure,
        "compounds": len(difference),
        "better": int(better.sum()),
        "difference": round(float(difference.mean()), 4),
        "p": float(wilcoxon(difference).pvalue) if difference.any() else 1.0,
    }


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="+", help="the model to compare, and others")
    add("--data", choices=LOADERS, default="gdsc2", help="data set (default gdsc2)")
    add("--data-home", help="folder of the data (default: $SKLEARN_CSG2A_DATA)")
    add("--schemes", nargs="+", choices=SCHEMES, default=["drug", "disjoint"])
    add("--n-splits", type=int, default=10, help="folds of a scheme (default 10)")
    add("--seed", type=int, default=0, help="of the models (default 0)")
    add("--results", type=Path, default=RESULTS, help="folder of the CSV files")
    add("--predictions", type=Path, default=cache_folder(), help="their folder")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"by_compound.py: {error}")
