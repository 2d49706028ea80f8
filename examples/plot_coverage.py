"""Coverage of intervals, by what is new in the rows to predict
============================================================

`CoverageDisplay` compares the share of responses inside of the intervals with the
share that was promised, for any number of models. The worst tenth of cell lines shows
what the mean hides.
"""

from __future__ import annotations

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import CellBlindKFold, MixedKFold
from sklearn_csg2a.plotting import CoverageDisplay
from sklearn_csg2a.uncertainty import ConformalRegressor

screen = make_screen(n_cells=60, n_compounds=40, random_state=0)
X, y = screen.X, screen.y
train, test = next(CellBlindKFold(3).split(X))

# %%
# Calibrate on known and on new cell lines
# ----------------------------------------
# All three have the same predictions.
ridge = PairwiseKernelRidge(expression=screen.expression)
models = {
    "random pairs": ConformalRegressor(ridge, cv=MixedKFold(4)),
    "new cell lines": ConformalRegressor(ridge, cv=CellBlindKFold(4)),
    "new cell lines, by distance": ConformalRegressor(
        ridge, cv=CellBlindKFold(4), adapt="cell_distance"
    ),
}
for model in models.values():
    model.fit(X.iloc[train], y.iloc[train])

# %%
# Coverage and width for new cell lines
# -------------------------------------
display = CoverageDisplay.from_estimator(
    models, X.iloc[test], y.iloc[test], units="cell_line"
)
at_90 = display.table[display.table["nominal"] == 0.9].set_index("name")
print(at_90[["coverage", "worst", "width"]].round(2).to_string())
