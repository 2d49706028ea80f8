"""The column contract: what is read, and what each refusal says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from sklearn_csg2a.exceptions import (
    GeneMismatchError,
    InputError,
    InvalidSmilesError,
    UnknownCellLineError,
)
from sklearn_csg2a.treatments import (
    Treatments,
    is_plain,
    read_identifiers,
    read_response,
    read_treatments,
)

GENES = ("TP53", "EGFR", "MYC", "KRAS")


@pytest.fixture
def expression():
    rng = np.random.default_rng(0)
    cells = ["A549", "MCF7", "T47D"]
    return pd.DataFrame(rng.normal(size=(3, 4)), index=cells, columns=list(GENES))


@pytest.fixture
def light():
    return pd.DataFrame(
        {
            "cell_line": ["MCF7", "A549", "MCF7", "A549"],
            "smiles": ["CCO", "OCC", "c1ccccc1", "CCO"],
            "drug": ["ethanol", "ethanol", "benzene", "ethanol"],
        },
        index=["r0", "r1", "r2", "r2"],
    )


@pytest.fixture
def wide(light, expression):
    rows = expression.loc[light["cell_line"]].set_axis(light.index)
    return pd.concat([light, rows], axis=1)


class AsPandas:
    """A table of another library."""

    def __init__(self, frame):
        self._frame = frame
        self.columns = list(frame.columns)

    def to_pandas(self):
        return self._frame


# Light rows


def test_light_rows_are_stored_by_unique_cell_and_compound(light, expression):
    treatments = read_treatments(light, expression=expression)
    assert (treatments.n_rows, treatments.n_cells) == (4, 2)
    assert (treatments.n_compounds, treatments.n_genes) == (2, 4)
    assert list(treatments.row_labels) == ["r0", "r1", "r2", "r2"]
    assert list(treatments.cell_ids) == ["MCF7", "A549"]
    assert treatments.smiles == ("CCO", "c1ccccc1")
    assert treatments.genes == GENES
    assert treatments.genes_named
    assert treatments.has_compounds
    np.testing.assert_array_equal(treatments.cell_index, [0, 1, 0, 1])
    np.testing.assert_array_equal(treatments.compound_index, [0, 0, 1, 0])
    assert treatments.basal_expression.dtype == np.float32
    assert treatments.cell_index.dtype == treatments.compound_index.dtype == np.int64


def test_dose_and_time_default_where_absent_and_zero_is_allowed(light, expression):
    treatments = read_treatments(
        light, expression=expression, default_dose=5.0, default_time=24.0
    )
    assert set(treatments.dose) == {5.0}
    assert set(treatments.time) == {24.0}
    light = light.assign(dose=["0", 1, 2.5, 3], time=[0, 6, 24, 72])
    treatments = read_treatments(light, expression=expression)
    np.testing.assert_array_equal(treatments.dose, [0, 1, 2.5, 3])
    np.testing.assert_array_equal(treatments.time, [0, 6, 24, 72])


def test_a_gene_column_of_light_rows_is_ignored_for_known_cells(light, expression):
    odd = light.assign(TP53=np.nan)
    treatments = read_treatments(odd, expression=expression)
    reference = read_treatments(light, expression=expression)
    np.testing.assert_array_equal(
        treatments.basal_expression, reference.basal_expression
    )


def test_unknown_cell_lines_are_listed_with_their_rows(light, expression):
    light["cell_line"] = ["MCF7", "HeLa", "K562", "HeLa"]
    with pytest.raises(UnknownCellLineError) as caught:
        read_treatments(light, expression=expression)
    message = str(caught.value)
    assert message.startswith("2 cell line(s) of column 'cell_line' are not in the")
    assert "'HeLa' (row 1 (index 'r1')); 'K562' (row 2 (index 'r2'))." in message
    assert "pass wide rows" in message


def test_more_than_five_unknown_cell_lines_are_counted(expression):
    X = pd.DataFrame({"cell_line": [f"u{i}" for i in range(12)], "smiles": "C"})
    with pytest.raises(UnknownCellLineError, match=r"'u4' .row 4.; and 7 more"):
        read_treatments(X, expression=expression)


def test_ids_that_match_only_as_text_are_pointed_out(expression):
    X = pd.DataFrame({"cell_line": ["683665"], "smiles": ["C"]})
    expression.index = [683665, 1, 2]
    with pytest.raises(UnknownCellLineError, match="match as text"):
        read_treatments(X, expression=expression)
    X["cell_line"] = 683665
    assert read_treatments(X, expression=expression).n_cells == 1


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_cell_line_is_an_error(light, expression, missing):
    light["cell_line"] = np.array(["MCF7", missing, "A549", missing], dtype=object)
    with pytest.raises(
        InputError, match=r"2 row\(s\) without an id: row 1 .index 'r1'"
    ):
        read_treatments(light, expression=expression)


def test_duplicated_ids_and_genes_of_expression_are_named(light, expression):
    twice = pd.concat([expression, expression.loc[["T47D"]]])
    with pytest.raises(InputError, match=r"Duplicate cell ids .*'T47D'"):
        read_treatments(light, expression=twice)
    expression.columns = ["TP53", "EGFR", "TP53", "KRAS"]
    with pytest.raises(InputError, match="Duplicate genes in expression: 'TP53'"):
        read_treatments(light, expression=expression)


@pytest.mark.parametrize("axis", ["index", "columns"])
def test_labels_of_expression_with_several_levels_are_refused(light, expression, axis):
    labels = getattr(expression, axis)
    leveled = expression.set_axis(
        pd.MultiIndex.from_product([["RNA"], labels]), axis=axis
    )
    with pytest.raises(InputError, match=rf"2 levels.*'RNA'.*table\.{axis} = "):
        read_treatments(light, expression=leveled)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_bad_expression_is_named_by_cell_and_gene_if_in_use(light, expression, value):
    expression.loc["T47D", "MYC"] = value
    read_treatments(light, expression=expression)
    expression.loc["MCF7", "MYC"] = value
    with pytest.raises(InputError, match=r"Input expression .*cell 'MCF7', gene 'MYC'"):
        read_treatments(light, expression=expression)


def test_text_in_expression_is_named(light, expression):
    expression = expression.astype(object)
    expression.loc["MCF7", "MYC"] = "low"
    with pytest.raises(InputError, match="cell 'MCF7', gene 'MYC': 'low'"):
        read_treatments(light, expression=expression)


def test_expression_must_be_a_table(light, expression):
    with pytest.raises(InputError, match=r"must be a pandas DataFrame .* got ndarray"):
        read_treatments(light, expression=expression.to_numpy())


def test_expression_without_ids_to_look_up_asks_for_the_column(light, expression):
    X = light.drop(columns="cell_line").assign(depmap="a")
    with pytest.raises(InputError, match=r"no column 'cell_line'.*'depmap'.*columns="):
        read_treatments(X, expression=expression)


# Wide rows


def test_wide_rows_give_what_light_rows_give(light, wide, expression):
    a = read_treatments(light, expression=expression)
    b = read_treatments(wide)
    assert a.genes == b.genes
    assert list(a.cell_ids) == list(b.cell_ids)
    np.testing.assert_array_equal(a.cell_index, b.cell_index)
    np.testing.assert_array_equal(a.basal_expression, b.basal_expression)


def test_wide_rows_without_ids_are_unique_by_their_values(wide):
    treatments = read_treatments(wide.drop(columns="cell_line"))
    assert treatments.n_cells == 2
    assert list(treatments.cell_ids) == ["r0", "r1"]


def test_wide_genes_are_the_numeric_columns(wide):
    wide = wide.assign(dose=1.0, time=6, tissue=pd.Categorical(["lung"] * 4), ATM=6)
    assert read_treatments(wide).genes == (*GENES, "ATM")


def test_wide_rows_are_matched_by_name_at_predict_time(wide):
    fitted = read_treatments(wide)
    other = wide[[*reversed(GENES), "smiles", "cell_line"]].assign(BRAF=1.0, note="x")
    again = read_treatments(other, genes=fitted.genes)
    assert again.genes == fitted.genes
    np.testing.assert_array_equal(again.basal_expression, fitted.basal_expression)


def test_expression_is_matched_by_name_at_predict_time(light, expression):
    fitted = read_treatments(light, expression=expression)
    again = read_treatments(
        light, expression=expression[list(reversed(GENES))], genes=fitted.genes
    )
    np.testing.assert_array_equal(again.basal_expression, fitted.basal_expression)


def test_missing_genes_are_listed_or_filled_with_zero(wide):
    part = wide.drop(columns=["EGFR"])
    with pytest.raises(GeneMismatchError, match="3 of 4 genes match: X lacks 'EGFR'"):
        read_treatments(part, genes=GENES)
    filled = read_treatments(part, genes=GENES, missing_genes="zero")
    assert (filled.basal_expression[:, 1] == 0).all()
    whole = read_treatments(wide)
    np.testing.assert_array_equal(
        filled.basal_expression[:, [0, 2, 3]], whole.basal_expression[:, [0, 2, 3]]
    )


def test_half_of_the_genes_is_enough_to_fill_and_less_is_not(wide):
    half = wide.drop(columns=["EGFR", "MYC"])
    read_treatments(half, genes=GENES, missing_genes="zero")
    with pytest.raises(GeneMismatchError, match="1 of 4 genes match, fewer than half"):
        read_treatments(half.drop(columns="KRAS"), genes=GENES, missing_genes="zero")


@pytest.mark.parametrize("missing_genes", ["error", "zero"])
def test_no_common_gene_asks_about_the_kind_of_ids(wide, missing_genes):
    wide = wide.rename(columns={gene: f"ENSG{i}" for i, gene in enumerate(GENES)})
    with pytest.raises(
        GeneMismatchError, match=r"0 of 4 genes match; are these Ensembl ids\?"
    ):
        read_treatments(wide, genes=GENES, missing_genes=missing_genes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_a_bad_value_of_a_wide_row_is_named(wide, value):
    wide = wide.reset_index(drop=True).set_axis(["a", "b", "c", "d"])
    wide.loc["c", "MYC"] = value
    with pytest.raises(
        InputError, match=r"Input X contains .*row 2 .index 'c'., column 'MYC'"
    ):
        read_treatments(wide)


def test_a_gene_column_with_some_text_is_named_and_one_of_text_is_ignored(wide):
    wide["MYC"] = pd.Series([1.0, "low", 3.0, 4.0], dtype=object).to_numpy()
    with pytest.raises(
        InputError, match=r"'MYC' holds what is not a number: row 1 .*: 'low'"
    ):
        read_treatments(wide)
    wide["MYC"] = ["a", "b", "c", "d"]
    assert "MYC" not in read_treatments(wide).genes


def test_numbers_of_any_type_are_genes(wide):
    wide["TP53"] = wide["TP53"].astype("Float64")
    wide["EGFR"] = wide["EGFR"].astype(str).astype(object)
    wide["MYC"] = [1, 2, 1, 2]
    treatments = read_treatments(wide)
    assert treatments.genes == GENES
    assert treatments.n_cells == 2


def test_complex_columns_are_refused(wide):
    with pytest.raises(InputError, match="Complex data not supported: column 'MYC'"):
        read_treatments(wide.assign(MYC=1j))
    with pytest.raises(InputError, match="Complex data not supported: column 'dose'"):
        read_treatments(wide.assign(dose=1j))


def test_rows_without_genes_and_without_expression_say_what_to_pass(light):
    with pytest.raises(InputError, match="Pass expression="):
        read_treatments(light)


def test_wide_rows_of_new_cells_are_read_beside_light_rows(light, expression):
    new = pd.DataFrame(
        {"cell_line": ["P1", "P1", "P2"], "smiles": "CO"}, index=["p0", "p1", "p2"]
    )
    values = pd.DataFrame(
        np.arange(12.0).reshape(3, 4)[[0, 0, 2]], index=new.index, columns=list(GENES)
    )
    new = pd.concat([new, values[list(reversed(GENES))]], axis=1)
    mixed = pd.concat([light, new])
    treatments = read_treatments(mixed, expression=expression, genes=GENES)
    assert list(treatments.cell_ids) == ["MCF7", "A549", "P1", "P2"]
    np.testing.assert_array_equal(treatments.cell_index, [0, 1, 0, 1, 2, 2, 3])
    expected = pd.concat([expression.loc[light["cell_line"]], values])
    np.testing.assert_array_equal(
        treatments.basal_expression[treatments.cell_index],
        expected.to_numpy(np.float32),
    )


def test_wide_rows_without_ids_are_read_beside_expression(wide, expression):
    treatments = read_treatments(
        wide.drop(columns="cell_line"), expression=expression, genes=GENES
    )
    np.testing.assert_array_equal(
        treatments.basal_expression, read_treatments(wide).basal_expression
    )


# Columns


def test_columns_are_renamed(light, expression):
    renamed = light.rename(columns={"cell_line": "DepMap_ID", "smiles": "SMILES"})
    treatments = read_treatments(
        renamed.assign(uM=2.0),
        expression=expression,
        columns={"cell_line": "DepMap_ID", "smiles": "SMILES", "dose": "uM"},
    )
    assert list(treatments.cell_ids) == ["MCF7", "A549"]
    assert set(treatments.dose) == {2.0}


def test_a_renamed_numeric_column_is_no_gene(wide):
    wide = wide.assign(uM=2.0)
    assert read_treatments(wide, columns={"dose": "uM"}).genes == GENES


def test_unknown_and_missing_renamed_columns_are_errors(light, expression):
    with pytest.raises(
        InputError, match="renames 'cell', which is not a column of the"
    ):
        read_treatments(light, expression=expression, columns={"cell": "cell_line"})
    with pytest.raises(
        InputError, match=r"does not have\. Columns present: 'cell_line'"
    ):
        read_treatments(light, expression=expression, columns={"dose": "uM"})


def test_a_table_without_smiles_names_its_columns(light, expression):
    renamed = light.rename(columns={"smiles": "SMILES"})
    with pytest.raises(
        InputError,
        match=r"no column 'smiles'.*'cell_line', 'SMILES'.*columns=.'smiles'",
    ):
        read_treatments(renamed, expression=expression)


def test_duplicate_columns_are_named(wide):
    twice = pd.concat([wide, wide[["MYC"]]], axis=1)
    with pytest.raises(InputError, match="Duplicate column names in X: 'MYC'"):
        read_treatments(twice)
    with pytest.raises(InputError, match="Duplicate column names in X: 'MYC'"):
        read_treatments(wide[["MYC", "MYC"]])


def test_a_table_without_rows_is_an_error(light, expression):
    with pytest.raises(InputError, match=r"Found array with 0 sample\(s\)"):
        read_treatments(light.iloc[:0], expression=expression)


def test_tables_of_other_libraries_are_taken(light, expression):
    treatments = read_treatments(AsPandas(light), expression=expression)
    assert treatments.n_cells == 2


def test_polars_tables_are_taken(wide):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({name: wide[name].to_list() for name in wide.columns})
    treatments = read_treatments(table)
    np.testing.assert_array_equal(
        treatments.basal_expression, read_treatments(wide).basal_expression
    )
    assert read_treatments(table[list(GENES)]).genes == GENES
    np.testing.assert_array_equal(read_response(table["TP53"], 4), wide["TP53"])


@pytest.mark.parametrize("name", ["dose", "time"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (np.nan, "contains NaN"),
        (None, "contains NaN"),
        (np.inf, "contains infinity"),
        (-1.0, "is negative"),
        ("10 uM", "holds what is not a number"),
        (1e300, "too large"),
    ],
)
def test_a_bad_dose_or_time_is_named(light, expression, name, value, problem):
    X = light.assign(**{name: pd.Series([1, 1, value, 1], dtype=object).to_numpy()})
    with pytest.raises(InputError) as caught:
        read_treatments(X, expression=expression)
    message = str(caught.value)
    assert f"column {name!r} " in message
    assert problem in message
    assert f"row 2 (index 'r2'): {value!r}" in message
    assert {"dose": "micromolar", "time": "hours"}[name] in message


# Compounds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "C1CC", "nan", None, np.nan, 3, b"CCO", ["C"], "CC>>CO"),
        *("\u0421CO", "CCO ethanol", "CCO\n", "*", "[H][H]"),
    ],
)
def test_an_invalid_smiles_is_named_by_row_and_text(light, expression, text):
    smiles = np.empty(4, dtype=object)
    smiles[:] = ["CCO", "CO", text, "C"]
    light["smiles"] = smiles
    with pytest.raises(InvalidSmilesError, match=r"row 2 .index 'r2'.: ") as caught:
        read_treatments(light, expression=expression)
    assert "'smiles' of X has 1 row(s) without a valid SMILES" in str(caught.value)


def test_many_invalid_smiles_are_counted_and_keep_their_rows(expression):
    X = pd.DataFrame({"cell_line": "A549", "smiles": ["C1CC"] * 9 + ["C", "C"]})
    with pytest.raises(InvalidSmilesError, match=r"row 4: 'C1CC'.*and 4 more"):
        read_treatments(X, expression=expression)
    treatments = read_treatments(X, expression=expression, on_invalid_smiles="nan")
    np.testing.assert_array_equal(treatments.compound_index, [-1] * 9 + [0, 0])
    assert treatments.smiles == ("C",)


# Plain arrays and tables


@pytest.mark.parametrize("as_type", [np.asarray, list, pd.DataFrame, np.float32])
def test_in_a_plain_array_every_column_is_a_gene(as_type):
    X = as_type([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    treatments = read_treatments(X)
    assert treatments.genes == ("x0", "x1")
    assert not treatments.genes_named
    assert not treatments.has_compounds
    assert treatments.smiles == ()
    np.testing.assert_array_equal(treatments.cell_index, [0, 1, 0])
    np.testing.assert_array_equal(treatments.compound_index, [0, 0, 0])


def test_a_plain_table_names_its_genes(wide):
    treatments = read_treatments(wide[list(GENES)])
    assert treatments.genes == GENES
    assert treatments.genes_named
    assert not treatments.has_compounds


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([1.0, 2.0], "Reshape your data"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
        (np.zeros((0, 2)), r"Found array with 0 sample\(s\)"),
        (np.zeros((2, 0)), r"0 feature\(s\) \(shape=\(2, 0\)\) while a minimum of 1"),
        (np.ones((2, 2), dtype=complex), "Complex data not supported"),
        (np.array([["a", "b"]], dtype=object), "could not convert string to float"),
    ],
)
def test_plain_arrays_are_refused_in_the_words_of_scikit_learn(X, message):
    with pytest.raises(ValueError, match=message):
        read_treatments(X)


def test_sparse_arrays_are_refused():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        read_treatments(sparse.csr_array(np.eye(3)))


def test_bad_values_of_plain_input_are_named():
    X = np.zeros((3, 2))
    X[2, 1] = np.nan
    with pytest.raises(InputError, match="Input X contains NaN: row 2, column 1"):
        read_treatments(X)
    frame = pd.DataFrame(X, columns=["TP53", "EGFR"], index=["a", "b", "c"])
    with pytest.raises(InputError, match=r"row 2 .index 'c'., column 'EGFR'"):
        read_treatments(frame)
    frame["EGFR"] = pd.Series([1.0, "low", 2.0], dtype=object).to_numpy()
    with pytest.raises(InputError, match=r"to float: column 'EGFR'.*row 1.*'low'"):
        read_treatments(frame)


def test_plain_input_has_the_width_of_fit():
    with pytest.raises(InputError, match="X has 2 features, but Ridge is expecting 3"):
        read_treatments([[1.0, 2.0]], genes=("a", "b", "c"), estimator_name="Ridge")


def test_plain_input_and_tables_of_treatments_are_not_mixed(light, wide, expression):
    with pytest.raises(InputError, match="plain array, but expression= is given"):
        read_treatments([[1.0, 2.0]], expression=expression)
    with pytest.raises(InputError, match="fitted with compounds"):
        read_treatments(wide[list(GENES)], genes=GENES, has_compounds=True)
    with pytest.raises(InputError, match="fitted on a plain table"):
        read_treatments(wide, genes=GENES, has_compounds=False)
    assert not is_plain(wide[list(GENES)], expression=expression)
    assert not is_plain(light)


# All kinds


@pytest.mark.parametrize("kind", ["light", "wide", "plain"])
def test_input_is_neither_changed_nor_shared(light, wide, expression, kind):
    X = {"light": light, "wide": wide, "plain": wide[list(GENES)]}[kind]
    table = expression if kind == "light" else None
    before, table_before = X.copy(deep=True), expression.copy(deep=True)
    treatments = read_treatments(X, expression=table)
    treatments.basal_expression[:] = 0
    treatments.dose[:] = 0
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(expression, table_before)


@settings(max_examples=30)
@given(
    cells=st.lists(st.integers(0, 6), min_size=1, max_size=30),
    seed=st.integers(0, 2**32 - 1),
)
def test_gathering_by_index_reproduces_the_rows(cells, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        rng.normal(size=(7, 3)).astype(np.float32), columns=list("abc")
    )
    table.index = [f"c{i}" for i in range(7)]
    rows = table.iloc[cells]
    smiles = rng.choice(["CCO", "OCC", "C", "CN"], len(cells))
    light = pd.DataFrame({"cell_line": rows.index, "smiles": smiles})
    wide = pd.concat([light[["smiles"]], rows.reset_index(drop=True)], axis=1)
    for treatments in (
        read_treatments(light, expression=table),
        read_treatments(wide),
        read_treatments(rows.to_numpy()),
    ):
        gathered = treatments.basal_expression[treatments.cell_index]
        np.testing.assert_array_equal(gathered, rows.to_numpy())
        assert treatments.n_cells == len(set(cells))


@settings(max_examples=30)
@given(
    rows=st.lists(st.integers(0, 9), max_size=15),
    invalid=st.sets(st.integers(0, 9)),
    seed=st.integers(0, 2**32 - 1),
)
def test_taking_rows_keeps_what_each_row_says(rows, invalid, seed):
    rng = np.random.default_rng(seed)
    smiles = rng.choice(["CCO", "C", "CN", "CO"], 10).astype(object)
    smiles[sorted(invalid)] = "C1CC"
    X = pd.DataFrame(rng.integers(0, 2, size=(10, 2)), columns=["a", "b"])
    X = X.assign(smiles=smiles, dose=rng.random(10))
    whole = read_treatments(X, on_invalid_smiles="nan")
    taken = whole.take(rows)
    assert isinstance(taken, Treatments)
    assert taken.n_rows == len(rows)
    assert taken.n_cells == len(set(whole.cell_index[rows]))
    np.testing.assert_array_equal(
        taken.basal_expression[taken.cell_index],
        whole.basal_expression[whole.cell_index[rows]],
    )
    np.testing.assert_array_equal(taken.dose, whole.dose[rows])
    names, taken_names = (*whole.smiles, None), (*taken.smiles, None)
    expected = [names[i] for i in whole.compound_index[rows]]
    assert [taken_names[i] for i in taken.compound_index] == expected
    assert set(taken.smiles) == {name for name in expected if name}


def test_rows_of_a_plain_array_are_taken_by_mask():
    treatments = read_treatments([[1.0], [2.0], [3.0]])
    taken = treatments.take(np.array([True, False, True]))
    np.testing.assert_array_equal(taken.basal_expression, [[1.0], [3.0]])
    np.testing.assert_array_equal(taken.compound_index, [0, 0])
    assert taken.smiles == ()


# Responses


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1, 2, 3], dtype=object),
        pd.Series([1, 2, 3], index=[9, 8, 7]),
        pd.Series([1, 2, 3], dtype="Int64"),
    ],
)
@pytest.mark.parametrize("multi_output", [True, False])
def test_a_response_of_any_type_becomes_float64(y, multi_output):
    response = read_response(y, 3, multi_output=multi_output)
    assert response.dtype == np.float64
    np.testing.assert_array_equal(response, [1.0, 2.0, 3.0])


@pytest.mark.parametrize("as_type", [np.asarray, pd.DataFrame])
def test_a_column_is_taken_as_one_output_with_one_warning(as_type):
    y = as_type([[1.0], [2.0]])
    with pytest.warns(DataConversionWarning, match="column-vector y") as caught:
        assert read_response(y, 2).shape == (2,)
    assert len(caught) == 1
    assert read_response(y, 2, multi_output=True).shape == (2, 1)


def test_a_response_is_a_copy():
    y = np.array([1.0, 2.0])
    read_response(y, 2)[:] = 0
    np.testing.assert_array_equal(y, [1.0, 2.0])


@pytest.mark.parametrize("multi_output", [True, False])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (1.0, "y should be a"),
        ([1.0, 2.0], r"inconsistent numbers of samples: \[3, 2\]"),
        ([1.0, np.nan, 2.0], r"Input y contains NaN: row 1"),
        ([1.0, np.inf, 2.0], r"Input y contains infinity: row 1"),
        ([1.0, 1e300, 2.0], r"Input y contains .*float32.*row 1: 1e\+300"),
        (["a", "b", "c"], r"could not convert string to float: y, row 0: 'a'"),
        ([1j, 2j, 3j], "Complex data not supported"),
    ],
)
def test_a_bad_response_is_named(y, message, multi_output):
    with pytest.raises(ValueError, match=message):
        read_response(y, 3, multi_output=multi_output)


def test_bad_outputs_are_named_by_row_and_column():
    Y = pd.DataFrame({"TP53": [1.0, 2.0], "EGFR": [3.0, np.nan]})
    treatments = read_treatments(pd.DataFrame({"a": [1.0, 2.0]}, index=["r0", "r1"]))
    with pytest.raises(InputError, match=r"row 1 .index 'r1'., output 'EGFR'"):
        read_response(Y, treatments, multi_output=True)
    with pytest.raises(InputError, match="row 1, output 1: nan"):
        read_response(Y.to_numpy(), 2, multi_output=True)
    with pytest.raises(
        ValueError, match="y should be a 1d array, got an array of shape"
    ):
        read_response(Y, 2)


# Identifiers


def test_identifiers_need_no_expression(light):
    identifiers = read_identifiers(light)
    assert list(identifiers.cell) == list(light["cell_line"])
    assert identifiers.compound[0] == identifiers.compound[1]
    assert identifiers.compound[0] != identifiers.compound[2]
    assert identifiers.genes is None


def test_spellings_and_salts_are_one_compound():
    X = pd.DataFrame({"smiles": ["CC(=O)O", "OC(C)=O", "CC(=O)[O-].[Na+]", "CCO"]})
    compound = read_identifiers(X, cells=False).compound
    assert len(set(compound[:3])) == 1
    assert len(set(compound)) == 2


def test_cells_without_ids_are_identified_by_their_genes(wide):
    X = wide.drop(columns="cell_line")
    cell = read_identifiers(X).cell
    assert cell[0] == cell[2] != cell[1]
    reordered = read_identifiers(X[["smiles", *reversed(GENES)]], genes=GENES)
    assert list(reordered.cell) == list(cell)
    with pytest.raises(InputError, match="no column 'cell_line'"):
        read_identifiers(X[["smiles"]])


def test_invalid_smiles_are_marked(light):
    light["smiles"] = ["C1CC", "C", "C", "C"]
    with pytest.raises(InvalidSmilesError, match="row 0"):
        read_identifiers(light)
    identifiers = read_identifiers(light, on_invalid_smiles="nan")
    assert list(identifiers.valid) == [False, True, True, True]
    assert identifiers.compound[0] is None
