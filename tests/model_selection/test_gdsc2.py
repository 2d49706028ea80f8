"""The splitters on the real screen: no leak, and folds of like size."""

from __future__ import annotations

import pandas as pd
import pytest

from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    audit_split,
)

SPLITTERS = {
    "mixed": MixedKFold(random_state=0),
    "cell": CellBlindKFold(random_state=0),
    "drug": DrugBlindKFold(random_state=0),
    "disjoint": DisjointKFold(random_state=0),
    "cluster": ClusterBlindKFold(random_state=0),
}


@pytest.fixture(scope="module")
def screen(data_home):
    folder = data_home / "gdsc2"
    if not folder.is_dir():
        pytest.skip("the GDSC2 tables are not among the real data sets")
    response = pd.read_csv(folder / "response.csv.gz")
    return response.merge(pd.read_csv(folder / "compounds.csv"), on="drug")


@pytest.mark.parametrize("scheme", SPLITTERS)
def test_first_fold_of_gdsc2_does_not_violate_its_scheme(scheme, screen):
    splits = list(SPLITTERS[scheme].split(screen))
    sizes = [len(test) for _, test in splits]
    assert max(sizes) < 1.5 * min(sizes)
    audit = audit_split(screen, *splits[0], scheme=scheme, strict=True)
    if scheme == "cluster":
        assert audit.max_tanimoto < 0.5
