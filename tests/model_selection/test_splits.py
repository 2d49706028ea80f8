"""No cell, compound or pair crosses folds, whatever the rows look like."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_csg2a.chem import compound_identities, nearest_tanimoto
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.model_selection import (
    CellBlindKFold,
    ClusterBlindKFold,
    DisjointKFold,
    DrugBlindKFold,
    MixedKFold,
    TissueBlindKFold,
)

# Each row: spellings of one compound (atom order, salt, stereo, Kekule form).
SPELLINGS = (
    ("CCO", "OCC", "C(O)C"),
    ("CC(=O)O", "OC(C)=O", "CC(=O)[O-].[Na+]"),
    ("c1ccccc1C", "CC1=CC=CC=C1", "Cc1ccccc1"),
    ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CC(N)C(O)=O"),
    ("CCN", "NCC", "CCN.Cl"),
    ("C1CCNCC1", "N1CCCCC1", "C1CCNCC1.OC(=O)C"),
)
TISSUES = ("lung", "breast", "blood")

ONE_ID = (CellBlindKFold, DrugBlindKFold, TissueBlindKFold, ClusterBlindKFold)
TWO_IDS = (MixedKFold, DisjointKFold)
ALL = ONE_ID + TWO_IDS


@st.composite
def screens(draw):
    """Draw a screen with repeated rows and mixed spellings, in any row order."""
    cells = draw(st.lists(st.integers(0, 5), min_size=6, max_size=40))
    n_rows = len(cells)
    drug = st.integers(0, len(SPELLINGS) - 1)
    drugs = draw(st.lists(drug, min_size=n_rows, max_size=n_rows))
    texts = draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows))
    return _frame(cells, drugs, texts)


def _frame(cells, drugs, texts):
    return pd.DataFrame(
        {
            "cell_line": [f"cell {cell}" for cell in cells],
            "smiles": [
                SPELLINGS[drug][text] for drug, text in zip(drugs, texts, strict=True)
            ],
            "tissue": [TISSUES[cell % 3] for cell in cells],
        },
        index=[f"row {i}" for i in range(len(cells))],
    )


@pytest.fixture
def screen():
    """Every cell with every compound, in all spellings: 6 x 6 x 3 rows."""
    cells, drugs, texts = (a.ravel() for a in np.meshgrid(range(6), range(6), range(3)))
    return _frame(cells, drugs, texts)


def _keys(X):
    cells = X["cell_line"].to_numpy(dtype=object)
    drugs = compound_identities(X["smiles"])
    pairs = np.array([f"{c}|{d}" for c, d in zip(cells, drugs, strict=True)], object)
    tissues = X["tissue"].to_numpy(dtype=object)
    return {"cell": cells, "drug": drugs, "pair": pairs, "tissue": tissues}


def _splits(cv, X, **kwargs):
    """Splits of a screen, none where it is too small for the folds."""
    try:
        return list(cv.split(X, **kwargs))
    except InputError:
        return []


def _test_fold(cv, X, **kwargs):
    """Fold in which each row is tested."""
    fold = np.full(len(X), -1)
    for k, (_, test) in enumerate(cv.split(X, **kwargs)):
        assert (fold[test] == -1).all()
        fold[test] = k
    return fold


@pytest.mark.parametrize(
    ("cv", "apart"),
    [
        (MixedKFold(3, random_state=0), {"pair"}),
        (MixedKFold(3, shuffle=False), {"pair"}),
        (CellBlindKFold(3, random_state=0), {"cell", "pair"}),
        (DrugBlindKFold(3, random_state=0), {"drug", "pair"}),
        (DisjointKFold(2, random_state=0), {"cell", "drug", "pair"}),
        (DisjointKFold(2, design="grid", random_state=0), {"cell", "drug", "pair"}),
        (TissueBlindKFold(2, random_state=0), {"tissue", "cell", "pair"}),
        (ClusterBlindKFold(2, random_state=0), {"drug", "pair"}),
        (ClusterBlindKFold(2, by="scaffold", random_state=0), {"drug", "pair"}),
        (ClusterBlindKFold(2, by="tissue", random_state=0), {"drug", "tissue"}),
    ],
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
)
@settings(max_examples=25)
@given(X=screens())
def test_P40_nothing_crosses_folds(cv, apart, X):
    keys = _keys(X)
    for train, test in _splits(cv, X):
        assert len(train) > 0
        assert len(test) > 0
        assert not set(train) & set(test)
        for name in apart:
            known, tested = set(keys[name][train]), set(keys[name][test])
            assert not known & tested, name


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@settings(max_examples=15)
@given(X=screens(), seed=st.integers(0, 2**32 - 1))
def test_P40_folds_do_not_depend_on_row_order(cls, X, seed):
    order = np.random.RandomState(seed).permutation(len(X))
    cv = cls(2, random_state=3)
    before, after = _splits(cv, X), _splits(cv, X.iloc[order])
    assert len(before) == len(after)
    for (train, test), (other_train, other_test) in zip(before, after, strict=True):
        assert sorted(order[other_train]) == train.tolist()
        assert sorted(order[other_test]) == test.tolist()


@pytest.mark.parametrize("cls", [MixedKFold, CellBlindKFold, DrugBlindKFold])
def test_folds_do_not_depend_on_how_often_an_id_occurs(cls, screen):
    cv = cls(3, random_state=0)
    repeated = pd.concat([screen, screen.iloc[:17]])
    assert (
        _test_fold(cv, repeated)[: len(screen)].tolist()
        == _test_fold(cv, screen).tolist()
    )


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("cls", [MixedKFold, *ONE_ID, DisjointKFold])
def test_every_row_is_tested_once(cls, shuffle, screen):
    design = {"design": "grid"} if cls is DisjointKFold else {}
    cv = cls(2, shuffle=shuffle, **design)
    assert (_test_fold(cv, screen) >= 0).all()


@pytest.mark.parametrize(
    ("cls", "n_groups"), [(MixedKFold, 36), (CellBlindKFold, 6), (DrugBlindKFold, 6)]
)
@pytest.mark.parametrize("n_splits", [2, 3, 4, 5])
def test_folds_have_equal_numbers_of_groups(cls, n_groups, n_splits, screen):
    sizes = np.bincount(_test_fold(cls(n_splits, random_state=1), screen))
    per_group = len(screen) // n_groups
    assert set(sizes // per_group) <= {n_groups // n_splits, -(-n_groups // n_splits)}


def test_mixed_without_shuffle_holds_out_neither_whole_cells_nor_whole_drugs(screen):
    for train, test in MixedKFold(3, shuffle=False).split(screen):
        for key in ("cell", "drug"):
            values = _keys(screen)[key]
            assert set(values[test]) <= set(values[train])


def test_diagonal_trains_on_rows_with_neither_the_cells_nor_the_drugs(screen):
    keys = _keys(screen)
    for train, test in DisjointKFold(3, random_state=0).split(screen):
        cells, drugs = set(keys["cell"][test]), set(keys["drug"][test])
        known = [c in cells for c in keys["cell"]], [d in drugs for d in keys["drug"]]
        np.testing.assert_array_equal(train, np.flatnonzero(~np.logical_or(*known)))
        np.testing.assert_array_equal(test, np.flatnonzero(np.logical_and(*known)))


def test_grid_counts_its_splits(screen):
    cv = DisjointKFold(3, design="grid", random_state=0)
    assert cv.get_n_splits() == len(list(cv.split(screen))) == 9
    assert DisjointKFold(3).get_n_splits(screen) == 3


def test_similar_compounds_stay_on_one_side():
    smiles = ["CCCCO", "CCCCCO", "CCCCCCO", "c1ccccc1", "Cc1ccccc1", "CC(N)=O", "CC#N"]
    X = pd.DataFrame({"smiles": smiles})
    cv = ClusterBlindKFold(3, threshold=0.4, random_state=0)
    for train, test in cv.split(X):
        known, tested = X["smiles"].iloc[train], X["smiles"].iloc[test]
        assert nearest_tanimoto(list(tested), list(known)).max() < 0.4


def test_compounds_without_rings_have_no_common_scaffold():
    X = pd.DataFrame({"smiles": ["CCO", "CCN", "CCC", "Cc1ccccc1", "CCc1ccccc1"]})
    cv = ClusterBlindKFold(4, by="scaffold", random_state=0)
    tests = sorted(test.tolist() for _, test in cv.split(X))
    assert tests == [[0], [1], [2], [3, 4]]


def test_a_compound_with_two_labels_joins_their_clusters():
    X = pd.DataFrame(
        {"smiles": ["CCO", "OCC", "CCN", "CCC"], "target": ["a", "b", "b", "c"]}
    )
    cv = ClusterBlindKFold(2, by="target", random_state=0)
    assert sorted(test.tolist() for _, test in cv.split(X)) == [[0, 1, 2], [3]]


def test_clusters_need_structures():
    X = pd.DataFrame({"drug": ["Imatinib", "Erlotinib", "Gefitinib"]})
    with pytest.raises(InputError, match="the drug ids in column 'drug' are not SMIL"):
        list(ClusterBlindKFold(2, drug="drug").split(X))


# --- where ids come from -----------------------------------------------------------


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_groups_replace_the_columns(cls, screen):
    columns = {
        CellBlindKFold: "cell_line",
        DrugBlindKFold: "smiles",
        ClusterBlindKFold: "smiles",
        TissueBlindKFold: "tissue",
    }
    groups = screen[columns.get(cls, ["cell_line", "smiles"])]
    cv = cls(2, random_state=0)
    expected = [test.tolist() for _, test in cv.split(screen)]
    nothing = np.zeros((len(screen), 1))
    for given_groups in (groups, groups.to_numpy(), groups.to_numpy().tolist()):
        found = [test.tolist() for _, test in cv.split(nothing, groups=given_groups)]
        assert found == expected


@pytest.mark.parametrize("cls", [CellBlindKFold, DrugBlindKFold])
def test_one_id_is_found_in_groups_with_two(cls, screen):
    groups = screen[["cell_line", "smiles"]]
    cv = cls(2, random_state=0)
    expected = _test_fold(cv, screen).tolist()
    assert _test_fold(cv, screen, groups=groups).tolist() == expected
    assert _test_fold(cv, screen, groups=groups.to_numpy()).tolist() == expected


def test_polars_frames_are_split_like_pandas_frames(screen):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({name: screen[name].tolist() for name in screen})
    for cls in ALL:
        cv = cls(2, random_state=0)
        for one, other in zip(cv.split(screen), cv.split(frame), strict=True):
            np.testing.assert_array_equal(one[1], other[1])


def test_renamed_columns_and_categories_are_read(screen):
    renamed = screen.rename(columns={"cell_line": "DepMap_ID", "smiles": "compound"})
    renamed = renamed.astype("category")
    for cls, names in (
        (MixedKFold, {"cell": "DepMap_ID", "drug": "compound"}),
        (CellBlindKFold, {"cell": "DepMap_ID"}),
        (DrugBlindKFold, {"drug": "compound"}),
    ):
        expected = _test_fold(cls(3, random_state=0), screen)
        found = _test_fold(cls(3, random_state=0, **names), renamed)
        np.testing.assert_array_equal(found, expected)


def test_drug_names_are_compared_as_text_even_where_one_is_a_smiles():
    names = np.array(["CN", "NC", "Imatinib", "CN"])
    folds = _test_fold(DrugBlindKFold(3, random_state=0), names, groups=names)
    assert folds[0] == folds[3]
    assert len(set(folds)) == 3


def test_one_broken_smiles_among_many_in_unnamed_groups_warns():
    groups = ["C" * n for n in range(1, 20)] + ["C1CC"]
    with pytest.warns(UserWarning, match=r"nearly all drug ids in groups.*row 19: 'C1"):
        list(DrugBlindKFold(2).split(groups, groups=groups))


def test_numbers_and_their_texts_are_one_id():
    groups = [7, 7.0, "7", 8]
    folds = _test_fold(CellBlindKFold(2, random_state=0), groups, groups=groups)
    assert folds[0] == folds[1] == folds[2] != folds[3]


# --- errors ------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [None, np.nan, "", " ", pd.NA])
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_P40_row_without_an_id_is_named(cls, missing, screen):
    column = {CellBlindKFold: "cell_line", TissueBlindKFold: "tissue"}.get(
        cls, "smiles"
    )
    screen[column] = screen[column].astype(object)
    screen.iloc[4, list(screen.columns).index(column)] = missing
    with pytest.raises(InputError, match=rf"'{column}', row 4 \(index 'row 4'\)"):
        list(cls(2).split(screen))


@pytest.mark.parametrize(
    "value", [["CCO"], {"s": 1}, bytearray(b"CCO"), np.array(["a"])]
)
@pytest.mark.parametrize("cls", [CellBlindKFold, DrugBlindKFold, MixedKFold])
def test_ids_that_are_lists_and_the_like_are_named(cls, value, screen):
    column = "cell_line" if cls is CellBlindKFold else "smiles"
    ids = list(screen[column])
    ids[4] = value
    ids = pd.Series(ids, index=screen.index, dtype=object)
    with pytest.raises(InputError, match=r"row 4.*Expected text or a number"):
        next(cls(2).split(screen.assign(**{column: ids})))
    if cls is not MixedKFold:
        with pytest.raises(InputError, match="row 4"):
            next(cls(2).split(screen, groups=list(ids)))


def test_missing_groups_are_named_and_counted():
    groups = np.array(["a", "b"] + [None] * 8, dtype=object)
    with pytest.raises(InputError, match=r"in groups, row 2: None;.*row 6.*and 3 more"):
        list(CellBlindKFold(2).split(groups, groups=groups))


def test_broken_smiles_is_named_in_a_column_of_smiles(screen):
    screen.iloc[4, 1] = "C1CC"
    with pytest.raises(InvalidSmilesError, match=r"row 4 \(index 'row 4'\): 'C1CC'"):
        list(DrugBlindKFold(2).split(screen))


@pytest.mark.parametrize(
    ("cv", "text"),
    [
        (CellBlindKFold(7), "n_splits=7 greater than the number of groups: 6"),
        (DrugBlindKFold(7), "n_splits=7 greater than the number of groups: 6"),
        (MixedKFold(37), "n_splits=37 greater than the number of groups: 36"),
        (DisjointKFold(7), "n_splits=7 greater than the number of groups: 6"),
        (TissueBlindKFold(4), "n_splits=4 greater than the number of groups: 3"),
        (ClusterBlindKFold(7), "n_splits=7 greater than the number of groups: "),
    ],
    ids=str,
)
def test_P40_more_folds_than_groups(cv, text, screen):
    with pytest.raises(ValueError, match=text):
        list(cv.split(screen))


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    ("params", "error", "text"),
    [
        ({"n_splits": 1}, ValueError, "n_splits=2 or more, got n_splits=1"),
        ({"n_splits": 2.5}, ValueError, "must be of Integral type"),
        ({"shuffle": "yes"}, TypeError, "shuffle must be True or False"),
        ({"shuffle": False, "random_state": 7}, ValueError, "random_state has no eff"),
    ],
)
def test_bad_settings_are_refused_at_once(cls, params, error, text):
    with pytest.raises(error, match=text):
        cls(**params)


def test_bad_designs_and_clusters_are_refused_at_once():
    with pytest.raises(ValueError, match="design must be one of"):
        DisjointKFold(design="square")
    with pytest.raises(ValueError, match="by must be"):
        ClusterBlindKFold(by=3)
    with pytest.raises(ValueError, match="threshold must be"):
        ClusterBlindKFold(threshold=0)


def test_absent_columns_are_named(screen):
    with pytest.raises(InputError, match="column 'DepMap_ID', and there is no column"):
        list(CellBlindKFold(2, cell="DepMap_ID").split(screen))
    with pytest.raises(InputError, match="X is a ndarray without column names"):
        list(CellBlindKFold(2).split(screen.to_numpy()))
    twice = pd.concat([screen, screen["smiles"]], axis=1)
    with pytest.raises(InputError, match="more than one column of that name"):
        list(DrugBlindKFold(2).split(twice))


@pytest.mark.parametrize("cls", TWO_IDS)
def test_two_ids_need_groups_with_two_columns(cls, screen):
    for groups in (screen["cell_line"], screen[["cell_line"]], [["a"]] * len(screen)):
        with pytest.raises(InputError, match="needs two ids per row, and groups holds"):
            list(cls(2).split(screen, groups=groups))


def test_groups_of_a_wrong_form_are_refused(screen):
    wide = np.zeros((len(screen), 3))
    with pytest.raises(InputError, match=r"shape \(108, 3\)"):
        list(CellBlindKFold(2).split(screen, groups=wide))
    with pytest.raises(InputError, match="groups has the columns"):
        list(TissueBlindKFold(2).split(screen, groups=screen[["cell_line", "smiles"]]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        list(CellBlindKFold(2).split(screen, groups=["a", "b"]))


def test_empty_disjoint_sets_are_refused_before_the_first_split():
    X = pd.DataFrame({"cell_line": list("abc"), "smiles": ["CCO", "CCN", "CCC"]})
    for design in ("diagonal", "grid"):
        cv = DisjointKFold(3, design=design, random_state=1)
        with pytest.raises(InputError, match=r"no test rows.*use fewer splits"):
            next(cv.split(X))


# --- reproducibility ---------------------------------------------------------------


@pytest.mark.parametrize("cls", [MixedKFold, CellBlindKFold, DrugBlindKFold])
def test_seed_decides_the_folds(cls, screen):
    fold = _test_fold(cls(3, random_state=0), screen)
    np.testing.assert_array_equal(fold, _test_fold(cls(3, random_state=0), screen))
    others = [_test_fold(cls(3, random_state=seed), screen) for seed in range(1, 5)]
    assert any((fold != other).any() for other in others)


def test_random_state_instance_is_consumed(screen):
    cv = MixedKFold(3, random_state=np.random.RandomState(0))
    first, second = _test_fold(cv, screen), _test_fold(cv, screen)
    assert (first != second).any()
    np.testing.assert_array_equal(
        first, _test_fold(MixedKFold(3, random_state=0), screen)
    )


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_folds_are_the_same_at_every_call_by_default(cls, screen):
    cv = cls(2)
    expected = _test_fold(cv, screen).tolist()
    for other in (cv, cls(2), clone(cv, safe=False), pickle.loads(pickle.dumps(cv))):
        assert _test_fold(other, screen).tolist() == expected
    assert _test_fold(cls(2, random_state=0), screen).tolist() == expected


def test_P29_without_a_seed_folds_differ(screen):
    cv = MixedKFold(3, random_state=None)
    assert (_test_fold(cv, screen) != _test_fold(cv, screen)).any()


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("seed", [{}, {"random_state": 0}, {"random_state": None}])
def test_without_shuffling_the_default_seed_has_no_effect(cls, seed, screen):
    expected = _test_fold(cls(2, shuffle=False), screen)
    found = _test_fold(cls(2, shuffle=False, **seed), screen)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", [7, np.random.RandomState(0)])
def test_without_shuffling_an_explicit_seed_is_refused(seed):
    with pytest.raises(InputError, match="no effect since shuffle is False"):
        MixedKFold(3, shuffle=False, random_state=seed)


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_split_changes_nothing(cls, screen):
    before = screen.copy()
    cv = cls(2, random_state=0)
    expected = _test_fold(cv, screen).tolist()
    pd.testing.assert_frame_equal(screen, before)
    assert _test_fold(pickle.loads(pickle.dumps(cv)), screen).tolist() == expected


def test_repr_shows_the_settings_as_scikit_learn_does():
    assert (
        repr(CellBlindKFold(3, random_state=1))
        == "CellBlindKFold(cell='cell_line', n_splits=3, random_state=1, shuffle=True)"
    )
