"""Slips in rows: what is nearly right is named, and nothing is replaced in silence."""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingRegressor

from sklearn_csg2a import DrugResponseRegressor, PerturbationRegressor
from sklearn_csg2a.baselines import (
    DrugMean,
    GraphDRP,
    MeanEffects,
    PairwiseKernelRidge,
    RandomForestResponse,
    ResponseGaussianProcess,
    SVMResponse,
)
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import (
    InputError,
    InvalidSmilesError,
    UnknownCellLineError,
)
from sklearn_csg2a.model_selection import CellBlindKFold
from sklearn_csg2a.treatments import read_identifiers, read_response, read_treatments
from sklearn_csg2a.treatments._columns import find_near_columns, unit_of_name

CELLS = ["A-375", "HT-29", "MCF-7", "PC-3"]
SMALL = {"max_epochs": 1, "random_state": 0}


@pytest.fixture
def expression():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(4, 5)), index=CELLS, columns=list("VWXYZ"))


@pytest.fixture
def rows():
    smiles = ["CCO", "CCN", "CCC", "c1ccccc1", "CCCl"]
    return pd.DataFrame({"cell_line": np.repeat(CELLS, 5), "smiles": smiles * 4})


@pytest.fixture
def y():
    return np.random.default_rng(3).normal(2, 3, size=20)


LEARN_DOSES = {
    "response": lambda e: DrugResponseRegressor(expression=e, **SMALL),
    "kernel_ridge": lambda e: PairwiseKernelRidge(expression=e),
    "response_gp": lambda e: ResponseGaussianProcess(expression=e),
    "svm": lambda e: SVMResponse(expression=e),
    "forest": lambda e: RandomForestResponse(
        expression=e, n_estimators=3, random_state=0
    ),
}
TAKE_EXPRESSION = {
    **LEARN_DOSES,
    "perturbation": lambda e: PerturbationRegressor(expression=e, **SMALL),
    "graphdrp": lambda e: GraphDRP(expression=e, **SMALL),
}
EVERY = {
    **TAKE_EXPRESSION,
    "drug_mean": lambda _: DrugMean(),
    "mean_effects": lambda _: MeanEffects(),
}


@pytest.fixture(params=EVERY)
def any_model(request, expression):
    return EVERY[request.param](expression)


@pytest.fixture(params=TAKE_EXPRESSION)
def model(request, expression):
    return TAKE_EXPRESSION[request.param](expression)


@pytest.fixture(params=LEARN_DOSES)
def dose_model(request, expression):
    return LEARN_DOSES[request.param](expression)


def refuse(call, *parts, error=InputError):
    with pytest.raises(error) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def silent(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


# Columns that are nearly those of the contract


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Dose", None),
        ("DOSE", None),
        ("dose ", None),
        ("dose_uM", "uM"),
        ("Dose (uM)", "uM"),
        ("dose [\N{MICRO SIGN}M]", "uM"),
        ("dose (\N{GREEK SMALL LETTER MU}M)", "uM"),
        ("doseUM", "uM"),
        ("dose (umol/L)", "uM"),
        ("cpd_conc_umol", "uM"),
        ("concentration", None),
        ("Concentration_nM", "nM"),
        ("conc", None),
        ("conc.", None),
        ("pert_dose", None),
        ("pert_idose", None),
        ("DRUG_CONC", None),
        ("dose_mM", "mM"),
        ("CONC_M", "M"),
        ("log10_dose", "log"),
        ("dose (ug/ml)", "mass per volume"),
    ],
)
def test_a_column_that_may_be_meant_as_dose_is_found_with_its_unit(name, unit):
    assert find_near_columns("dose", ["smiles", name]) == [name]
    assert unit_of_name("dose", name) == unit


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Time", None),
        ("time_h", "h"),
        ("Time (h)", "h"),
        ("TIME_HR", "h"),
        ("hours", "h"),
        ("pert_time", None),
        ("pert_itime", None),
        ("treatment_time", None),
        ("time_point", None),
        ("incubation time (days)", "d"),
        ("time_min", "min"),
    ],
)
def test_a_column_that_may_be_meant_as_time_is_found_with_its_unit(name, unit):
    assert find_near_columns("time", ["smiles", name]) == [name]
    assert unit_of_name("time", name) == unit


@pytest.mark.parametrize(
    "name",
    [
        *("max_conc", "MIN_CONC", "max_dose", "dose_range", "dose_response", "doses_n"),
        *("pert_dose_unit", "concentration_unit", "treatment_time_of_day", "timestamp"),
        *("time_unit", "doubling_time", "OS.time", "days", "date", "drug", "tissue"),
        *("plate", "well", "h", "m", "TP53"),
    ],
)
def test_a_column_that_speaks_of_doses_or_times_is_none(name):
    assert find_near_columns("dose", [name]) == []
    assert find_near_columns("time", [name]) == []


@pytest.mark.parametrize("name", ["Dose", "dose_uM", "concentration", "pert_dose"])
def test_fit_and_predict_say_once_that_a_near_dose_is_not_used(
    dose_model, rows, y, name
):
    X = rows.assign(**{name: np.tile([0.1, 1.0, 10.0, 3.0, 5.0], 4), "max_dose": 10})
    for call in (lambda: dose_model.fit(X, y), lambda: dose_model.predict(X)):
        with pytest.warns(UserWarning, match="no column 'dose'") as caught:
            call()
        (warning,) = caught
        said = str(warning.message)
        assert "X has no column 'dose': default_dose (10 uM)" in said
        assert f"If {name!r} is meant" in said
    renamed = dose_model.set_params(columns={"dose": name})
    silent(lambda: renamed.fit(X, y).predict(X))


def test_the_remedy_converts_the_unit_that_the_name_gives(rows, expression):
    def said(**columns):
        with pytest.warns(UserWarning, match="X has no column") as caught:
            read_treatments(rows.assign(**columns), expression=expression)
        (warning,) = caught
        return str(warning.message)

    assert "X.assign(dose=X['dose_nM'] / 1000), as it is in nM" in said(dose_nM=10.0)
    assert "columns={'dose': 'conc'}, in uM" in said(conc=10.0)
    assert "parse_doses(X['pert_idose'])" in said(pert_idose="10 \N{MICRO SIGN}M")
    assert "X.assign(time=X['time_days'] * 24)" in said(time_days=3)
    assert "logarithms" in said(log_dose=1.0)
    both = said(Dose=1.0, time_h=24)
    assert "'Dose'" in both
    assert "'time_h'" in both


def test_a_similar_column_is_ignored_if_the_column_is_present(rows, expression):
    X = rows.assign(dose=1.0, Dose=2.0, time=24, pert_time=24, max_conc=10.0)
    treatments = silent(lambda: read_treatments(X, expression=expression))
    assert set(treatments.dose) == {1.0}
    empty = rows.assign(Dose=np.nan)
    silent(lambda: read_treatments(empty, expression=expression))


def test_a_near_dose_of_wide_rows_is_no_gene(rows, expression):
    genes = expression.loc[rows["cell_line"]].reset_index(drop=True)
    wide = pd.concat([rows, genes], axis=1).assign(Dose=1.0)
    with pytest.warns(UserWarning, match="If 'Dose' is meant"):
        treatments = read_treatments(wide)
    assert treatments.genes == tuple("VWXYZ")


@pytest.mark.parametrize(
    "name",
    [
        *("ln_ic50", "LN_IC50", "IC50", "AUC", "COSMIC_ID", "DRUG_ID", "pubchem_id"),
        *("response", "viability", "replicate", "max_conc", "Unnamed: 0"),
    ],
)
@pytest.mark.parametrize("name_of_model", ["response", "kernel_ridge", "graphdrp"])
def test_a_response_or_an_id_among_wide_rows_is_no_gene(
    rows, y, expression, name_of_model, name
):
    genes = expression.loc[rows["cell_line"]].reset_index(drop=True)
    wide = pd.concat([rows, genes], axis=1)
    model = TAKE_EXPRESSION[name_of_model](None).fit(wide, y)
    silent(lambda: model.predict(wide.assign(**{name: y})))
    refuse(lambda: model.fit(wide.assign(**{name: y}), y), f"{name!r} (")


def test_rows_without_the_dose_that_fit_was_given_say_so(dose_model, rows, y):
    X = rows.assign(dose=np.tile([0.1, 1.0, 10.0, 3.0, 5.0], 4), time=72.0)
    silent(lambda: dose_model.fit(X, y).predict(X))
    with pytest.warns(UserWarning, match=r"default_dose \(10 uM\).*0\.1 to 10 uM"):
        dose_model.predict(rows)
    with pytest.warns(UserWarning, match="no column 'dose'") as caught:
        dose_model.predict(X.rename(columns={"dose": "Dose"}))
    (warning,) = caught
    assert "0.1 to 10 uM" in str(warning.message)
    assert "columns={'dose': 'Dose'}" in str(warning.message)


def test_rows_without_a_dose_are_fine_where_a_default_was_asked_for(
    rows, y, expression
):
    X = rows.assign(dose=np.tile([0.1, 1.0, 10.0, 3.0, 5.0], 4))
    model = DrugResponseRegressor(expression=expression, default_dose=1.0, **SMALL)
    model.fit(X, y)
    silent(lambda: model.predict(rows))
    silent(lambda: model.fit(rows, y).predict(rows))


@pytest.mark.parametrize(
    ("name", "own"),
    [
        *(("smiles", own) for own in ("SMILES", "Smiles ", "canonical_smiles", "smi")),
        *(("smiles", own) for own in ("isomeric SMILES", "smlies", "structure")),
        *(("cell_line", own) for own in ("cellline", "Cell_Line", "cell line")),
        *(("cell_line", own) for own in ("CELL_LINE_NAME", "DepMap_ID", "ModelID")),
        *(("cell_line", own) for own in ("COSMIC_ID", "cell_iname", "Sample")),
    ],
)
def test_a_missing_column_is_named_with_the_near_one_and_the_remedy(
    model, rows, y, name, own
):
    X = rows.rename(columns={name: own})
    remedy = f"If {own!r} is meant, pass columns={{{name!r}: {own!r}}}."
    refuse(lambda: model.fit(X, y), f"X has no column {name!r}", remedy)
    model.set_params(columns={name: own}).fit(X, y)


def test_a_renamed_column_that_is_absent_is_named_with_the_near_one(rows, expression):
    def call():
        read_treatments(rows, expression=expression, columns={"smiles": "SMILES"})

    refuse(call, "does not have", "If 'smiles' is meant")


# Units of the response


@pytest.mark.parametrize("unit", ["uM", "nM"])
def test_a_response_that_is_no_logarithm_gives_one_warning(any_model, rows, y, unit):
    if isinstance(any_model, PerturbationRegressor):
        silent(lambda: any_model.fit(rows, np.exp(y)))
        return
    concentrations = np.exp(y) * (1000 if unit == "nM" else 1)
    said = rf"y looks like IC50 in {unit}.*np\.log\(y"
    with pytest.warns(UserWarning, match=said) as caught:
        any_model.fit(rows, concentrations)
    assert len(caught) == 1
    silent(lambda: any_model.fit(rows, y))


@pytest.mark.parametrize("n_rows", [12, 40, 300, 20_000])
@pytest.mark.parametrize("factor", [1.0, 1000.0, 1e-6])
def test_ic50_of_screens_is_recognised_in_uM_nM_and_M(n_rows, factor):
    ln_ic50 = np.random.default_rng(5).normal(2.7, 2.8, size=n_rows)
    with pytest.warns(UserWarning, match="y looks like IC50 in"):
        read_response(np.exp(ln_ic50) * factor, n_rows)


def test_ic50_of_one_drug_and_of_absurd_size_are_recognised():
    rng = np.random.default_rng(0)
    one_drug = np.exp(rng.normal(4, 1.3, size=500))
    extrapolated = np.exp(rng.normal(2, 3, size=200))
    extrapolated[7] = 1e17
    for y in (one_drug, extrapolated, np.r_[0.0, extrapolated]):
        with pytest.warns(UserWarning, match="np.log"):
            read_response(y, len(y))


@pytest.mark.parametrize("highest_dose", [8.0, 10.0, 30.0])
@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_ic50_cut_at_the_highest_dose_is_recognised(highest_dose, factor):
    ic50 = np.exp(np.random.default_rng(5).normal(1.5, 2.8, size=300))
    y = factor * np.minimum(ic50, highest_dose)
    with pytest.warns(UserWarning, match="y looks like IC50 in"):
        read_response(y, 300)


RNG = np.random.default_rng(2)
RIGHT_RESPONSES = {
    "ln_ic50": RNG.normal(2.7, 2.8, size=500),
    "ln_ic50_all_positive": RNG.normal(5, 1.2, size=500).clip(0.3),
    "ln_ic50_in_nM": RNG.normal(9.6, 2.8, size=500).clip(0.1),
    "ln_ic50_cut": RNG.normal(2.7, 2.8, size=500).clip(max=np.log(10)),
    "ln_ic50_all_positive_cut": RNG.exponential(2, size=500).clip(0.01, np.log(32)),
    "log10_ic50_in_nM_cut": RNG.normal(3.2, 0.8, size=500).clip(0.5, 4.0),
    "viability_percent_cut": RNG.uniform(0.5, 140, size=500).clip(max=100),
    "auc_cut": RNG.beta(0.5, 0.5, size=500).clip(0.001, 0.9),
    "grades": RNG.integers(1, 60, size=500).clip(max=40),
    "neg_log10": RNG.uniform(4, 10, size=500),
    "auc": RNG.beta(5, 1, size=500),
    "aac": RNG.beta(0.5, 4, size=500),
    "aac_percent": 100 * RNG.beta(0.8, 4, size=500),
    "viability_percent": 100 * RNG.beta(5, 2, size=500),
    "inhibition_percent": 100 * RNG.beta(0.5, 0.5, size=500),
    "classes": RNG.integers(0, 2, size=500),
    "ranks": np.arange(1, 501),
    "counts": RNG.poisson(20, size=500),
    "standardised": RNG.normal(size=500),
    "constant": np.full(500, 50.0),
    "uniform": RNG.uniform(0, 100, size=500),
    "four_rows": np.array([0.001, 1.0, 40.0, 9000.0]),
}


@pytest.mark.parametrize("kind", RIGHT_RESPONSES)
def test_other_responses_give_no_warning(kind):
    y = RIGHT_RESPONSES[kind]
    silent(lambda: read_response(y, len(y)))


# Cell names


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("A375", "dashes"),
        ("a-375", "case"),
        ("a375", "case and dashes"),
        ("A-375 ", "blanks"),
        ("A 375", "blanks and dashes"),
        ("A\N{NON-BREAKING HYPHEN}375", "dashes"),
        ("A375_SKIN", "the tissue behind the name"),
    ],
)
def test_a_cell_named_otherwise_is_named_with_the_known_one(
    model, rows, y, name, difference
):
    X = rows.replace({"cell_line": {"A-375": name}})
    refuse(
        lambda: model.fit(X, y),
        f"{name!r} (row 0; differs from 'A-375' in {difference} only)",
        f"X['cell_line'].replace({{{name!r}: 'A-375'}})",
        error=UnknownCellLineError,
    )
    predicting = model.fit(rows, y)
    refuse(lambda: predicting.predict(X), "'A-375'", error=UnknownCellLineError)


def test_cells_that_fit_two_names_are_not_guessed(rows, expression):
    two = expression.set_axis(["TT", "T-T", "MCF-7", "PC-3"])
    X = rows[:1].assign(cell_line="t.t")
    refuse(lambda: read_treatments(X, expression=two), "fits 'TT' and 'T-T' alike")
    X = rows[:1].assign(cell_line="MCF-77")
    refuse(lambda: read_treatments(X, expression=two), "nearest: 'MCF-7'")


@pytest.mark.parametrize(
    ("ids", "index", "said"),
    [
        ([905988.0], ["905988"], "float 905988.0, in expression text '905988'"),
        ([905988], ["905988"], "int 905988, in expression text '905988'"),
        (["905988"], [905988], "text '905988', in expression int 905988"),
        (["905988.0"], ["905988"], "text '905988.0', in expression text '905988'"),
        (["905988"], [905988.0], "text '905988', in expression float 905988.0"),
    ],
)
def test_ids_of_another_type_are_named_with_the_remedy(ids, index, said):
    table = pd.DataFrame({"TP53": [0.5]}, index=index)
    X = pd.DataFrame({"cell_line": ids, "smiles": ["CCO"]})
    refuse(
        lambda: read_treatments(X, expression=table),
        *(said, "give both the same type"),
        error=UnknownCellLineError,
    )


def test_ids_of_another_kind_are_named(rows, expression):
    X = rows.assign(cell_line="ACH-000219")
    refuse(
        lambda: read_treatments(X, expression=expression),
        "X has DepMap ids and expression names",
    )


# Other things in the column of compounds


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3", "an InChI"),
        ("LFQSCWFLJHTTHZ-UHFFFAOYSA-N", "an InChIKey"),
        (702, "perhaps a PubChem CID"),
        (702.0, "perhaps a PubChem CID"),
        ("702", "such as a PubChem CID"),
        ("CID702", "a PubChem CID"),
        ("NSC 740", "an NSC number"),
        ("CHEMBL545", "a ChEMBL id"),
        ("Erlotinib", "the name of a compound"),
        ("5-Fluorouracil", "the name of a compound"),
    ],
)
def test_what_is_no_smiles_is_named_for_what_it_is(any_model, rows, y, value, said):
    X = rows.astype({"smiles": object})
    X.loc[3, "smiles"] = value
    refuse(lambda: any_model.fit(X, y), "row 3", said, error=InvalidSmilesError)


# Other kinds of X


def _levels(frame):
    return frame.set_axis(pd.MultiIndex.from_product([["a"], frame.columns]), axis=1)


OTHER_KINDS = {
    "series": (lambda X: X["smiles"], "X.to_frame()"),
    "one row": (lambda X: X.iloc[0], "frame.iloc[[0]]"),
    "levels": (_levels, "MultiIndex"),
    "dict": (lambda X: X.to_dict("list"), "pd.DataFrame(X)"),
    "records": (lambda X: X.to_dict("records"), "pd.DataFrame(X)"),
    "list of SMILES": (lambda X: list(X["smiles"]), "list of 20 texts"),
    "path": (lambda _: "rows.csv", "pd.read_csv"),
    "path object": (lambda _: pathlib.Path("rows.csv"), "pd.read_csv"),
    "array": (lambda X: X.to_numpy(), "no column names"),
    "array of text": (lambda X: X.to_numpy(dtype="U"), "no column names"),
    "structured": (lambda X: X.to_records(), "structured array"),
    "numbers": (lambda X: np.zeros((len(X), 2)), "DataFrame"),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_another_kind_of_X_is_told_what_it_is(any_model, rows, y, kind):
    make, said = OTHER_KINDS[kind]
    learns_plain = not hasattr(any_model, "expression")
    if not (kind == "numbers" and learns_plain):
        refuse(lambda: any_model.fit(make(rows), y), said)
    any_model.fit(rows, y)
    refuse(lambda: any_model.predict(make(rows)), said)


def test_a_lazy_table_is_to_be_collected(rows, expression):
    polars = pytest.importorskip("polars")
    lazy = polars.DataFrame(rows.to_dict("list")).lazy()
    refuse(lambda: read_treatments(lazy, expression=expression), "X.collect()")
    refuse(lambda: read_identifiers(lazy), "X.collect()")


def test_an_ensemble_that_passes_arrays_is_told_so(model, rows, y):
    if isinstance(model, PerturbationRegressor):
        pytest.skip("bagging takes one output")
    ensemble = BaggingRegressor(model, n_estimators=2, random_state=0)
    refuse(lambda: ensemble.fit(rows, y), "DataFrame", "column names", "Bagging")


# Values that are no numbers by their type

NO_NUMBERS = [True, 1j, b"1", pd.Timestamp("2020-01-01"), pd.Timedelta(hours=3)]


@pytest.mark.parametrize("column", ["dose", "time"])
@pytest.mark.parametrize("value", [*NO_NUMBERS, "24 h", "10 uM", "72hr"], ids=repr)
def test_a_dose_or_time_of_another_type_is_refused_by_name(
    model, rows, y, column, value
):
    values = np.full(len(rows), 1.0, dtype=object)
    values[5] = value
    X = rows.assign(**{column: values})
    refuse(lambda: model.fit(X, y), "row 5", f"column {column!r}", repr(value))
    model.fit(rows, y)
    refuse(lambda: model.predict(X), "row 5", f"column {column!r}", repr(value))


@pytest.mark.parametrize("column", ["dose", "time"])
@pytest.mark.parametrize("value", NO_NUMBERS[:2] + NO_NUMBERS[3:], ids=repr)
def test_a_whole_column_of_another_type_is_refused_by_name(
    rows, expression, column, value
):
    X = rows.assign(**{column: value})
    refuse(lambda: read_treatments(X, expression=expression), f"column {column!r}")


def test_text_with_a_unit_is_refused_with_the_reader_to_use(rows, expression):
    X = rows.assign(dose="10 \N{MICRO SIGN}M")
    refuse(
        lambda: read_treatments(X, expression=expression),
        "a number of micromolar (uM)",
        "sklearn_csg2a.datasets.parse_doses(X['dose'])",
    )


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_response_of_another_type_is_refused_by_name(any_model, rows, y, value):
    values = y.astype(object)
    values[5] = value
    refuse(lambda: any_model.fit(rows, values), "row 5", repr(value))


def test_a_response_of_flags_is_refused(rows, y):
    refuse(lambda: DrugMean().fit(rows, y > 0), "True or False", "row 0")


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_gene_of_another_type_is_refused_by_name(model, rows, y, expression, value):
    odd = expression.astype(object)
    odd.loc["HT-29", "X"] = value
    refuse(lambda: model.set_params(expression=odd).fit(rows, y), "'HT-29'", "'X'")


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_an_entry_of_an_array_of_another_type_is_refused_by_name(value):
    X = np.ones((4, 3), dtype=object)
    X[2, 1] = value
    refuse(lambda: read_treatments(X), "row 2, column 1", repr(value))
    refuse(lambda: read_treatments(X.tolist()), "row 2, column 1", repr(value))
    refuse(lambda: read_treatments(np.ones((2, 2), dtype=bool)), "True or False")


# Data that are used rightly


def test_a_simulated_screen_is_read_without_a_warning():
    screen = make_screen(random_state=0)
    treatments = silent(lambda: read_treatments(screen.X, expression=screen.expression))
    silent(lambda: read_response(screen.y, treatments))


# Splitters


def test_splitters_name_the_near_column_and_spellings_of_one_cell(rows):
    splitter = CellBlindKFold(2)
    renamed = rows.rename(columns={"cell_line": "Cell_Line"})
    refuse(lambda: next(splitter.split(renamed)), "is 'Cell_Line' meant?")
    twice = rows.assign(cell_line=["A375", "a375", "A375 ", "TT", "T-T"] * 4)
    with pytest.warns(UserWarning, match=r"case or blanks alone: 'A375' and .*'a375'"):
        next(splitter.split(twice))
    silent(lambda: next(splitter.split(rows)))
