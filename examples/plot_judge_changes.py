"""Judge predicted changes of expression
=====================================

Expression after treatment is nearly expression before it, so that any model seems good.
The change is harder: here a network is judged for new compounds beside no change, the
mean change, and the change of the most similar known compound, and below the ceiling
that replicates set.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.metrics import (
    discrimination_score,
    most_changed_recall,
    profile_correlation,
    retrieve_profiles,
    share_of_gap,
    sign_agreement,
)
from sklearn_csg2a.model_selection import DrugBlindKFold

screen = make_screen(n_cells=30, n_genes=60, n_targets=4, random_state=0)
X, Y = screen.perturbation.X, screen.perturbation.Y
control = screen.expression.loc[X["cell_line"]].to_numpy()
change = Y.to_numpy() - control
train, test = next(DrugBlindKFold(5).split(X))

# %%
# Four predictions for new compounds
# ----------------------------------
model = PerturbationRegressor(
    expression=screen.expression, batch_size=128, max_epochs=30, random_state=0
)
model.fit(X.iloc[train], Y.iloc[train])
smiles = X["smiles"].to_numpy()
predictions = {
    "no change": np.zeros_like(change[test]),
    "mean change": np.repeat(change[train].mean(axis=0)[None], len(test), axis=0),
    "retrieval": retrieve_profiles(smiles[test], smiles[train], change[train]),
    "CSG2A": model.predict_change(X.iloc[test]),
}

# %%
# Five questions
# --------------
# How alike are the profiles? Is the direction of the ten most changed genes right, and
# are these genes found? Are the compounds in a cell line told apart? How far is it from
# the best simple prediction to the ceiling? The simulated screen knows the noise of a
# measurement, and so the correlation that a prediction without noise reaches; of your
# own data, `replicate_ceiling` estimates it.
cell = X["cell_line"].iloc[test]
table = pd.DataFrame(
    {
        name: {
            "correlation": profile_correlation(change[test], predicted),
            "direction": sign_agreement(change[test], predicted, n_top=10),
            "recall": most_changed_recall(change[test], predicted, n_top=10),
            "discrimination": discrimination_score(
                change[test], predicted, X["drug"].iloc[test], within=cell
            ),
        }
        for name, predicted in predictions.items()
    }
).T

clean = make_screen(n_cells=30, n_genes=60, n_targets=4, noise=0, random_state=0)
true = clean.perturbation.Y.to_numpy()[test] - control[test]
ceiling = profile_correlation(change[test], true)
naive = table["correlation"].drop("CSG2A").max()
table["share of the gap"] = [
    share_of_gap(score, naive=naive, ceiling=ceiling) for score in table["correlation"]
]
print(table.round(3))
print(f"correlation without noise: {ceiling:.3f}")

# %%
# Dotted: chance; orange: the ceiling. The mean change is the same for all compounds, so
# it tells none apart.
chance = {
    "correlation": 0.0,
    "direction": 0.5,
    "recall": 10 / 60,
    "discrimination": 0.5,
}
fig, axes = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained", sharey=True)
for ax, (name, value) in zip(axes, chance.items(), strict=True):
    table[name].plot.barh(ax=ax, title=name, color="tab:blue")
    ax.axvline(value, color="0.3", linestyle=":")
axes[0].axvline(ceiling, color="tab:orange")
axes[0].invert_yaxis()
plt.show()
