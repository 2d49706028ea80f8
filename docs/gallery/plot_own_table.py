"""Predict new cells and new compounds from your own table
=======================================================

The rows of X are treatments. Here the response table has different column names, two
cell lines that are not in the expression table are given with their expression, and one
SMILES is invalid.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.datasets import make_screen

screen = make_screen(n_cells=30, n_compounds=30, random_state=0)

# %%
# Fit a table with different column names
# ---------------------------------------
table = screen.X.rename(columns={"cell_line": "DepMap_ID", "smiles": "SMILES"})
model = DrugResponseRegressor(
    expression=screen.expression,
    interactome=screen.interactome,
    columns={"cell_line": "DepMap_ID", "smiles": "SMILES"},
    on_invalid_smiles="nan",
    learning_rate=1e-3,
    max_epochs=15,
    random_state=0,
)
model.fit(table, screen.y)
print(model.history_.tail(3).round(3).to_string(index=False))

# %%
# Every cell with every compound, and the uncertainty
# ---------------------------------------------------
compounds = list(screen.compounds["smiles"][:6])
grid = model.predict_grid(list(screen.expression.index[:8]), compounds)
print(grid.round(2).to_string(header=[f"compound {i}" for i in range(6)]))
predicted, spread = model.predict(table[:200], return_spread=True)

# %%
# New cells, and an invalid SMILES
# --------------------------------
new_cells = screen.expression.iloc[:2] + 0.1
new_cells.insert(0, "SMILES", [compounds[0], "not a SMILES"])
new_cells.insert(0, "DepMap_ID", ["tumour A", "tumour B"])
print("new cells:", np.round(model.predict(new_cells), 2))

# %%
# Measured against predicted values
# ---------------------------------
figure, axes = plt.subplots(figsize=(4.5, 4), layout="constrained")
axes.errorbar(screen.y[:200], predicted, yerr=spread, fmt="o", ms=3, lw=0.7, alpha=0.6)
limits = pd.concat([screen.y[:200], pd.Series(predicted)]).agg(["min", "max"])
axes.plot(limits, limits, color="black", lw=0.8)
axes.set(
    xlabel="measured ln IC50 (ln uM)",
    ylabel="predicted ln IC50 (ln uM)",
    title="Training rows, with Monte-Carlo dropout",
)
