"""Judge your own model beside others
==================================

How good is a model of drug response? That depends on what is new in the rows that it
predicts: new pairs of known cell lines and compounds, new cell lines, new compounds, or
both. :func:`sklearn_csg2a.compare` fits any scikit-learn regressors to the same folds
of all four, and always beside naive models, which know no more than the ids of a row.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_csg2a import compare
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import PairFeatures
from sklearn_csg2a.plotting import ComparisonDisplay

# %%
# A screen
# --------
# A simulated screen stands for your table: one row for each pair of cell line and
# compound, and basal expression by cell line. The response has noise of a known size.
screen = make_screen(n_cells=20, n_compounds=25, n_genes=60, random_state=0)
NOISE = 0.3
rng = np.random.default_rng(0)
y = screen.y + rng.normal(scale=NOISE, size=len(screen.y))
print(f"{len(screen.X)} rows")

# %%
# Models
# ------
# A regressor of numbers becomes a model of drug response behind ``PairFeatures``, which
# turns a row into the genes of its cell line and the fingerprint of its compound.
# Models of this package read the rows themselves.
features = PairFeatures(screen.expression)
models = {
    "ridge": make_pipeline(features, StandardScaler(), Ridge(100.0)),
    "forest": make_pipeline(
        features, RandomForestRegressor(20, max_features=0.3, min_samples_leaf=2)
    ),
    "kernel ridge": PairwiseKernelRidge(expression=screen.expression),
}
result = compare(models, screen.X, y, n_splits=3, ceiling=NOISE, name="a screen")
own = result.table[result.table["kind"] != "naive"]
print(own[["scheme", "model", "rmse", "skill", "ceiling_share"]].round(2))

# %%
# All of them in all schemes
# --------------------------
# Skill is 0 for the naive model of the scheme, and reaches the dotted line if nothing
# but noise is left.
result.plot()

# %%
# The same as errors, with a panel for each scheme:
ComparisonDisplay.from_comparison(result, measure="rmse")

# %%
# Is the difference more than chance?
# -----------------------------------
# Folds share training rows, so the test is the corrected resampled t-test; ``p_holm``
# allows for the number of tests. With three folds few differences are significant.
tests = result.tests.query("scheme == 'cell' and measure == 'rmse'")
print(tests[["model", "reference", "difference", "p", "p_holm"]].round(3))

# %%
# ``result.report("page.html")`` writes all of this as one page, and ``store=`` keeps
# finished fits, so that a long comparison can be stopped and continued.
plt.show()
