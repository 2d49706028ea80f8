"""Compounds whose predicted change reverses a signature come first."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.encoders import MorganEncoder
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import signature_reversal

GENES = tuple(f"G{i}" for i in range(60))
CELLS = ("A549", "MCF7", "PC3")
SMILES = tuple("C" * n + "N" for n in range(1, 25))
UP, DOWN = GENES[:8], GENES[8:16]
REVERSES, CAUSES = SMILES[3], SMILES[7]


class Planted(PerturbationRegressor):
    """One compound reverses the signature and one causes it; the others do neither."""

    common = 0.0  # what every compound does to the signature

    def _predict_treatments(self, treatments):
        sign = {REVERSES: -2.0, CAUSES: 2.0}
        signature = np.zeros(len(GENES))
        signature[:8], signature[8:16] = 1.0, -1.0
        other = np.random.default_rng(5).normal(size=(len(SMILES), len(GENES)))
        own = {
            text: (sign.get(text, 0.0) + self.common) * signature + other[n]
            for n, text in enumerate(SMILES)
        }
        change = np.array([own[text] for text in treatments.smiles])
        basal = treatments.basal_expression[treatments.cell_index]
        return basal + change[treatments.compound_index]


@pytest.fixture(scope="module")
def X():
    grid = pd.MultiIndex.from_product([CELLS, SMILES], names=["cell_line", "smiles"])
    return grid.to_frame(index=False).set_axis([f"r{i}" for i in range(len(grid))])


@pytest.fixture(scope="module")
def model(X):
    values = np.random.default_rng(0).normal(size=(len(CELLS), len(GENES)))
    expression = pd.DataFrame(values, index=CELLS, columns=GENES)
    settings = {
        "expression": expression,
        "compound_encoder": MorganEncoder(n_bits=16),
        "hidden_dim": 2,
        "max_epochs": 1,
        "random_state": 0,
    }
    return Planted(**settings).fit(X, expression.loc[X["cell_line"]].to_numpy())


@pytest.mark.parametrize("method", ["connectivity", "correlation"])
def test_the_compound_that_reverses_comes_first_and_its_opposite_last(model, X, method):
    table = signature_reversal(model, (UP, DOWN), X, method=method)
    assert table.index[0] == REVERSES
    assert table.index[-1] == CAUSES
    assert table["score"].is_monotonic_increasing
    assert table["score"].between(-1, 1).all()
    first, last = table.iloc[0], table.iloc[-1]
    assert first["p"] == 0.001
    assert first["p_adjusted"] < 0.05
    assert first["p_compounds"] == pytest.approx(1 / len(SMILES))
    assert last["p"] == 1.0
    assert table["p_null"].isna().all()
    others = table.iloc[1:-1]
    assert (others["p"] <= 0.05).mean() < 0.2


@pytest.mark.parametrize("method", ["connectivity", "correlation"])
def test_the_reversed_signature_has_the_reversed_score(model, X, method):
    """Up to ties of the ranking, which there are none."""
    forth = signature_reversal(model, (UP, DOWN), X, method=method)["score"]
    back = signature_reversal(model, (DOWN, UP), X, method=method)["score"]
    np.testing.assert_allclose(forth.sort_index(), -back.sort_index(), atol=1e-12)


def test_weights_and_a_dict_stand_for_the_pair(model, X):
    expected = signature_reversal(model, (UP, DOWN), X)
    weights = pd.Series([1.5] * 8 + [-0.5] * 8, index=[*UP, *DOWN])
    for signature in (weights, {"up": UP, "down": DOWN}, dict(weights)):
        found = signature_reversal(model, signature, X)
        pd.testing.assert_frame_equal(found, expected)


def test_one_side_is_enough(model, X):
    up = signature_reversal(model, (UP, ()), X)
    down = signature_reversal(model, {"down": DOWN}, X)
    assert up.index[0] == REVERSES
    assert down.index[0] == REVERSES


def test_rows_by_themselves_keep_their_index_and_order(model, X):
    table = signature_reversal(model, (UP, DOWN), X, by=None)
    assert table.index.equals(X.index)
    of_first = table["score"].to_numpy()[(X["smiles"] == REVERSES).to_numpy()]
    assert (of_first < -0.5).all()


def test_rows_are_averaged_by_any_column(model, X):
    named = X.assign(drug=["drug " + str(len(text)) for text in X["smiles"]])
    table = signature_reversal(model, (UP, DOWN), named, by="drug")
    assert table.index.name == "drug"
    assert table.index[0] == f"drug {len(REVERSES)}"


def test_what_every_compound_does_can_be_taken_off(model, X):
    class Common(Planted):
        common = -3.0

    shifted = Common(**model.get_params(deep=False)).fit(X, model.predict(X))
    table = signature_reversal(shifted, (UP, DOWN), X)
    assert (table["p"] <= 0.05).mean() > 0.8
    relative = signature_reversal(shifted, (UP, DOWN), X, relative=True)
    assert (relative["p"] <= 0.05).mean() < 0.3
    assert relative.index[0] == REVERSES
    expected = signature_reversal(model, (UP, DOWN), X, relative=True)
    np.testing.assert_allclose(relative["score"], expected["score"], atol=1e-4)


def test_models_of_permuted_compounds_are_a_null(model, X):
    null = Planted(**model.get_params(deep=False)).fit(X, model.predict(X))
    table = signature_reversal(model, (UP, DOWN), X, null=[null, null])
    # its own scores, twice: one of 24 is as low as the first
    assert table["p_null"].iloc[0] == pytest.approx((1 + 2) / (1 + 48))
    assert table["p_null"].iloc[-1] == 1.0


def test_the_same_seed_gives_the_same_numbers(model, X):
    first, again = (signature_reversal(model, (UP, DOWN), X) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_genes_that_the_model_lacks_are_left_out(model, X):
    others = [f"OTHER{i}" for i in range(50)]
    expected = signature_reversal(model, (UP, DOWN), X)
    found = signature_reversal(model, ([*UP, *others], DOWN), X)
    pd.testing.assert_frame_equal(found, expected)


def test_few_genes_of_a_long_signature_are_called_few(model, X):
    others = [f"OTHER{i}" for i in range(50)]
    with pytest.warns(UserWarning, match="Only 2 of 52 genes"):
        signature_reversal(model, ([*UP[:2], *others], ()), X)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"signature": ((), ())}, "no gene that goes up or down"),
        ({"signature": ("TP53", ())}, "up is 'TP53'; expected a list"),
        ({"signature": (UP, UP)}, "both up and down: G0; .* and 3 more"),
        ({"signature": list(UP)}, "is a list; expected a pair"),
        ({"signature": (["ENSG1"], ["ENSG2"])}, "0 of 2 genes of the signature"),
        ({"signature": pd.Series([1.0, np.nan], ["G0", "G1"])}, "infinite for 'G1'"),
        ({"method": "cosine"}, "method='cosine'; expected one of 'connectivity'"),
        ({"n_random": 0}, "n_random=0"),
        ({"by": "drug"}, "by='drug' is not a column of X"),
        ({"null": [1]}, r"null\[0\] is a int"),
    ],
)
def test_what_cannot_be_scored_is_refused_by_name(model, X, changed, message):
    given = {"signature": (UP, DOWN), "X": X}
    with pytest.raises(InputError, match=message):
        signature_reversal(model, **given | changed)


def test_unreadable_compounds_are_named(model, X):
    allowing = Planted(**model.get_params(deep=False) | {"on_invalid_smiles": "nan"})
    allowing.fit(X, model.predict(X))
    broken = X.assign(smiles=["C1CC", *X["smiles"][1:]])
    with pytest.raises(InputError, match=r"invalid SMILES in row 0 .*'r0'"):
        signature_reversal(allowing, (UP, DOWN), broken)
