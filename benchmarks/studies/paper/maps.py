"""Figures 3, 5 and 6: distances from basal expression, similarity of maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.models.paper import fit_response, load_perturbation
from benchmarks.studies.paper.setting import (
    ALPHA,
    DOSE,
    N_CELLS,
    TIME,
    Row,
    Setting,
    is_there,
    row,
)
from sklearn_csg2a.inspection import (
    compare_distances,
    compare_mechanisms,
    mechanism_similarity,
    zero_shot_response,
)

# What is read from the response model, and whether as contrast to all compounds, which
# is the same for attention with and without the interactome.
READOUTS = (
    ("attention", False),
    ("attention", True),
    ("learned_attention", False),
    ("jacobian", False),
    ("jacobian", True),
    ("covariation", False),
    ("covariation", True),
    ("integrated_gradients", False),
    ("integrated_gradients", True),
)


FEW_CELLS = 4  # where maps take long


def zero_shot(setting: Setting) -> Iterator[Row]:
    """Distances of predicted from basal expression, sensitive against resistant."""
    data = setting.data
    model = load_perturbation(data, setting.folder)
    for time in (24.0, 72.0):
        X = data.X.assign(dose=10.0, time=time)
        table = compare_distances(zero_shot_response(model, X, data.y))
        names = table.index if time == 24.0 else ["distance"]
        for name in names:
            yield from _distance_rows(table.loc[name], f"{name}, {time:.0f} h")
    X = data.X.assign(dose=DOSE, time=TIME)
    for kind in ("permuted compounds", "rewired interactome", "no interactome"):
        for seed in range(1 if kind == "no interactome" else 3):
            null = load_perturbation(data, setting.folder, kind, seed)
            distances = zero_shot_response(null, X, data.y)
            found = compare_distances(distances, n_permutations=199)
            yield from _distance_rows(found.loc["distance"], f"{kind} {seed}")


def _distance_rows(found: pd.Series, variant: str) -> Iterator[Row]:
    n = {"n": int(found["n_cells"])}
    p = found["p_permuted"]
    effect = is_there(found["within_cell"] < 0 and p <= ALPHA)
    share, within = found["share_negative"], found["within_cell"]
    yield row(
        "Figure 5b",
        "p of the t-test over pairs",
        variant,
        found["p"],
        paper=5.1e-97,
        **n,
    )
    yield row(
        "Figure 5c",
        "cell lines with a negative correlation",
        variant,
        share,
        paper=0.941,
        p=p,
        effect=effect,
        **n,
    )
    yield row(
        "Figure 5d", "mean correlation within cell lines", variant, within, p=p, **n
    )


ABOVE, WITH = "AUROC above that of Tanimoto", "AUROC of both ranks, with Tanimoto"
FIGURE_3 = (
    ("Fulvestrant", "Tamoxifen"),
    ("Fulvestrant", "5-Fluorouracil"),
    ("Tamoxifen", "5-Fluorouracil"),
)


def mechanisms(setting: Setting, method: Any, *, contrast: bool) -> Iterator[Row]:
    """Correlation of maps within and between mechanisms, by the response model."""
    drugs = setting.drugs().dropna(subset=["mechanism"])
    model = fit_response(setting.data, setting.folder)
    n_cells = FEW_CELLS if method == "integrated_gradients" else N_CELLS
    pairs = _pairs(setting, model, drugs, method, contrast=contrast, n_cells=n_cells)
    variant = f"{method}{', contrast' if contrast else ''}"
    yield from _similarity_rows(compare_mechanisms(pairs).loc["similarity"], variant)
    yield from _figure_3(pairs, variant)


def other_similarities(setting: Setting) -> Iterator[Row]:
    """Structure and measured response, within and between mechanisms."""
    drugs = setting.drugs().dropna(subset=["mechanism"])
    model = fit_response(setting.data, setting.folder)
    pairs = _pairs(setting, model, drugs, "attention", contrast=False, n_cells=1)
    table = compare_mechanisms(
        pairs.assign(response=_measured_similarity(setting, drugs))
    )
    for name in ("tanimoto", "response"):
        yield from _similarity_rows(table.loc[name], f"{name} alone")


def mechanisms_of(setting: Setting, kind: str) -> Iterator[Row]:
    """The same by a perturbation model and by its nulls, which know no response."""
    drugs = setting.drugs().dropna(subset=["mechanism"])
    model = load_perturbation(setting.data, setting.folder, kind)
    name = "pretrained only" if kind == "csg2a" else f"pretrained only, {kind}"
    for method, contrast in (
        ("attention", False),
        ("learned_attention", False),
        ("jacobian", True),
    ):
        pairs = _pairs(
            setting, model, drugs, method, contrast=contrast, n_cells=FEW_CELLS
        )
        variant = f"{name}, {method}{', contrast' if contrast else ''}"
        found = compare_mechanisms(pairs).loc["similarity"]
        yield from _similarity_rows(found, variant)


def _pairs(
    setting: Setting,
    model: Any,
    drugs: pd.DataFrame,
    method: Any,
    *,
    contrast: bool,
    n_cells: int,
) -> pd.DataFrame:
    X = setting.grid(drugs, n_cells).assign(dose=DOSE, time=TIME)
    return mechanism_similarity(
        model, X, "mechanism", by="drug", method=method, contrast=contrast
    )


def _measured_similarity(setting: Setting, drugs: pd.DataFrame) -> np.ndarray:
    """Return the correlation of measured responses of all pairs, in their order."""
    data = setting.data
    rest = data.y - data.y.groupby(data.X["cell_line"]).transform("mean")
    grid = pd.DataFrame(
        {"cell": data.X["cell_line"], "drug": data.X["drug"], "rest": rest}
    ).pivot_table(index="cell", columns="drug", values="rest")
    i, j = np.triu_indices(len(drugs), k=1)
    return grid[drugs["drug"].tolist()].corr(min_periods=5).to_numpy()[i, j]


def _similarity_rows(found: pd.Series, variant: str) -> Iterator[Row]:
    n = {"n": int(found["n_compounds"])}
    yield row(
        "Figure 6b",
        "mean correlation within",
        variant,
        found["within"],
        paper=0.338,
        **n,
    )
    yield row(
        "Figure 6b",
        "mean correlation between",
        variant,
        found["between"],
        paper=0.169,
        **n,
    )
    effect = is_there(found["p"] <= ALPHA)
    yield row(
        "Figure 6b", "AUROC of pairs within", variant, found["auroc"], null=0.5,
        p=found["p"], effect=effect, **n,
    )  # fmt: skip
    if np.isnan(found["p_beyond"]):
        return
    yield row(
        "Figure 6b", "AUROC beyond Tanimoto", variant, found["beyond_tanimoto"],
        null=0.5, p=found["p_beyond"], effect=is_there(found["p_beyond"] <= ALPHA), **n,
    )  # fmt: skip
    yield row(
        "Figure 6b", ABOVE, variant, found["above_tanimoto"], null=0.0,
        p=found["p_above"], low=found["above_low"], high=found["above_high"], **n,
    )  # fmt: skip
    structure = found["auroc"] - found["above_tanimoto"]
    yield row(
        "Figure 6b", WITH, variant, found["with_tanimoto"], null=structure,
        p=found["p_with"], **n,
    )  # fmt: skip


def _figure_3(pairs: pd.DataFrame, variant: str) -> Iterator[Row]:
    sides = {
        frozenset(pair): value
        for *pair, value in pairs[["compound_i", "compound_j", "similarity"]].to_numpy()
    }
    others = pairs["similarity"].to_numpy()
    same = sides.get(frozenset(FIGURE_3[0]), np.nan)
    different = [sides.get(frozenset(pair), np.nan) for pair in FIGURE_3[1:]]
    for pair in FIGURE_3:
        value = sides.get(frozenset(pair))
        if value is not None:
            above = float(np.mean(others >= value))
            extra = {"p": above}
            if pair == FIGURE_3[0]:
                extra["effect"] = is_there(same > max(different) and above <= ALPHA)
            yield row("Figures 3, 6a", " and ".join(pair), variant, value, **extra)
