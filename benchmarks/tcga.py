"""Compare predictions of cell-line models with responses of TCGA patients.

    python benchmarks/tcga.py

Models are trained on the cell lines of `load_gdsc` and predict the ln IC50 of each
course of treatment; results/tcga.csv holds how responders compare with non-responders,
by drug. results/tcga_ranking.csv holds how `rank_drugs` does: how many drugs are among
the top five of 30 patients, and, on cell lines left out of GDSC2, how often the top
five are drugs to which the line is truly among the most sensitive fifth of lines.
Finished rows are stored, and not computed again.

Patients are on one scale with the cell lines by normal scores of each gene within each
cohort ("normal scores"), or by log2(TPM + 1) of both ("none", the three cohorts that
have it).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

if not __package__:  # run as a script, with its folder first on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.utils import Bunch

from sklearn_csg2a._utils.files import replacing
from sklearn_csg2a.baselines import (
    CellMean,
    DrugMean,
    PairwiseKernelRidge,
    TissueDrugMean,
)
from sklearn_csg2a.datasets import load_gdsc, load_gdsc2, load_tcga
from sklearn_csg2a.model_selection import CellBlindKFold
from sklearn_csg2a.patients import compare_responders, rank_drugs
from sklearn_csg2a.preprocessing import NormalScores

RESULTS = Path(__file__).resolve().parent / "results"
FEWEST = 3  # responders and non-responders of a drug
N_PATIENTS, N_TOP = 30, 5
PENALTIES = np.logspace(1, 5, 9)  # of ridge regression on standardised genes

# Tissue of the cell lines that each cohort of patients corresponds to.
TISSUE = {
    "BLCA": "urogenital_system",
    "BRCA": "breast",
    "COAD": "digestive_system",
    "HNSC": "aero_digestive_tract",
    "KIRC": "kidney",
    "KIRP": "kidney",
    "LGG": "nervous_system",
    "LIHC": "digestive_system",
    "LUAD": "lung",
    "LUSC": "lung",
    "PAAD": "pancreas",
    "SKCM": "skin",
    "STAD": "digestive_system",
}


def load_scaled(scale: str, data_home: str | None) -> Bunch:
    """Load cell lines and patients with the same genes, on one scale."""
    lines, patients = load_gdsc(data_home=data_home), load_tcga(data_home=data_home)
    of_lines = lines.expression
    if scale == "none":
        # both log2(TPM + 1)
        tpm = np.exp2(patients.expression_log2tpm) - 0.001
        of_patients = np.log2(np.maximum(tpm, 0) + 1)
    else:
        of_patients = patients.expression
        of_lines = NormalScores().fit_transform(of_lines)
    genes = of_lines.columns.intersection(of_patients.columns)
    courses = patients.X["cell_line"].isin(of_patients.index)
    X = patients.X[courses].reset_index(drop=True)
    return Bunch(
        X=lines.X,
        y=lines.y,
        expression=of_lines[genes],
        patients=of_patients[genes],
        courses=X.assign(tissue=X["cohort"].map(TISSUE)),
        responds=patients.y[courses].reset_index(drop=True),
    )


def _wide(data: Bunch) -> pd.DataFrame:
    """Return the courses with the genes of their patients."""
    genes = data.patients.loc[data.courses["cell_line"]].reset_index(drop=True)
    return pd.concat([data.courses.drop(columns="cell_line"), genes], axis=1)


def predict_kernel_ridge(data: Bunch) -> np.ndarray:
    model = PairwiseKernelRidge(expression=data.expression)
    return model.fit(data.X, data.y).predict(_wide(data))


def predict_within_tissue(data: Bunch) -> np.ndarray:
    """Predict each cohort by the cell lines of its tissue alone."""
    wide, predicted = _wide(data), np.full(len(data.courses), np.nan)
    for tissue, courses in data.courses.groupby("tissue"):
        rows = data.X["tissue"] == tissue
        model = PairwiseKernelRidge(expression=data.expression)
        model.fit(data.X[rows], data.y[rows])
        predicted[courses.index] = model.predict(wide.loc[courses.index])
    return predicted


def predict_ridge(data: Bunch) -> np.ndarray:
    """Predict each drug by a ridge regression on the expression of its cell lines."""
    predicted = np.full(len(data.courses), np.nan)
    for smiles, courses in data.courses.groupby("smiles"):
        rows = data.X["smiles"] == smiles
        known = data.expression.loc[data.X.loc[rows, "cell_line"]].to_numpy()
        genes = data.patients.loc[courses["cell_line"]].to_numpy()
        predicted[courses.index] = _fit_ridge(known, data.y[rows], genes)
    return predicted


def predict_cell_level(data: Bunch) -> np.ndarray:
    """Predict the mean response of a cell over all drugs, whatever the drug."""
    response = data.y - data.y.groupby(data.X["smiles"]).transform("mean")
    level = response.groupby(data.X["cell_line"]).mean()
    genes = data.patients.loc[data.courses["cell_line"]].to_numpy()
    return _fit_ridge(data.expression.loc[level.index].to_numpy(), level, genes)


def _fit_ridge(known: np.ndarray, y: Any, new: np.ndarray) -> np.ndarray:
    mean, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0, spread, 1)
    model = RidgeCV(PENALTIES).fit((known - mean) / spread, y)
    return model.predict((new - mean) / spread)


def _naive(model: Any) -> Callable[[Bunch], np.ndarray]:
    return lambda data: model.fit(data.X, data.y).predict(data.courses)


MODELS: dict[str, Callable[[Bunch], np.ndarray]] = {
    "DrugMean": _naive(DrugMean()),
    "CellMean": _naive(CellMean()),
    "TissueDrugMean": _naive(TissueDrugMean()),
    "CellLevelRidge": predict_cell_level,
    "RidgePerDrug": predict_ridge,
    "PairwiseKernelRidge": predict_kernel_ridge,
    "PairwiseKernelRidge, within tissue": predict_within_tissue,
}


def select_drugs(data: Bunch) -> pd.Series:
    """Tell which courses are of a drug with enough of both kinds of patients."""
    of_drug = data.responds.groupby(data.courses["drug"])
    n = of_drug.transform("size")
    n_responders = of_drug.transform("sum")
    return (n_responders >= FEWEST) & (n - n_responders >= FEWEST)


def compare(
    scale: str, done: set[tuple], data_home: str | None
) -> Iterator[pd.DataFrame]:
    """Yield the comparisons that are not done, of each model and group of patients."""
    groups = ["three cohorts"] if scale == "none" else ["all", "three cohorts"]
    todo = {
        name: [group for group in groups if (scale, name, group) not in done]
        for name in MODELS
    }
    if not any(todo.values()):
        return
    data = load_scaled(scale, data_home)
    with_tpm = load_tcga(data_home=data_home).expression_log2tpm.index
    in_three = data.courses["cell_line"].isin(with_tpm)
    for name in filter(todo.get, MODELS):
        predicted = pd.Series(MODELS[name](data))
        for group in todo[name]:
            part = in_three if group == "three cohorts" else in_three | True
            some = Bunch(courses=data.courses[part], responds=data.responds[part])
            enough = select_drugs(some)
            at = enough.index[enough]
            table = compare_responders(
                predicted[at], data.responds[at], data.courses.loc[at, "drug"]
            ).reset_index()
            keys = {"scale": scale, "model": name, "patients": group}
            yield pd.concat([pd.DataFrame(keys, index=table.index), table], axis=1)


def rank_patients(data_home: str | None) -> pd.DataFrame:
    """Count the drugs among the top five of patients."""
    data = load_scaled("normal scores", data_home)
    model = PairwiseKernelRidge(expression=data.expression).fit(data.X, data.y)
    drawn = np.random.default_rng(0).choice(
        len(data.patients), N_PATIENTS, replace=False
    )
    ranking = rank_drugs(model, data.patients.iloc[np.sort(drawn)])
    by_ic50 = ranking.sort_values("ln_ic50").groupby("sample").head(N_TOP)
    top = ranking.groupby("sample").head(N_TOP)
    rows = [("percentile", top), ("ln IC50", by_ic50)]
    return pd.DataFrame(
        {
            "question": "drugs among the top five of 30 patients",
            "fold": -1,
            "order": order,
            "value": chosen["drug"].nunique(),
            "chance": np.nan,
        }
        for order, chosen in rows
    )


def rank_new_cells(data_home: str | None) -> Iterator[pd.DataFrame]:
    """Tell how often the top five of new cell lines are truly sensitive."""
    data = load_gdsc2(data_home=data_home)
    X, y = data.X, data.y
    place = y.groupby(X["drug"]).rank(pct=True)
    truth = (place <= 0.2).groupby([X["cell_line"], X["drug"]]).any()
    names = data.compounds.drop_duplicates("smiles")
    for fold, (train, test) in enumerate(CellBlindKFold(n_splits=10).split(X)):
        model = PairwiseKernelRidge(expression=data.expression)
        model.fit(X.iloc[train], y.iloc[train])
        known = X["cell_line"].iloc[train].unique()
        new = X["cell_line"].iloc[test].unique()
        ranking = rank_drugs(model, list(new), names, reference=list(known))
        pairs = pd.MultiIndex.from_frame(ranking[["sample", "drug"]])
        ranking["is_sensitive"] = truth.reindex(pairs).to_numpy()
        ranking = ranking.dropna(subset=["is_sensitive"])
        by_ic50 = ranking.sort_values("ln_ic50").groupby("sample").head(N_TOP)
        top = ranking.groupby("sample").head(N_TOP)
        yield pd.DataFrame(
            {
                "question": "top five among the most sensitive fifth, new cell lines",
                "fold": fold,
                "order": order,
                "value": chosen["is_sensitive"].astype(float).mean(),
                "chance": ranking["is_sensitive"].astype(float).mean(),
            }
            for order, chosen in (("percentile", top), ("ln IC50", by_ic50))
        )


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def _store(path: Path, stored: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    table = pd.concat([stored, new], ignore_index=True) if len(stored) else new
    with replacing(path) as temporary:
        table.round(6).to_csv(temporary, index=False)
    return table


def main(data_home: str | None, results: Path) -> None:
    path = results / "tcga.csv"
    table = _read(path)
    for scale in ("normal scores", "none"):
        keys = ["scale", "model", "patients"]
        done = set(map(tuple, table[keys].to_numpy())) if len(table) else set()
        for rows in compare(scale, done, data_home):
            table = _store(path, table, rows)
    path = results / "tcga_ranking.csv"
    ranking = _read(path)
    questions = set(ranking["question"]) if len(ranking) else set()
    if not any("patients" in question for question in questions):
        ranking = _store(path, ranking, rank_patients(data_home))
    if not any("cell lines" in question for question in questions):
        rows = pd.concat(rank_new_cells(data_home))
        ranking = _store(path, ranking, rows)
    print(summarize(table).to_string(index=False))
    print(ranking.groupby(["question", "order"])[["value", "chance"]].mean())


def summarize(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model: mean AUROC over drugs, and how many are significant."""
    of_model = table.groupby(["scale", "patients", "model"], sort=False)
    return of_model.apply(
        lambda rows: pd.Series(
            {
                "drugs": len(rows),
                "auroc": rows["auroc"].mean().round(3),
                "p<.05": (rows["p"] < 0.05).sum(),
                "Holm": (rows["p_holm"] < 0.05).sum(),
                "BH": (rows["p_bh"] < 0.05).sum(),
                "permuted<.05": (rows["p_permuted"] < 0.05).sum(),
            }
        )
    ).reset_index()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", help="folder of the data")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    main(arguments.data_home, arguments.results)
