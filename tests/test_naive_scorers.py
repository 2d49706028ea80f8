"""Skill and the share of the ceiling as scorers, and noise from replicates."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_csg2a import compare
from sklearn_csg2a.baselines import CellMean, DrugMean, GlobalMean, MeanEffects
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import PairFeatures
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.metrics import (
    ceiling_share,
    ceiling_share_scorer,
    replicate_noise,
    skill,
    skill_scorer,
)
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
)

SCHEMES = {
    "mixed": (MixedKFold, MeanEffects),
    "cell": (CellBlindKFold, DrugMean),
    "drug": (DrugBlindKFold, CellMean),
    "disjoint": (DisjointKFold, GlobalMean),
}


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=10, n_compounds=12, n_genes=30, random_state=0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_naive_model_of_a_split_has_no_skill(screen, scheme):
    splitter, naive = SCHEMES[scheme]
    scorer = skill_scorer(screen.X, screen.y, scheme)
    scores = cross_val_score(
        naive(), screen.X, screen.y, cv=splitter(3), scoring=scorer
    )
    np.testing.assert_allclose(scores, 0, atol=1e-8)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scorers_agree_with_compare(screen, scheme):
    model = make_pipeline(PairFeatures(screen.expression), Ridge())
    result = compare(
        {"ridge": model},
        screen.X,
        screen.y,
        schemes=[scheme],
        n_splits=3,
        ceiling=0.2,
    )
    folds = result.folds.query("model == 'ridge'").sort_values("fold")
    for column, scorer in (
        ("skill", skill_scorer(screen.X, screen.y, scheme)),
        ("ceiling_share", ceiling_share_scorer(screen.X, screen.y, scheme, 0.2)),
    ):
        scores = cross_val_score(
            model,
            screen.X,
            screen.y,
            cv=SCHEMES[scheme][0](3),
            scoring=pickle.loads(pickle.dumps(scorer)),
        )
        np.testing.assert_allclose(scores, folds[column], rtol=1e-3, atol=1e-4)


def test_scorers_tell_rows_by_their_labels(screen):
    scorer = skill_scorer(screen.X, screen.y, "mixed")
    model = GlobalMean().fit(screen.X, screen.y)
    with pytest.raises(InputError, match="99999"):
        scorer(model, screen.X.set_axis([99999, *screen.X.index[1:]]), screen.y)
    with pytest.raises(InputError, match="pass a DataFrame"):
        scorer(model, screen.X.to_numpy(), screen.y)
    with pytest.raises(InputError, match="labels are unique"):
        skill_scorer(pd.concat([screen.X, screen.X]), np.tile(screen.y, 2), "mixed")


def test_scorers_refuse_what_is_no_test_set(screen):
    scorer = skill_scorer(screen.X, screen.y, "disjoint")
    model = GlobalMean().fit(screen.X, screen.y)
    with pytest.raises(InputError, match="not a test set"):
        scorer(model, screen.X, screen.y)
    with pytest.raises(InputError, match="scheme must be one of"):
        skill_scorer(screen.X, screen.y, "drugs")
    with pytest.raises(InputError, match="y must have the shape"):
        skill_scorer(screen.X, screen.y[:5], "drug")


def test_the_share_is_one_where_only_the_noise_is_left():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20000)
    measured = truth + rng.normal(scale=0.5, size=20000)
    naive = np.zeros(20000)
    assert ceiling_share(measured, truth, naive, 0.5) == pytest.approx(1, abs=0.01)
    assert ceiling_share(measured, naive, naive, 0.5) == 0
    assert ceiling_share(measured, truth, naive, 0.0) == skill(measured, truth, naive)
    assert np.isnan(ceiling_share(measured, truth, naive, 5.0))
    with pytest.raises(InputError, match="must not be negative"):
        ceiling_share(measured, truth, naive, -1.0)


def test_noise_is_that_within_groups_of_repeated_measurements():
    rng = np.random.default_rng(0)
    groups = rng.integers(2000, size=6000)
    y = 3.0 * groups + rng.normal(scale=0.4, size=6000)
    assert replicate_noise(y, groups) == pytest.approx(0.4, rel=0.05)
    with pytest.raises(InputError, match="0 repeated measurements"):
        replicate_noise([1.0, 2.0], ["a", "b"])
