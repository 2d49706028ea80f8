from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from sklearn_csg2a.chem import canonical_smiles, parse_smiles, smiles_problem
from sklearn_csg2a.exceptions import Csg2aError, InvalidSmilesError

REFUSED = [
    ("", "empty"),
    (" ", "white space"),
    ("\t", "white space"),
    (" CCO", "white space"),
    ("CCO\n", "white space"),
    ("CCO ethanol", "white space"),
    ("CCO |$;;R$|", "CXSMILES"),
    ("CCO |^1:2,$;;R$|", "CXSMILES"),
    ("O=O |^1:0,1|", "no atom can have the radicals"),
    ("CCO |^1:7|", "no atom can have the radicals"),
    ("C1CC |^1:0|", "ring bond"),
    ("CCO |r| ethanol", "white space"),
    ("CCO, CCN", "list of 2 different compounds"),
    ("CCO, C1CC", "in this list.*ring bond"),
    ("N,N-dimethylaniline", "name of a compound"),
    ("InChI=1S/C6H6/c1-2-4-6-5-3-1/h1-6H,1H3", "an InChI"),
    ("CC\u00a0O", "white space"),
    ("\u0421CO", r"U\+0421"),
    ("CCO\u200b", r"U\+200B"),
    ("\ufeffCCO", r"U\+FEFF"),
    ("CCO\x00", r"U\+0000"),
    ("nan", "missing value"),
    ("NaN", "missing value"),
    ("None", "missing value"),
    ("N/A", "missing value"),
    (None, "missing value"),
    (float("nan"), "missing value"),
    (np.float32("nan"), "missing value"),
    (pd.NA, "missing value"),
    (pd.NaT, "missing value"),
    (3, "type int"),
    (10**400, "type int"),
    (True, "type bool"),
    (["CCO"], "type list"),
    (b"CCO", "bytes"),
    ("CC>>CO", "reaction"),
    ("CC>O>CO", "reaction"),
    ("*", "dummy"),
    ("C[*:1]", "dummy"),
    ("[#0]C", "dummy"),
    ("C~C", "undefined bond"),
    ("[H][H]", "hydrogen"),
    ("[H+]", "hydrogen"),
    ("[2H][2H]", "hydrogen"),
    ("C1CC", "ring bond 1 is opened"),
    ("C%12CC", "ring bond 12 is opened"),
    ("CC(", "parenthesis is opened"),
    ("CC)", "parenthesis is closed"),
    ("[Na", "bracket is opened"),
    ("CC(C)(C)(C)C", "valence"),
    ("c1cccc1", "kekulize"),
    ("CC.", "syntax"),
    ("aspirin", "name of a compound"),
    ("Erlotinib HCl", "name of a compound"),
    ("5-Fluorouracil", "name of a compound"),
    ("(5Z)-7-Oxozeaenol", "name of a compound"),
    ("SN-38", "name of a compound"),
    ("AZD6244", "name of a compound"),
    ("InChI=1S/CH4/h1H4", "InChI, not .*MolFromInchi"),
    ("LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "InChIKey, not a SMILES"),
    ("InChIKey=LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "InChIKey, not a SMILES"),
    ("2244", "number, such as a PubChem CID or an NSC number"),
    ("2244.0", "number, such as a PubChem CID"),
    (2244, "type int, perhaps a PubChem CID"),
    (np.float64(2244), "type float64, perhaps a PubChem CID"),
    ("CID2244", "PubChem CID"),
    ("CID: 2244", "PubChem CID"),
    ("NSC 740", "NSC number"),
    ("NSC-740", "NSC number"),
    ("CHEMBL25", "ChEMBL id"),
    ("DB00945", "DrugBank id"),
    ("BRD-K11433652-001-08-7", "Broad compound id"),
    ("50-78-2", "CAS number"),
    ("C9H8O4", "molecular formula"),
    ("\n  RDKit\n\n  0  0  0  0  0  0 V2000\nM  END\n", "molfile"),
]


@pytest.mark.parametrize(("smiles", "reason"), REFUSED, ids=lambda v: repr(v)[:20])
def test_P17_parse_smiles_refuses_invalid_compounds(smiles, reason):
    with pytest.raises(InvalidSmilesError, match=reason) as caught:
        parse_smiles(smiles)
    assert str(caught.value) == smiles_problem(smiles)
    assert isinstance(caught.value, (Csg2aError, ValueError))
    with pytest.raises(InvalidSmilesError, match=reason):
        canonical_smiles(smiles)


def test_problem_quotes_the_text_and_shortens_long_ones():
    assert smiles_problem("C1CC").startswith("'C1CC': ")
    assert len(smiles_problem("C" * 5000 + "(")) < 200


@pytest.mark.parametrize(
    "smiles",
    [
        "C",
        "NO",
        "CCO.Cl",
        "[Na+].[Cl-]",
        "C[N+](C)(C)C",
        "[13CH4]",
        "[2H]C",
        "F/C=C/F",
        "N[C@@H](C)C(=O)O",
        "[U]",
        "[Fe]<-[CH4]",
        np.str_("CCO"),
    ],
)
def test_parse_smiles_takes_salts_charges_isotopes_and_metals(smiles):
    assert smiles_problem(smiles) is None
    assert parse_smiles(smiles).GetNumHeavyAtoms() > 0


@settings(max_examples=50)
@given(st.one_of(st.none(), st.text(max_size=12), st.floats(), st.binary(max_size=4)))
def test_anything_is_either_parsed_or_explained(value):
    problem = smiles_problem(value)
    if problem is None:
        assert parse_smiles(value).GetNumHeavyAtoms() > 0
    else:
        with pytest.raises(InvalidSmilesError):
            parse_smiles(value)


def test_atom_map_numbers_do_not_change_the_compound():
    assert canonical_smiles("[CH3:7][CH2:1][OH:2]") == "CCO"
    assert canonical_smiles("[CH3:1][C@](F)([CH3:2])O") == canonical_smiles("CC(F)(C)O")


def test_canonical_smiles_is_a_fixed_point():
    mol = Chem.MolFromSmiles("C[C@H](N)C(=O)N1CCC[C@H]1/C=C/c1ccncc1")
    spellings = Chem.MolToRandomSmilesVect(mol, 20, randomSeed=3)
    canonical = {canonical_smiles(one) for one in spellings}
    assert len(canonical) == 1
    assert canonical_smiles(*canonical) in canonical


def test_parsing_leaves_rdkit_logs_on_and_prints_nothing(capfd):
    smiles_problem("C1CCCCCCCC")
    assert capfd.readouterr().err == ""
    Chem.MolFromSmiles("C1CCCCCCCC")
    assert "unclosed ring" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CC/C=C/C |r,t:2|", "CC/C=C/C"),
        ("C[C@H](O)[C@@H](C)N |&1:1,3,o2:4|", "C[C@H](O)[C@@H](C)N"),
        ("CCO |(1.2,3.4,;-2,3,;0,0,),r|", "CCO"),
        ("C1C2CC1C2 |THB:0:1:3.4:2,TLB:2:3:0.1:4|", "C1C2CC1C2"),
        ("Cl.CCN |f:0.1|", "CCN.Cl"),
        ("[O]N1C(C)(C)CCCC1(C)C |^1:0|", "CC1(C)CCCC(C)(C)N1[O]"),
        ("CC/C=C/C |r,t:2,^1:0|", "[CH2]C/C=C/C"),
        ("[O:1][O:2] |^1:0,1,lp:0:2|", "[O][O]"),
        ("CCO, OCC", "CCO"),
        ("CCO,CCO,CCO", "CCO"),
        ("CCN.Cl, CCN", "CCN.Cl"),
        ("C1=CC=CC=C1 |c:0,2,4|, c1ccccc1", "c1ccccc1"),
    ],
)
def test_tails_and_lists_of_one_compound_are_read(written, meant):
    assert canonical_smiles(written) == canonical_smiles(meant)
    assert smiles_problem(written) is None
