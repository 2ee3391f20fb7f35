"""The look of all figures: sizes, colours, axes, images and colour bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import extras
from .._typing import Array, Real
from ..picture import colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WIDTH_INCHES, DPI = 10.0, 130
MAX_COLUMNS = 2400
"""Longer images are pooled: about twice the width in pixels."""
MIN_WIDTH, MIN_HEIGHT = 1060, 442
"""Pixels of a drawn rectangle of levels, at least."""
_LEFT_INCHES, _RIGHT_INCHES, _TOP_INCHES, _BOTTOM_INCHES = 0.82, 0.3, 0.46, 0.58  # margins
_COLOUR_BAR_INCHES = 0.72  # additional margin at the right of a colour bar

PAPER, PANEL, INK, FAINT, GRID = "#14161c", "#000004", "#e4e6eb", "#9aa0ad", "#2a2e38"
LINES = ("#f7a072", "#7cc4e8", "#b6e388", "#d7a6f0")
COLOUR_MAP = "magma"
N_COLOURS = 208
"""Of the map in the palette of a picture; the rest are for text."""


def pool_columns(values: Array, columns: int) -> tuple[Array, int]:
    """Max-pooling of (rows, n) to at most `columns` columns: (maxima of `factor` columns each, factor)."""
    factor = -(-values.shape[1] // columns)
    if factor < 2:
        return values, 1
    return np.maximum.reduceat(values, np.arange(0, values.shape[1], factor), axis=1), factor


def new_figure(rows: int, height: float, *, colour_bar: bool = True) -> tuple[Figure, list[Axes]]:
    """A dark figure with `rows` axes below one another, each `height` inches high, with fixed margins."""
    figure_class = extras.load("matplotlib.figure", "plot", "a picture").Figure
    gap = _TOP_INCHES + 0.12
    total = _TOP_INCHES + rows * height + (rows - 1) * gap + _BOTTOM_INCHES
    figure = figure_class(figsize=(WIDTH_INCHES, total), facecolor=PAPER)
    axes = []
    for row in range(rows):
        bottom = _BOTTOM_INCHES + (rows - 1 - row) * (height + gap)
        width = WIDTH_INCHES - _LEFT_INCHES - _RIGHT_INCHES - (_COLOUR_BAR_INCHES if colour_bar else 0)
        box = (_LEFT_INCHES / WIDTH_INCHES, bottom / total, width / WIDTH_INCHES, height / total)
        axes.append(figure.add_axes(box, facecolor=PANEL))
    return figure, axes


def pixel_axes(width: int, height: int) -> tuple[Figure, Axes, tuple[int, int]]:
    """(dark figure with a colour bar's margin, axes of width × height pixels, pixels to the left of and above them)."""
    left, right, top, bottom = (
        round(DPI * inches)
        for inches in (_LEFT_INCHES, _RIGHT_INCHES + _COLOUR_BAR_INCHES, _TOP_INCHES, _BOTTOM_INCHES)
    )
    total = left + width + right, top + height + bottom
    figure_class = extras.load("matplotlib.figure", "plot", "a picture").Figure
    size = [(pixels + 0.01) / DPI for pixels in total]  # which is truncated to whole pixels
    figure = figure_class(figsize=size, dpi=DPI, facecolor=PAPER)
    box = (left / total[0], bottom / total[1], width / total[0], height / total[1])
    return figure, figure.add_axes(box, facecolor=PANEL), (left, top)


def draw_image(
    axes: Axes,
    values: Real,
    *,
    left: float,
    column: float,
    vertical: tuple[float, float],
    levels: tuple[float, float],
) -> AxesImage:
    """Draw (rows, columns), pooled to `MAX_COLUMNS`: x from `left`, `column` a column; y and colours between limits.

    Values are interpolated, not their colours, of which matplotlib holds 60 bytes a value.
    """
    values, factor = pool_columns(values, MAX_COLUMNS)
    right = left + values.shape[1] * factor * column
    return axes.imshow(
        values,
        cmap=COLOUR_MAP,
        vmin=levels[0],
        vmax=levels[1],
        origin="lower",
        aspect="auto",
        interpolation_stage="data",
        extent=(left, right, *vertical),
    )


def literal(text: str) -> str:
    """A title of any characters, in which matplotlib finds no mathematics between dollar signs."""
    return text.replace("$", r"\$")


def label_axes(axes: Axes, title: str, *, x: str = "time (s)", y: str, is_last: bool = True) -> None:
    """Title and labels; of axes below one another only the last has a label and numbers along x."""
    axes.set_title(title, loc="left", color=INK, fontsize=12, fontweight="bold", pad=9)
    axes.set_ylabel(y, color=FAINT, fontsize=10)
    axes.set_xlabel(x if is_last else "", color=FAINT, fontsize=10)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9.5, length=3, labelbottom=is_last)
    for side in axes.spines.values():
        side.set_visible(False)


def add_colour_bar(figure: Figure, rows: Sequence[Axes], image: ScalarMappable, label: str) -> None:
    """A thin colour bar at the right of `rows`, as high as all of them."""
    top, bottom, inch = rows[0].get_position(), rows[-1].get_position(), 1 / figure.get_figwidth()
    box = (top.x1 + 0.16 * inch, bottom.y0, 0.13 * inch, top.y1 - bottom.y0)
    bar = figure.colorbar(image, cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=FAINT, labelcolor=INK, labelsize=9.5, length=3)
    bar.set_label(label, color=FAINT, fontsize=10)


def map_colour(position: float) -> tuple[float, float, float, float]:
    """The colour (red, green, blue, alpha) of the map at a position from 0 to 1."""
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps[COLOUR_MAP](position)
    return red, green, blue, alpha


def palette() -> bytes:
    """256 colours as RGB bytes: `N_COLOURS` of the map, and the others between `PAPER` and `INK` for text."""
    from matplotlib import colors

    paper, ink = np.array(colors.to_rgb(PAPER)), np.array(colors.to_rgb(INK))
    steps = np.linspace(0, 1, 256 - N_COLOURS)[:, None]
    shades = np.round(255 * (paper + (ink - paper) * steps)).astype(np.uint8)
    return colours.palette(COLOUR_MAP, N_COLOURS).tobytes() + shades.tobytes()


def line_colours(count: int) -> list[str]:
    """Colours of `count` lines, in a cycle."""
    return [LINES[i % len(LINES)] for i in range(count)]
