"""Evaluate pretraining and attention on simulated screens.

    python benchmarks/simulated.py

For each of several simulated screens: pretrain on the perturbation profiles, then
predict the response of unseen compounds (drug-blind) and of unseen compounds in unseen
cells (disjoint), with the frozen pretraining and from scratch on the same folds. In the
strict variant, no compound of the response screen is used in pretraining. The rank of
the simulated interactions in `top_interactions` is also measured.

Writes results/simulated.csv, one row per screen, scheme and variant; existing rows are
not run again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import CellMean, GlobalMean
from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.metrics import rmse
from sklearn_csg2a.model_selection import DisjointKFold, DrugBlindKFold

RESULTS = Path(__file__).parent / "results" / "simulated.csv"
SCHEMES = {"drug": DrugBlindKFold, "disjoint": DisjointKFold}
NAIVE = {"drug": CellMean, "disjoint": GlobalMean}
VARIANTS = ("all", "strict")  # compounds in the pretraining
N_FOLDS = 4
PRETRAINING = {"max_epochs": 20, "batch_size": 128}
RESPONSE = {
    "max_epochs": 25,
    "batch_size": 128,
    "attention": "paper",
    "head_hidden": (512, 64),
    "bilinear_dim": 0,
    "dropout": 0.1,
    "gene_dropout": 0.0,
    "learning_rate": 3e-4,
    "early_stopping": True,
}


def pretrain(screen: Bunch, seed: int, *, strict: bool) -> PerturbationRegressor:
    """Fit the perturbation model; strict excludes the response compounds."""
    X, Y = screen.perturbation.X, screen.perturbation.Y
    if strict:
        response = set(compound_identities(screen.X["smiles"]))
        kept = ~np.isin(compound_identities(X["smiles"]), list(response))
        X, Y = X[kept], Y[kept]
    model = PerturbationRegressor(
        expression=screen.expression,
        interactome=screen.interactome,
        random_state=seed,
        **PRETRAINING,
    )
    return model.fit(X, Y)


def judge(screen: Bunch, scheme: str, seed: int, **settings: object) -> float:
    """Return the RMSE over the test rows of all folds, ln uM."""
    squares: list[np.ndarray] = []
    folds = SCHEMES[scheme](n_splits=N_FOLDS, random_state=seed)
    for train, test in folds.split(screen.X, screen.y):
        model = DrugResponseRegressor(
            expression=screen.expression,
            validation=SCHEMES[scheme](n_splits=5, random_state=seed + 1),
            random_state=seed,
            **RESPONSE,
            **settings,
        )
        model.fit(screen.X.iloc[train], screen.y.iloc[train])
        predicted = model.predict(screen.X.iloc[test])
        squares.append((predicted - screen.y.iloc[test].to_numpy()) ** 2)
    return float(np.sqrt(np.concatenate(squares).mean()))


def judge_naive(screen: Bunch, scheme: str, seed: int) -> float:
    """Return the RMSE of the naive model of the split on the same folds."""
    truth, predicted = [], []
    folds = SCHEMES[scheme](n_splits=N_FOLDS, random_state=seed)
    for train, test in folds.split(screen.X, screen.y):
        model = NAIVE[scheme]().fit(screen.X.iloc[train], screen.y.iloc[train])
        predicted.append(model.predict(screen.X.iloc[test]))
        truth.append(screen.y.iloc[test].to_numpy())
    return rmse(np.concatenate(truth), np.concatenate(predicted))


def rank_interactions(screen: Bunch, model: PerturbationRegressor) -> dict[str, float]:
    """Return the mean AUROC over targets of the ranks of simulated interactions.

    `attention` ranks by the whole attention, `learned` by its part without the
    interactome. `hidden` ranks by the learned part, restricted to pairs that are not in
    the interactome.
    """
    X = screen.perturbation.X
    X = X.assign(target=X["drug"].map(screen.truth.target))
    ranked = model.top_interactions(X, k=10**6, by="target", method="attention")
    planted = screen.truth.interactions
    areas: dict[str, list[float]] = {"attention": [], "learned": [], "hidden": []}
    for target, pairs in ranked.groupby("target"):
        own = planted[planted["target"] == target]
        keys = set(map(frozenset, zip(own["gene_i"], own["gene_j"], strict=True)))
        is_planted = np.array(
            [
                frozenset(pair) in keys
                for pair in zip(pairs["gene_i"], pairs["gene_j"], strict=True)
            ]
        )
        unseen = ~pairs["in_interactome"].to_numpy()
        learned = pairs["learned"].abs().to_numpy()
        areas["attention"].append(roc_auc_score(is_planted, pairs["score"].abs()))
        areas["learned"].append(roc_auc_score(is_planted, learned))
        if is_planted[unseen].any():
            areas["hidden"].append(roc_auc_score(is_planted[unseen], learned[unseen]))
    return {f"auroc_{name}": float(np.mean(values)) for name, values in areas.items()}


def run(seed: int) -> list[dict[str, object]]:
    """Run all variants on one simulated screen."""
    screen = make_screen(random_state=seed)
    models = {
        name: pretrain(screen, seed, strict=name == "strict") for name in VARIANTS
    }
    rows: list[dict[str, object]] = []
    for scheme in SCHEMES:
        scratch = judge(screen, scheme, seed, interactome=screen.interactome)
        naive = judge_naive(screen, scheme, seed)
        for name, model in models.items():
            row = {
                "seed": seed,
                "scheme": scheme,
                "pretraining": name,
                "rmse_pretrained": judge(
                    screen, scheme, seed, pretrained=FrozenEstimator(model)
                ),
                "rmse_scratch": scratch,
                "rmse_naive": naive,
                **rank_interactions(screen, model),
            }
            rows.append(row)
    return rows


def main() -> None:
    """Run the screens that are missing and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    asked = parser.parse_args()
    table = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame({"seed": []})
    for seed in asked.seeds:
        if not (table["seed"] == seed).any():
            new = pd.DataFrame(run(seed)).round(5)
            table = new if table.empty else pd.concat([table, new], ignore_index=True)
            table.to_csv(RESULTS, index=False)
    for (scheme, name), rows in table.groupby(["scheme", "pretraining"]):
        gain = rows["rmse_scratch"] - rows["rmse_pretrained"]
        test = stats.ttest_rel(rows["rmse_scratch"], rows["rmse_pretrained"])
        print(
            f"{scheme}, pretraining on {name} compounds: RMSE "
            f"{rows['rmse_pretrained'].mean():.3f} against "
            f"{rows['rmse_scratch'].mean():.3f} from scratch and "
            f"{rows['rmse_naive'].mean():.3f} naive; gain {gain.mean():.3f}, paired t "
            f"over {len(rows)} screens p = {test.pvalue:.2g}"
        )
    areas = [name for name in table.columns if name.startswith("auroc_")]
    print(table.groupby("pretraining")[areas].mean().round(3).to_string())


if __name__ == "__main__":
    main()
