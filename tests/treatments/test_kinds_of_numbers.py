"""What Python would convert to a number, and is none: refused by every regressor."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import RegressorMixin

import sklearn_csg2a
from sklearn_csg2a import baselines
from sklearn_csg2a.baselines import DrugMean, MeanEffects
from sklearn_csg2a.exceptions import InputError

SMILES = ["CCO", "CCN", "CC#N", "CCCl"]
CELLS = [f"cell {i}" for i in range(6)]
PUBLIC = [getattr(m, name) for m in (sklearn_csg2a, baselines) for name in m.__all__]
REGRESSORS = {
    found.__name__: found
    for found in PUBLIC
    if inspect.isclass(found) and issubclass(found, RegressorMixin)
}


def _screen():
    rng = np.random.default_rng(0)
    genes = [f"G{i}" for i in range(4)]
    expression = pd.DataFrame(rng.normal(size=(6, 4)), index=CELLS, columns=genes)
    pairs = [(cell, smiles, "lung") for cell in CELLS for smiles in SMILES]
    X = pd.DataFrame(pairs, columns=["cell_line", "smiles", "tissue"])
    X = X.assign(dose=10.0, time=72.0)
    return expression, X, rng.normal(size=len(X))


EXPRESSION, X, Y = _screen()
AMOUNTS = np.arange(1.0, len(X) + 1)
KINDS = {
    "complex": (AMOUNTS + 1j, r"(?i)complex"),
    "complex without a second part": (AMOUNTS + 0j, r"(?i)complex"),
    "one complex": ([1 + 2j, *AMOUNTS[1:]], r"(?i)complex|no.* number.*2j"),
    "bytes": ([str(one).encode() for one in AMOUNTS], r"bytes|b'1\.0'"),
    "an array of bytes": (AMOUNTS.astype("S"), r"bytes|b'1\.0'"),
    "one of bytes": ([b"1", *AMOUNTS[1:]], r"bytes|b'1'"),
    "booleans": (AMOUNTS > 3, "True or False"),
    "nullable booleans": (pd.array(AMOUNTS > 3, dtype="boolean"), "True or False"),
    "one boolean": ([True, *AMOUNTS[1:]], "True"),
}


def _object(values):
    """Return values as they are, without NumPy's choice of a common type."""
    if isinstance(values, list):
        return pd.Series(values, dtype=object)
    return pd.DataFrame(index=range(len(values))).assign(one=values)["one"]


def _build(cls):
    names = inspect.signature(cls).parameters
    settings = {"expression": EXPRESSION} if "expression" in names else {}
    if cls.__name__ == "ResidualRegressor":
        return cls(DrugMean(), MeanEffects(), cv=3)
    required = [one for one in names.values() if one.default is inspect.Parameter.empty]
    given = [MeanEffects() for _ in required]
    return cls(*given, **settings)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REGRESSORS)
def test_a_response_of_another_kind_is_refused(name, kind):
    values, said = KINDS[kind]
    y = _object(values)
    if name == "PerturbationRegressor":
        y = pd.DataFrame(dict.fromkeys(EXPRESSION, y)).to_numpy(dtype=object)
    with pytest.raises(InputError, match=said) as found:
        _build(REGRESSORS[name]).fit(X, y)
    assert re.search(r"\by\b", str(found.value))


@pytest.mark.parametrize("column", ["dose", "time"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", REGRESSORS)
def test_a_dose_or_time_of_another_kind_is_refused(name, kind, column):
    values, said = KINDS[kind]
    y = np.tile(Y[:, None], 4) if name == "PerturbationRegressor" else Y
    with pytest.raises(InputError, match=said) as found:
        _build(REGRESSORS[name]).fit(X.assign(**{column: _object(values)}), y)
    assert f"column {column!r}" in str(found.value)


USE_GENES = [
    name for name, cls in REGRESSORS.items() if "expression" in vars(_build(cls))
]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "one" not in kind])
@pytest.mark.parametrize("name", USE_GENES)
def test_a_gene_of_another_kind_is_refused_in_wide_rows_and_tables(name, kind):
    values = KINDS[kind][0]
    y = np.tile(Y[:, None], 4) if name == "PerturbationRegressor" else Y
    genes = EXPRESSION.loc[X["cell_line"]].reset_index(drop=True)
    wide = X.drop(columns="cell_line").join(genes).assign(G0=_object(values))
    with pytest.raises(InputError, match="G0"):
        _build(REGRESSORS[name]).set_params(expression=None).fit(wide, y)
    table = EXPRESSION.assign(G0=_object(values)[:6].to_numpy())
    with pytest.raises(InputError, match="G0"):
        _build(REGRESSORS[name]).set_params(expression=table).fit(X, y)


def test_bytes_that_are_names_may_stand_beside_genes():
    genes = EXPRESSION.loc[X["cell_line"]].reset_index(drop=True)
    wide = X.drop(columns="cell_line").join(genes)
    model = baselines.PairwiseKernelRidge()
    expected = model.fit(wide, Y).predict(wide)
    named = wide.assign(batch=[b"plate"] * len(wide))
    np.testing.assert_array_equal(model.fit(named, Y).predict(named), expected)


def test_text_of_a_dose_is_no_matter_to_a_model_that_uses_none():
    DrugMean().fit(X.assign(dose="10 uM"), Y)
