"""Maps of influence put similar genes beside each other, and stay legible."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from sklearn_csg2a import PerturbationRegressor
from sklearn_csg2a.datasets import make_screen
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.inspection import influence
from sklearn_csg2a.plotting import InfluenceMapDisplay


def _named(n_genes, seed=0):
    values = np.random.default_rng(seed).normal(size=(n_genes, n_genes))
    names = [f"G{i}" for i in range(n_genes)]
    return pd.DataFrame(values, index=names, columns=names)


def _labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_genes_that_act_alike_are_neighbors(influence_map):
    display = InfluenceMapDisplay.from_table(influence_map)
    groups = "".join(name[0] for name in display.table.index)
    assert groups in {"aaaaabbbbb", "bbbbbaaaaa"}
    assert display.table.columns.equals(display.table.index)
    assert _labels(display.ax_) == display.table.index.tolist()


def test_rows_change_and_columns_act(influence_map):
    influence_map.loc["a0", "b1"] = 7.0
    display = InfluenceMapDisplay.from_table(influence_map)
    assert display.table.loc["a0", "b1"] == 7
    (image,) = display.ax_.get_images()
    np.testing.assert_array_equal(image.get_array(), display.table)
    label = display.ax_.get_xlabel()
    assert label == "columns: genes that act; rows: genes that change"


def test_the_diagonal_is_left_out(influence_map):
    with_diagonal = influence_map.copy()
    for gene in with_diagonal:
        with_diagonal.loc[gene, gene] = 100.0
    display = InfluenceMapDisplay.from_table(with_diagonal)
    assert (np.diag(display.table) == 0).all()
    (image,) = display.ax_.get_images()
    assert image.get_clim()[1] < 2
    assert with_diagonal.iloc[0, 0] == 100, "what was given is unchanged"


def test_all_genes_are_named_at_100_and_the_strongest_at_1000():
    at_100 = InfluenceMapDisplay.from_table(_named(100))
    assert len(_labels(at_100.ax_)) == 100
    assert all(label.get_fontsize() >= 5 for label in at_100.ax_.get_yticklabels())
    table = _named(1000)
    table.loc["G7", "G400"] = 50.0
    at_1000 = InfluenceMapDisplay.from_table(table, n_labels=25)
    texts = at_1000.ax_.texts
    assert {"G7", "G400"} <= {text.get_text() for text in texts}
    assert len(texts) == 25
    at_1000.figure_.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in texts]
    boxes = sorted(boxes, key=lambda box: box.y0)
    gaps = [upper.y0 - lower.y1 for lower, upper in itertools.pairwise(boxes)]
    assert min(gaps) > -1, "names do not cover each other"


def test_a_single_strong_pair_among_1000_genes_is_seen():
    table = 0 * _named(1000)
    table.loc["G7", "G400"] = -1.0
    display = InfluenceMapDisplay.from_table(table)
    (image,) = display.ax_.get_images()
    assert image.get_array().shape == (334, 334)
    assert image.get_array().min() == -1
    title = display.ax_.get_title(loc="left")
    assert (
        title == "1,000 genes; blocks of 3 \N{MULTIPLICATION SIGN} 3, strongest value"
    )


def test_the_strongest_genes_are_kept():
    table = _named(30) / 10
    table.loc["G3", "G8"] = 9.0
    display = InfluenceMapDisplay.from_table(table, n_genes=2)
    assert set(display.table.index) == {"G3", "G8"}
    assert display.ax_.get_title(loc="left") == "2 of 30 genes"


@pytest.mark.parametrize("sign", [1, -1])
def test_zero_has_the_color_of_the_page(sign):
    table = _named(5).abs()
    table.iloc[0, 1] *= sign
    display = InfluenceMapDisplay.from_table(table)
    (image,) = display.ax_.get_images()
    np.testing.assert_allclose(image.to_rgba(0.0)[:3], 1, atol=0.02)


def test_names_stay_in_order_where_they_are_moved_apart():
    values = np.zeros((400, 400))
    values[:20, :20] = 1
    table = _named(400) * 0 + values
    display = InfluenceMapDisplay.from_table(table, n_labels=20)
    order = {name: row for row, name in enumerate(display.table.index)}
    placed = sorted(display.ax_.texts, key=lambda text: text.xyann[1])
    rows = [order[text.get_text()] for text in placed]
    assert rows == sorted(rows)


def test_from_estimator_draws_the_readout_asked_for():
    screen = make_screen(n_perturbation_compounds=3, n_genes=24, random_state=0)
    X, Y = screen.perturbation.X, screen.perturbation.Y
    model = PerturbationRegressor(expression=screen.expression, max_epochs=1)
    model.fit(X, Y)
    display = InfluenceMapDisplay.from_estimator(model, X, method="attention")
    expected = influence(model, X, method="attention").map()
    drawn = display.table.loc[expected.index, expected.columns].to_numpy()
    off_diagonal = ~np.eye(len(expected), dtype=bool)
    np.testing.assert_allclose(
        drawn[off_diagonal], expected.to_numpy()[off_diagonal], rtol=1e-5
    )
    found = influence(model, X, method="attention", by="drug")
    drug = found.groups[1]
    one = InfluenceMapDisplay.from_influence(found, group=drug, label="attention")
    assert one.label == "attention"


def test_other_tables_are_refused(influence_map):
    with pytest.raises(InputError, match=r"table is ndarray\. Expected a DataFrame"):
        InfluenceMapDisplay.from_table(influence_map.to_numpy())
    with pytest.raises(InputError, match=r"table is empty"):
        InfluenceMapDisplay.from_table(influence_map.iloc[:0, :0])
    with pytest.raises(InputError, match=r"with the same genes in the same order"):
        InfluenceMapDisplay.from_table(influence_map.iloc[::-1])
    influence_map.iloc[2, 3] = np.nan
    with pytest.raises(InputError, match=r"1 values that are not finite, .* row 'a2'"):
        InfluenceMapDisplay.from_table(influence_map)
