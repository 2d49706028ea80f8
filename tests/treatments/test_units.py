"""Expression on another scale than in fit is one warning; right use is none."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import (
    DrugResponseRegressor,
    PerturbationRegressor,
    ResidualRegressor,
    load_model,
    save_model,
)
from sklearn_csg2a.baselines import GraphDRP, PairwiseKernelRidge, RandomForestResponse
from sklearn_csg2a.datasets import load_gdsc, load_gdsc2, load_tcga
from sklearn_csg2a.exceptions import ExpressionScaleWarning
from sklearn_csg2a.treatments import read_treatments
from sklearn_csg2a.treatments._units import measure_scale, warn_other_scale

GENES = [f"G{i}" for i in range(60)]
CELLS = [f"C{i}" for i in range(40)]


class Fitted:
    """What an estimator remembers."""

    def __init__(self, table):
        self._expression_scale = measure_scale(read_treatments(table.to_numpy()))


def warned(fitted_on, table):
    """Return the messages for cells of a table after a fit on another."""
    genes = fitted_on.columns.intersection(table.columns)
    model = Fitted(fitted_on[genes])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_other_scale(model, read_treatments(table[genes].to_numpy()))
    return [str(one.message) for one in caught]


@pytest.fixture
def scores():
    """Z-scores of correlated genes."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 60))
    values = latent + rng.normal(size=latent.shape)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return pd.DataFrame(values, index=CELLS, columns=GENES)


@pytest.fixture
def screen(scores):
    X = pd.DataFrame({"cell_line": np.repeat(CELLS, 2), "smiles": ["CCO", "CCN"] * 40})
    return X, np.random.default_rng(1).normal(size=80), scores


def log2_tpm(scores):
    means = np.random.default_rng(2).uniform(0, 10, size=scores.shape[1])
    return (means + 1.2 * scores).clip(lower=0)


SCALES = {
    "scores": lambda z: z,
    "log2": log2_tpm,
    "tpm": lambda z: 2 ** log2_tpm(z) - 1,
    "counts": lambda z: (50 * (2 ** log2_tpm(z) - 1)).round(),
}


@pytest.mark.parametrize("n_cells", [1, 3, 20])
@pytest.mark.parametrize("new", SCALES)
@pytest.mark.parametrize("old", SCALES)
def test_scales_are_told_apart(old, new, n_cells, scores):
    fitted_on = SCALES[old](scores).iloc[:20]
    messages = warned(fitted_on, SCALES[new](scores).iloc[20 : 20 + n_cells])
    alike = old == new or {old, new} == {"tpm", "counts"}
    if not alike:
        assert len(messages) == 1
    elif old == new:
        assert not messages


def test_values_from_0_to_1_are_no_scores(scores):
    spread = scores.max() - scores.min()
    assert warned(scores, (scores - scores.min()) / spread)
    assert warned(scores, scores.rank(axis=1, pct=True).iloc[:1])


@pytest.mark.parametrize(
    "model",
    [
        PairwiseKernelRidge(),
        RandomForestResponse(n_estimators=3),
        GraphDRP(max_epochs=1),
        DrugResponseRegressor(max_epochs=1, compound_encoder="morgan"),
        PerturbationRegressor(max_epochs=1, compound_encoder="morgan"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_each_form_of_rows_warns_once(model, screen):
    X, y, expression = screen
    model.set_params(expression=expression).fit(X, y)
    model.predict(X)
    patients = (8 + 3 * expression).iloc[:5].reset_index(drop=True).assign(smiles="CCO")
    with pytest.warns(ExpressionScaleWarning, match="another scale") as caught:
        model.predict(patients)
    assert len(caught) == 1
    for said in ("5 of 5 cells", "sd", "RobustZScore", type(model).__name__):
        assert said in str(caught[0].message)
    model.set_params(expression=8 + 3 * expression)
    with pytest.warns(ExpressionScaleWarning) as caught:
        model.predict(X)
    assert len(caught) == 1


def test_models_in_one_another_warn_once(screen):
    X, y, expression = screen
    inner = RandomForestResponse(expression=expression, n_estimators=3)
    model = ResidualRegressor(inner, PairwiseKernelRidge(expression=expression), cv=2)
    with pytest.warns(UserWarning, match="Dose|IC50") as caught:
        model.fit(X.assign(Dose=1.0), np.exp(3 * y))
    kinds = sorted(str(one.message)[:20] for one in caught)
    assert len(set(kinds)) == len(kinds) == 2
    patients = (8 + 3 * expression).iloc[:5].reset_index(drop=True).assign(smiles="CCO")
    with pytest.warns(ExpressionScaleWarning) as caught:
        model.predict(patients)
    assert len(caught) == 1
    with pytest.warns(ExpressionScaleWarning) as caught:  # the next call says it again
        model.predict(patients)
    assert len(caught) == 1


def test_new_patients_among_known_cells_are_found(screen):
    X, y, expression = screen
    model = PairwiseKernelRidge(expression=expression).fit(X, y)
    rows = X.iloc[:20].join(expression, on="cell_line")
    rows.loc[rows.index[:6], GENES] = 8 + 3 * rows.loc[rows.index[:6], GENES]
    rows.loc[rows.index[:6], "cell_line"] = "patient"
    with pytest.warns(ExpressionScaleWarning, match="of 1[0-9] cells"):
        model.predict(rows)


def test_genes_filled_with_zero_do_not_count(screen):
    X, y, expression = screen
    model = PairwiseKernelRidge(expression=8 + expression, missing_genes="zero")
    model.fit(X, y)
    model.set_params(expression=8 + expression[GENES[:35]]).predict(X)


def test_genes_that_did_not_vary_do_not_count(scores):
    flat = scores.assign(**dict.fromkeys(GENES[:30], 0.0))
    assert not warned(flat, scores.assign(**dict.fromkeys(GENES[:30], 7.0)))
    assert not warned(scores.iloc[:1], scores)


def test_plain_arrays_count_too(scores):
    model = PairwiseKernelRidge().fit(scores.to_numpy(), np.arange(40.0))
    with pytest.warns(ExpressionScaleWarning):
        model.predict(8 + 3 * scores.to_numpy())


@pytest.mark.filterwarnings("default::sklearn_csg2a.exceptions.ExpressionScaleWarning")
def test_the_scale_is_stored_and_may_be_absent(screen, tmp_path):
    X, y, expression = screen
    model = DrugResponseRegressor(
        expression=expression, max_epochs=1, compound_encoder="morgan"
    ).fit(X, y)
    save_model(model, tmp_path / "model.csg2a")
    patients = (8 + 3 * expression).reset_index(drop=True).assign(smiles="CCO")
    copies = load_model(tmp_path / "model.csg2a"), pickle.loads(pickle.dumps(model))
    for copied in copies:
        with pytest.warns(ExpressionScaleWarning):
            copied.predict(patients)
    del model._expression_scale
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(patients)


def test_a_scaler_that_brings_both_to_one_scale_is_right_use(screen):
    X, y, expression = screen
    model = DrugResponseRegressor(
        expression=expression,
        expression_scaler=Ranks(),
        max_epochs=1,
        compound_encoder="morgan",
    ).fit(X, y)
    model.set_params(expression=8 + 3 * expression).predict(X)


class Ranks:
    """Ranks of the genes within each cell."""

    def __sklearn_clone__(self):
        return Ranks()

    def fit(self, X):
        return self

    def transform(self, X):
        return X.argsort(axis=1).argsort(axis=1) / X.shape[1]


@pytest.mark.parametrize(
    "file", ["nci60/expression.csv.gz", "gdsc/expression_landmark.csv.gz"]
)
def test_cells_of_one_file_are_on_one_scale(file, data_home):
    table = pd.read_csv(data_home / file, index_col=0)
    table = table.select_dtypes("number").iloc[:, ::5]
    assert not warned(table.iloc[::2], table.iloc[1::2])
    assert not warned(table.iloc[1:], table.iloc[:1])


def test_tissues_are_on_one_scale(data_home):
    data = load_gdsc2(data_home=data_home)
    tissue = data.cells.set_index("cell_line").tissue.reindex(data.expression.index)
    for name in tissue.value_counts().index[:8]:
        inside = (tissue == name).to_numpy()
        assert not warned(data.expression[~inside], data.expression[inside])
        assert not warned(data.expression[inside], data.expression[~inside])


def test_log2_of_cell_lines_are_not_scores_of_cell_lines(data_home):
    logs = load_gdsc(data_home=data_home).expression
    scores = load_gdsc2(data_home=data_home).expression
    tcga = load_tcga(data_home=data_home)
    assert not warned(scores, tcga.expression)
    for table in (logs, 2**logs - 1, tcga.expression_log2tpm):
        assert warned(scores, table)
        assert warned(table, scores)
