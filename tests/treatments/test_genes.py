"""Columns that are no genes are named before a model learns from them."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments._genes import check_gene_names, is_date

# Symbols and ids that look odd and are right.
SYMBOLS = [
    *("MARCH1", "SEPT7", "DEC1", "OCT4", "MARCHF1", "NOV", "SEPTIN2", "MTARC1"),
    *("HLA-A", "C1orf112", "NKX2-1", "MT-CO1", "RP11-34P13.7", "7SK", "5_8S_rRNA"),
    *("REST", "SET", "MAX", "CAT", "GC", "IDS", "ID1", "BMI1", "MSI1", "IMPACT", "T"),
    *("NAN", "hsa-miR-21", "sep-1", "ENSG00000141510.17", "TP53 (7157)", "Y_RNA"),
    *("KRTAP5-AS1", "AGER", "TIMELESS", "CIDEA", "DRG1", "TARG1", "LABEL1", "AUCH1"),
]

NO_GENES = [
    *(np.nan, None, pd.NaT, "", "  ", "nan", "<NA>", "Unnamed: 0", "...1"),
    *(pd.Timestamp("2024-03-01"), dt.date(2024, 3, 1), "2024-03-01 00:00:00"),
    *("2-Mar", "02-SEP", "Mar-02", "1-Sep", "Sep-01", "1-Dec", "1. Sep", "2.Mrz"),
    *("3/1/2024", "01.03.2024", "1-Mar-24", "2024-Mar-01", "MAR-3"),
    *('"KRAS"', "'KRAS'", " KRAS", "KRAS ", "\u201cKRAS\u201d"),
    *("44256", 44256, "2.31E+13"),
    *("age", "Sample", "COSMIC_ID", "ln_ic50", "LN_IC50", "IC50 (uM)", "AUC"),
    *("drug_id", "DepMap_ID", "cosmicId", "Z_SCORE", "MAX_CONC", "doubling time"),
]


def table_of(names, seed=0):
    values = np.random.default_rng(seed).normal(size=(6, len(names)))
    return pd.DataFrame(values, columns=pd.Index(names, dtype=object))


def check(table, source="expression"):
    check_gene_names(table.columns, table, source)


def test_symbols_pass():
    check(table_of(SYMBOLS))


@pytest.mark.parametrize("name", NO_GENES, ids=repr)
def test_names_that_no_gene_has_are_refused(name):
    with pytest.raises(InputError, match=r"1 of 4 columns of expression is no gene"):
        check(table_of(["TP53", "EGFR", name, "MYC"]))


@pytest.mark.parametrize(
    "names",
    [list(range(5)), ["7157", "1956", "4609"], [7157, 1956], [7157.0, 1956.0]],
    ids=["range", "entrez-text", "entrez-int", "entrez-float"],
)
def test_numbers_as_names_pass_where_all_have_them(names):
    check(table_of(names))


@pytest.mark.parametrize("other", ["tp53", "Tp53", " TP53", '"TP53"'])
def test_spellings_of_one_name_are_refused(other):
    with pytest.raises(InputError, match="another column has this name but for case"):
        check(table_of(["TP53", "EGFR", other]))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([True, False, True, True, False, True], "True or False"),
        (np.array([True, None, True, True, False, None], dtype=object), "True or"),
        (range(1000, 1006), "row numbers"),
        ([905988, 905939, 905946, 905934, 683665, 684052], ".*as ids are"),
        (["PR-1", "PR-2", "PR-3", "PR-4", "PR-5", "PR-6"], "no numbers"),
        (pd.date_range("2024-01-01", periods=6), "no numbers"),
    ],
    ids=["flags", "flags-missing", "row-numbers", "ids", "text", "dates"],
)
def test_values_that_no_gene_has_are_refused(values, problem):
    table = table_of(["TP53", "EGFR", "MYC"]).assign(X=values)
    with pytest.raises(InputError, match=rf"'X' \({problem}"):
        check(table)


def test_mutations_and_counts_pass():
    mutations = table_of(["TP53", "EGFR", "MYC"]) > 0
    check(mutations)
    check(mutations.astype(int))
    check((1000 * table_of(["TP53", "EGFR", "MYC"]).abs()).astype(int) + 1000)


def test_five_offenders_are_named_and_the_rest_counted():
    table = table_of(["TP53", *"BCDEFGHI"])
    table = table.assign(**dict.fromkeys(["S1", "S2"], True), age=1.0, index=2.0)
    table = table.assign(**{"Unnamed: 0": 1.5, "2-Mar": 1.5, "auc": 1.0})
    with pytest.raises(InputError) as error:
        check(table, "X")
    message = str(error.value)
    assert "7 of 16 columns of X are no genes" in message
    assert message.count("(") - message.count(".drop(") == 5
    assert "and 2 more" in message
    assert "spreadsheet" in message
    assert "X.drop(columns=[...])" in message


def test_months_in_small_letters_first_are_no_dates():
    assert not is_date("sep-1")
    assert not is_date("MARCH1")
    assert is_date("1-sep")


def test_a_fit_names_the_columns_that_are_no_genes():
    rng = np.random.default_rng(0)
    cells = [f"C{i}" for i in range(8)]
    names = ["TP53", "EGFR", np.nan, pd.Timestamp("2024-03-01")]
    expression = pd.DataFrame(rng.normal(size=(8, 4)), index=cells, columns=names)
    expression.insert(0, "Unnamed: 0", range(1000, 1008))
    expression["IsDefault"] = True
    X = pd.DataFrame({"cell_line": np.repeat(cells, 2), "smiles": ["CCO", "CCN"] * 8})
    model = PairwiseKernelRidge(expression=expression)
    with pytest.raises(InputError) as error:
        model.fit(X, rng.normal(size=16))
    for said in ("'Unnamed: 0'", "'IsDefault'", "nan", "Timestamp('2024-03-01"):
        assert said in str(error.value)
    genes = ["TP53", "EGFR"]
    model = model.set_params(expression=expression[genes]).fit(X, rng.normal(size=16))
    # The genes are known now: other columns are not read.
    assert model.set_params(expression=expression).predict(X).shape == (16,)
