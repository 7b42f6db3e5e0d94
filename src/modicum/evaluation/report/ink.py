"""matplotlib figures as inline SVG whose colours and fonts follow the page, in light and in dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

P = ParamSpec("P")

# Colours as drawn, and the page's variable that takes the place of each.
INK, MUTED, LINE, PAPER = "#1b2430", "#5f6b7a", "#d8dde4", "#fefefd"
BLUE, ORANGE, GREEN, PURPLE, GOLD, SKY = "#0a6ea8", "#c8570a", "#0b8a66", "#a8568a", "#b98a00", "#4aa3d0"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, GOLD, SKY)
_VARIABLES = {
    INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper",
    BLUE: "blue", ORANGE: "orange", GREEN: "green", PURPLE: "purple", GOLD: "gold", SKY: "sky",
}  # fmt: skip

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "modicum",
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


def styled(draw: Callable[P, str]) -> Callable[P, str]:
    """A drawing function that draws in the page's style and leaves matplotlib's settings as they were."""

    @wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> str:
        with matplotlib.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawing


class Sheet:
    """A row of axes to draw on, within a `styled` function; `svg` gives the finished drawing.

    Args:
        columns: axes side by side.
        width, height: inches; 10.4 fills the page.
        widths: relative widths of the axes.
    """

    def __init__(self, columns: int, height: float, width: float = 10.4, widths: tuple[float, ...] | None = None) -> None:
        self.figure = Figure(figsize=(width, height), layout="constrained")
        self.figure.get_layout_engine().set(w_pad=0.12, h_pad=0.04)  # type: ignore[union-attr,call-arg]
        made = self.figure.subplots(1, columns, squeeze=False, gridspec_kw={"width_ratios": widths})
        self.axes: list[Axes] = list(made[0])
        self.width = width

    def svg(self, label: str) -> str:
        """The drawing as an <svg> element that a screen reader announces by `label` (plain ASCII words)."""
        buffer = io.StringIO()
        FigureCanvasSVG(self.figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
        return _inline(buffer.getvalue(), label, self.width)


def thousandths(value: float) -> str:
    """A share as it is printed: .823, 1.000, -.050; a dash for nan."""
    if value != value:
        return "–"
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(float(text)) < 1 else text


def plain(label: str) -> str:
    """A label that matplotlib does not read as mathematics."""
    return label.replace("$", r"\$")


def share_axis(axes: Axes, which: str) -> None:
    """Numbers on an axis from 0 to 1 without the leading zero, as in the text."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2f}".replace("0.", ".", 1).replace("-.00", ".00")))


def _inline(document: str, label: str, width: float) -> str:
    drawing = document[document.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", drawing)  # HTML knows both
    drawing = drawing.replace("xlink:href", "href")
    style = f"width:100%;max-width:{width * 100:.0f}px;height:auto"
    drawing = re.sub(
        r'^<svg[^>]*?(viewBox="[^"]*")[^>]*>',
        rf'<svg \1 role="img" aria-label="{label}" style="{style}">',
        drawing,
        count=1,
    )
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var(--{variable})")
    return drawing
