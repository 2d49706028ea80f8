"""Pretrain, transfer and predict on a simulated screen, against naive models
==========================================================================

Simulates a perturbation screen and a smaller response screen, learns how compounds
change expression, passes the frozen network to a response model, and compares it with
the naive models in four split schemes. Prints a table and, where matplotlib is
installed, draws a figure.

The simulation uses equations that the network can represent, so it shows how the
components work together. It is not evidence for the performance on real data.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import CellMean, DrugMean, GlobalMean, MeanEffects
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.metrics import pearson, rmse
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
)

N_FOLDS = 3
SCHEMES = {
    "mixed": MixedKFold,
    "cell-blind": CellBlindKFold,
    "drug-blind": DrugBlindKFold,
    "disjoint": DisjointKFold,
}
FIGURE = Path("demo.png")
NEXT = """\
What to try next:
  your own tables     sklearn-csg2a fit screen.csv --expression cells.csv -o m.csg2a
                      examples/plot_own_table.py; docs/input.md
  drugs for patients  examples/plot_rank_drugs.py; docs/patients.md
  another model       docs/models.md; new pairs and cells: ResponseGaussianProcess
  how good it is      docs/results.md, measured on GDSC2
  real data           sklearn-csg2a data check; docs/data.md"""


def main(screen: Bunch | None = None, epochs: tuple[int, int] = (20, 15)) -> None:
    """Run the demonstration, with these epochs of pretraining and of transfer."""
    start = time.perf_counter()
    if screen is None:
        screen = make_screen(random_state=0)
    tables = {"expression": screen.expression, "interactome": screen.interactome}
    print(
        f"Simulated {len(screen.perturbation.X):,} perturbation profiles of "
        f"{screen.perturbation.X['smiles'].nunique()} compounds and {len(screen.X):,} "
        f"responses of {screen.X['smiles'].nunique()} compounds in "
        f"{screen.X['cell_line'].nunique()} cell lines."
    )
    print("Pretraining on the perturbation profiles:")
    perturbation = PerturbationRegressor(
        **tables, max_epochs=epochs[0], batch_size=128, random_state=0, verbose=1
    )
    perturbation.fit(screen.perturbation.X, screen.perturbation.Y)
    settings = {
        "learning_rate": 1e-3,
        "max_epochs": epochs[1],
        "batch_size": 128,
        "random_state": 0,
    }
    models = {
        "global mean": GlobalMean(),
        "drug mean": DrugMean(),
        "cell mean": CellMean(),
        "mean effects": MeanEffects(),
        "CSG2A from scratch": DrugResponseRegressor(**tables, **settings),
        "CSG2A pretrained": DrugResponseRegressor(
            expression=screen.expression,
            pretrained=FrozenEstimator(perturbation),
            **settings,
        ),
    }
    table = judge(models, screen.X, screen.y)
    errors = table.groupby(["scheme", "model"], sort=False).mean()
    cells = {
        scheme: {
            model: f"{errors.RMSE[scheme, model]:.3f} / {errors.PCC[scheme, model]:.3f}"
            for model in models
        }
        for scheme in SCHEMES
    }
    print(f"\nRMSE in ln uM / Pearson correlation, means of {N_FOLDS} folds:\n")
    print(pd.DataFrame(cells).to_string())
    print()
    if importlib.util.find_spec("matplotlib") is None:
        print("No figure: it needs matplotlib, pip install 'sklearn_csg2a[plots]'.")
    else:
        table = errors["RMSE"].unstack("model")  # noqa: PD010
        draw(table[list(models)].loc[list(SCHEMES)])
        print(f"Figure: {FIGURE.resolve()}")
    print("The simulation favours the model: see the docstring of this file.")
    print(f"\n{NEXT}\n\nDone in {time.perf_counter() - start:.0f} s.")


def judge(models: dict, X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Return one row of errors per scheme, fold and model."""
    rows = []
    for scheme, splitter in SCHEMES.items():
        folds = splitter(n_splits=N_FOLDS, random_state=0)
        for fold, (train, test) in enumerate(folds.split(X, y)):
            print(f"\r{scheme}, fold {fold + 1} of {N_FOLDS} ...\033[K", end="")
            for name, model in models.items():
                fitted = clone(model)
                if name.startswith("CSG2A"):  # early stopping by the same scheme
                    fitted.set_params(validation=splitter(n_splits=5, random_state=1))
                fitted.fit(X.iloc[train], y.iloc[train])
                predicted = fitted.predict(X.iloc[test])
                rows.append(
                    {
                        "scheme": scheme,
                        "model": name,
                        "RMSE": rmse(y.iloc[test], predicted),
                        "PCC": pearson(y.iloc[test], predicted),
                    }
                )
    print("\r\033[K", end="")
    return pd.DataFrame(rows)


def draw(errors: pd.DataFrame) -> None:
    """Draw the errors of all models in each scheme; `errors` is scheme by model."""
    import matplotlib as mpl  # noqa: PLC0415 (the demonstration runs without it)
    import matplotlib.pyplot as plt  # noqa: PLC0415

    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    greys = ["#d9d9d9", "#bdbdbd", "#969696", "#636363"]
    errors.plot.bar(ax=axes, color=[*greys, "#9ecae1", "#2171b5"], width=0.8, rot=0)
    axes.set(
        xlabel="what is new in the test fold",
        ylabel="RMSE, ln uM (lower is better)",
        title="Simulated screen: naive models in grey",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(FIGURE, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
