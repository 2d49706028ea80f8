"""Profiles of the L1000 assay, in the units of the landmark genes of GDSC."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklearn_csg2a.chem import compound_identities
from sklearn_csg2a.datasets import load_lincs
from sklearn_csg2a.evaluation.configuration import hash_parts


def make_profiles(X: pd.DataFrame, Y: pd.DataFrame, expression: pd.DataFrame) -> Bunch:
    """Make the data set for training on profiles and evaluating the change.

    Y holds the expression after treatment and `expression` the control that
    `X.cell_line` names, both in the unit of the assay. Returns X, Y, control (both
    (n_rows, n_genes), row by row), change, genes, compound (identity of each row),
    ids of the rows, and a hash of all of these.
    """
    control = expression.loc[X["cell_line"], Y.columns].to_numpy(dtype=np.float64)
    perturbed = Y.to_numpy(dtype=np.float64)
    number = np.arange(len(X)).astype(str)
    ids = X["cell_line"].astype(str) + "\t" + X["smiles"].astype(str) + "\t" + number
    return Bunch(
        X=X,
        Y=perturbed,
        control=control,
        change=perturbed - control,
        genes=Y.columns,
        compound=np.asarray(compound_identities(X["smiles"])),
        ids=ids.to_numpy(),
        hash=hash_parts(ids, X.columns, Y.columns, perturbed, control),
    )


@lru_cache(maxsize=2)
def load_profiles(data_home: str | None = None) -> Bunch:
    """Load the LINCS profiles; see make_profiles, and `location`, `scale`, `scaled`.

    `location` and `scale` are the mean and the standard deviation of each gene over
    the untreated cell lines of the set, which are the units of the landmark z-scores
    of GDSC: for lines with L1000 data in both sets, the z-scores are the same.
    `scaled` is the expression of the controls in these units, for the network.
    """
    lincs = load_lincs(data_home=data_home)
    untreated = lincs.basal[lincs.expression.columns]
    location, scale = untreated.mean(), untreated.std(ddof=0)
    profiles = make_profiles(lincs.X, lincs.Y, lincs.expression)
    profiles.update(
        location=location,
        scale=scale,
        scaled=(lincs.expression - location) / scale,
    )
    return profiles
