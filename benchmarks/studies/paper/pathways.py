"""Tables 4 and 5: pathways of maps and of predicted expression, and their nulls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata, ttest_ind

from benchmarks.models.paper import load_perturbation
from benchmarks.studies.paper.setting import (
    ALPHA,
    DOSE,
    TIME,
    Row,
    Setting,
    is_there,
    row,
)
from sklearn_csg2a.datasets import load_gene_sets
from sklearn_csg2a.inspection import enrich, top_interactions

N_PAIRS = 1000  # of genes, as in the paper
N_GENES = 100  # most over-expressed and most suppressed
N_CELLS_OF_PAIRS = 8
GENE_SETS = "wikipathways_2020"

# Adjusted p of the ten pathways of the paper's Table 4.
TABLE_4 = {
    "Fulvestrant": {
        "WP1971": 2.3e-5,
        "WP1984": 2.3e-5,
        "WP707": 2.7e-4,
        "WP673": 2.7e-4,
        "WP3303": 2.7e-4,
        "WP1530": 3.0e-4,
        "WP254": 9.0e-4,
        "WP4155": 9.0e-4,
        "WP2446": 9.6e-4,
        "WP4263": 1.5e-3,
    },
    "5-Fluorouracil": {
        "WP707": 1.5e-3,
        "WP4659": 1.5e-3,
        "WP1530": 1.5e-3,
        "WP2864": 2.2e-3,
        "WP2059": 2.5e-3,
        "WP384": 2.8e-3,
        "WP4925": 5.5e-3,
        "WP3982": 5.5e-3,
        "WP254": 1.3e-2,
        "WP2446": 1.4e-2,
    },
}
# The same of Table 5: over-expressed and suppressed in sensitive cell lines.
TABLE_5 = {
    ("Oxaliplatin", "up"): {
        "WP531": 4.5e-5,
        "WP2446": 9.0e-5,
        "WP466": 3.3e-4,
        "WP4753": 3.3e-4,
        "WP45": 1.7e-3,
    },
    ("Oxaliplatin", "down"): {
        "WP4216": 1.2e-3,
        "WP4263": 2.2e-3,
        "WP2864": 6.6e-3,
        "WP437": 6.6e-3,
        "WP4659": 6.6e-3,
    },
    ("Fulvestrant", "up"): {
        "WP2526": 3.1e-3,
        "WP2814": 8.9e-3,
        "WP3614": 8.9e-3,
        "WP3303": 8.9e-3,
        "WP3888": 8.9e-3,
    },
    ("Fulvestrant", "down"): {
        "WP710": 3.5e-3,
        "WP712": 3.5e-3,
        "WP4666": 3.5e-3,
        "WP4155": 1.2e-2,
        "WP4806": 1.9e-2,
    },
}


def attention_pathways(setting: Setting) -> Iterator[Row]:
    """Pathways of the genes of the strongest pairs, beside those of other compounds."""
    sets = load_gene_sets(GENE_SETS, data_home=setting.data_home)
    everything = _all_genes(setting)
    drugs = setting.drugs()
    model = load_perturbation(setting.data, setting.folder)
    genes = _gene_lists(setting, model, drugs, "attention")
    for drug, paper in TABLE_4.items():
        null = [one for name, one in genes.items() if name != drug]
        table = enrich(genes[drug], sets, background=model, null=null)
        yield from _pathway_rows("Table 4", drug, table, paper)
        whole = enrich(genes[drug], sets, background=everything, null=null)
        variant = f"{drug}, background of all genes"
        yield from _pathway_rows("Table 4", variant, whole, paper)
        found = set(whole.loc[whole["p_adjusted"] <= ALPHA, "pathway"])
        wanted = drugs[drugs["drug"] == drug]
        for kind in ("permuted compounds", "rewired interactome", "untrained"):
            other = load_perturbation(setting.data, setting.folder, kind)
            one = _gene_lists(setting, other, wanted, "attention")[drug]
            again = enrich(one, sets, background=everything)
            names = set(again.loc[again["p_adjusted"] <= ALPHA, "pathway"])
            yield row(
                "Table 4", "share of these pathways that come out", f"{drug}, {kind}",
                len(found & names) / max(len(found), 1), n=len(found),
            )  # fmt: skip
    yield from _shared_genes(genes)


def _all_genes(setting: Setting) -> list[str]:
    """Return the genes of the model, of WikiPathways and of Reactome."""
    genes = set(setting.data.expression.columns)
    for name in (GENE_SETS, "reactome"):
        sets = load_gene_sets(name, data_home=setting.data_home)
        genes |= set().union(*sets.values())
    return sorted(genes)


def _gene_lists(
    setting: Setting, model: Any, drugs: pd.DataFrame, method: Any
) -> dict[str, pd.DataFrame]:
    """Return the strongest pairs of each drug."""
    X = setting.grid(drugs, N_CELLS_OF_PAIRS).assign(dose=DOSE, time=TIME)
    table = top_interactions(model, X, k=N_PAIRS, method=method, by="drug")
    return {str(drug): pairs for drug, pairs in table.groupby("drug")}


def _shared_genes(genes: dict[str, pd.DataFrame]) -> Iterator[Row]:
    """How alike the lists of different drugs are, and how many pairs are edges."""
    of_drug = {
        drug: set(pairs["gene_i"]) | set(pairs["gene_j"])
        for drug, pairs in genes.items()
    }
    first = of_drug["Fulvestrant"]
    overlap = [len(first & one) / len(first | one) for one in of_drug.values()]
    yield row(
        "Table 4", "genes shared by Fulvestrant and 5-Fluorouracil (Jaccard)",
        "attention",
        len(first & of_drug["5-Fluorouracil"]) / len(first | of_drug["5-Fluorouracil"]),
        null=float(np.median(overlap)),
    )  # fmt: skip
    edges = genes["Fulvestrant"]["in_interactome"].mean()
    yield row("Table 4", "pairs that are edges of the interactome", "attention", edges)


def _pathway_rows(
    figure: str, variant: str, table: pd.DataFrame, paper: dict[str, float]
) -> Iterator[Row]:
    """One row per pathway of the paper, and how many pathways are found."""
    known = table.assign(id=table["pathway"].map(_pathway_id)).set_index("id")
    for pathway, value in paper.items():
        if pathway in known.index:
            found = known.loc[pathway]
            holds = found["p_adjusted"] <= ALPHA and found["p_null"] <= ALPHA
            yield row(
                figure, f"adjusted p of {pathway}", variant, found["p_adjusted"],
                paper=value, p=found["p_null"], effect=is_there(holds),
                n=int(found["size"]),
            )  # fmt: skip
    adjusted = table["p_adjusted"] <= ALPHA
    both = adjusted & (table["p_null"] <= ALPHA)
    yield row(
        figure, "pathways with adjusted p <= .05", variant, int(adjusted.sum()),
        n=len(table),
    )  # fmt: skip
    yield row(
        figure, "pathways with adjusted p and p_null <= .05", variant, int(both.sum()),
        n=len(table), effect=is_there(both.any()),
    )  # fmt: skip


def _pathway_id(name: str) -> str:
    """Return the WikiPathways id in the name of a set."""
    found = re.search(r"WP\d+", name)
    return found.group() if found else name


def expression_pathways(setting: Setting) -> Iterator[Row]:
    """Genes predicted to differ between sensitive and resistant cells."""
    data = setting.data
    sets = load_gene_sets(GENE_SETS, data_home=setting.data_home)
    model = load_perturbation(data, setting.folder)
    genes, everything = np.asarray(model.genes_), _all_genes(setting)
    statistics, basal = {}, {}
    for drug, rows in data.X.groupby("drug"):
        X = rows.assign(dose=DOSE, time=TIME)
        sensitive = (data.y[rows.index] < data.y[rows.index].mean()).to_numpy()
        before = data.expression.loc[rows["cell_line"], genes].to_numpy()
        statistics[drug] = _contrast_cells(model.predict(X), sensitive)
        basal[drug] = _contrast_cells(before, sensitive)
    for (drug, side), paper in TABLE_5.items():
        sign = 1.0 if side == "up" else -1.0
        lists = {
            name: genes[np.argsort(-sign * t, kind="stable")[:N_GENES]]
            for name, t in statistics.items()
        }
        before = genes[np.argsort(-sign * basal[drug], kind="stable")[:N_GENES]]
        null = [one for name, one in lists.items() if name != drug]
        for variant, background in (
            (f"{drug}, {side}", genes),
            (f"{drug}, {side}, background of all genes", everything),
        ):
            table = enrich(lists[drug], sets, background=background, null=null)
            yield from _pathway_rows("Table 5", variant, table, paper)
        shared = np.isin(lists[drug], before).mean()
        yield row(
            "Table 5", "genes that basal expression alone gives", f"{drug}, {side}",
            float(shared), n=N_GENES,
        )  # fmt: skip
    for drug in ("Oxaliplatin", "Fulvestrant"):
        r = np.corrcoef(statistics[drug], basal[drug])[0, 1]
        yield row(
            "Table 5", "correlation of t with that of basal expression", drug, float(r)
        )


def _contrast_cells(values: np.ndarray, sensitive: np.ndarray) -> np.ndarray:
    """Return t of sensitive against resistant cells for each gene."""
    t = ttest_ind(values[sensitive], values[~sensitive], equal_var=False).statistic
    return np.nan_to_num(np.asarray(t))


def calibration(setting: Setting) -> Iterator[Row]:
    """How many pathways come out where compounds were exchanged: at most one in 20."""
    sets = load_gene_sets(GENE_SETS, data_home=setting.data_home)
    drugs = setting.drugs()
    model = load_perturbation(setting.data, setting.folder, "permuted compounds")
    lists = _gene_lists(setting, model, drugs, "attention")
    changes = _mean_changes(setting, model, drugs)
    for variant, given in (
        ("pairs of attention", lists),
        ("predicted change", changes),
    ):
        tables = [
            enrich(one, sets, background=model, n_permutations=199).set_index("pathway")
            for one in given.values()
        ]
        names = tables[0].index
        p = np.array([table.loc[names, "p"] for table in tables])
        adjusted = np.array([table.loc[names, "p_adjusted"] for table in tables])
        # as far as enrich(null=...) compares the lists of compounds, for all at once
        strength = -p
        if "score" in tables[0]:
            strength = np.abs([table.loc[names, "score"] for table in tables])
        p_null = rankdata(-strength.round(12), method="max", axis=0) / len(tables)
        share = float((p_null <= ALPHA).mean())
        yield row(
            "Null", "share of pathways with p_null <= .05", variant, share, null=ALPHA,
            effect=is_there(share <= ALPHA), n=len(tables),
        )  # fmt: skip
        for name, values in (("p", p), ("adjusted p", adjusted)):
            yield row(
                "Null", f"share of pathways with {name} <= .05", variant,
                float((values <= ALPHA).mean()), n=len(tables),
            )  # fmt: skip


def _mean_changes(
    setting: Setting, model: Any, drugs: pd.DataFrame
) -> dict[str, pd.Series]:
    """Return the mean predicted change of each drug, by gene."""
    X = setting.grid(drugs).assign(dose=DOSE, time=TIME)
    change = pd.DataFrame(model.predict_change(X), columns=model.genes_)
    means = change.groupby(X["drug"].to_numpy()).mean()
    return {str(drug): values for drug, values in means.iterrows()}
