from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from sklearn_csg2a.chem import (
    canonical_smiles,
    embed_conformer,
    molecule_graph,
    molecule_graphs,
    parse_smiles,
    unsupported_elements,
)
from sklearn_csg2a.exceptions import InputError, UnsupportedElementWarning

COMPOUNDS = [
    "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "C/C=C/C(=O)Nc1nc2ccccc2[nH]1",
    "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]",
]


def _columns(smiles):
    """Columns set to 1 in the 27-column form, per heavy atom."""
    mol = parse_smiles(smiles)
    graph = molecule_graph(mol, np.zeros((mol.GetNumHeavyAtoms(), 3)))
    return [(row.nonzero()[0] - 1).tolist() for row in graph.node_features[1:]]


def test_ethanol_is_the_golden_graph():
    graph = molecule_graphs(["CCO"])[0]
    assert graph.node_features.shape == (4, 28)
    assert graph.node_features.dtype == np.float32
    assert graph.node_features[0].tolist() == [1.0] + [0.0] * 27
    assert _columns("CCO") == [[1, 12, 20, 23], [1, 13, 19, 23], [3, 12, 18, 23]]
    assert graph.adjacency.tolist() == [
        [0, 0, 0, 0],
        [0, 1, 1, 0],
        [0, 1, 1, 1],
        [0, 0, 1, 1],
    ]
    assert (graph.distance[0] == 1e6).all()
    assert (graph.distance[:, 0] == 1e6).all()
    real = graph.distance[1:, 1:]
    assert real.diagonal().tolist() == [0, 0, 0]
    expected = [1.52, 2.40, 1.40]
    np.testing.assert_allclose(real[[0, 0, 1], [1, 2, 2]], expected, atol=0.05)


def test_values_not_listed_fall_on_the_last_column():
    assert _columns("[O-2]")[0] == [3, 11, 17, 24]
    with pytest.warns(UnsupportedElementWarning):
        assert _columns("[Mg+2]")[0] == [10, 11, 17, 24]
    assert _columns("FS(F)(F)(F)(F)F")[1] == [6, 16, 17, 23]


def test_ring_aromatic_and_charge_columns():
    assert _columns("c1ccccc1")[0] == [1, 13, 18, 23, 25, 26]
    assert _columns("C1CC1")[0] == [1, 13, 19, 23, 25]
    assert _columns("C[NH3+]")[1] == [2, 12, 20, 24]
    assert _columns("C[O-]")[1] == [3, 12, 17, 22]
    assert [row[0] for row in _columns("BCNOPSC(F)(Cl)C(Br)I")] == [
        *(0, 1, 2, 3, 5, 6, 1, 4, 7, 1, 8, 9),
    ]


def test_hydrogens_are_counted_and_never_nodes():
    mol = Chem.AddHs(Chem.MolFromSmiles("CCO"))
    coordinates = embed_conformer("CCO").coordinates
    explicit = molecule_graph(mol, coordinates)
    implied = molecule_graph(parse_smiles("CCO"), coordinates)
    np.testing.assert_array_equal(explicit.node_features, implied.node_features)
    np.testing.assert_array_equal(explicit.adjacency, implied.adjacency)
    assert _columns("[2H]C([2H])([2H])O") == _columns("CO")


def test_coordinates_must_fit_the_molecule():
    mol = parse_smiles("CCO")
    with pytest.raises(InputError, match=r"shape \(3, 3\)"):
        molecule_graph(mol, np.zeros((9, 3)))
    with pytest.raises(InputError, match="finite"):
        molecule_graph(mol, np.full((3, 3), np.nan))


def test_P18_unsupported_elements_are_named_in_one_warning():
    with pytest.warns(
        UnsupportedElementWarning, match=r"Elements Pt, Si .*CCO"
    ) as seen:
        molecule_graphs(["N.N.Cl[Pt]Cl", "C[Si](C)(C)CCO", "CCO"])
    assert len(seen) == 1
    assert unsupported_elements(parse_smiles("CCO")) == ()


@settings(max_examples=12)
@given(st.sampled_from(COMPOUNDS), st.integers(1, 2**31 - 1), st.booleans())
@pytest.mark.filterwarnings(
    "ignore::sklearn_csg2a.exceptions.UnsupportedElementWarning"
)
def test_P22_any_spelling_gives_the_same_bits(smiles, seed, kekule):
    mol = Chem.MolFromSmiles(smiles)
    spelling = Chem.MolToRandomSmilesVect(mol, 1, seed, kekuleSmiles=kekule)[0]
    one, other = embed_conformer(smiles), embed_conformer(spelling)
    np.testing.assert_array_equal(one.coordinates, other.coordinates)
    one, other = molecule_graphs([smiles])[0], molecule_graphs(["C", spelling])[1]
    np.testing.assert_array_equal(one.node_features, other.node_features)
    np.testing.assert_array_equal(one.adjacency, other.adjacency)
    np.testing.assert_array_equal(one.distance, other.distance)


def test_graphs_keep_the_order_given():
    graphs = molecule_graphs(["CCO", "CCCN", "OCC"])
    assert [len(graph.adjacency) for graph in graphs] == [4, 5, 4]
    assert graphs[0] is graphs[2]
    assert molecule_graphs([]) == []


def test_nodes_follow_the_canonical_smiles():
    canonical = canonical_smiles("OCC#N")
    symbols = [atom.GetAtomicNum() for atom in parse_smiles(canonical).GetAtoms()]
    features = molecule_graphs(["OCC#N"])[0].node_features[1:, 1:12]
    assert [(5, 6, 7, 8)[i] for i in features.argmax(axis=1)] == symbols
