"""Genes that do not match: the message names the slip."""

import re

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import PerturbationRegressor, rank_drugs
from sklearn_csg2a.baselines import PairwiseKernelRidge
from sklearn_csg2a.exceptions import GeneMismatchError, InputError
from sklearn_csg2a.preprocessing import RobustZScore

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
def test_other_names_are_recognised_in_every_way_of_input(slip, screen):
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


def test_a_model_of_an_array_has_no_names_of_genes(screen):
    X, y, expression = screen
    values = expression.loc[X["cell_line"]].to_numpy()
    model = PairwiseKernelRidge().fit(values, y)
    with pytest.raises(GeneMismatchError, match=r"fitted on an array.*a DataFrame"):
        rank_drugs(model, expression, ["CCO", "CCN"], reference=expression)


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


@pytest.mark.parametrize("slip", SLIPS)
def test_a_scaler_names_the_slip(slip, screen):
    expression = screen[2]
    names, said = SLIPS[slip]
    scaler = RobustZScore().fit(expression)
    with pytest.raises(GeneMismatchError, match=re.escape(said)):
        scaler.transform(expression.set_axis(names, axis=1))
    if slip != "quoted":
        RobustZScore().fit_transform(expression.set_axis(names, axis=1))


@pytest.mark.parametrize(
    "rename",
    [
        str,
        str.lower,
        lambda gene: f"{gene} (7157)",
        lambda gene: f"ENSG0000014{len(gene)}{sum(map(ord, gene)):04d}.7",
    ],
    ids=["symbols", "lower", "depmap", "ensembl"],
)
@pytest.mark.parametrize("cells", [CELLS, [905988, 905939, 905946, 905934]])
def test_a_scaler_recognises_a_transposed_table_in_fit(rename, cells, screen):
    expression = screen[2].rename(columns=rename).set_axis(cells, axis=0)
    RobustZScore().fit(expression)
    with pytest.raises(InputError, match=r"transposed\?.*X\.T"):
        RobustZScore().fit(expression.T)


def test_a_scaler_recognises_a_transposed_table_in_transform(screen):
    expression = screen[2]
    with pytest.raises(GeneMismatchError, match=r"transposed\? Use X\.T"):
        RobustZScore().fit(expression).transform(expression.T)


def test_a_scaler_names_columns_that_are_no_genes(screen):
    numbered = screen[2].reset_index(drop=True).reset_index(names="Unnamed: 0")
    with pytest.raises(InputError, match=r"'Unnamed: 0'.*without a name"):
        RobustZScore().fit(numbered)
    with pytest.raises(InputError, match=r"'Unnamed: 0'.*without a name"):
        RobustZScore().fit(screen[2]).transform(numbered)


@pytest.fixture
def perturbation(screen):
    X, _, expression = screen
    Y = pd.DataFrame(np.random.default_rng(1).normal(size=(8, 4)), columns=GENES)
    model = PerturbationRegressor(
        expression=expression, max_epochs=1, compound_encoder="morgan"
    )
    return model, X, Y


@pytest.mark.parametrize("slip", SLIPS)
def test_perturbed_expression_names_the_slip(slip, perturbation):
    model, X, Y = perturbation
    names, said = SLIPS[slip]
    with pytest.raises(GeneMismatchError, match=re.escape(said)):
        model.fit(X, Y.set_axis(names, axis=1))


def test_transposed_perturbed_expression_is_recognised(perturbation):
    model, X, Y = perturbation
    for given in (Y.T, Y.T.to_numpy()):
        with pytest.raises(InputError, match=r"transposed\?.*y\.T"):
            model.fit(X, given)
    with pytest.raises(GeneMismatchError, match=r"transposed\? Use Y\.T"):
        model.fit(X.iloc[:4], Y.iloc[:4].T)  # as many treatments as genes


def test_columns_of_perturbed_expression_that_are_no_genes_are_named(perturbation):
    model, X, Y = perturbation
    with pytest.raises(InputError, match="columns of Y is no gene: 'Unnamed: 0'"):
        model.fit(X, Y.reset_index(names="Unnamed: 0"))


def test_genes_of_perturbed_expression_are_in_the_order_of_basal_ones(perturbation):
    model, X, Y = perturbation
    with pytest.raises(InputError, match=r"another order.*Y\[expression\.columns\]"):
        model.fit(X, Y[GENES[::-1]])


@pytest.mark.parametrize(
    "names",
    [range(4), GENES, GENES[1::2], ["EGFR"], ["auc", "ln_ic50"], ["MITOSIS", "EMT"]],
    ids=str,
)
def test_any_outputs_are_learned(names, perturbation):
    model, X, Y = perturbation
    model.fit(X, Y.iloc[:, : len(names)].set_axis(list(names), axis=1))
    assert np.isfinite(model.predict(X)).all()
