"""What is described as outside of the domain is unlike the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sklearn_csg2a import load_model, save_model
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.uncertainty import ApplicabilityDomain

COLUMNS = [
    *("nearest_compound", "tanimoto", "cell_percentile"),
    *("genes_found", "scale_ratio", "in_domain"),
]


@pytest.fixture(scope="module")
def screen():
    return make_screen(n_cells=40, n_compounds=30, n_genes=40, random_state=0)


@pytest.fixture(scope="module")
def domain(screen):
    return ApplicabilityDomain(screen.expression).fit(screen.X)


def _wide(screen, cells, smiles):
    """Return rows with their own expression."""
    table = screen.expression.loc[cells].copy()
    table.insert(0, "smiles", smiles)
    return table


def test_training_rows_are_in_the_domain(domain, screen):
    table = domain.describe(screen.X)
    assert list(table.columns) == COLUMNS
    assert table.index.equals(screen.X.index)
    assert np.allclose(table["tanimoto"], 1)
    assert (table["genes_found"] == 1).all()
    assert table["in_domain"].mean() > 0.95


def test_an_index_of_any_kind_is_kept(domain, screen):
    X = screen.X.iloc[[5, 3]].set_axis(["b", "a"])
    assert domain.describe(X).index.tolist() == ["b", "a"]


def test_other_spellings_and_salts_are_the_same_compound():
    X = pd.DataFrame({"smiles": ["CCN", "c1ccccc1O"], "G1": [0.0, 1.0], "G2": 1.0})
    table = (
        ApplicabilityDomain()
        .fit(X)
        .describe(X.assign(smiles=["NCC.Cl", "ClC(F)(F)Cl"]))
    )
    assert table["nearest_compound"].iloc[0] == "CCN"
    assert table["tanimoto"].tolist()[0] == 1
    assert table["tanimoto"].tolist()[1] < 0.1
    assert not table["in_domain"].iloc[1]


def test_a_cell_unlike_all_others_is_far(domain, screen):
    cells = screen.expression.index[:3]
    smiles = screen.X["smiles"].iloc[0]
    noise = np.random.RandomState(0).normal(size=(3, 40)) * 3
    near = domain.describe(_wide(screen, cells, smiles))
    far = _wide(screen, cells, smiles)
    far[screen.expression.columns] += noise
    far = domain.describe(far)
    assert (far["cell_percentile"] == 100).all()
    assert not far["in_domain"].any()
    assert (near["cell_percentile"] <= 99).all()


def test_new_cells_of_the_same_kind_are_spread_over_percentiles(screen):
    cells = screen.expression.index
    half = screen.X["cell_line"].isin(cells[:20])
    domain = ApplicabilityDomain(screen.expression).fit(screen.X[half])
    table = domain.describe(screen.X[~half])
    assert 30 < table["cell_percentile"].mean() < 90


def test_missing_genes_are_counted(domain, screen):
    cells, smiles = screen.expression.index[:3], screen.X["smiles"].iloc[0]
    some = _wide(screen, cells, smiles).iloc[:, :11]
    table = domain.describe(some)
    assert np.allclose(table["genes_found"], 10 / 40)
    assert not table["in_domain"].any()
    other = some.rename(columns=lambda name: name if name == "smiles" else f"x{name}")
    table = domain.describe(other)
    assert (table["genes_found"] == 0).all()
    assert table[["cell_percentile", "scale_ratio"]].isna().all(axis=None)
    assert not table["in_domain"].any()


def test_rows_of_both_kinds_are_described_together(domain, screen):
    genes = screen.expression.columns[:35]
    mixed = screen.X.head(2).join(screen.expression.loc[:, genes], on="cell_line")
    mixed = mixed.assign(cell_line=[mixed["cell_line"].iloc[0], "a patient"])
    table = domain.describe(mixed)
    assert np.allclose(table["genes_found"], 35 / 40)
    assert (table["cell_percentile"] < 50).all()


def test_another_scale_is_seen(domain, screen):
    cells, smiles = screen.expression.index[:3], screen.X["smiles"].iloc[0]
    table = _wide(screen, cells, smiles)
    table[screen.expression.columns] *= 10
    described = domain.describe(table)
    assert (described["scale_ratio"] > 3).all()
    assert not described["in_domain"].any()


def test_an_invalid_smiles_is_outside_and_keeps_its_row(domain, screen):
    X = screen.X.head(3).assign(smiles=["nonsense", None, screen.X["smiles"].iloc[0]])
    table = domain.describe(X)
    assert table["tanimoto"].isna().tolist() == [True, True, False]
    assert table["nearest_compound"].isna().tolist() == [True, True, False]
    assert table["in_domain"].tolist() == [False, False, True]


def test_arrays_have_no_compounds():
    values = np.random.RandomState(0).normal(size=(50, 4))
    domain = ApplicabilityDomain().fit(values)
    table = domain.describe([[0.0] * 4, [30.0] * 4])
    assert table["tanimoto"].isna().all()
    assert table["in_domain"].tolist()[1] is False
    assert domain.describe(values)["in_domain"].mean() > 0.9


def test_thresholds_are_parameters(screen):
    X = screen.X.head(5).assign(smiles="CCCCCCCC")
    strict = ApplicabilityDomain(screen.expression).fit(screen.X)
    loose = ApplicabilityDomain(screen.expression, min_tanimoto=0).fit(screen.X)
    assert not strict.describe(X)["in_domain"].any()
    assert loose.describe(X)["in_domain"].all()


def test_model_files_keep_it(domain, screen, tmp_path):
    save_model(domain, tmp_path / "domain.csg2a", include_expression=True)
    loaded = load_model(tmp_path / "domain.csg2a")
    pd.testing.assert_frame_equal(loaded.describe(screen.X), domain.describe(screen.X))


def test_unknown_cell_lines_are_refused(domain, screen):
    with pytest.raises(InputError, match="new line"):
        domain.describe(screen.X.head(1).assign(cell_line="new line"))
