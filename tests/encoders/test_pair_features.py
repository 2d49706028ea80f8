"""Any regressor of numbers becomes a model of drug response behind PairFeatures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.encoders import MorganEncoder, PairFeatures
from sklearn_csg2a.exceptions import (
    InputError,
    InvalidSmilesError,
    UnknownCellLineError,
)
from sklearn_csg2a.model_selection import DrugBlindKFold

EXPRESSION = pd.DataFrame(
    {"TP53": [0.1, 0.2, 0.4], "KRAS": [1.0, 2.0, 3.0], "ACTB": 1.0},
    index=["A549", "MCF7", "K562"],
)
X = pd.DataFrame(
    {
        "cell_line": ["A549", "MCF7", "K562", "A549"],
        "smiles": ["CCO", "c1ccccc1", "CCN", "CCN"],
    }
)


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=8, n_compounds=10, n_genes=24, random_state=0)


def test_a_row_holds_the_genes_of_its_cell_and_the_fingerprint_of_its_compound():
    features = PairFeatures(EXPRESSION)
    table = features.set_output(transform="pandas").fit_transform(X)
    assert table["TP53"].tolist() == pytest.approx([0.1, 0.2, 0.4, 0.1])
    bits = MorganEncoder().transform(X["smiles"])
    for name in table.columns[2:]:
        column = int(name.removeprefix("compound"))
        np.testing.assert_array_equal(table[name], bits[:, column])


def test_columns_that_tell_no_two_training_rows_apart_are_left_out():
    names = PairFeatures(EXPRESSION).fit(X).get_feature_names_out()
    assert "ACTB" not in names
    assert "log10 dose" not in names


def test_dose_and_time_are_columns_where_training_rows_differ_in_them():
    rows = X.assign(dose=[1.0, 10.0, 100.0, 1.0], time=24.0)
    features = PairFeatures(EXPRESSION).fit(rows)
    assert features.get_feature_names_out()[-1] == "log10 dose"
    dose = features.transform(rows)[:, -1]
    assert np.diff(dose[:3]) == pytest.approx(np.diff(dose[:3])[[0, 0]])


def test_spellings_of_a_compound_have_one_row():
    features = PairFeatures(EXPRESSION).fit(X)
    one, other = features.transform(
        pd.DataFrame({"cell_line": ["A549"] * 2, "smiles": ["CCO", "OCC"]})
    )
    np.testing.assert_array_equal(one, other)


def test_other_names_of_columns_are_read():
    renamed = X.rename(columns={"cell_line": "DepMap_ID", "smiles": "SMILES"})
    features = PairFeatures(
        EXPRESSION, columns={"cell_line": "DepMap_ID", "smiles": "SMILES"}
    )
    np.testing.assert_array_equal(
        features.fit_transform(renamed), PairFeatures(EXPRESSION).fit_transform(X)
    )


def test_any_encoder_of_compounds_serves(screen):
    short = MorganEncoder(n_bits=32)
    wide = PairFeatures(screen.expression, short).fit_transform(screen.X)
    assert wide.dtype == np.float32
    assert 24 < wide.shape[1] <= 56


def test_every_compound_is_encoded_once(screen):
    seen = []

    class Counting(MorganEncoder):
        def _encode(self, smiles):
            seen.extend(smiles)
            return super()._encode(smiles)

    PairFeatures(screen.expression, Counting(n_bits=64)).fit_transform(screen.X)
    assert len(seen) == len(set(seen)) == screen.X["smiles"].nunique()


def test_a_ridge_is_a_model_of_drug_response(screen):
    model = make_pipeline(PairFeatures(screen.expression), Ridge())
    scores = cross_val_score(model, screen.X, screen.y, cv=DrugBlindKFold(3))
    assert np.isfinite(scores).all()


def test_rows_of_genes_are_read_without_a_table():
    wide = X.assign(TP53=[0.1, 0.2, 0.4, 0.1], KRAS=[1.0, 2.0, 3.0, 1.0], ACTB=1.0)
    np.testing.assert_array_equal(
        PairFeatures().fit_transform(wide.drop(columns="cell_line")),
        PairFeatures(EXPRESSION).fit_transform(X),
    )


def test_invalid_smiles_are_refused_or_give_rows_of_nan():
    rows = X.assign(smiles=["CCO", "no compound", "CCN", "CCN"])
    with pytest.raises(InvalidSmilesError, match="no compound"):
        PairFeatures(EXPRESSION).fit(X).transform(rows)
    lenient = PairFeatures(EXPRESSION, on_invalid_smiles="nan").fit(X)
    features = lenient.transform(rows)
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False, False]
    assert features.dtype == np.float32


def test_unknown_cells_and_encoders_are_named():
    with pytest.raises(UnknownCellLineError, match="PC3"):
        PairFeatures(EXPRESSION).fit(X).transform(X.assign(cell_line="PC3"))
    with pytest.raises(ValueError, match="'encoder'"):
        PairFeatures(EXPRESSION, "maccs").fit(X)
    with pytest.raises(InputError, match="not a transformer"):
        PairFeatures(EXPRESSION, MorganEncoder).fit(X)
