"""Write the model file of the current format version, and what it predicts.

Run it once when the format version rises, from the folder of the repository:
``python tests/data/write_model.py``. Files of released versions are never rewritten.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.model_selection import DrugBlindKFold
from sklearn_csg2a.persistence import save_model
from sklearn_csg2a.persistence._model_file import FORMAT


def fit():
    """Fit a small model with a parameter of every kind."""
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(
        rng.normal(size=(3, 4)), index=["A549", "HeLa", "K562"], columns=list("ABCD")
    )
    X = pd.DataFrame(
        {
            "cell_line": np.resize(expression.index, 20),
            "smiles": np.resize(["CCO", "CCN", "c1ccccc1O", "CC(=O)O"], 20),
            "dose": np.resize([1.0, 10.0], 20),
        }
    )
    Y = expression.loc[X["cell_line"]].to_numpy() + rng.normal(size=(20, 4))
    settings = {"expression": expression, "max_epochs": 2, "random_state": 0}
    first = PerturbationRegressor(
        **settings,
        hidden_dim=2,
        compound_encoder=MorganEncoder(n_bits=16),
        interactome=pd.DataFrame({"source": ["A"], "target": ["C"], "score": [0.9]}),
    )
    model = DrugResponseRegressor(
        **settings,
        pretrained=FrozenEstimator(first.fit(X, Y)),
        expression_scaler=StandardScaler(),
        validation=DrugBlindKFold(4, random_state=0),
        head_hidden=(4, 3),
    ).fit(X, Y[:, 0])
    return model, X


if __name__ == "__main__":
    model, X = fit()
    target = Path(__file__).with_name(f"format_{FORMAT}.csg2a")
    save_model(model, target, include_expression=True)
    said = {"X": X.to_dict("list"), "prediction": model.predict(X).tolist()}
    target.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n")
