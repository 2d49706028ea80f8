"""Constraints on the parameters that all models with a training loop share."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch

from sklearn_csg2a._utils.choices import Precision, options
from sklearn_csg2a._utils.sklearn_compat import HasMethods, Interval, StrOptions

__all__ = ["TRAINING_CONSTRAINTS"]

TRAINING_CONSTRAINTS: dict[str, Any] = {
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"})],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "early_stopping": ["boolean"],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "validation": [
        Interval(Real, 0, 1, closed="neither"),
        HasMethods(["split", "get_n_splits"]),
    ],
    "device": [str, torch.device],
    "precision": [StrOptions(options(Precision))],
    "callbacks": [list, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}
