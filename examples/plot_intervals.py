"""Intervals that cover new compounds, and rows that are far from the training rows
================================================================================

A conformal interval holds for the kind of novelty that its splitter holds out. Here it
is calibrated twice for the same model: on random rows, and on new compounds. Only the
second covers the compounds that the model has not seen.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import DrugBlindKFold, MixedKFold
from sklearn_csg2a.plotting import CoverageDisplay, ErrorByDistanceDisplay
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
for model in calibrated.values():
    model.fit(X.iloc[train], y.iloc[train])
display = CoverageDisplay.from_estimator(
    calibrated, X.iloc[test], y.iloc[test], units="smiles"
)
table = display.table.set_index("name")
print("intervals for new compounds, nominal 90 %:")
print(table[table["nominal"] == 0.9].round(2).to_string())

# %%
# How far rows are from the training rows
# ---------------------------------------
domain = ApplicabilityDomain(screen.expression).fit(X.iloc[train])
new = X.iloc[test[:3]].reset_index(drop=True)
new.loc[1, "smiles"] = "CN(C)C(=N)NC(=N)N"  # metformin
new.loc[2, "smiles"] = "C[C@H](N)C(=O)O"  # alanine
print(domain.describe(new).drop(columns="nearest_compound").round(2).to_string())

# %%
# Errors of new compounds by their similarity
# -------------------------------------------
ErrorByDistanceDisplay.from_estimator(
    calibrated["new compounds"], X.iloc[test], y.iloc[test], domain=domain
)

# %%
# The intervals of one cell line
# ------------------------------
one_cell = np.flatnonzero(X["cell_line"].iloc[test] == X["cell_line"].iloc[0])
model = calibrated["new compounds, by similarity"]
predicted = model.predict(X.iloc[test[one_cell]])
lower, upper = model.predict_interval(X.iloc[test[one_cell]]).T
order = np.argsort(predicted)
place = np.arange(len(order))
figure, axes = plt.subplots(figsize=(6, 3.8), layout="constrained")
axes.vlines(place, lower[order], upper[order], color="tab:green", lw=3, alpha=0.4)
axes.plot(place, predicted[order], "_", color="tab:green", label="predicted, 90 %")
axes.plot(place, y.iloc[test[one_cell]].iloc[order], "k.", label="measured")
axes.set(xlabel="new compounds, one cell line", ylabel="ln IC50 (ln uM)", xticks=[])
axes.legend(fontsize=8)
