"""Genes that do not match: the message names the slip."""

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.exceptions import GeneMismatchError, InputError

GENES = ["TP53", "EGFR", "MYC", "KRAS"]
CELLS = ["A-375", "HT-29", "MCF-7", "PC-3"]

SLIPS = {
    "lower": ([g.lower() for g in GENES], "str.upper()"),
    "depmap": ([f"{g} ({i})" for i, g in enumerate(GENES)], "read_depmap_expression"),
    "quoted": ([f'"{g}"' for g in GENES], "quotes or blanks"),
    "ensembl": ([f"ENSG0000014151{i}.17" for i in range(4)], "by Ensembl ids"),
    "entrez": (["7157", "1956", "4609", "3845"], "Entrez"),
}


@pytest.fixture
def screen():
    rng = np.random.default_rng(0)
    expression = pd.DataFrame(rng.normal(size=(4, 4)), index=CELLS, columns=GENES)
    X = pd.DataFrame({"cell_line": np.repeat(CELLS, 2), "smiles": ["CCO", "CCN"] * 4})
    return X, np.arange(8.0), expression


@pytest.mark.parametrize("slip", SLIPS)
def test_other_names_are_recognised_on_every_road(slip, screen):
    X, y, expression = screen
    names, said = SLIPS[slip]
    model = PairwiseKernelRidge(expression=expression).fit(X, y)
    renamed = expression.set_axis(names, axis=1)
    patients = renamed.reset_index(drop=True).assign(smiles="CCO")
    for rows in (patients, patients.assign(cell_line="new")):
        with pytest.raises(GeneMismatchError) as error:
            model.predict(rows)
        assert said in str(error.value)
    model.set_params(expression=renamed)
    with pytest.raises(GeneMismatchError) as error:
        model.predict(X)
    assert said in str(error.value)


def test_a_transposed_table_is_recognised_in_fit_and_predict(screen):
    X, y, expression = screen
    with pytest.raises(InputError, match=r"transposed\?.*expression\.T"):
        PairwiseKernelRidge(expression=expression.T).fit(X, y)
    model = PairwiseKernelRidge(expression=expression).fit(X, y)
    with pytest.raises(InputError, match=r"transposed\?.*expression\.T"):
        model.set_params(expression=expression.T).predict(X)


def test_without_cell_line_and_genes_the_column_is_asked_for(screen):
    X, y, expression = screen
    model = PairwiseKernelRidge(expression=expression).fit(X, y)
    with pytest.raises(InputError, match="no column 'cell_line'"):
        model.predict(X.drop(columns="cell_line"))


def test_zero_fills_rows_that_name_a_new_cell(screen):
    X, y, expression = screen
    model = PairwiseKernelRidge(expression=expression, missing_genes="zero").fit(X, y)
    rows = expression[GENES[:3]].reset_index(drop=True).assign(smiles="CCO")
    unnamed = model.predict(rows)
    np.testing.assert_array_equal(model.predict(rows.assign(cell_line="new")), unnamed)
    mixed = pd.concat([X.iloc[:1], rows.assign(cell_line="new")], ignore_index=True)
    assert np.isfinite(model.predict(mixed)).all()
    with pytest.raises(InputError):
        model.predict(rows.drop(columns=GENES[1:3]).assign(cell_line="new"))
