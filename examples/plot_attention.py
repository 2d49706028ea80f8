"""Inspect gene-gene attention for compounds with two targets
==========================================================

The attention of a treatment is a gene-by-gene matrix: the sum of a learned part and the
given interactome. In the simulated screen, the true interactions of a compound are
known, so both parts can be evaluated separately.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.metrics import roc_auc_score

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import AttentionContrast, influence
from sklearn_csg2a.plotting import InfluenceMapDisplay

screen = make_screen(n_cells=30, n_genes=60, n_targets=4, random_state=0)
X, Y = screen.perturbation.X, screen.perturbation.Y
model = PerturbationRegressor(
    expression=screen.expression,
    interactome=screen.interactome,
    batch_size=128,
    max_epochs=15,
    random_state=0,
)
model.fit(X, Y)

# %%
# One average map per target
# --------------------------
# Genes with similar attention are beside each other; the two maps have different
# orders. Zero has the color of the page.
X = X.assign(target=X["drug"].map(screen.truth.target))
targets = list(X["target"].unique()[:2])
X = X[X["target"].isin(targets)]
found = influence(model, X, method="attention", by="target")
figure, panels = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained")
for axes, target in zip(panels, targets, strict=True):
    InfluenceMapDisplay.from_influence(
        found, group=target, label="attention", ax=axes, n_labels=30
    )
    axes.set_title(f"compounds that hit {target}", loc="right")

# %%
# What sets a target apart
# ------------------------
# Most of a map is the same for all compounds. `AttentionContrast` subtracts the mean
# map and divides by the spread over cells.
contrast = AttentionContrast(model, X, by="target")
print(contrast.top_pairs(3).round(2).to_string(index=False))
InfluenceMapDisplay.from_influence(contrast, group=targets[0], label="contrast")

# %%
# What each gene does to the others, by the Jacobian
# --------------------------------------------------
InfluenceMapDisplay.from_estimator(model, X, method="jacobian")

# %%
# The strongest pairs, and whether they are the simulated ones
# ------------------------------------------------------------
# `score` is the attention including the interactome; `learned` is without it. The
# ranking is mostly due to the interactome: the layers after the attention can
# compensate for it, so the learned part alone need not find the simulated pairs.
hits = X[X["target"] == targets[0]]
ranked = model.top_interactions(hits, k=10**6, by="target", method="attention")
print(ranked.head(8).round(3).to_string(index=False))
planted = screen.truth.interactions
planted = planted[planted["target"] == targets[0]]
pairs = set(map(frozenset, zip(planted["gene_i"], planted["gene_j"], strict=True)))
is_planted = [
    frozenset(pair) in pairs
    for pair in zip(ranked["gene_i"], ranked["gene_j"], strict=True)
]
for part in ("score", "learned"):
    area = roc_auc_score(is_planted, ranked[part].abs())
    print(f"simulated pairs ranked by {part}: AUROC {area:.2f}")
