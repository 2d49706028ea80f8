"""Axes to draw in, and colors that follow the style of the figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklearn_csg2a._utils.optional import import_optional
from sklearn_csg2a.exceptions import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap

__all__ = [
    "LINES",
    "MARKERS",
    "Palette",
    "diverging_colors",
    "draw_boxes",
    "font_size",
    "ink",
    "label_rows",
    "open_axes",
    "palette",
    "remove_frame",
    "sequential_colors",
    "show_p",
    "split_axes",
    "write_beside",
    "write_legend",
    "write_title",
]


class Palette(NamedTuple):
    """Colors that are told apart with any kind of color vision."""

    blue: str
    orange: str
    green: str
    pink: str
    gray: str


# After Okabe and Ito, for a light page and for a dark one.
_ON_LIGHT = Palette("#0060A8", "#C84C00", "#12A06A", "#CC79A7", "#595959")
_ON_DARK = Palette("#3FA0F0", "#E08A00", "#30DDA0", "#F0B4DC", "#7A7A7A")
MARKERS = ("o", "s", "^", "D", "v")
LINES = ("-", "--", "-.", ":", (0, (5, 1)))

_LIGHT_ENDS = ("#08306b", "#7f2704")  # the strongest values on a light page ...
_DARK_ENDS = ("#c6e5ff", "#ffdfae")  # ... and on a dark one
_DARK = 0.18  # luminance below which a page is dark


def open_axes(ax: Any, size: tuple[float, float]) -> Axes:
    """Return the axes given, or those of a new figure, (width, height) in inches."""
    purpose = "A picture"
    pyplot = import_optional("matplotlib.pyplot", purpose=purpose, extra="plots")
    if ax is None:
        ax = pyplot.subplots(figsize=size, layout="constrained")[1]
    elif not isinstance(ax, pyplot.Axes):
        raise InputError(
            f"ax is a {type(ax).__name__}; expected one matplotlib Axes, such as "
            "plt.subplots()[1], or None for a new figure."
        )
    remove_frame(ax)
    return ax


def split_axes(
    ax: Axes, shares: Sequence[float], gap: float, *, share_y: bool = True
) -> list[Axes]:
    """Divide axes into panels from left to right.

    Parameters
    ----------
    ax : Axes
        The axes, of which only the title stays visible.
    shares : sequence of float
        Relative widths of the panels.
    gap : float
        Space between two panels, in sizes of the font.
    share_y : bool, default=True
        Whether all panels have the y-axis of the first one, which alone has labels.
    """
    ax.set_axis_off()
    width = ax.get_window_extent().width * 72 / ax.figure.dpi  # points
    gap = min(gap * font_size() / width, 0.8 / len(shares))
    free = 1 - gap * (len(shares) - 1)
    panels: list[Axes] = []
    left = 0.0
    for share in shares:
        size = free * share / sum(shares)
        first = panels[0] if panels and share_y else None
        panel = ax.inset_axes((left, 0, size, 1), sharey=first)
        remove_frame(panel)
        if first is not None:
            panel.tick_params(labelleft=False, left=False)
        panels.append(panel)
        left += size + gap
    return panels


def remove_frame(ax: Axes) -> None:
    """Leave the lines to the left and below only."""
    ax.spines[["top", "right"]].set_visible(False)


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Write one label for each row, the first one at the top."""
    ax.set_yticks(range(len(labels)), list(labels))
    margin = 0.5 + 0.01 * len(labels)
    ax.set_ylim(len(labels) - 1 + margin, -margin)
    ax.tick_params(axis="y", length=0)


def draw_boxes(
    ax: Axes, values: Sequence[Any], *, shift: float, color: str, label: str
) -> None:
    """Draw a flat box plot for each row, `shift` rows below its middle."""
    line = {"color": color, "linewidth": 1}
    ax.boxplot(
        values,
        positions=np.arange(len(values)) + shift,
        orientation="horizontal",
        widths=0.3,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": color, "edgecolor": color, "linewidth": 2.5},
        medianprops={"color": _page(ax), "linewidth": 1.2},
        whiskerprops=line,
        capprops=line,
        flierprops={
            "marker": ".",
            "markersize": 3,
            "markerfacecolor": color,
            "markeredgewidth": 0,
        },
    )
    ax.plot([], [], "s", color=color, label=label)


def write_title(ax: Axes, text: str) -> None:
    """Write a title at the left."""
    ax.set_title(text, loc="left", fontsize="medium")


def write_beside(
    ax: Axes, head: str, texts: Sequence[str], *, width: float, after: float = 0.0
) -> None:
    """Write a column of text to the right of the rows.

    `width` and `after`, the width of the columns before it, are in sizes of the font.
    """
    matplotlib = import_optional("matplotlib", purpose="A picture", extra="plots")
    of_rows, of_head = (
        matplotlib.transforms.offset_copy(
            one,
            fig=ax.figure,
            x=(after + width) * font_size(),
            y=above * font_size(),
            units="points",
        )
        for one, above in ((ax.get_yaxis_transform(), 0), (ax.transAxes, 0.35))
    )
    style: dict[str, Any] = {"fontsize": "small", "ha": "right"}
    for place, text in enumerate(texts):
        ax.text(1, place, text, va="center", transform=of_rows, **style)
    ax.text(1, 1, head, va="bottom", transform=of_head, **style)


def write_legend(
    ax: Axes,
    panels: Sequence[Axes] = (),
    *,
    below: bool = False,
    ncols: int = 3,
) -> None:
    """Write the legend of axes, or of panels of them, inside or below the labels."""
    matplotlib = import_optional("matplotlib", purpose="A picture", extra="plots")
    found = [one.get_legend_handles_labels() for one in panels or [ax]]
    by_label = {
        str(label): handle
        for some, labels in found
        for handle, label in zip(some, labels, strict=True)
    }
    handles, labels = list(by_label.values()), list(by_label)
    if not handles:
        return
    place: dict[str, Any] = {"loc": "best"}
    if below:
        lines = 3 + max(one.get_xlabel().count("\n") for one in panels or [ax])
        down = matplotlib.transforms.offset_copy(
            ax.transAxes,
            fig=ax.figure,
            y=-1.25 * lines * font_size(),
            units="points",
        )
        place = {
            "loc": "upper left",
            "bbox_to_anchor": (0, 0),
            "bbox_transform": down,
            "ncols": min(ncols, len(labels)),
            "borderaxespad": 0,
            "borderpad": 0,
            "handletextpad": 0.6,
            "columnspacing": 1.2,
        }
    ax.legend(handles, labels, frameon=False, fontsize="small", **place)


def font_size() -> float:
    """Return the size of letters of the style in use, in points."""
    matplotlib = import_optional("matplotlib", purpose="A picture", extra="plots")
    return float(matplotlib.rcParams["font.size"])


def palette() -> Palette:
    """Return the colors to draw with, in the style in use."""
    return _ON_DARK if _is_dark_style() else _ON_LIGHT


def _is_dark_style() -> bool:
    """Whether text is light."""
    colors = import_optional("matplotlib.colors", purpose="A picture", extra="plots")
    return _luminance(colors.to_rgb(ink())) > _DARK


def ink() -> Any:
    """Return the color of text in the style in use."""
    matplotlib = import_optional("matplotlib", purpose="A picture", extra="plots")
    return matplotlib.rcParams["text.color"]


def show_p(p: float) -> str:
    """Write a p-value as a reader of a table expects it."""
    if np.isnan(p):
        return "n/a"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def diverging_colors(ax: Axes) -> LinearSegmentedColormap:
    """Return colors from blue over that of the page, for 0, to orange."""
    page, (low, high) = _page(ax), _ends(ax)
    chosen = palette()
    return _between("influence", [low, chosen.blue, page, chosen.orange, high])


def sequential_colors(ax: Axes) -> LinearSegmentedColormap:
    """Return colors from that of the page, for 0, to blue."""
    return _between("strength", [_page(ax), palette().blue, _ends(ax)[0]])


def _ends(ax: Axes) -> tuple[str, str]:
    """Return the colors of the strongest values."""
    return _LIGHT_ENDS if _luminance(_page(ax)) > _DARK else _DARK_ENDS


def _between(name: str, colors: Sequence[Any]) -> LinearSegmentedColormap:
    """Return a scale through colors."""
    found = import_optional("matplotlib.colors", purpose="A picture", extra="plots")
    return found.LinearSegmentedColormap.from_list(name, list(colors))


def _page(ax: Axes) -> tuple[float, float, float]:
    """Return the color behind what is drawn in the axes."""
    colors = import_optional("matplotlib.colors", purpose="A picture", extra="plots")
    below = np.zeros(3) if _is_dark_style() else np.ones(3)
    for one in (ax.figure.get_facecolor(), ax.get_facecolor()):
        *color, alpha = colors.to_rgba(one)
        below = alpha * np.array(color) + (1 - alpha) * below
    red, green, blue = below.tolist()
    return red, green, blue


def _luminance(color: Sequence[float]) -> float:
    """Return the relative luminance of a color, 0 for black and 1 for white."""
    values = np.array(color)
    linear = np.where(
        values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])
