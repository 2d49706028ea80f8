"""Predicted against measured responses, drug by drug.

Over all rows, even the mean of each drug is strongly correlated with the measurements,
because drugs differ in potency. What a model knows about cell lines is the correlation
within a drug.
"""

from __future__ import annotations

from sklearn_csg2a.baselines import DrugMean, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import CellBlindKFold
from sklearn_csg2a.plotting import PredictionByDrugDisplay

screen = make_screen(n_cells=60, n_compounds=24, random_state=0)
X, y = screen.X, screen.y
train, test = next(CellBlindKFold(3).split(X))

# %%
# The mean of each drug
# ---------------------
# It is the same for each cell line, so that the correlation within a drug is 0.
mean = DrugMean().fit(X.iloc[train], y.iloc[train])
display = PredictionByDrugDisplay.from_estimator(mean, X.iloc[test], y.iloc[test])
print(f"drug mean: r = {display.pearson:.2f} over all rows,", end=" ")
print(f"{display.by_drug.mean():.2f} within drugs")

# %%
# A model that reads gene expression
# ----------------------------------
# In color: the drugs with the highest, the median and the lowest correlation.
ridge = PairwiseKernelRidge(expression=screen.expression)
ridge.fit(X.iloc[train], y.iloc[train])
display = PredictionByDrugDisplay.from_estimator(ridge, X.iloc[test], y.iloc[test])
print(f"kernel ridge: r = {display.pearson:.2f} over all rows,", end=" ")
print(f"{display.by_drug.mean():.2f} within drugs")
