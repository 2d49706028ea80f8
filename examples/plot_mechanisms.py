"""Compounds of one mechanism, and distances that were never trained on responses
==============================================================================

A model of perturbed expression has seen no response. Are compounds with one target
alike to it, more than by their structure? Does it move sensitive cells farther than
resistant ones, more than a distance without any model?
"""

from __future__ import annotations

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.plotting import MechanismSimilarityDisplay, ZeroShotDisplay

screen = make_screen(
    n_cells=30, n_genes=60, n_targets=4, n_compounds=30, random_state=0
)
model = PerturbationRegressor(
    expression=screen.expression,
    interactome=screen.interactome,
    batch_size=128,
    max_epochs=15,
    random_state=0,
)
model.fit(screen.perturbation.X, screen.perturbation.Y)

# %%
# Similarity within and between targets
# -------------------------------------
# In this screen structure decides the target, which makes the Tanimoto similarity hard
# to beat. Compounds, not pairs, are permuted for the p-values.
X = screen.X.assign(dose=10.0, time=72.0)
display = MechanismSimilarityDisplay.from_estimator(
    model, X, screen.truth.target, by="drug", y=screen.y, n_permutations=199
)
print(display.comparison[["auroc", "p", "beyond_tanimoto"]].round(3).to_string())

# %%
# Distance of predicted from basal expression
# -------------------------------------------
# A negative correlation within a cell line says that the compounds it is sensitive to
# move it farther. Mean effects have the same distances without what is special to a
# pair of cell and compound.
display = ZeroShotDisplay.from_estimator(model, X, screen.y, n_permutations=199)
columns = ["sensitive", "resistant", "within_cell", "p_permuted"]
print(display.comparison[columns].round(3).to_string())
