from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_csg2a.chem import (
    murcko_scaffold,
    nearest_tanimoto,
    tanimoto_clusters,
    tanimoto_matrix,
)
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError

SMILES = [
    "CCCCO",
    "CCCCCO",
    "c1ccccc1",
    "c1ccccc1C",
    "CC(=O)O",
    "CC(=O)[O-].[Na+]",
    "c1ccncc1",
    "CCCCCCO.Cl",
    "C[C@H](N)C(=O)O",
    "C[C@@H](N)C(=O)O",
]


def test_matrix_is_symmetric_with_ones_on_the_diagonal():
    similarity = tanimoto_matrix(SMILES)
    np.testing.assert_array_equal(similarity, similarity.T)
    np.testing.assert_array_equal(similarity.diagonal(), 1)
    assert ((similarity >= 0) & (similarity <= 1)).all()
    assert tanimoto_matrix(["CCO"], []).shape == (1, 0)


def test_nearest_is_the_maximum_of_the_matrix():
    query, reference = SMILES[:5], SMILES[5:]
    nearest = nearest_tanimoto(query, reference)
    np.testing.assert_array_equal(
        nearest, tanimoto_matrix(query, reference).max(axis=1)
    )
    assert nearest_tanimoto(["CCN"], ["CCN.Cl"]).tolist() == [1.0]
    assert nearest_tanimoto([], ["CCO"]).shape == (0,)
    with pytest.raises(InputError, match="at least one reference"):
        nearest_tanimoto(["CCO"], [])


@pytest.mark.parametrize(
    ("smiles", "scaffold"),
    [
        ("CCO", ""),
        ("Cc1ccccc1", "c1ccccc1"),
        ("Cc1ccccc1.Cl", "c1ccccc1"),
        ("C1=CC=CC=C1CCN2CCNCC2", "c1ccc(CCN2CCNCC2)cc1"),
        ("C[C@H]1CC[C@@H](O)CC1", "C1CCCCC1"),
    ],
)
def test_scaffold_is_rings_and_linkers_without_stereo(smiles, scaffold):
    assert murcko_scaffold(smiles) == scaffold


def test_clusters_never_split_an_identity_or_a_similar_pair():
    labels = tanimoto_clusters(SMILES, threshold=0.4)
    alike = tanimoto_matrix(SMILES) >= 0.4
    same = labels[:, None] == labels[None, :]
    assert same[alike].all()
    assert labels[4] == labels[5]
    assert labels[8] == labels[9]
    assert len(set(labels)) > 2


@given(st.permutations(range(len(SMILES))))
def test_clusters_do_not_depend_on_the_order(order):
    labels = tanimoto_clusters(SMILES)
    permuted = tanimoto_clusters([SMILES[i] for i in order])
    assert permuted.tolist() == labels[list(order)].tolist()
    twice = tanimoto_clusters([*SMILES, *SMILES])
    assert twice.tolist() == [*labels, *labels]


def test_wrong_input_is_refused():
    for threshold in (0, 1.5, float("nan")):
        with pytest.raises(InputError, match="threshold"):
            tanimoto_clusters(["CCO"], threshold=threshold)
    with pytest.raises(InvalidSmilesError):
        tanimoto_clusters(["CCO", ""])
    assert tanimoto_clusters([]).shape == (0,)
