"""A screen of other compounds, from which encoders learn potency."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.pipeline import FeatureUnion
from sklearn.utils import Bunch

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.encoders import PotencyEncoder

# Weight of potency relative to structure: its squared norm is about a seventh of that
# of a fingerprint, which has about 60 bits set.
WEIGHT = 3.0


def tabulate_screen(screen: Bunch, without: pd.Series) -> pd.DataFrame:
    """Return responses, compounds by cell lines, of compounds not in `without`.

    Repeated measurements and spellings of a compound are averaged.
    """
    ids = pd.Series(compound_identities(screen.X["smiles"]), index=screen.X.index)
    known = np.unique(compound_identities(without.unique()).astype(str))
    other = ~ids.astype(str).isin(known)
    rows = screen.X.loc[other, ["cell_line", "smiles"]]
    rows = rows.assign(compound=ids[other].astype(str), response=screen.y[other])
    table = rows.pivot_table(index="compound", columns="cell_line", values="response")
    smiles = rows.groupby("compound")["smiles"].first()
    return table.set_axis(smiles.loc[table.index].to_numpy(), axis=0)


def with_potency(encoder: object, data: Bunch) -> FeatureUnion:
    """Add the potency predicted from the other screen of the data to an encoder."""
    if "other_screen" not in data:
        msg = "These data have no other screen from which potency can be learned."
        raise ValueError(msg)
    return FeatureUnion(
        [("structure", encoder), ("potency", PotencyEncoder(data.other_screen()))],
        transformer_weights={"potency": WEIGHT},
    )
