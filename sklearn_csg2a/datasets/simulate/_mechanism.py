"""Mechanism of a simulated cell: expression, perturbation and response."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sklearn_csg2a.datasets.simulate._network import Effects

__all__ = ["Cells", "change_expression", "hit_strength", "make_cells", "respond"]

RESPONSE_DOSE, RESPONSE_TIME = 10.0, 72.0
TIME_CONSTANT = 18.0  # hours
N_PROGRAMS = 8  # of expression: the main source of variation between cells
OWN_VARIATION = 0.25  # of a gene, independent of all programs
INTERCEPT = 0.5  # ln uM
ESSENTIAL = 0.5  # probability that a gene affects viability
TISSUES = ("blood", "breast", "colon", "lung", "skin")


class Cells(NamedTuple):
    """Basal expression (cells, genes) float32 and the tissue label of each cell."""

    names: np.ndarray
    tissue: np.ndarray
    expression: np.ndarray


def make_cells(n_cells: int, module: np.ndarray, rng: np.random.Generator) -> Cells:
    """Draw basal expression with tissue and module structure, as robust z."""
    tissue = rng.integers(len(TISSUES), size=n_cells)
    of_tissue = rng.normal(size=(len(TISSUES), N_PROGRAMS))
    activity = 0.6 * of_tissue[tissue] + 0.8 * rng.normal(size=(n_cells, N_PROGRAMS))
    of_module = rng.normal(size=(N_PROGRAMS, int(module.max()) + 1))
    loading = 0.5 * of_module[:, module] + rng.normal(size=(N_PROGRAMS, len(module)))
    raw = activity @ loading / np.sqrt(N_PROGRAMS)  # (cells, genes)
    raw += OWN_VARIATION * rng.normal(size=raw.shape)
    center = np.median(raw, axis=0)
    spread = 1.4826 * np.median(np.abs(raw - center), axis=0)
    names = np.array([f"CELL{i + 1:03d}" for i in range(n_cells)], dtype=object)
    labels = np.array(TISSUES, dtype=object)[tissue]
    return Cells(names, labels, ((raw - center) / spread).astype(np.float32))


def hit_strength(
    ln_ec50: np.ndarray, dose: np.ndarray | float, time: np.ndarray | float
) -> np.ndarray:
    """Fraction of the full effect at a dose (uM) and time (h), shape (n,)."""
    return dose / (dose + np.exp(ln_ec50)) * -np.expm1(-time / TIME_CONSTANT)


def change_expression(
    effects: np.ndarray, basal: np.ndarray, target: np.ndarray, strength: np.ndarray
) -> np.ndarray:
    """Change of expression p * E @ g of every row, shape (rows, genes)."""
    change = np.empty(basal.shape)
    for index in np.unique(target):
        rows = target == index
        change[rows] = strength[rows, None] * (basal[rows] @ effects[index].T)
    return change


def respond(
    cells: Cells,
    compounds: pd.DataFrame,
    effects: Effects,
    module: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compute the noise-free ln IC50 (cells, compounds) and its components."""
    basal = cells.expression.astype(np.float64)
    n_cells, n_genes = basal.shape
    n_targets = len(effects.matrices)
    viability = rng.uniform(0.5, 1.5, n_genes) * (rng.random(n_genes) < ESSENTIAL)
    target_effect = rng.normal(0.0, 0.8, n_targets)
    growth = rng.normal(size=n_genes) * (module == rng.integers(module.max() + 1))
    by_growth = basal @ growth
    cell_effect = 0.5 * by_growth / by_growth.std() + rng.normal(0.0, 0.3, n_cells)
    target = compounds["target"].to_numpy()
    ln_ec50 = compounds["ln_ec50"].to_numpy()
    strength = hit_strength(ln_ec50, RESPONSE_DOSE, RESPONSE_TIME)  # (compounds,)
    projected = viability @ effects.matrices @ basal.T  # (targets, cells)
    change = strength * projected[target].T  # (cells, compounds), below 0: a loss
    spread = change.std()
    sensitivity = 1.0 / spread if spread > 0 else 0.0
    y = INTERCEPT + ln_ec50 + target_effect[target] + cell_effect[:, None]
    return {
        "y": y + sensitivity * change,
        "viability": viability,
        "sensitivity": float(sensitivity),
        "intercept": INTERCEPT,
        "target_effect": target_effect,
        "cell_effect": cell_effect,
    }
