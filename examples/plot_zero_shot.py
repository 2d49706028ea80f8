"""Use predicted changes of expression without any response: distance and reversal
===============================================================================

A model of perturbed expression knows nothing of sensitivity. If it moves sensitive
cells farther than resistant ones, for these compounds and not for exchanged ones, it
has learned something about the response. Predicted changes can also be searched for
compounds that reverse a signature of genes.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import signature_reversal, zero_shot_response
from sklearn_csg2a.plotting import ZeroShotDisplay

screen = make_screen(n_cells=30, n_genes=60, n_targets=4, random_state=0)
model = PerturbationRegressor(
    expression=screen.expression,
    interactome=screen.interactome,
    batch_size=128,
    max_epochs=60,
    random_state=0,
)
model.fit(screen.perturbation.X, screen.perturbation.Y)

# %%
# Sensitive against resistant pairs, beside distances that know no model
# ----------------------------------------------------------------------
# The t-test takes all pairs as independent; `p_permuted` exchanges the compounds.
X = screen.X.assign(dose=10.0, time=72.0)
distances = zero_shot_response(model, X, screen.y)
display = ZeroShotDisplay.from_table(distances)
shown = ["sensitive", "resistant", "p", "within_cell", "share_negative", "p_permuted"]
print(display.comparison[shown].round(3).to_string())

# %%
# Compounds that reverse a signature
# ----------------------------------
# What the compounds of one target truly lower is up in the disease, and the other way
# round: these compounds should come first.
perturbation = screen.perturbation
target = screen.truth.target
wanted = target.iloc[0]
hits = (perturbation.X["drug"].map(target) == wanted).to_numpy()
basal = screen.expression.loc[perturbation.X.loc[hits, "cell_line"]].to_numpy()
change = (perturbation.Y[hits] - basal).mean(axis=0)
order = np.argsort(np.asarray(change))
genes = screen.expression.columns
signature = (genes[order[:8]], genes[order[-8:]])  # up and down in the disease
ranking = signature_reversal(model, signature, perturbation.X, by="drug")
ranking["target"] = ranking.index.map(target)
print(f"signature opposite to {wanted}")
print(ranking.head(8).round(3).to_string())

figure, axes = plt.subplots(figsize=(5, 3.8), layout="constrained")
is_hit = (ranking["target"] == wanted).to_numpy()
place = np.arange(1, len(ranking) + 1)
for chosen, marker, label in (
    (is_hit, "o", f"hits {wanted}"),
    (~is_hit, ".", "others"),
):
    axes.plot(place[chosen], ranking["score"][chosen], marker, label=label)
axes.set(xlabel="rank", ylabel="connectivity", title="reversal of a signature")
axes.legend()
