"""What was planted in a simulated screen is found, without giving the interactome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.inspection import influence


@pytest.mark.slow
def test_targets_and_interactions_are_found_by_the_default_readout():
    screen = make_screen(
        n_cells=40, n_genes=60, n_targets=4, n_perturbation_compounds=80, random_state=7
    )
    model = PerturbationRegressor(
        expression=screen.expression, batch_size=64, max_epochs=40, random_state=0
    )
    model.fit(screen.perturbation.X, screen.perturbation.Y)
    compounds = screen.perturbation.X[["drug", "smiles"]].drop_duplicates()[:12]
    cells = pd.DataFrame({"cell_line": screen.expression.index})
    X = compounds.merge(cells, how="cross").assign(dose=10.0, time=72.0)
    found = influence(model, X, by="drug")
    planted = screen.truth.interactions
    of_targets, of_pairs = [], []
    for drug, pairs in found.top_pairs(10**6).groupby("drug"):
        target = screen.truth.target[drug]
        genes = found.wide().loc[drug].abs()
        of_targets.append(roc_auc_score(genes.index == target, genes))
        own = planted.loc[planted["target"] == target, ["gene_i", "gene_j"]]
        keys = set(own.apply(frozenset, axis=1))
        is_planted = pairs[["gene_i", "gene_j"]].apply(frozenset, axis=1).isin(keys)
        of_pairs.append(roc_auc_score(is_planted, pairs["score"].abs()))
    assert np.mean(of_targets) >= 0.8
    assert np.mean(of_pairs) >= 0.7
