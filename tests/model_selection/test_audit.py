"""The audit finds what training and test set share, as text and numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
    audit_split,
)

SPLITTERS = {
    "mixed": MixedKFold(2, random_state=0),
    "cell": CellBlindKFold(2, random_state=0),
    "drug": DrugBlindKFold(2, random_state=0),
    "disjoint": DisjointKFold(2, random_state=0),
    "tissue": TissueBlindKFold(2, random_state=0),
    "cluster": ClusterBlindKFold(2, random_state=0),
}


@pytest.fixture
def screen():
    """Six cells on five compounds, one of them in two spellings."""
    smiles = ["CCO", "OCC", "CC(=O)Oc1ccccc1", "CCN(CC)CC", "CC#N", "C1CCNCC1"]
    return pd.DataFrame(
        [
            {"cell_line": cell, "smiles": text, "tissue": cell[0]}
            for cell in ("A-1", "A-2", "B-1", "B-2", "C-1", "C-2")
            for text in smiles
        ]
    )


@pytest.mark.parametrize("scheme", SPLITTERS)
def test_own_splitters_pass_their_audit(scheme, screen):
    for train, test in SPLITTERS[scheme].split(screen):
        audit = audit_split(screen, train, test, scheme=scheme, strict=True)
        assert audit.is_clean
        assert audit.violations == ()
        assert "clean" in str(audit)


@pytest.mark.parametrize(
    ("scheme", "found"),
    [
        ("mixed", "30 (cell, compound) pairs in both sets"),
        ("cell", "6 cell lines in both sets"),
        ("drug", "5 compounds in both sets"),
        ("disjoint", "5 compounds in both sets"),
        ("tissue", "3 tissues in both sets"),
        ("cluster", "5 compounds in both sets"),
    ],
)
def test_strict_audit_raises_on_a_violation(scheme, found, screen):
    doubled = pd.concat([screen, screen])
    train, test = np.arange(36), np.arange(36, 72)
    audit = audit_split(doubled, train, test, scheme=scheme)
    assert not audit.is_clean
    assert any(one.startswith(found) for one in audit.violations)
    assert f"! {found}" in str(audit)
    with pytest.raises(InputError, match=f"violates the scheme '{scheme}'") as error:
        audit_split(doubled, train, test, scheme=scheme, strict=True)
    assert found in str(error.value)


def test_spellings_of_one_compound_leak_and_are_reported_as_merged(screen):
    audit = audit_split(screen, [0, 2], [1, 3], scheme="mixed")
    assert audit.shared_pairs == (("A-1", "CCO"),)
    assert audit.shared_compounds == ("CCO",)
    assert list(audit.merges.values()) == [("CCO", "OCC")]


def test_nearest_tanimoto_covers_each_tested_compound(screen):
    audit = audit_split(screen, [0, 2], [1, 4], scheme="drug")
    assert sorted(audit.nearest_tanimoto.index) == ["CC#N", "CCO"]
    assert audit.nearest_tanimoto["CCO"] == audit.max_tanimoto == 1.0
    assert audit.nearest_tanimoto["CC#N"] < 0.5


def test_rows_used_twice_are_listed(screen):
    audit = audit_split(screen, [0, 0, 6], [6, 12], scheme="mixed")
    assert audit.shared_rows.tolist() == [6]
    assert audit.repeated_rows.tolist() == [0]
    assert not audit.is_clean


@pytest.mark.parametrize("names", [("T-T", "TT"), ("KM-H2", "KMH2"), ("P1-1", "P11")])
def test_two_cells_of_nearly_one_name_are_shown_but_allowed(names):
    X = pd.DataFrame({"cell_line": names, "smiles": ["CCO", "CCN"]})
    audit = audit_split(X, [0], [1], scheme="cell", strict=True)
    assert audit.alike_cells == (names,)


@pytest.mark.parametrize("other", ["mcf7", "MCF7", "MCF 7", "MCF_7", "MCF\u20137"])
def test_a_cell_by_another_spelling_is_a_violation(other):
    X = pd.DataFrame({"cell_line": ["MCF-7", other], "smiles": ["CCO", "CCN"]})
    with pytest.raises(InputError, match="1 cell lines in both sets by another spel"):
        audit_split(X, [0], [1], scheme="cell", strict=True)
    assert audit_split(X, [0], [1], scheme="drug", strict=True).is_clean


def test_pretraining_on_a_test_cell_by_another_spelling_is_a_violation():
    X = pd.DataFrame({"cell_line": ["A549", "MCF-7"], "smiles": ["CCO", "CCN"]})
    pretraining = pd.DataFrame({"cell_line": ["mcf7", "PC-3"]})
    with pytest.raises(InputError, match="1 test cell lines seen in pretraining"):
        audit_split(X, [0], [1], scheme="cell", pretraining=pretraining, strict=True)


@pytest.mark.parametrize(
    ("known", "tested"),
    [
        # azo compound and hydrazone
        ("Oc1ccc2ccccc2c1N=Nc1ccccc1", "O=C1C=Cc2ccccc2C1=NNc1ccccc1"),
        ("Clc1ccc(O)cc1.CC1(C)C2CCC1(C)C(=O)C2", "CC1(C)C2CCC1(C)C(=O)C2"),
        ("CC(=O)CO", "CC(O)C=O"),
    ],
)
def test_tautomers_and_mixtures_in_the_other_set_are_shown_but_allowed(known, tested):
    X = pd.DataFrame({"cell_line": ["A", "B", "C"], "smiles": [known, "CCN", tested]})
    audit = audit_split(X, [0, 1], [2], scheme="drug", strict=True)
    assert audit.related_compounds == ((known, tested),)
    assert "tautomer or a mixture" in str(audit)


@pytest.mark.parametrize(
    ("known", "tested"),
    [
        ("N.N.Cl[Pt]Cl", "[NH2-].[NH2-].[Cl-].[Cl-].[Pt+2]"),
        (
            "CN(C)C(=N)NC(N)=N",
            "CN(C)C(=N)NC(N)=N.OC(=O)c1cc2ccccc2c(Cc2c(O)c(cc3ccccc23)C(O)=O)c1O",
        ),
        ("CC1=NN(C(=O)C1)c1ccccc1", "Cc1cc(O)n(n1)-c1ccccc1"),
    ],
)
def test_another_spelling_of_a_compound_is_a_violation(known, tested):
    X = pd.DataFrame({"cell_line": ["A", "B"], "smiles": [known, tested]})
    audit = audit_split(X, [0], [1], scheme="drug")
    assert not audit.is_clean
    assert audit.shared_compounds == (min(known, tested),)
    assert audit.related_compounds == ()


def test_overlap_with_pretraining_is_reported(screen):
    pretraining = pd.DataFrame(
        {"cell_line": ["C-1", "Z-9", None], "smiles": ["CC#N.Cl", "CCCCC", "CCCC"]}
    )
    train, test = next(CellBlindKFold(3, shuffle=False).split(screen))
    audit = audit_split(screen, train, test, scheme="cell", pretraining=pretraining)
    assert audit.pretraining_compounds == ("CC#N",)
    assert audit.pretraining_cells == ()
    assert "1 test compounds seen in pretraining: CC#N" in str(audit)
    with pytest.raises(InputError, match="1 test compounds seen in pretraining"):
        audit_split(
            screen, train, test, scheme="cell", pretraining=pretraining, strict=True
        )


def test_pretraining_may_have_no_compounds(screen):
    audit = audit_split(
        screen,
        np.arange(30),
        np.arange(30, 36),
        scheme="cell",
        pretraining=pd.DataFrame({"cell_line": ["C-2"]}),
    )
    assert audit.pretraining_cells == ("C-2",)
    assert audit.pretraining_compounds is None


def test_without_pretraining_it_is_not_mentioned(screen):
    audit = audit_split(screen, [0], [8], scheme="mixed")
    assert audit.pretraining_cells is None
    assert "pretraining" not in str(audit)


def test_masks_and_groups_are_taken(screen):
    mask = np.arange(36) < 18
    groups = screen[["cell_line", "smiles"]].to_numpy()
    audit = audit_split(np.zeros((36, 1)), mask, ~mask, scheme="cell", groups=groups)
    assert (audit.n_train, audit.n_test) == (18, 18)
    assert audit.is_clean


def test_table_has_one_row_per_check(screen):
    table = audit_split(screen, [0], [8], scheme="cell").to_frame()
    assert list(table.columns) == ["what", "count", "forbidden", "examples"]
    assert table.loc["cells", "forbidden"]
    assert table.loc["cells", "count"] == 0
    assert not table.loc["compounds", "forbidden"]


def test_drug_names_have_no_tanimoto():
    X = pd.DataFrame({"cell_line": ["a", "b"], "drug": ["Imatinib", "Erlotinib"]})
    audit = audit_split(X, [0], [1], scheme="drug", drug="drug", strict=True)
    assert audit.nearest_tanimoto is None
    assert np.isnan(audit.max_tanimoto)
    with pytest.raises(InputError, match="must both contain SMILES, or both names"):
        audit_split(
            X,
            [0],
            [1],
            scheme="drug",
            drug="drug",
            pretraining=pd.DataFrame({"smiles": ["CCO"]}),
        )


@pytest.mark.parametrize(
    ("train", "text"),
    [
        ([], "with at least one row"),
        ([0.5], "must contain row positions"),
        ([[0]], "must contain row positions"),
        ([True, False], "a mask of 36 rows"),
        ([36], "must be between 0 and 35"),
        ([-1], "must be between 0 and 35"),
    ],
)
def test_bad_rows_are_refused(train, text, screen):
    with pytest.raises(InputError, match=text):
        audit_split(screen, train, [1], scheme="mixed")


def test_bad_schemes_and_pretraining_are_refused(screen):
    with pytest.raises(InputError, match="scheme must be one of"):
        audit_split(screen, [0], [1], scheme="random")
    with pytest.raises(InputError, match="pretraining must be a DataFrame with the"):
        audit_split(screen, [0], [1], scheme="mixed", pretraining=["CCO"])


def test_a_test_row_twice_is_a_violation_and_a_training_row_is_not(screen):
    rows = np.arange(len(screen))
    train, test = rows[:12], rows[12:]
    audit_split(screen, np.append(train, 0), test, scheme="cell", strict=True)
    with pytest.raises(InputError, match=r"1 test rows that occur more .* 12"):
        audit_split(screen, train, np.append(test, 12), scheme="cell", strict=True)


@pytest.mark.parametrize("other", ["a549", "A549 ", " A 549"])
@pytest.mark.parametrize("scheme", ["cell", "tissue", "disjoint"])
def test_a_cell_by_another_case_or_blank_is_a_violation(scheme, other):
    X = pd.DataFrame(
        {"cell_line": ["A549", other], "smiles": ["CCO", "CCN"], "tissue": ["a", "b"]}
    )
    with pytest.warns(UserWarning, match="case or blanks alone"):
        audit = audit_split(X, [0], [1], scheme=scheme)
    assert len(audit.respelled_cells) == 1
    assert not audit.is_clean
    with (
        pytest.warns(UserWarning, match="case or blanks alone"),
        pytest.raises(InputError, match="by another spelling"),
    ):
        audit_split(X, [0], [1], scheme=scheme, strict=True)


def test_pretraining_on_a_test_cell_violates_schemes_of_new_cells(screen):
    rows = np.arange(len(screen))
    pretraining = pd.DataFrame({"cell_line": ["C-2"]})
    settings = {"pretraining": pretraining, "strict": True}
    with pytest.raises(InputError, match="1 test cell lines seen in pretraining"):
        audit_split(screen, rows[:12], rows[12:], scheme="cell", **settings)
    blind = screen.assign(smiles=["CCO"] * 12 + ["CCN"] * (len(screen) - 12))
    audit = audit_split(blind, rows[:12], rows[12:], scheme="drug", **settings)
    assert audit.pretraining_cells == ("C-2",)
