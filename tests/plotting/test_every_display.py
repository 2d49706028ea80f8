"""What holds for every picture: where it is drawn, its style, its errors."""

from __future__ import annotations

import inspect

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from sklearn_csg2a import plotting
from sklearn_csg2a.exceptions import InputError
from sklearn_csg2a.plotting import _canvas

# How each display is made of a fixture, by the name of the fixture.
MAKERS = {
    "ComparisonDisplay": ("results", {}),
    "CoverageDisplay": ("coverage", {}),
    "DrugRankingDisplay": ("ranking", {"sample": "P1"}),
    "EnrichmentDisplay": ("enrichment", {}),
    "LearningCurveDisplay": ("history", {}),
    "MechanismSimilarityDisplay": ("pairs", {"n_permutations": 9}),
    "RespondersDisplay": ("comparison", {}),
    "ZeroShotDisplay": ("distances", {"n_permutations": 9}),
}


def _draw(name, request, ax=None):
    display = getattr(plotting, name)
    if name == "PredictionByDrugDisplay":
        given = request.getfixturevalue("predictions")
        return display.from_predictions(**given, ax=ax)
    if name == "ErrorByDistanceDisplay":
        values = np.linspace(0, 1, 20)
        return display.from_predictions(values, values**2, values, ax=ax)
    if name == "InfluenceMapDisplay":
        return display.from_table(request.getfixturevalue("influence_map"), ax=ax)
    fixture, settings = MAKERS[name]
    return display.from_table(request.getfixturevalue(fixture), **settings, ax=ax)


def _texts(figure):
    return [
        text
        for text in figure.findobj(mpl.text.Text)
        if text.get_text() and text.get_visible()
    ]


@pytest.fixture(params=plotting.__all__)
def name(request):
    return request.param


def test_display_draws_in_the_axes_given_and_nowhere_else(name, request):
    figure, (here, there) = plt.subplots(1, 2)
    display = _draw(name, request, ax=here)
    assert display.ax_ is here
    assert display.figure_ is figure
    assert len(plt.get_fignums()) == 1
    assert here.has_data() or any(panel.has_data() for panel in here.child_axes)
    assert not there.has_data()
    assert not there.child_axes
    figure.canvas.draw()


def test_display_opens_a_figure_without_axes(name, request):
    display = _draw(name, request)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.figure_.get_layout_engine() is not None
    display.figure_.canvas.draw()


def test_display_can_be_drawn_again(name, request):
    display = _draw(name, request)
    first = display.figure_
    assert display.plot() is display
    assert display.figure_ is not first


def test_display_refuses_what_is_no_axes(name, request):
    with pytest.raises(InputError, match=r"ax is a ndarray; expected one matplotlib"):
        _draw(name, request, ax=plt.subplots(1, 2)[1])


def test_display_leaves_global_settings_and_shows_nothing(name, request, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("shown"))
    before = dict(mpl.rcParams)
    _draw(name, request).figure_.canvas.draw()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_text_is_legible_in_light_and_dark_styles(name, style, request):
    with plt.style.context(style):
        figure = _draw(name, request).figure_
        figure.canvas.draw()
        page = _canvas._luminance(to_rgb(figure.get_facecolor()))
        for text in _texts(figure):
            ink = _canvas._luminance(to_rgb(text.get_color()))
            assert _contrast(ink, page) > 4.5, text.get_text()


def test_nothing_is_cut_off_at_the_edge_of_the_figure(name, request):
    figure = _draw(name, request).figure_
    figure.canvas.draw()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) > -0.01
    assert drawn.x1 < width + 0.01
    assert drawn.y1 < height + 0.01


def test_title_says_how_many_there_are(name, request):
    display = _draw(name, request)
    axes = [display.ax_, *display.ax_.child_axes]
    titles = " ".join(ax.get_title(loc="left") for ax in axes)
    if name != "CoverageDisplay":  # whose table need not say it
        assert any(letter.isdigit() for letter in titles)


def test_axes_have_labels(name, request):
    display = _draw(name, request)
    panels = [ax for ax in (display.ax_, *display.ax_.child_axes) if ax.has_data()]
    assert all(panel.get_xlabel() or panel.get_ylabel() for panel in panels)


@pytest.mark.parametrize("display", sorted(MAKERS))
def test_wrong_tables_are_refused_by_column(display, request):
    fixture, settings = MAKERS[display]
    table = request.getfixturevalue(fixture)
    draw = getattr(plotting, display).from_table
    column = next(name for name in table if table[name].dtype.kind == "f")
    with pytest.raises(InputError, match=r"has no rows"):
        draw(table.head(0), **settings)
    with pytest.raises(InputError, match=r"is a list\. Expected the table that"):
        draw(table.to_numpy().tolist(), **settings)
    with pytest.raises(InputError, match=rf"more than one column '{column}'"):
        draw(pd.concat([table, table[[column]]], axis=1), **settings)
    with pytest.raises(InputError, match=r"has no column .*; its columns are '"):
        draw(table.rename(columns=str.upper), **settings)


def test_a_number_that_is_text_is_named_by_row(enrichment):
    table = enrichment.astype({"p_null": object}).set_index("genes")
    table.loc["B;C", "p_null"] = "low"
    with pytest.raises(
        InputError, match=r"column 'p_null'.* row 1 \(index 'B;C'\): 'l"
    ):
        plotting.EnrichmentDisplay.from_table(table)


def test_tables_of_polars_are_taken(enrichment):
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(enrichment.to_dict("list"))
    display = plotting.EnrichmentDisplay.from_table(table)
    assert display.enrichment["pathway"].tolist() == ["artefact", "real", "weak"]


def test_every_display_has_the_methods_of_scikit_learn():
    for each in plotting.__all__:
        display = getattr(plotting, each)
        makers = [one for one in vars(display) if one.startswith("from_")]
        assert makers, each
        for maker in makers:
            parameters = inspect.signature(getattr(display, maker)).parameters
            assert parameters["ax"].default is None
            assert parameters["ax"].kind is inspect.Parameter.KEYWORD_ONLY


def _contrast(one, other):
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


# What an eye without red, green or blue cones sees of linear RGB (Machado and others).
NO_RED = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
NO_GREEN = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
NO_BLUE = [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_colors_are_visible_on_the_page(style):
    with plt.style.context(style):
        page = _canvas._luminance(to_rgb(mpl.rcParams["figure.facecolor"]))
        for color in _canvas.palette():
            assert _contrast(_canvas._luminance(to_rgb(color)), page) > 2.9, color


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("eye", [NO_RED, NO_GREEN, NO_BLUE])
def test_colors_differ_for_the_color_blind(style, eye):
    with plt.style.context(style):
        colors = np.array([to_rgb(color) for color in _canvas.palette()])
    seen = _lab(np.clip(_linear(colors) @ np.array(eye).T, 0, 1))
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distance[np.triu_indices(len(colors), 1)].min() > 20  # 2 can just be seen


def _linear(colors):
    return np.where(colors > 0.04045, ((colors + 0.055) / 1.055) ** 2.4, colors / 12.92)


def _lab(linear):
    """CIELAB of linear sRGB, (n_colors, 3): distances are as large as they look."""
    to_xyz = [[0.434, 0.376, 0.190], [0.213, 0.715, 0.072], [0.018, 0.109, 0.873]]
    xyz = linear @ np.array(to_xyz).T
    x, y, z = np.where(xyz > 0.00886, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
