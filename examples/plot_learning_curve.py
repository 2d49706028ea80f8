"""Learning curves of a network: errors by epoch, and by the number of cell lines
==============================================================================

The error of held-out rows says whether a network still improves, and the error with
more and more cell lines whether more data would help.
"""

from __future__ import annotations

from sklearn.model_selection import LearningCurveDisplay as SizesDisplay

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.model_selection import CellBlindKFold
from sklearn_csg2a.plotting import LearningCurveDisplay

screen = make_screen(n_cells=30, n_compounds=20, random_state=0)
X, y = screen.X, screen.y

# %%
# Error by epoch
# --------------
# Early stopping is judged on new cell lines; the weights of the best epoch are kept.
network = DrugResponseRegressor(
    expression=screen.expression,
    validation=CellBlindKFold(5),
    learning_rate=2e-3,
    max_epochs=20,
    random_state=0,
)
network.fit(X, y)
display = LearningCurveDisplay.from_estimator(network)
display.ax_.set_ylim(bottom=0)
print(f"weights of epoch {network.best_epoch_} of {network.n_iter_}")

# %%
# Error by the number of rows
# ---------------------------
# The display of scikit-learn takes the models and splitters of this package.
sizes = SizesDisplay.from_estimator(
    PairwiseKernelRidge(expression=screen.expression),
    X,
    y,
    cv=CellBlindKFold(4),
    train_sizes=[0.25, 0.5, 0.75, 1.0],
    shuffle=True,
    random_state=0,
    scoring="neg_root_mean_squared_error",
    negate_score=True,
    score_name="root mean squared error (ln uM)",
)
print("new cell lines:", (-sizes.test_scores.mean(axis=1)).round(2))
