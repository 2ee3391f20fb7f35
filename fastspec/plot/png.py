"""PNG files of drawn figures: pixels, their palette, and a text chunk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import atomic
from ..picture.legend import KEY
from . import canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

Bytes = NDArray[np.uint8]

_BAND_PIXELS = 1 << 17  # quantized at once


def render(figure: Figure) -> Bytes:
    """The pixels of a figure (height, width, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg: Any = FigureCanvasAgg(figure)
    agg.draw()
    return np.asarray(agg.buffer_rgba())


def quantize(rgba: Bytes) -> Bytes:
    """The nearest colours (height, width) of the palette."""
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(canvas.palette())
    height, width = rgba.shape[:2]
    indices = np.empty((height, width), np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for first in range(0, height, rows):
        band = Image.fromarray(np.ascontiguousarray(rgba[first : first + rows, :, :3]))
        indices[first : first + rows] = np.asarray(band.quantize(palette=palette, dither=Image.Dither.NONE))
    return indices


def write_palette(indices: Bytes, path: str | os.PathLike[str], text: str) -> None:
    """Write colours (height, width) of the palette, atomically."""
    from PIL import Image

    picture = Image.frombuffer("P", indices.shape[::-1], indices, "raw", "P", 0, 1)
    picture.putpalette(canvas.palette())
    _save(picture, path, text)


def write(rgb: Bytes, path: str | os.PathLike[str], text: str) -> None:
    """Write pixels (height, width, 3), atomically."""
    from PIL import Image

    _save(Image.fromarray(np.ascontiguousarray(rgb)), path, text)


def _save(picture: Image, path: str | os.PathLike[str], text: str) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(KEY, text)
    with atomic.replace_file(path) as temporary:
        picture.save(temporary, format="png", pnginfo=info)
