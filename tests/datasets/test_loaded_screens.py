"""Public screens that are used rightly raise no error and no warning."""

from __future__ import annotations

import itertools
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.datasets import (
    load_gdsc,
    load_gdsc2,
    load_gdsc_full,
    load_lincs,
    load_nci60,
    load_tcga,
)
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.treatments import read_identifiers, read_response, read_treatments
from sklearn_csg2a.treatments._gene_slips import check_expression_table
from sklearn_csg2a.treatments._genes import check_gene_names
from sklearn_csg2a.treatments._units import measure_scale, warn_other_scale


def load_whole_gdsc2(data_home):
    """Load GDSC2 with all genes, not the landmark genes alone."""
    return load_gdsc_full(data_home=data_home, genes="all")


def load_both_screens(data_home):
    """Load GDSC1 and GDSC2 with the genes of the default."""
    return load_gdsc_full(data_home=data_home, screen="both")


LOADERS = [
    *(load_gdsc, load_gdsc2, load_whole_gdsc2, load_both_screens),
    *(load_lincs, load_nci60, load_tcga),
]


@pytest.fixture(scope="module", params=LOADERS, ids=lambda load: load.__name__)
def data(request, data_home):
    """One screen at a time, which takes a while to load and is not changed."""
    return request.param(data_home=data_home)


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def _tables(data):
    return {
        name: table for name, table in data.items() if isinstance(table, pd.DataFrame)
    }


def test_their_tables_have_names_of_genes(data):
    tables = [table for table in _tables(data).values() if table.shape[1] > 100]
    assert tables
    for table in tables:
        check_gene_names(table.columns, table, "expression")


def test_their_tables_are_told_from_transposed_ones(data):
    for table in _tables(data).values():
        if table.shape[1] > 100:
            check_expression_table(table, "X")
            with pytest.raises(InputError, match=r"transposed\?.*X\.T"):
                check_expression_table(table.T, "X")


def _compare(fitted_on, predicted):
    """Compare the scales of two tables as a fit and a prediction do."""
    training = read_treatments(fitted_on.to_numpy())
    model = SimpleNamespace(_expression_scale=measure_scale(training))
    warn_other_scale(model, read_treatments(predicted.to_numpy()))


def test_their_cells_are_on_one_scale(data):
    rng = np.random.default_rng(0)
    for name, table in _tables(data).items():
        if "expression" not in name:
            continue
        some = table.iloc[:, :: 1 + table.shape[1] // 4000]  # genes, enough to tell
        order = rng.permutation(len(some))
        for n_training in (5, len(some) // 2):
            rest = some.iloc[order[n_training:]]
            _compare(some.iloc[order[:n_training]], rest)
            _compare(some.iloc[order[:n_training]], rest.iloc[:1])


def test_treated_wells_their_controls_and_other_cell_lines_are_on_one_scale(data_home):
    data = load_lincs(data_home=data_home)
    tables = (data.expression, data.basal, data.Y)
    for fitted_on, predicted in itertools.permutations(tables, 2):
        _compare(fitted_on, predicted)
    for cell in data.controls["cell"].unique():
        inside = (data.controls["cell"] == cell).to_numpy()
        _compare(data.expression[~inside], data.expression[inside])
        _compare(data.expression[~inside], data.Y[(data.X["cell"] == cell).to_numpy()])
    for _, rows in data.controls.groupby("plate"):
        _compare(data.expression.drop(rows.index), data.expression.loc[rows.index])


def _response(data):
    """Return ln IC50, or expression after treatment."""
    return data.y if "y" in data else data.Y


def _read(X, y, expression):
    """Read all rows with their responses, then the responses of each compound."""
    treatments = read_treatments(X, expression=expression)
    read_identifiers(X)
    several = isinstance(y, pd.DataFrame)  # profiles
    read_response(y, treatments, multi_output=several, ln_ic50=not several)
    if several:
        return
    by_drug = pd.Series(np.asarray(y, float)).groupby(treatments.compound_index)
    for _, values in by_drug:
        read_response(values, len(values))


def test_rows_and_responses_of_a_tenth_of_their_compounds_are_read(data):
    some = pd.factorize(data.X["smiles"])[0] % 10 == 0
    assert 0.01 < some.mean() < 0.5
    _read(data.X[some], _response(data)[some], data.expression)


@pytest.mark.slow
def test_all_their_rows_and_responses_are_read(data):
    _read(data.X, _response(data), data.expression)
