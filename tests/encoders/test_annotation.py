from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion

from sklearn_csg2a import DrugResponseRegressor
from sklearn_csg2a.baselines import (
    PairwiseKernelRidge,
    RandomForestResponse,
    SVMResponse,
)
from sklearn_csg2a.encoders import (
    AnnotationEncoder,
    MorganEncoder,
    encode_compounds,
    mechanism_groups,
)
from sklearn_csg2a.exceptions import InputError, InvalidSmilesError
from sklearn_csg2a.persistence import load_model, save_model

ASPIRIN, SALICYLATE = "CC(=O)Oc1ccccc1C(=O)O", "OC(=O)c1ccccc1O"
CAFFEINE, THEOPHYLLINE = "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "Cn1c(=O)c2[nH]cnc2n(C)c1=O"
ACETAMINOPHEN = "CC(=O)Nc1ccc(O)cc1"
TABLE = pd.DataFrame(
    {
        "target": ["PTGS1|PTGS2", "PTGS1, PTGS2", "ADORA1;ADORA2A", "ADORA1", None],
        "moa": ["COX inhibitor", "cox  Inhibitor", "antagonist", None, None],
    },
    index=[ASPIRIN, SALICYLATE, CAFFEINE, THEOPHYLLINE, ACETAMINOPHEN],
)
ALL = list(TABLE.index)
METHYL_SALICYLATE = "COC(=O)c1ccccc1O"


@pytest.fixture
def expression():
    values = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
    return pd.DataFrame(values, list("abcdef"), ["TP53", "EGFR", "KRAS", "MYC"])


def encode(smiles, *, fit=None, table=TABLE, **parameters):
    """Return the encoding as a table with the names of its columns."""
    encoder = AnnotationEncoder(table, **{"weight": 1.0, **parameters})
    encoding = encoder.fit(ALL if fit is None else fit).transform(smiles)
    names = encoder.get_feature_names_out()
    return pd.DataFrame(encoding, index=list(smiles), columns=names)


def terms_of(row):
    return set(row.index[row > 0])


def test_a_compound_of_the_table_has_the_terms_that_it_names():
    encoding = encode([ASPIRIN, CAFFEINE])
    assert terms_of(encoding.loc[ASPIRIN]) == {
        "target_PTGS1",
        "target_PTGS2",
        "moa_COX inhibitor",
    }
    assert terms_of(encoding.loc[CAFFEINE]) == {
        "target_ADORA1",
        "target_ADORA2A",
        "moa_antagonist",
    }


def test_spellings_salts_and_rows_of_a_compound_are_joined():
    more = pd.DataFrame({"target": ["P1"], "moa": [None]}, ["[Na+].[O-]C(=O)c1ccccc1O"])
    table = pd.concat([TABLE, more])
    encoding = encode([SALICYLATE, "Oc1ccccc1C(O)=O"], table=table)
    assert terms_of(encoding.iloc[0]) >= {"target_P1", "target_PTGS1"}
    np.testing.assert_array_equal(*encoding.to_numpy())


def test_a_new_compound_is_expected_to_be_like_its_neighbours_and_says_so():
    row = encode([METHYL_SALICYLATE]).iloc[0]
    assert row["target_PTGS1"] > 3 * row["target_ADORA1"]
    assert 0 < row["moa_COX inhibitor"] < 1
    assert row["target_is_expected"] == row["moa_is_expected"] == 1


def test_missing_cells_are_expected_while_others_of_the_row_are_known():
    row = encode([THEOPHYLLINE]).iloc[0]
    assert row["target_is_expected"] == 0
    assert row["target_ADORA1"] == 1
    assert row["moa_is_expected"] == 1
    assert row["moa_antagonist"] > row["moa_COX inhibitor"]


def test_of_a_compound_like_no_other_nothing_is_expected():
    row = encode(["BrBr"]).iloc[0]
    assert terms_of(row) == {"target_is_expected", "moa_is_expected"}


def test_nothing_of_a_compound_is_used_where_its_annotation_is_not_known():
    changed = TABLE.copy()
    changed.loc[ASPIRIN, ["target", "moa"]] = ["ADORA1", "antagonist"]
    for hidden in ({"known": "none"}, {"known": "fit", "fit": ALL[1:]}):
        before = encode([ASPIRIN], **hidden)
        after = encode([ASPIRIN], table=changed, **hidden)
        assert before.iloc[0]["target_is_expected"] == 1
        before, after = (row.rename(columns=str.lower) for row in (before, after))
        pd.testing.assert_frame_equal(before, after, check_like=True)


def test_excluded_compounds_do_not_inform_on_others_either():
    row = encode([METHYL_SALICYLATE], exclude=[ASPIRIN, "[Na+].[O-]C(=O)c1ccccc1O"])
    assert not any("PTGS" in name for name in row.columns)


def test_of_all_compounds_excluded_those_of_fit_are_known():
    encoding = encode(ALL, known="fit", exclude=ALL, fit=[ASPIRIN, CAFFEINE])
    assert list(encoding["target_is_expected"]) == [0, 1, 0, 1, 1]
    assert encoding.loc[SALICYLATE, "target_PTGS1"] > 0.2
    everything = AnnotationEncoder(TABLE, exclude=ALL)
    with pytest.raises(InputError, match="leaves none of the 5 compounds"):
        everything.fit(ALL)


def test_fit_takes_no_term_from_compounds_that_it_is_not_given():
    table = TABLE.assign(target=["A", "B", "C", "D", "E"])
    encoding = encode([ASPIRIN], table=table, known="fit", exclude=ALL, fit=[CAFFEINE])
    assert [name for name in encoding if name.startswith("target_")] == [
        "target_C",
        "target_is_expected",
    ]


def test_weights_only_scale_the_columns_of_the_terms():
    plain = encode([METHYL_SALICYLATE, CAFFEINE])
    doubled = encode([METHYL_SALICYLATE, CAFFEINE], weight={"target": 2.0, "moa": 3.0})
    np.testing.assert_allclose(doubled.filter(like="A1"), 2 * plain.filter(like="A1"))
    np.testing.assert_allclose(
        doubled["moa_antagonist"], 3 * plain["moa_antagonist"], rtol=1e-6
    )
    assert list(doubled["moa_is_expected"]) == [1, 0]


def test_the_terms_of_a_column_have_the_length_one_together():
    encoding = encode([*ALL, METHYL_SALICYLATE])
    length = np.sqrt((encoding.filter(regex="target_[A-Z]") ** 2).sum(axis=1))
    np.testing.assert_allclose(length.iloc[:4], 1, rtol=1e-6)
    assert 0 < length[ACETAMINOPHEN] < length[METHYL_SALICYLATE] <= 1 + 1e-6


def test_targets_spread_over_their_neighbours_in_an_interactome():
    table = pd.DataFrame({"target": ["EGFR", "egfr", "GRB2", "TP53"]})
    table["smiles"] = [ASPIRIN, SALICYLATE, CAFFEINE, THEOPHYLLINE]
    table.loc[4] = ["DNA damage", ACETAMINOPHEN]
    edges = pd.DataFrame({"source": ["EGFR", "GRB2"], "target": ["GRB2", "SOS1"]})
    edges.loc[2] = ["SOS1", "TP53"]
    settings = {"columns": ["target"], "interactome": edges}
    encoding = encode(ALL, table=table, **settings)
    assert encoding.loc[ASPIRIN, "target_TP53"] > 0
    assert encoding.loc[ASPIRIN, "target_TP53"] < encoding.loc[ASPIRIN, "target_GRB2"]
    assert encoding.loc[ASPIRIN, "target_GRB2"] < encoding.loc[ASPIRIN, "target_EGFR"]
    assert terms_of(encoding.loc[ACETAMINOPHEN]) == {"target_DNA damage"}
    far = encode(ALL, table=table, restart=0.1, **settings)
    assert far.loc[ASPIRIN, "target_GRB2"] > encoding.loc[ASPIRIN, "target_GRB2"]
    near = encode(ALL, table=table, restart=1.0, **settings)
    assert terms_of(near.loc[ASPIRIN]) == {"target_EGFR"}


def test_an_adjacency_labelled_by_gene_is_an_interactome():
    genes = ["ADORA1", "PTGS1", "PTGS2"]
    links = pd.DataFrame([[0, 0, 0], [0, 0, 1], [0, 1, 0]], genes, genes)
    edges = pd.DataFrame({"source": ["PTGS1"], "target": ["PTGS2"]})
    pd.testing.assert_frame_equal(
        encode(ALL, interactome=links), encode(ALL, interactome=edges)
    )


@pytest.mark.parametrize(
    ("interactome", "message"),
    [
        (
            pd.DataFrame({"source": ["1956"], "target": ["2885"]}),
            "None of the terms.*'ADORA1'.*'1956'",
        ),
        (np.eye(3), "interactome"),
        (pd.DataFrame({"source": ["PTGS1"], "gene": ["PTGS2"]}), "'target'"),
    ],
)
def test_an_interactome_that_cannot_be_used_is_refused(interactome, message):
    encoder = AnnotationEncoder(TABLE, interactome=interactome)
    with pytest.raises(ValueError, match=message):
        encoder.fit(ALL)


def test_compounds_with_a_common_term_are_one_group():
    smiles = ["CCO", "Cn1c(=O)c2[nH]cnc2n(C)c1=O", ASPIRIN, SALICYLATE, CAFFEINE]
    groups = mechanism_groups(TABLE, [*smiles, "OCC", "CCCO"], column="target")
    assert groups.tolist() == [0, 1, 2, 2, 1, 0, 3]
    # Terms that differ in case alone are one; a missing cell is no term.
    assert mechanism_groups(TABLE, smiles).tolist() == [0, 1, 2, 2, 3]


def test_terms_join_groups_through_other_compounds():
    table = pd.DataFrame({"moa": ["A", "A|B", "B", "C"]}, index=ALL[:4])
    assert mechanism_groups(table, ALL[:4]).tolist() == [0, 0, 0, 1]
    # A compound that is not there joins nothing.
    assert mechanism_groups(table, [ASPIRIN, CAFFEINE]).tolist() == [0, 1]
    with pytest.raises(InputError, match="no column 'target'"):
        mechanism_groups(table, ALL, column="target")


def test_rare_terms_and_flags_can_be_left_out():
    encoding = encode([CAFFEINE], min_compounds=2, add_indicator=False)
    assert list(encoding) == [
        "target_ADORA1",
        "target_PTGS1",
        "target_PTGS2",
        "moa_COX inhibitor",
    ]


@pytest.mark.parametrize(
    ("cell", "terms"),
    [
        ("EGFR|ERBB2", ["EGFR", "ERBB2"]),
        ("CDK4, CDK6,CDK9; XIAP\ncIAP", ["CDK4", "CDK6", "CDK9", "XIAP", "cIAP"]),
        ("Antimetabolite (DNA, RNA)", ["Antimetabolite (DNA, RNA)"]),
        ("1,25-dihydroxyvitamin D receptor", ["1,25-dihydroxyvitamin D receptor"]),
        (["EGFR", None, " ERBB2 "], ["EGFR", "ERBB2"]),
        ("N/A", []),
        ("unclassified", []),
        (" | ", []),
        (np.nan, []),
        (None, []),
        (pd.NA, []),
    ],
)
def test_cells_are_read_as_public_tables_write_them(cell, terms):
    table = pd.DataFrame({"smiles": [ASPIRIN, "CCO"], "target": [cell, "OTHER"]})
    encoder = AnnotationEncoder(table, columns=["target"]).fit([ASPIRIN])
    assert sorted(encoder.terms_["target"]) == sorted([*terms, "OTHER"])


def test_a_column_without_annotation_has_no_terms():
    table = TABLE.assign(moa=None)
    encoding = encode([ASPIRIN], table=table, columns=["moa"])
    assert list(encoding) == ["moa_is_expected"]
    assert encoding.iloc[0, 0] == 1


def test_a_row_does_not_depend_on_the_other_rows():
    smiles = [*ALL, METHYL_SALICYLATE, "BrBr", ASPIRIN]
    together = encode(smiles, known="none").to_numpy()
    alone = [encode([one], known="none").to_numpy()[0] for one in smiles]
    np.testing.assert_array_equal(together, alone)


def test_it_can_be_combined_with_a_structure_encoder():
    parts = [("bits", MorganEncoder(n_bits=64)), ("known", AnnotationEncoder(TABLE))]
    union = FeatureUnion(parts, transformer_weights={"known": 2.0})
    encoding = encode_compounds(clone(union).fit(ALL), ALL)
    assert encoding.shape == (5, 72)
    np.testing.assert_allclose(
        encoding[:, 64:-2], 6 * encode(ALL).iloc[:, :-2], rtol=1e-6
    )
    assert union.fit(ALL).get_feature_names_out()[-1] == "known__moa_is_expected"


def test_pickles_and_model_files_predict_the_same(tmp_path):
    encoder = AnnotationEncoder(TABLE, known="fit", exclude=ALL).fit(ALL[:3])
    save_model(encoder, tmp_path / "encoder")
    for back in (load_model(tmp_path / "encoder"), pickle.loads(pickle.dumps(encoder))):
        np.testing.assert_array_equal(back.transform(ALL), encoder.transform(ALL))
        assert list(back.get_feature_names_out()) == list(
            encoder.get_feature_names_out()
        )


@pytest.mark.parametrize(
    "model",
    [
        RandomForestResponse(n_estimators=5, random_state=0),
        SVMResponse(),
        PairwiseKernelRidge(),
        DrugResponseRegressor(max_epochs=1, early_stopping=False, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_any_model_sees_what_is_known_beside_the_structure(model, expression):
    rows = pd.MultiIndex.from_product([ALL, expression.index])
    X = rows.set_names(["smiles", "cell_line"]).to_frame(index=False)
    y = np.arange(float(len(X)))
    parts = [("bits", MorganEncoder(n_bits=16)), ("known", AnnotationEncoder(TABLE))]
    model = clone(model).set_params(
        expression=expression, compound_encoder=FeatureUnion(parts)
    )
    predicted = model.fit(X, y).predict(X)
    assert np.isfinite(predicted).all()
    changed = TABLE.copy()
    changed.loc[ASPIRIN] = ["ADORA1", "antagonist"]
    model.set_params(compound_encoder__known__table=changed)
    assert not np.allclose(model.fit(X, y).predict(X), predicted)


def test_a_frozen_encoder_is_not_fitted_again():
    encoder = AnnotationEncoder(TABLE, known="fit").fit(ALL[:1])
    union = FeatureUnion([("known", FrozenEstimator(encoder))])
    np.testing.assert_array_equal(
        clone(union).fit(ALL).transform(ALL), encoder.transform(ALL)
    )


def test_clones_share_the_table():
    encoder = AnnotationEncoder(TABLE, exclude=[ASPIRIN])
    assert clone(encoder).table is TABLE


def test_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        AnnotationEncoder(TABLE).transform(ALL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": ["target", "pathway"]}, r"no column 'pathway'.*'target', 'moa'"),
        ({"columns": "target"}, "columns"),
        ({"columns": []}, "at least one column"),
        ({"columns": ["moa", "moa"]}, "must be different"),
        (
            {"table": TABLE.assign(moa=3.5)},
            r"'moa'.*text.*5 found: row 'CC\(=O\)O.*3.5",
        ),
        ({"table": TABLE.reset_index(drop=True)}, "neither a column 'smiles' nor"),
        ({"table": TABLE.iloc[:0]}, "no rows"),
        ({"table": {"target": []}}, "must be a DataFrame"),
        ({"known": "some"}, "known"),
        ({"weight": -1.0}, "weight"),
        ({"weight": {"target": 1.0}}, r"each of the columns \['target', 'moa'\]"),
        ({"n_neighbors": 0}, "n_neighbors"),
        ({"exclude": "CCO"}, "exclude"),
    ],
)
def test_unusable_input_is_refused(changes, message):
    encoder = AnnotationEncoder(TABLE).set_params(**changes)
    with pytest.raises(ValueError, match=message):
        encoder.fit(ALL)


def test_an_invalid_compound_is_named_with_its_row():
    with pytest.raises(InvalidSmilesError, match=r"table of annotation.*'C1CC'"):
        AnnotationEncoder(TABLE.rename(index={CAFFEINE: "C1CC"})).fit(ALL)
    with pytest.raises(InvalidSmilesError, match=r"exclude=: 1 of 2.*'C1CC'"):
        AnnotationEncoder(TABLE, exclude=["CCO", "C1CC"]).fit(ALL)
