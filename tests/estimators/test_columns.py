"""Renamed columns: what fit needs of them, and what predict can do without."""

from __future__ import annotations

import numpy as np
import pytest

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.exceptions import InputError

RENAMED = {"cell_line": "DepMap_ID", "dose": "uM", "time": "h"}


def target(model, screen):
    return screen.Y if isinstance(model, PerturbationRegressor) else screen.y


def test_a_renamed_cell_line_is_not_asked_of_wide_rows(small, screen):
    X, y = screen.light.rename(columns=RENAMED), target(small(), screen)
    model = small(expression=screen.expression, columns=RENAMED).fit(X, y)
    wide = screen.wide.rename(columns=RENAMED)
    np.testing.assert_array_equal(model.predict(wide), model.predict(X))
    grid = model.predict_grid(screen.expression, ["CCO"]).to_numpy()
    by_id = model.predict_grid(list(screen.expression.index), ["CCO"]).to_numpy()
    np.testing.assert_array_equal(grid, by_id)
    message = r"columns=\{'cell_line': 'DepMap_ID'\} names a column that X does not"
    with pytest.raises(InputError, match=message):
        model.predict(X.drop(columns="DepMap_ID"))


@pytest.mark.parametrize("name", ["dose", "time"])
def test_a_renamed_quantity_has_its_default_in_predict_and_is_needed_in_fit(
    small, screen, name
):
    X, y = screen.wide.rename(columns=RENAMED), target(small(), screen)
    model = small(columns={k: v for k, v in RENAMED.items() if k != "cell_line"})
    lacking = X.drop(columns=RENAMED[name])
    with pytest.raises(InputError, match=f"'{name}': '{RENAMED[name]}'.*does not have"):
        model.fit(lacking, y)
    model.fit(X, y)
    default = X.assign(**{RENAMED[name]: getattr(model, f"default_{name}")})
    with pytest.warns(UserWarning, match=f"no column '{name}'.*was fitted with"):
        absent = model.predict(lacking)
    np.testing.assert_array_equal(absent, model.predict(default))


def test_a_quantity_under_its_usual_name_is_not_replaced_by_the_default(small, screen):
    X = screen.wide.rename(columns={"dose": "nM"})
    model = small(columns={"dose": "nM"}).fit(X, target(small(), screen))
    with pytest.raises(InputError, match=r"'dose': 'nM'.*does not have"):
        model.predict(screen.wide)


def test_renamed_smiles_are_always_needed(small, screen):
    X, y = screen.wide.rename(columns={"smiles": "SMILES"}), target(small(), screen)
    model = small(columns={"smiles": "SMILES"})
    message = r"'smiles': 'SMILES'.*does not have"
    with pytest.raises(InputError, match=message):
        model.fit(screen.wide, y)
    model.fit(X, y)
    with pytest.raises(InputError, match=message):
        model.predict(screen.wide)


def test_a_renamed_cell_line_is_needed_in_fit_where_x_has_no_genes(small, screen):
    model = small(expression=screen.expression, columns={"cell_line": "DepMap_ID"})
    with pytest.raises(InputError, match=r"'cell_line': 'DepMap_ID'.*does not have"):
        model.fit(screen.light, target(model, screen))
