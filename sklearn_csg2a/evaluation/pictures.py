"""Figures as SVG, for files and for pages, that follow light and dark pages."""

from __future__ import annotations

import html
import io
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING

from sklearn_csg2a._utils.optional import import_optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Drawn in this color, which is replaced by the text color of the page.
INK = "#010203"
INK_STYLE = (
    "<style>svg{color:#1f2328}"
    "@media (prefers-color-scheme:dark){svg{color:#e6edf3}}</style>"
)
COLORS = {
    "naive": "#8a929c",
    "classical": "#1f9e89",
    "network": "#e0792b",
    "average": "#7b5ea7",
}
STYLE = {
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "savefig.transparent": True,
    "savefig.dpi": 110,  # of what is drawn as pixels: a page stays below 2 MB
}


@dataclass(frozen=True)
class Picture:
    """A figure of the page."""

    caption: str
    alt: str
    markup: str = field(repr=False)  # an SVG element

    @property
    def svg(self) -> str:
        """The figure as the text of an SVG file."""
        return re.sub(r"(<svg[^>]*>)", rf"\1{INK_STYLE}", self.markup, count=1) + "\n"

    def inline(self, prefix: str) -> str:
        """Return an element of a page, of the page's width at most.

        Its ids begin with `prefix`, because those of a page are unique.
        """
        size = dict(re.findall(r'(width|height)="([\d.]+)pt"', self.markup))
        content = self.markup[self.markup.index(">") + 1 :]
        content = re.sub(r'\bid="', f'id="{prefix}', content)
        content = re.sub(r'href="#', f'href="#{prefix}', content)
        content = re.sub(r"url\(#", f"url(#{prefix}", content)
        return (
            f'<svg role="img" aria-label="{html.escape(self.alt)}" '
            f'viewBox="0 0 {size["width"]} {size["height"]}" '
            f'style="width:{size["width"]}pt">{_shorten(content, prefix)}'
        )


def _shorten(content: str, prefix: str) -> str:
    """Write the content of an SVG in half of the bytes.

    Numbers get five digits, blanks between elements go, and a style that occurs often
    gets a name.
    """
    content = re.sub(r">\s+<", "><", content)
    content = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m.group()):.5g}", content)
    count = Counter(re.findall(r'style="([^"]*)"', content))
    often = [style for style, n in count.items() if n > 2]
    for k, style in enumerate(often):
        content = content.replace(f'style="{style}"', f'class="{prefix}s{k}"')
    named = "".join(f".{prefix}s{k}{{{style}}}" for k, style in enumerate(often))
    return f"<style>{named}</style>{content}"


def drawn(draw: Callable[..., tuple[Figure, str, str]]) -> Callable[..., Picture]:
    """Draw in the style of the report and convert the figure to a picture."""

    @wraps(draw)
    def make(*args: object) -> Picture:
        matplotlib = import_optional("matplotlib", extra="report", purpose="A figure")
        with matplotlib.rc_context(STYLE):
            figure, caption, alt = draw(*args)
            return Picture(caption, alt, as_svg(figure))

    return make


def as_svg(figure: Figure) -> str:
    """Return a figure as an SVG element, with reproducible bytes."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor").rstrip()
