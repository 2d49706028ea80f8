"""What "auto" stands for: settings for each kind of novelty, as chosen on GDSC2.

Each row of the table was chosen on splits of training rows that hold out what is new,
with about 75,000 rows for training; see docs/models.md.
"""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import FeatureUnion

from sklearn_csg2a.encoders import MATEncoder, MorganEncoder

__all__ = ["SETTINGS"]

_ALL: dict[str, Any] = {
    "bilinear_dim": 0,
    "batch_size": 2048,  # at most: fewer rows, smaller batches
    "compound_encoder": "morgan",
    "head_hidden": (256, 64),
    "level": None,
    "cell_effects": False,
}
_PAIR: dict[str, Any] = {
    **_ALL,
    "dropout": 0.1,
    "gene_dropout": 0.0,
    "learning_rate": 6e-4,
    "max_epochs": 40,
}
SETTINGS: dict[str | None, dict[str, Any]] = {
    None: _PAIR,
    "pair": _PAIR,
    # With new cell lines or compounds, memorising the known ones is harmful.
    "cell": {
        **_ALL,
        "bilinear_dim": 64,
        "dropout": 0.5,
        "gene_dropout": 0.7,
        "learning_rate": 6e-4,
        "max_epochs": 20,
    },
    "compound": {
        **_ALL,
        "compound_encoder": FeatureUnion(
            [("morgan", MorganEncoder()), ("mat", MATEncoder())]
        ),
        "dropout": 0.3,
        "gene_dropout": 0.5,
        "learning_rate": 3e-4,
        "level": "structure",
        "cell_effects": True,
        "max_epochs": 10,
    },
    "both": {
        **_ALL,
        "dropout": 0.5,
        "gene_dropout": 0.7,
        "learning_rate": 3e-4,
        "level": "structure",
        "max_epochs": 4,
    },
}
