"""Evaluate readouts of a network against what was simulated.

    python benchmarks/inspection.py

For each of several simulated screens: train on the perturbation profiles without the
interactome, then rank genes and pairs of genes by each readout for every fifth compound
in all cells, at 10 uM and 72 h, and compare with the target of the compound and the
interactions through which it acts; and compare maps of compounds of one target with
those of different ones. The same for an untrained network, for the trained
one with compounds exchanged, and for the measured profiles of each compound without any
model. Integrated gradients and covariation are also read from a response model with
that pretraining, for its own compounds.

Writes results/inspection.csv, one row per screen, model, readout and contrast; existing
screens are not run again. Settings were chosen on the screens 100 to 103.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import influence

RESULTS = Path(__file__).parent / "results" / "inspection.csv"
PRETRAINING = {"max_epochs": 40, "batch_size": 128}
RESPONSE = {
    "max_epochs": 25,
    "batch_size": 128,
    "head_hidden": (512, 64),
    "learning_rate": 3e-4,
    "early_stopping": True,
}
READOUTS = {  # and how they are compared between compounds
    "learned_attention": (None, "difference", "standardised"),
    "integrated_gradients": (None, "difference"),
    "jacobian": (None, "difference"),
    "covariation": (None, "difference"),
}
BEST = {"covariation": (None, "difference")}


def cross(compounds: pd.DataFrame, screen: Bunch) -> pd.DataFrame:
    """Return rows of every compound in every cell."""
    cells = pd.DataFrame({"cell_line": screen.expression.index})
    return compounds.merge(cells, how="cross").assign(dose=10.0, time=72.0)


def planted_pairs(screen: Bunch) -> dict[str, set[frozenset[str]]]:
    """Return the pairs through which compounds of a target act."""
    table = screen.truth.interactions
    return {
        target: set(map(frozenset, zip(own["gene_i"], own["gene_j"], strict=True)))
        for target, own in table.groupby("target")
    }


def judge(
    model: object, X: pd.DataFrame, screen: Bunch, method: str, contrast: str | None
) -> dict[str, float]:
    """Return the AUROC of targets, of interactions, and of compounds of one target.

    The first two are means over compounds.
    """
    found = influence(model, X, method=method, by="drug", contrast=contrast)
    n_genes = found.wide().shape[1]
    pairs = found.top_pairs(k=n_genes * (n_genes - 1) // 2)
    return areas(found.wide().abs(), pairs, screen) | {
        "auroc_mechanisms": area_of_mechanisms(found.similarity(), screen)
    }


def judge_profiles(
    screen: Bunch, drugs: pd.Series, contrast: str | None
) -> dict[str, float]:
    """Return the same of the measured change, its covariance with basal expression."""
    X = screen.perturbation.X
    basal = screen.expression.loc[X["cell_line"]].to_numpy()
    change = screen.perturbation.Y.to_numpy() - basal
    maps = []
    for drug in drugs:
        rows = (X["drug"] == drug).to_numpy()
        g = basal[rows] - basal[rows].mean(axis=0)
        maps.append(change[rows].T @ g / rows.sum() / g.std(axis=0))
    genes = screen.expression.columns
    first, second = np.triu_indices(len(genes), 1)
    tables, influences = [], []
    shared = 0.0 if contrast is None else np.mean(maps, axis=0)
    for drug, own in zip(drugs, np.array(maps) - shared, strict=True):
        np.fill_diagonal(own, 0)
        influences.append(np.linalg.norm(own, axis=0))
        score = np.maximum(np.abs(own), np.abs(own.T))[first, second]
        pairs = {"gene_i": genes[first], "gene_j": genes[second], "score": score}
        tables.append(pd.DataFrame(pairs).assign(drug=drug))
    wide = pd.DataFrame(influences, index=drugs, columns=genes)
    different = ~np.eye(len(genes), dtype=bool)
    alike = np.corrcoef([(own - shared)[different] for own in maps])
    similarity = pd.DataFrame(alike, index=drugs, columns=drugs)
    return areas(wide, pd.concat(tables), screen) | {
        "auroc_mechanisms": area_of_mechanisms(similarity, screen)
    }


def areas(genes: pd.DataFrame, pairs: pd.DataFrame, screen: Bunch) -> dict[str, float]:
    """Return mean AUROC of the influence of genes (drugs, genes) and of pairs."""
    planted = planted_pairs(screen)
    found: dict[str, list[float]] = {"targets": [], "interactions": []}
    for drug, own in pairs.groupby("drug"):
        target = screen.truth.target[drug]
        found["targets"].append(roc_auc_score(genes.columns == target, genes.loc[drug]))
        keys = map(frozenset, zip(own["gene_i"], own["gene_j"], strict=True))
        is_planted = [key in planted[target] for key in keys]
        found["interactions"].append(roc_auc_score(is_planted, own["score"].abs()))
    return {f"auroc_{name}": float(np.mean(values)) for name, values in found.items()}


def area_of_mechanisms(similarity: pd.DataFrame, screen: Bunch) -> float:
    """Return the AUROC of pairs of compounds of one target, by their similarity."""
    target = screen.truth.target[similarity.index].to_numpy()
    i, j = np.triu_indices(len(target), 1)
    return float(roc_auc_score(target[i] == target[j], similarity.to_numpy()[i, j]))


def exchange_compounds(X: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give each drug the structure of another one."""
    structures = X.drop_duplicates("drug").set_index("drug")["smiles"]
    order = np.random.default_rng(seed).permutation(len(structures))
    other = pd.Series(structures.to_numpy()[order], index=structures.index)
    return X.assign(smiles=X["drug"].map(other))


def run(seed: int) -> list[dict[str, object]]:
    """Judge all readouts on one simulated screen."""
    screen = make_screen(random_state=seed)
    X, Y = screen.perturbation.X, screen.perturbation.Y
    model = PerturbationRegressor(
        expression=screen.expression, random_state=seed, **PRETRAINING
    )
    untrained = PerturbationRegressor(
        expression=screen.expression,
        random_state=seed,
        max_epochs=1,
        learning_rate=1e-12,
    )
    model.fit(X, Y)
    untrained.fit(X, Y)
    response = DrugResponseRegressor(
        expression=screen.expression,
        pretrained=FrozenEstimator(model),
        random_state=seed,
        **RESPONSE,
    )
    response.fit(screen.X, screen.y)
    compounds = X[["smiles", "drug"]].drop_duplicates()[::5]
    grid = cross(compounds, screen)
    of_response = cross(screen.X[["smiles", "drug"]].drop_duplicates(), screen)
    cases = [
        ("trained", model, grid, READOUTS),
        ("untrained", untrained, grid, BEST | {"learned_attention": (None,)}),
        ("compounds exchanged", model, exchange_compounds(grid, seed), BEST),
        (
            "response",
            response,
            of_response,
            {"integrated_gradients": (None, "difference"), **BEST},
        ),
    ]
    rows: list[dict[str, object]] = []
    for contrast in (None, "difference"):
        row = {"model": "none", "method": "profiles", "contrast": contrast or "none"}
        judged = judge_profiles(screen, compounds["drug"], contrast)
        rows.append({"seed": seed, **row, **judged})
    for name, fitted, rows_of_case, readouts in cases:
        for method, contrasts in readouts.items():
            for contrast in contrasts:
                row = {"model": name, "method": method, "contrast": contrast or "none"}
                judged = judge(fitted, rows_of_case, screen, method, contrast)
                rows.append({"seed": seed, **row, **judged})
                print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Run the screens that are missing and print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    done = asked.results.exists()
    table = pd.read_csv(asked.results) if done else pd.DataFrame({"seed": []})
    for seed in asked.seeds:
        if not (table["seed"] == seed).any():
            new = pd.DataFrame(run(seed)).round(4)
            table = new if table.empty else pd.concat([table, new], ignore_index=True)
            table.to_csv(asked.results, index=False)
    cases = table.groupby(["model", "method", "contrast"], sort=False)
    measures = [f"auroc_{of}" for of in ("targets", "interactions", "mechanisms")]
    means = cases[measures].agg(["mean", "min"])
    print(means.round(3).to_string())


if __name__ == "__main__":
    main()
