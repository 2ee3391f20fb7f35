"""Pictures whose levels are pixels: a figure with a rectangle in which each value has a colour and pixels of its own.

matplotlib draws the axes and the colour bar; the rectangle is filled afterwards, so that nothing is resampled and each
of the palette's colours is one level.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import canvas, png, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_WIDENED_PIXELS = 4_000_000  # of a rectangle whose cells are more than a pixel wide


class Raster(NamedTuple):
    """A figure and the colours of its rectangle.

    `indices` (rows, columns), the lowest row first, are from 0 to `canvas.N_COLOURS` - 1.  The rectangle is `left` and
    `top` pixels from the figure's corner; a value is `cell` (width, height) pixels.
    """

    figure: Figure
    indices: NDArray[np.uint8]
    left: int
    top: int
    cell: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the picture in pixels."""
        width, height = self.figure.bbox.size
        return int(width), int(height)

    def save(self, path: str | os.PathLike[str], text: str) -> None:
        """Write the picture as PNG, atomically, with `text` in its chunk."""
        picture = png.quantize(png.render(self.figure))
        (rows, columns), (width, height) = self.indices.shape, self.cell
        rectangle = picture[self.top : self.top + rows * height, self.left : self.left + columns * width]
        for row in range(height):
            for column in range(width):
                rectangle[row::height, column::width] = self.indices[::-1]
        png.write_palette(picture, path, text)


def draw(
    indices: NDArray[np.uint8],
    *,
    left: float,
    column: float,
    seconds: float,
    title: str,
    n_levels: int,
    levels_per_row: int = 1,
    nyquist: float | None = None,
    mel: ticks.MelAxis | None = None,
    db_range: float = 80.0,
) -> Raster:
    """Levels of any length, with hours and minutes along a long time axis.

    Parameters
    ----------
    indices : np.ndarray [shape=(rows, columns)]
        Colours, from 0 for -db_range dB to `canvas.N_COLOURS` - 1 for 0 dB.
    left, column : float
        Left edge of the first column and width of each, in seconds.
    seconds : float
        Length of the sound: ticks are within it.
    n_levels, levels_per_row : int
        Bins, bands or filters of a frame, and how many of them a row stands for.
    nyquist : float, optional
        Of bins: frequency of the last in Hz.
    mel : ticks.MelAxis, optional
        Of mel bands.  Without `nyquist` and `mel`, rows are numbered as filters.
    db_range : float
        The darkest colour is this many dB below 0.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    n_rows, n_columns = indices.shape
    top = n_rows * levels_per_row - 0.5
    height = -(-canvas.MIN_HEIGHT // n_rows)
    most = max(1, _MAX_WIDENED_PIXELS // (n_rows * height * n_columns))
    cell = min(most, -(-canvas.MIN_WIDTH // n_columns)), height
    figure, axes, corner = canvas.pixel_axes(n_columns * cell[0], n_rows * cell[1])
    time_label = ticks.set_time_ticks(axes, seconds)
    if nyquist is not None:
        label, bin_hz = "frequency (Hz)", nyquist / max(1, n_levels - 1)
        axes.yaxis.set_major_formatter(lambda hz, _: f"{hz:,.0f}")
        axes.set_ylim(-0.5 * bin_hz, top * bin_hz)
    else:
        label = "filter" if mel is None else "band centre (Hz)"
        if mel is not None:
            ticks.set_mel_ticks(axes, mel)
        axes.set_ylim(-0.5, top)
    axes.set_xlim(left, left + n_columns * column)
    canvas.label_axes(axes, title, x=time_label, y=label)
    canvas.add_colour_bar(figure, [axes], ScalarMappable(Normalize(-db_range, 0), canvas.COLOUR_MAP), "level (dB)")
    return Raster(figure, indices, *corner, cell)
