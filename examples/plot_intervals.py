"""Intervals that cover new compounds, and rows that are far from the training rows.

A conformal interval holds for the kind of novelty that its splitter holds out. Here it
is calibrated twice for the same model: on random rows, and on new compounds. Only the
second covers the compounds that the model has not seen.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import DrugBlindKFold, MixedKFold
from sklearn_csg2a.uncertainty import ApplicabilityDomain, ConformalRegressor

screen = make_screen(n_cells=40, n_compounds=120, random_state=0)
X, y = screen.X, screen.y
train, test = next(DrugBlindKFold(4).split(X))
ridge = PairwiseKernelRidge(expression=screen.expression)

# %%
# What is held out decides what is covered
# ----------------------------------------
calibrated = {
    "random pairs": ConformalRegressor(ridge, cv=MixedKFold(5)),
    "new compounds": ConformalRegressor(ridge, cv=DrugBlindKFold(5)),
    "new compounds, by similarity": ConformalRegressor(
        ridge, cv=DrugBlindKFold(5), adapt="tanimoto"
    ),
}
nominal = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
true = y.iloc[test].to_numpy()
rows = {}
for name, model in calibrated.items():
    model.fit(X.iloc[train], y.iloc[train])
    for coverage in nominal:
        lower, upper = model.predict_interval(X.iloc[test], coverage).T
        inside = (lower <= true) & (true <= upper)
        rows[name, coverage] = inside.mean(), (upper - lower).mean()
table = pd.DataFrame(rows, index=["coverage", "width"]).T
print("intervals for new compounds, nominal 90 %:")
print(table.xs(0.9, level=1).round(2).to_string())

# %%
# How far rows are from the training rows
# ---------------------------------------
domain = ApplicabilityDomain(screen.expression).fit(X.iloc[train])
new = X.iloc[test[:3]].reset_index(drop=True)
new.loc[1, "smiles"] = "CN(C)C(=N)NC(=N)N"  # metformin
new.loc[2, "smiles"] = "C[C@H](N)C(=O)O"  # alanine
print(domain.describe(new).drop(columns="nearest_compound").round(2).to_string())

# %%
# Coverage, and the intervals of one cell line
# --------------------------------------------
figure, (left, right) = plt.subplots(
    ncols=2, figsize=(9, 4), layout="constrained", width_ratios=[1, 1.4]
)
left.plot([0.5, 1], [0.5, 1], color="black", lw=0.8)
for name, marker in zip(calibrated, "os^", strict=True):
    left.plot(nominal, table.loc[name, "coverage"], marker=marker, label=name)
left.set(xlabel="nominal coverage", ylabel="share of new rows covered", ylim=(0, 1.02))
left.legend(title="calibrated on", fontsize=8, loc="lower right")

one_cell = np.flatnonzero(X["cell_line"].iloc[test] == X["cell_line"].iloc[0])
model = calibrated["new compounds, by similarity"]
predicted = model.predict(X.iloc[test[one_cell]])
lower, upper = model.predict_interval(X.iloc[test[one_cell]]).T
order = np.argsort(predicted)
place = np.arange(len(order))
right.vlines(place, lower[order], upper[order], color="tab:green", lw=3, alpha=0.4)
right.plot(place, predicted[order], "_", color="tab:green", label="predicted, 90 %")
right.plot(place, true[one_cell][order], "k.", label="measured")
right.set(xlabel="new compounds, one cell line", ylabel="ln IC50 (ln uM)", xticks=[])
right.legend(fontsize=8)
