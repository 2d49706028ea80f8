"""Bring the expression of patients to the scale of the cell lines
===============================================================

Expression of patients is measured on another platform than that of the cell lines that
a model was trained on: every gene has another location and scale. Predictions are then
extrapolations, although each table looks right on its own. Three transformers bring a
cohort to the scale of the training samples, without changing what was learned from
these.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.metrics import rmse, within_group_correlation
from sklearn_csg2a.preprocessing import ComBat, NormalScores, QuantileMatch
from sklearn_csg2a.uncertainty import ApplicabilityDomain

screen = make_screen(n_cells=90, n_compounds=30, random_state=0)

# %%
# Thirty cell lines stand for patients
# ------------------------------------
# Their responses are known, so that each transformer can be judged. Their expression is
# given as another platform might measure it.
cells, originals = screen.expression.iloc[:60], screen.expression.iloc[60:]
rng = np.random.default_rng(0)
n_genes = cells.shape[1]
shift, scale = rng.normal(0, 2, n_genes), rng.uniform(0.5, 2, n_genes)
patients = originals * scale + shift

known = screen.X["cell_line"].isin(cells.index)
X, y = screen.X[known], screen.y[known]
X_test, y_test = screen.X[~known], screen.y[~known]

# %%
# Adjust the cohort
# -----------------
# `batch` labels the rows. A label that `fit` has not seen is a new cohort, which is
# described by its own samples. `NormalScores` needs no training samples: it ranks each
# gene within its table, so the cell lines are ranked, too.
cohort = ["patients"] * len(patients)
combat, match, ranks = (
    transformer.set_output(transform="pandas")
    for transformer in (ComBat(), QuantileMatch(), NormalScores())
)
tables = {  # expression of the cell lines, and of the patients
    "as measured": (cells, patients),
    "ComBat": (cells, combat.fit(cells).transform(patients, batch=cohort)),
    "QuantileMatch": (cells, match.fit(cells).transform(patients, batch=cohort)),
    "NormalScores": (ranks.fit_transform(cells), ranks.fit_transform(patients)),
    "same platform": (cells, originals),
}

# %%
# Judge the predictions
# ---------------------
# `in_domain` warns of a table on another scale before any response is known.
rows = {}
for name, (of_cells, of_patients) in tables.items():
    model = PairwiseKernelRidge(expression=of_cells).fit(X, y)
    new = X_test.join(of_patients, on="cell_line").drop(columns="cell_line")
    predicted = model.predict(new)
    within = within_group_correlation(y_test, predicted, X_test["drug"])
    domain = ApplicabilityDomain(expression=of_cells).fit(X).describe(new)
    rows[name] = {
        "RMSE": rmse(y_test, predicted),
        "r within drugs": within.mean,
        "in domain": domain["in_domain"].mean(),
    }
table = pd.DataFrame(rows).T
print(table.round(2))

# %%
fig, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained", sharey=True)
for ax, name in zip(axes, table.columns, strict=True):
    table[name].plot.barh(ax=ax, title=name, color="tab:blue")
axes[0].invert_yaxis()
plt.show()
