"""The history of a training as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from sklearn_csg2a.training.net import TrainingNet

__all__ = ["history_table"]


def history_table(net: TrainingNet, squared_scale: float) -> pd.DataFrame:
    """Return one row per epoch; losses are in the squared units of y."""
    factors = {
        "train_loss": squared_scale,
        "valid_loss": squared_scale,
        "learning_rate": 1.0,
        "dur": 1.0,
    }
    table = pd.DataFrame(
        [
            {
                "epoch": position + 1,
                **{n: row[n] * factor for n, factor in factors.items() if n in row},
            }
            for position, row in enumerate(net.history)
        ]
    )
    return table.rename(columns={"dur": "seconds"})
