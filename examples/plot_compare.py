"""Compare models by what is new in the rows to predict.

`compare` fits any regressors to the same folds of each scheme, beside the naive models.
`ComparisonDisplay` draws all of them against the best naive model and the noise.
"""

from __future__ import annotations

from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import compare
from sklearn_csg2a.baselines import LatentFactors, PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import PairFeatures
from sklearn_csg2a.plotting import ComparisonDisplay

screen = make_screen(n_cells=24, n_compounds=24, n_genes=60, random_state=0)

# %%
# Three models, three schemes
# ---------------------------
models = {
    "kernel ridge": PairwiseKernelRidge(expression=screen.expression),
    "ridge": make_pipeline(PairFeatures(screen.expression), Ridge(10.0)),
    "latent factors": LatentFactors(),
}
result = compare(
    models,
    screen.X,
    screen.y,
    schemes=("mixed", "cell", "drug"),
    n_splits=4,
    ceiling=0.4,  # ln uM, of a single measurement
)
print(result)

# %%
# Error, and the share of what could be gained
# --------------------------------------------
ComparisonDisplay.from_comparison(result)
ComparisonDisplay.from_comparison(result, measure="ceiling_share")
