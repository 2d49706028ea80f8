"""P07-P16: what the estimators take, what they refuse, and in which words."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

ROW = r"row 3 \(index 'row_3'\)"
BAD_NUMBERS = (np.nan, np.inf, -np.inf, 1e39, -1e300, "high", None)
BAD_QUANTITIES = (np.nan, np.inf, -np.inf, -1.0, 1e300, "10uM", None)
BAD_SMILES = (
    *("", " ", "C1CC", None, np.nan, 3, b"CCO", "CC>>CO", "CCO ethanol", "CCO\n"),
    *("\u0421CO", "*", "[H][H]", "nan"),  # a Cyrillic letter; no atom; no text
)


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


@pytest.fixture(scope="module")
def fitted(tables, perturbation, response):
    """Both estimators, fitted on light, wide and plain rows."""
    screen = tables()
    models = {}
    for small in (perturbation, response):
        for kind in ("light", "wide", "plain"):
            model = small(expression=screen.expression if kind == "light" else None)
            y = target(model, screen)
            models[small, kind] = model.fit(getattr(screen, kind), y)
    return models


def put(table, column, value, row=3):
    """Return the table with one value changed, of any type."""
    table = table.copy()
    values = table[column].astype(object)
    values.iloc[row] = value
    if pd.api.types.is_numeric_dtype(table[column]) and isinstance(value, float):
        values = values.astype(float)
    table[column] = values
    return table


def _value_cases():
    for kind in ("light", "wide"):
        for column in ("dose", "time"):
            for value in BAD_QUANTITIES:
                yield kind, column, value, f"'{column}'.*{ROW}"
    for value in BAD_NUMBERS:
        yield "wide", "MYC", value, f"{ROW}, column 'MYC'"
    for value in BAD_SMILES:
        yield "light", "smiles", value, f"'smiles'.*{ROW}"
    for value in (None, np.nan):
        yield "light", "cell_line", value, f"'cell_line'.*{ROW}"
    for value in ("A-549", 7):
        yield "light", "cell_line", value, f"'cell_line'.*{value!r} .*{ROW}"


VALUE_CASES = list(_value_cases())


@pytest.mark.parametrize(("kind", "column", "value", "message"), VALUE_CASES)
def test_P07_a_bad_value_is_named_by_row_and_column(
    small, fitted, screen, kind, column, value, message
):
    X = put(getattr(screen, kind), column, value)
    model = fitted[small, kind]
    new = small(expression=model.expression)
    with pytest.raises(InputError, match=message):
        new.fit(X, target(new, screen))
    with pytest.raises(InputError, match=message):
        model.predict(X)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, -1e300])
@pytest.mark.parametrize("as_table", [False, True])
def test_P07_a_bad_value_of_a_plain_array_is_named(
    small, fitted, screen, value, as_table
):
    X = screen.plain
    X[3, 2] = value
    message, model = "row 3, column 2", fitted[small, "plain"]
    if as_table:
        X = pd.DataFrame(X, index=screen.light.index, columns=list("abcdefgh"))
        message = f"{ROW}, column 'c'"
        model = small().fit(X.fillna(0).clip(-1, 1), target(small(), screen))
    with pytest.raises(InputError, match=message):
        small().fit(X, target(small(), screen))
    with pytest.raises(InputError, match=message):
        model.predict(X)


@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_P07_a_bad_response_is_named_by_row(small, screen, value):
    model = small(expression=screen.expression)
    y = target(model, screen).astype(object)
    y[(3,) * y.ndim] = value
    output = ", output 3" if y.ndim == 2 else ""
    with pytest.raises(InputError, match=f"y.*{ROW}{output}: "):
        model.fit(screen.light, y)
    if isinstance(value, float):
        with pytest.raises(InputError, match=f"y.*{ROW}{output}: "):
            model.fit(screen.light, y.astype(float))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, "high"])
def test_P07_a_bad_value_of_expression_is_named_by_cell_and_gene(small, screen, value):
    expression = put(screen.expression, "MYC", value)
    with pytest.raises(InputError, match="cell 'PC3', gene 'MYC'"):
        small(expression=expression).fit(screen.light, target(small(), screen))


def test_P07_five_offenders_are_listed_and_the_rest_counted(small, screen):
    X = screen.wide
    X.loc[X.index[:12], "MYC"] = np.nan
    with pytest.raises(InputError, match=r"row 4.*and 7 more") as raised:
        small().fit(X, target(small(), screen))
    assert "row 5" not in str(raised.value)


STRUCTURE_CASES = {
    "no smiles": (
        lambda s: (s.light.drop(columns="smiles"), {"expression": s.expression}),
        r"no column 'smiles'.*columns=\{'smiles'",
    ),
    "no cell_line": (
        lambda s: (s.light.drop(columns="cell_line"), {"expression": s.expression}),
        "no column 'cell_line'",
    ),
    "no genes": (lambda s: (s.light, {}), "no gene columns.*'cell_line'"),
    "gene twice": (
        lambda s: (pd.concat([s.wide, s.wide[["MYC"]]], axis=1), {}),
        "Duplicate column names in X: 'MYC'",
    ),
    "smiles twice": (
        lambda s: (pd.concat([s.wide, s.wide[["smiles"]]], axis=1), {}),
        "Duplicate column names in X: 'smiles'",
    ),
    "cell twice in expression": (
        lambda s: (s.light, {"expression": s.expression.rename({"MCF7": "A549"})}),
        "Duplicate cell ids.*'A549'",
    ),
    "gene twice in expression": (
        lambda s: (
            s.light,
            {"expression": s.expression.rename(columns={"MYC": "TP53"})},
        ),
        "Duplicate genes in expression: 'TP53'",
    ),
    "renamed column absent": (
        lambda s: (s.wide, {"columns": {"smiles": "SMILES"}}),
        "'SMILES'.*Columns present: 'smiles'",
    ),
    "renamed column unknown": (
        lambda s: (s.wide, {"columns": {"concentration": "dose"}}),
        "'concentration', which is not a column",
    ),
    "complex gene": (
        lambda s: (s.wide.assign(MYC=1j), {}),
        "Complex data not supported: column 'MYC'",
    ),
    "complex dose": (
        lambda s: (s.wide.assign(dose=1j), {}),
        "Complex data not supported: column 'dose'",
    ),
    "plain array with expression": (
        lambda s: (s.plain, {"expression": s.expression}),
        "'cell_line' and 'smiles'",
    ),
}


@pytest.mark.parametrize("case", STRUCTURE_CASES)
def test_P09_a_table_of_the_wrong_form_is_refused_by_column(small, screen, case):
    change, message = STRUCTURE_CASES[case]
    X, settings = change(screen)
    model = small(**settings)
    with pytest.raises(InputError, match=message):
        model.fit(X, target(model, screen))


def test_the_corpus_of_malformed_input_holds_sixty_cases():
    n_others = len(STRUCTURE_CASES) + 2 * 4 + len(BAD_NUMBERS) + 4
    assert len(VALUE_CASES) + n_others >= 60


def test_P08_values_at_the_end_of_float32_are_taken(small, screen):
    X = screen.wide
    X["MYC"] = 1e4 * np.sign(X["MYC"])
    y = target(small(), screen) * 1e30
    assert np.isfinite(small().fit(X, y).predict(X)).all()


@pytest.mark.parametrize("kind", ["light", "wide"])
def test_P09_genes_are_matched_by_name_to_the_last_bit(small, fitted, screen, kind):
    model = fitted[small, kind]
    expected = model.predict(getattr(screen, kind))
    if kind == "wide":
        found = model.predict(screen.wide[screen.wide.columns[::-1]])
    else:
        try:
            model.set_params(expression=screen.expression.iloc[:, ::-1])
            found = model.predict(screen.light)
        finally:
            model.set_params(expression=screen.expression)
    np.testing.assert_array_equal(found, expected)


def test_P09_missing_genes_are_listed(small, fitted, screen):
    X = screen.wide.drop(columns=["MYC", "ATM"])
    with pytest.raises(GeneMismatchError, match=r"6 of 8 .* lacks 'MYC', 'ATM'"):
        fitted[small, "wide"].predict(X)


def test_P09_missing_genes_may_count_as_zero(small, screen):
    model = small(missing_genes="zero").fit(screen.wide, target(small(), screen))
    np.testing.assert_array_equal(
        model.predict(screen.wide.drop(columns=["MYC"])),
        model.predict(screen.wide.assign(MYC=0.0)),
    )


def test_P09_columns_that_are_no_genes_of_the_model_are_ignored(small, fitted, screen):
    model = fitted[small, "wide"]
    np.testing.assert_array_equal(
        model.predict(screen.wide.assign(NEW=1.0, tissue="lung")),
        model.predict(screen.wide),
    )


@pytest.mark.parametrize("missing_genes", ["error", "zero"])
def test_P10_a_disjoint_gene_set_is_counted(small, screen, missing_genes):
    model = small(missing_genes=missing_genes)
    model.fit(screen.wide, target(model, screen))
    names = {gene: f"ENSG{i:05}" for i, gene in enumerate(screen.expression.columns)}
    with pytest.raises(GeneMismatchError, match=r"0 of 8 genes match; .*Ensembl ids"):
        model.predict(screen.wide.rename(columns=names))


def test_P11_an_array_after_a_table_warns_and_a_wrong_width_raises(small, screen):
    X = screen.wide[list(screen.expression.columns)]
    model = small().fit(X, target(small(), screen))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        found = model.predict(X.to_numpy())
    np.testing.assert_array_equal(found, model.predict(X))
    with (
        pytest.warns(UserWarning, match="valid feature names"),
        pytest.raises(ValueError, match=r"X has 7 features, but .* is expecting 8"),
    ):
        model.predict(X.to_numpy()[:, 1:])


def test_P11_input_of_the_other_kind_is_refused(small, fitted, screen):
    with pytest.raises(
        InputError, match=r"no column 'smiles', .*fitted with compounds"
    ):
        fitted[small, "wide"].predict(screen.plain)
    with pytest.raises(InputError, match="fitted on a plain table without compounds"):
        fitted[small, "plain"].predict(screen.wide)


def test_P12_one_gene_is_enough(small, screen):
    X = screen.wide[["smiles", "TP53"]]
    model = small().fit(X, target(small(), screen))
    assert np.isfinite(model.predict(X)).all()
    single = small().fit(screen.plain[:, :1], target(small(), screen))
    assert np.isfinite(single.predict(screen.plain[:, :1])).all()


def test_P12_one_treatment_is_too_few_to_train_and_enough_to_predict(
    small, fitted, screen
):
    model = small(expression=screen.expression)
    with pytest.raises(InputError, match="n_samples=1"):
        model.fit(screen.light[:1], target(model, screen)[:1])
    assert len(fitted[small, "light"].predict(screen.light[:1])) == 1
    with pytest.raises(InputError, match=r"0 sample\(s\)"):
        fitted[small, "light"].predict(screen.light[:0])


@pytest.mark.parametrize(
    "dtype", ["object", "category", "Float64", "float32", "string"]
)
def test_P12_numbers_of_any_column_type_are_read(small, fitted, screen, dtype):
    X = screen.wide.round(2).astype({"MYC": "float32"})
    X = X.astype({"MYC": "float64"})
    model = fitted[small, "wide"]
    np.testing.assert_array_equal(
        model.predict(X.astype({"MYC": dtype})), model.predict(X)
    )


# rows that are all alike are one pair, which is on one side: no row validates
@pytest.mark.filterwarnings("ignore:validation=0.1 requests 4 of 40 rows")
@pytest.mark.parametrize("constant", ["genes", "rows"])
def test_P13_degenerate_tables_are_fitted(small, screen, constant):
    X = screen.wide
    if constant == "genes":
        X[list(screen.expression.columns)] = 0.5
    else:
        X = X.iloc[np.zeros(len(X), dtype=int)]
    model = small().fit(X, target(small(), screen))
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("value", [0.0, -3.7, 1e-9, 12345.678])
def test_P13_a_constant_response_is_predicted(small, screen, value):
    y = np.full_like(target(small(), screen), value)
    predicted = small().fit(screen.wide, y).predict(screen.wide)
    np.testing.assert_allclose(predicted, y, rtol=0, atol=1e-6)


def test_P14_duplicated_rows_and_labels_are_allowed(small, fitted, screen):
    X = pd.concat([screen.light, screen.light])
    y = np.concatenate([target(small(), screen)] * 2)
    assert not X.index.is_unique
    small(expression=screen.expression).fit(X, y)
    predicted = fitted[small, "light"].predict(X)
    np.testing.assert_array_equal(predicted[:40], predicted[40:])
    with pytest.raises(InputError, match=r"row 43 \(index 'row_3'\)"):
        fitted[small, "light"].predict(put(X, "dose", np.nan, row=43))


def test_P15_zero_dose_and_time_are_taken(small, fitted, screen):
    X = screen.light.assign(dose=0.0, time=0.0)
    assert np.isfinite(fitted[small, "light"].predict(X)).all()


@pytest.mark.parametrize("column", ["dose", "time"])
def test_P15_an_absent_quantity_has_its_default(small, fitted, screen, column):
    model = fitted[small, "light"]
    default = {"dose": 10.0, "time": 72.0}[column]
    with pytest.warns(UserWarning, match=f"no column '{column}'.*was fitted with"):
        absent = model.predict(screen.light.drop(columns=column))
    given = model.predict(screen.light.assign(**{column: default}))
    np.testing.assert_array_equal(absent, given)


FORMS = {
    "list": list,
    "Series": pd.Series,
    "ints": lambda y: y.astype(np.int64),
    "float32": lambda y: y.astype(np.float32),
    "objects": lambda y: y.astype(object),
    "other index": lambda y: pd.Series(y, index=range(len(y), 0, -1)),
}


@pytest.mark.parametrize("form", FORMS)
def test_P16_a_response_of_any_form_gives_the_same_model(small, screen, form):
    y = screen.y.round()
    expected = small().fit(screen.wide, y).predict(screen.wide)
    found = small().fit(screen.wide, FORMS[form](y)).predict(screen.wide)
    np.testing.assert_array_equal(found, expected)


def test_P16_a_column_warns_once_where_one_output_is_meant(response, screen):
    expected = response().fit(screen.wide, screen.y).predict(screen.wide)
    with pytest.warns(DataConversionWarning) as caught:
        model = response().fit(screen.wide, screen.y[:, None])
    assert len(caught) == 1
    np.testing.assert_array_equal(model.predict(screen.wide), expected)


def test_P16_a_column_stays_a_column_where_many_outputs_are_meant(perturbation, screen):
    expected = perturbation().fit(screen.wide, screen.y).predict(screen.wide)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = perturbation().fit(screen.wide, screen.y[:, None])
    assert expected.shape == (40,)
    np.testing.assert_array_equal(model.predict(screen.wide), expected[:, None])


@pytest.mark.parametrize("n_rows", [39, 41])
def test_P16_a_response_of_another_length_is_refused(small, screen, n_rows):
    y = np.resize(screen.y, n_rows)
    with pytest.raises(InputError, match=re.escape(f"[40, {n_rows}]")):
        small().fit(screen.wide, y)


def test_invalid_smiles_may_give_nan_in_their_rows(small, screen):
    model = small(expression=screen.expression, on_invalid_smiles="nan")
    y = target(model, screen)
    model.fit(screen.light, y)
    X = put(put(screen.light, "smiles", "C1CC"), "smiles", None, row=7)
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    bad = np.isin(np.arange(40), [3, 7])
    assert np.isnan(predicted[bad]).all()
    np.testing.assert_array_equal(predicted[~bad], model.predict(screen.light[~bad]))
    every = model.predict(screen.light[:2].assign(smiles="C1CC"))
    assert every.shape == y[:2].shape
    assert np.isnan(every).all()
    with pytest.raises(InputError, match=f"'smiles'.*{ROW}"):
        model.fit(X, y)


@pytest.mark.parametrize("fitted_on", ["light", "wide"])
def test_light_and_wide_rows_can_be_mixed_between_fit_and_predict(
    small, fitted, screen, fitted_on
):
    expected = fitted[small, fitted_on].predict(getattr(screen, fitted_on))
    other = {"light": screen.wide, "wide": screen.light}[fitted_on]
    model = fitted[small, fitted_on]
    before = model.expression
    try:
        model.set_params(expression=screen.expression)
        np.testing.assert_array_equal(model.predict(other), expected)
    finally:
        model.set_params(expression=before)


def test_new_cells_are_predicted_from_wide_rows_among_light_ones(small, fitted, screen):
    model = fitted[small, "light"]
    new = screen.wide[:2].assign(cell_line=["patient 1", "patient 2"])
    mixed = pd.concat([screen.light, new])
    found = model.predict(mixed)
    np.testing.assert_array_equal(found[:40], model.predict(screen.light))
    np.testing.assert_array_equal(found[40:], model.predict(screen.light[:2]))
