"""Draw the figure of README.md from the stored results.

    python benchmarks/readme_figure.py

Writes docs/_static/results_gdsc2.svg: skill of the best models of each kind on GDSC2,
ten folds, with 95 % intervals corrected for shared training rows.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from sklearn_csg2a.evaluation.statistics import t_interval
from sklearn_csg2a.plotting import ComparisonDisplay

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "_static" / "results_gdsc2.svg"
SCHEMES = ("mixed", "cell", "drug", "disjoint")
LABELS = {
    "csg2a": ("CSG2A", "network"),
    "PairwiseKernelRidge": ("kernel ridge", "classical"),
    "ResponseGP": ("Gaussian process", "classical"),
    "RandomForest": ("random forest", "classical"),
    "LevelRanking_similarity_known": ("level and ranking, informed", "classical"),
    "MeanEffects": ("mean effects", "naive"),
    "TissueDrugMean": ("mean of tissue and drug", "naive"),
}


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return mean skill and its interval by scheme and model."""
    rows = []
    results = results[results["scheme"].isin(SCHEMES) & results["candidate"].isna()]
    for (scheme, model), values in results.groupby(["scheme", "model"], sort=False):
        if model not in LABELS:
            continue
        label, kind = LABELS[model]
        skill = values.groupby("fold")["skill"].mean()  # over seeds
        ratio = (values["n_test"] / values["n_train"]).mean()
        low, high = t_interval(skill.to_numpy(), ratio)
        rows.append(
            {
                "scheme": scheme,
                "model": label,
                "kind": kind,
                "n_folds": len(skill),
                "skill": skill.mean(),
                "skill_low": low,
                "skill_high": high,
            }
        )
    table = pd.DataFrame(rows)
    order = {scheme: place for place, scheme in enumerate(SCHEMES)}
    return table.sort_values("scheme", key=lambda column: column.map(order))


def main() -> None:
    """Draw and save the figure."""
    results = pd.read_csv(ROOT / "benchmarks" / "results" / "gdsc2.csv")
    settings = {"svg.hashsalt": "results", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(settings):
        figure, ax = plt.subplots(figsize=(9.5, 2.9), layout="constrained")
        ComparisonDisplay.from_table(summarise(results), measure="skill").plot(ax)
        figure.savefig(TARGET, metadata={"Date": None}, facecolor="white")
    print(TARGET.relative_to(ROOT))


if __name__ == "__main__":
    main()
