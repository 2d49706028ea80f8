"""Figure 4 and table 3: patients; tables 1 and 2, figure 2: from stored results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.models.deep import DEEP
from benchmarks.models.registry import make_csg2a
from benchmarks.studies.paper.setting import ALPHA, Row, Setting, is_there, row
from benchmarks.tcga import _wide, load_scaled, select_drugs
from sklearn_csg2a.datasets import load_interactome
from sklearn_csg2a.patients import compare_responders

PAPER_DRUGS = (
    "Cisplatin", "Capecitabine", "5-Fluorouracil", "Fluorouracil", "Oxaliplatin",
    "Leucovorin", "Temozolomide", "Carboplatin", "Pemetrexed", "Gemcitabine",
    "Docetaxel", "Dacarbazine", "Doxorubicin", "Paclitaxel",
)  # fmt: skip
PAPER_COUNTS = {"CSG2A": 5, "GraphDRP": 3, "DeepTTA": 2}


def patients(setting: Setting) -> Iterator[Row]:
    """Responders against non-responders among TCGA patients, by three networks."""
    data = load_scaled("normal scores", setting.data_home)
    data.interactome = load_interactome(
        data_home=setting.data_home, genes=data.expression.columns
    )
    given = data.X["smiles"].isin(set(data.courses["smiles"]))
    X, y = data.X[given].reset_index(drop=True), data.y[given].reset_index(drop=True)
    factories: dict[str, Callable[..., Any]] = {"CSG2A": make_csg2a, **DEEP}
    at = select_drugs(data)
    for name, count in PAPER_COUNTS.items():
        model = factories[name](data, "cell", 0).fit(X, y)
        predicted = pd.Series(model.predict(_wide(data)))
        table = compare_responders(
            predicted[at], data.responds[at], data.courses.loc[at, "drug"]
        )
        n = {"n": len(table)}
        of_paper = table[table.index.isin(PAPER_DRUGS)]
        yield row(
            "Table 3", "drugs with p < .05", name, int((table["p"] < ALPHA).sum()),
            paper=count, null=ALPHA * len(table), **n,
        )  # fmt: skip
        adjusted = int((table["p_bh"] < ALPHA).sum())
        yield row(
            "Table 3", "drugs with adjusted p < .05", name, adjusted,
            effect=is_there(adjusted > 0), **n,
        )  # fmt: skip
        yield row(
            "Table 3",
            "mean AUROC over drugs",
            name,
            table["auroc"].mean(),
            null=0.5,
            **n,
        )
        for drug, found in of_paper.iterrows():
            yield row(
                "Figure 4", f"AUROC of {drug}", name, found["auroc"], null=0.5,
                p=found["p"], n=int(found["n_responders"] + found["n_non_responders"]),
                effect=is_there(found["p_bh"] < ALPHA),
            )  # fmt: skip


TABLE_1 = {
    ("CSG2A", "csg2a"): (0.942, 1.342, 2.119, 2.442),
    ("CSG2A as in the paper", "csg2a_paper"): (0.942, 1.342, 2.119, 2.442),
    ("random forest", "RandomForest"): (1.212, 1.347, 2.671, 2.906),
    ("SVM", "SVM"): (1.126, 1.346, 2.268, 2.685),
    ("GraphDRP", "GraphDRP"): (1.217, 1.457, 2.354, 2.844),
    ("PathDNN", "PathDNN"): (1.154, 1.595, 3.257, 3.065),
    ("Precily", "Precily"): (1.138, 1.471, 2.825, 2.765),
    ("DRPreter", "DRPreter"): (1.104, 1.495, 2.473, 2.745),
    ("DeepCoVDR", "DeepCoVDR"): (1.019, 1.394, 2.754, 3.001),
    ("DeepTTA", "DeepTTA"): (0.974, 1.352, 2.322, 2.806),
    ("mean effects", "MeanEffects"): (None, None, None, None),
    ("kernel ridge", "PairwiseKernelRidge"): (None, None, None, None),
}
SCHEMES = ("mixed", "cell", "drug", "disjoint")
FIGURE_2 = {
    "without pretraining": ("scratch", 0.985),
    "pretrained, frozen": ("plain_frozen", 0.942),
    "pretrained, fine-tuned": ("plain_tuned", 0.951),
}
MARGIN = 0.003  # RMSE; what the interactome is worth in the paper
WITHOUT = {
    "without interactome": ("csg2a_no_interactome", 0.945),
    "rewired interactome": ("csg2a_rewired", None),
    "without attention": ("csg2a_off", None),
}


def stored(results: Path) -> Iterator[Row]:
    """What other benchmarks have stored: errors of models, ablations."""
    table = pd.read_csv(results / "gdsc2.csv")
    means = table.groupby(["model", "scheme"])["rmse"].agg(["mean", "std", "size"])
    for (name, model), values in TABLE_1.items():
        for scheme, value in zip(SCHEMES, values, strict=True):
            if (model, scheme) in means.index:
                found = means.loc[(model, scheme)]
                yield row(
                    "Table 1", f"RMSE, {scheme}", name, found["mean"], paper=value,
                    n=int(found["size"]),
                )  # fmt: skip
    mixed = table[(table["scheme"] == "mixed") & (table["n_splits"] == 10)]
    by_fold = mixed.pivot_table(index="fold", columns="model", values="rmse")
    for name, (model, value) in WITHOUT.items():
        both = by_fold[["csg2a", model]].dropna()
        whole, found = both.mean()
        yield row(
            "Figure 2", "RMSE, mixed", name, found, paper=value, null=whole,
            effect=is_there(found - whole > MARGIN), n=len(both),
        )  # fmt: skip
    transfer = pd.read_csv(results / "transfer.csv")
    mixed = transfer[transfer["scheme"] == "mixed"].groupby("model")["rmse"]
    for name, (model, value) in FIGURE_2.items():
        if model in mixed.groups:
            yield row(
                "Figure 2", "RMSE, mixed, 86 cell lines with landmark genes", name,
                mixed.mean()[model], paper=value, n=int(mixed.size()[model]),
            )  # fmt: skip
