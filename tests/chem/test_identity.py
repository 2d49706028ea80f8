from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from sklearn_csg2a.chem import (
    _compounds,
    _counterions,
    _identify,
    _tautomers,
    compound_identities,
    compound_identity,
    parent_smiles,
)
from tests.chem.drug_spellings import APART, SPELLINGS

COMPOUNDS = [
    "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "O=C(Nc1ccc(Oc2ccnc3ccccc23)cc1)C1CC1",
    "CC(=O)Oc1ccccc1C(=O)[O-].[Na+]",
    "C/C=C/C(=O)N1CCN(CC1)c1nc2ccccc2[nH]1",
]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CCO", "OCC"),
        ("CCO", "CCO.Cl"),
        ("CC(=O)[O-].[Na+]", "CC(=O)O"),
        ("CC[NH3+].[Cl-]", "CCN.Cl"),
        ("CCN.Cl", "Cl.CCN.O"),
        ("c1ccccc1C", "C1=CC=CC=C1C"),
        ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O"),
        ("C[C@H](N)C(=O)O", "CC(N)C(=O)O"),
        ("F/C=C/F", "F/C=C\\F"),
        ("Oc1ccncc1", "O=c1cc[nH]cc1"),
        ("[Na+].[Cl-]", "[Cl-].[Na+]"),
        ("[2H]C([2H])([2H])O", "CO"),
    ],
)
def test_P19_spellings_salts_and_stereo_forms_are_one_compound(one, other):
    assert compound_identity(one) == compound_identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CCO", "CCN"),
        ("[Na+].[Cl-]", "[K+].[Cl-]"),
        ("N.N.Cl[Pt]Cl", "[Na+].[Cl-]"),
        ("c1ccccc1", "C1CCCCC1"),
    ],
)
def test_different_compounds_have_different_identities(one, other):
    assert compound_identity(one) != compound_identity(other)


def test_the_organic_fragment_identifies_the_compound_whatever_the_inorganic_ones():
    assert parent_smiles("F[P-](F)(F)(F)(F)F.C[N+](C)(C)C") == "C[N+](C)(C)C"


def test_ties_between_fragments_do_not_depend_on_the_order():
    assert compound_identity("c1ccccc1.C1CCCCC1") == compound_identity(
        "C1CCCCC1.c1ccccc1"
    )
    assert parent_smiles("CCO.CCN") == parent_smiles("NCC.OCC") == "CCN"


@given(st.sampled_from(COMPOUNDS), st.integers(0, 2**31 - 2), st.booleans())
def test_any_spelling_has_the_same_identity(smiles, seed, kekule):
    mol = Chem.MolFromSmiles(smiles)
    spelling = Chem.MolToRandomSmilesVect(mol, 1, seed + 1, kekuleSmiles=kekule)[0]
    assert compound_identity(spelling) == compound_identity(smiles)


def test_identity_falls_back_to_smiles_without_stereo(monkeypatch):
    monkeypatch.setattr(_tautomers.Chem, "MolToInchi", lambda _: "")
    for cached in (_compounds._read_compound, _identify._names):
        cached.cache_clear()
    assert compound_identity("C[C@H](N)C(=O)O.Cl") == "CC(N)C(=O)O"
    monkeypatch.undo()
    for cached in (_compounds._read_compound, _identify._names):
        cached.cache_clear()


def test_identities_keep_the_order_and_type():
    identities = compound_identities(iter(["CCO", "CCN", "OCC"]))
    assert identities.dtype == object
    assert identities.shape == (3,)
    assert identities[0] == identities[2] != identities[1]
    assert compound_identities([]).shape == (0,)


@pytest.mark.parametrize("drug", SPELLINGS)
def test_public_spellings_of_a_drug_are_one_compound(drug):
    assert len(SPELLINGS[drug]) >= 3
    assert len({compound_identity(one) for one in SPELLINGS[drug]}) == 1


def test_no_two_drugs_are_one_compound():
    named = {compound_identity(SPELLINGS[drug][0]): drug for drug in SPELLINGS}
    named |= {compound_identity(one): drug for drug, one in APART.items()}
    assert len(named) == len(SPELLINGS) + len(APART)


def test_a_mixture_is_none_of_its_drugs_and_its_order_plays_no_part():
    one, other = APART["sulfamethoxazole"], APART["trimethoprim"]
    mixtures = {f"{one}.{other}", f"{other}.{one}", f"{one}.{other}.Cl.O"}
    assert len({compound_identity(mixture) for mixture in mixtures}) == 1
    assert parent_smiles(f"{one}.{other}") == parent_smiles(other)


@pytest.mark.parametrize("listed", ["ACIDS", "BASES", "SOLVENTS", "INORGANIC"])
def test_every_counterion_on_the_list_falls_off_a_drug_and_stays_alone(listed):
    drug = "CN1CCN(CC1)c1ccc(cc1)C(=O)Nc1ccccc1"
    for name, counterion in getattr(_counterions, listed).items():
        assert compound_identity(f"{drug}.{counterion}") == compound_identity(drug), (
            name
        )
        assert parent_smiles(f"{counterion}.{drug}") == parent_smiles(drug)
        assert compound_identity(counterion) != compound_identity(drug)


def test_lists_of_counterions_name_each_of_them_once():
    listed = [
        _counterions.ACIDS,
        _counterions.BASES,
        _counterions.SOLVENTS,
        _counterions.INORGANIC,
    ]
    texts = [text for one in listed for text in one.values()]
    assert len({compound_identity(text) for text in texts}) == len(texts)
    names = {name for one in listed for name in one}
    assert names >= _counterions.ALSO_DRUGS | _counterions.OUTSIDE_COMPLEXES
