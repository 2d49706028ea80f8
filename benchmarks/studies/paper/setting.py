"""What all parts of the paper's figures and tables use.

A row says what the paper reports, what is found here, and what is found where there is
nothing to find. `effect` tells whether the effect of the paper is there: "yes", "no",
or nothing for a number that only describes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.datasets import load_gdsc2

Row = dict[str, Any]

ALPHA = 0.05
DOSE, TIME = 10.0, 24.0  # uM, h: the profiles are of 6 and 24 h
N_CELLS = 10  # of the maps of a compound


@dataclass
class Setting:
    """Data, and the folder of the trained models."""

    data: Bunch  # of `load_transfer`
    folder: Path
    data_home: str | None

    def drugs(self) -> pd.DataFrame:
        """Return the name and the SMILES of each drug, with its mechanism."""
        compounds = load_gdsc2(data_home=self.data_home).compounds
        known = self.data.X[["drug", "smiles"]].drop_duplicates("drug")
        of_drug = compounds.set_index("drug")[["mechanism", "target_pathway"]]
        return known.join(of_drug, on="drug").reset_index(drop=True)

    def grid(self, drugs: pd.DataFrame, n_cells: int = N_CELLS) -> pd.DataFrame:
        """Return every drug in the same random cell lines."""
        lines = np.sort(self.data.X["cell_line"].unique())
        rng = np.random.default_rng(0)
        chosen = rng.choice(lines, min(n_cells, len(lines)), replace=False)
        return drugs.merge(pd.DataFrame({"cell_line": np.sort(chosen)}), how="cross")


def row(figure: str, quantity: str, variant: str, ours: float, **rest: Any) -> Row:
    """Return one row of the table."""
    return {"figure": figure, "quantity": quantity, "variant": variant} | {
        "ours": ours,
        **rest,
    }


def is_there(effect: bool) -> str:
    return "yes" if effect else "no"
