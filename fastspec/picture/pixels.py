"""Pictures as arrays of pixels: files of any format that Pillow reads, Pillow's images, and arrays."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import checks, extras
from .._typing import Array
from ..files import limits
from .colours import is_grey
from .legend import KEY, Legend

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm", ".tga")
_GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N")
_TRANSPARENT = ("RGBA", "LA", "PA", "RGBa", "La")


class Pixels(NamedTuple):
    """The pixels of a picture, from its top row down.

    `values` are grey (rows, columns) in uint8 or uint16, or colours (rows, columns, 3) in uint8; `is_empty` (rows,
    columns) are those that are wholly transparent, None if none is.  `legend` is that of our own pictures, whose
    pixels are the colours in its rectangle.
    """

    name: str
    values: Array
    is_empty: Array | None = None
    legend: Legend | None = None


def is_picture(path: object) -> bool:
    """Whether the name of a file is that of a picture."""
    return isinstance(path, str | os.PathLike) and Path(path).suffix.lower() in SUFFIXES


def read(source: object) -> Pixels:
    """The pixels of a file, of an image of Pillow, or of an array.

    Parameters
    ----------
    source : path, PIL.Image.Image or np.ndarray
        Arrays are grey (rows, columns) or colours (rows, columns, 3 or 4 with alpha), in uint8, uint16 (grey) or
        floating point from 0 to 1 (as matplotlib's `imread` has them, and then taken as 16 bits).

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError, ValueError
        If it is no picture, is truncated, has too many pixels, or pixels that are partly transparent or no levels.
    ImportError
        If Pillow is needed and not installed.
    """
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(source, pil.Image):
        return _of_image(source, getattr(source, "filename", "") or "picture")
    if isinstance(source, str | os.PathLike):
        with _open(Path(source)) as image:
            return _of_image(image, str(source))
    return _of_array("picture", checks.as_array("picture", source))  # type: ignore[arg-type]


@contextmanager
def _open(path: Path) -> Iterator[Image]:
    """An image of Pillow, decoded; what is wrong with the file is a ValueError."""
    pil = extras.load("PIL.Image", "plot", "a picture")
    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pil.DecompressionBombWarning)
                image = pil.open(file)
                _check_size(image, str(path), os.fstat(file.fileno()).st_size)
                image.load()
        except pil.UnidentifiedImageError:
            raise ValueError(f"{path}: is no picture of a format that Pillow reads") from None
        except (pil.DecompressionBombWarning, pil.DecompressionBombError) as error:
            raise ValueError(f"{path}: {error}") from None
        except Exception as error:  # of any kind: Pillow has many decoders
            if str(error).startswith(str(path)):
                raise
            raise ValueError(f"{path}: not a readable picture ({str(error) or type(error).__name__})") from None
        yield image


def _check_size(image: Image, name: str, file_size: int) -> None:
    """ValueError if the header of a PNG file declares more pixels than the file can hold."""
    if image.format == "PNG":
        width, height = image.size
        limits.check_compressed(name, "pixels", width * height // 8, file_size, least=1 << 20)


def _of_image(image: Image, name: str) -> Pixels:
    """The pixels of an image; of our own pictures those of the levels."""
    text = image.info.get(KEY)
    if isinstance(text, str):
        legend = Legend.from_json(text, name, image.size)
        return Pixels(name, np.asarray(image.crop(legend.box).convert("RGB")), legend=legend)
    mode = image.mode
    if mode in _GREY_16 or (mode == "I" and image.format == "PNG"):  # which older versions of Pillow call 16 bits
        return Pixels(name, np.asarray(image).astype(np.uint16))
    if mode in ("I", "F"):
        raise ValueError(f"{name}: must have pixels of 8 or 16 bits, got those of Pillow's mode {mode}")
    if mode in _TRANSPARENT or "transparency" in image.info:
        return _of_array(name, np.asarray(image.convert("RGBA")))
    return _of_array(name, np.asarray(image.convert("L" if mode in ("1", "L") else "RGB")))


def _of_array(name: str, array: Array) -> Pixels:
    """The pixels of an array (rows, columns) or (rows, columns, 3 or 4)."""
    is_colour = array.ndim == 3 and array.shape[2] in (3, 4)
    if not (is_colour or array.ndim == 2) or not array.size:
        raise ValueError(f"{name} must have shape (rows, columns) or (rows, columns, 3 or 4), got {array.shape}")
    if array.dtype.kind == "f":
        checks.check_finite(name, array)
        if array.min() < 0 or array.max() > 1:
            raise ValueError(f"{name} must be from 0 to 1, got values from {array.min():g} to {array.max():g}")
        array = np.round(array * (255 if is_colour else 65535)).astype(np.uint8 if is_colour else np.uint16)
    if array.dtype not in ((np.uint8,) if is_colour else (np.uint8, np.uint16)):
        accepted = "uint8" if is_colour else "uint8, uint16"
        raise TypeError(f"{name} must be of dtype {accepted} or floating point, got {array.dtype}")
    if not is_colour:
        return Pixels(name, array)
    colours = array[..., :3]
    values = colours[..., 1] if is_grey(colours) else colours
    if array.shape[2] == 3 or (array[..., 3] == 255).all():
        return Pixels(name, values)
    is_empty = array[..., 3] == 0
    if not (is_empty | (array[..., 3] == 255)).all():
        raise ValueError(f"{name}: must be opaque, got pixels that are partly transparent: flatten it first")
    if not is_grey(colours[~is_empty]):
        values = colours
    return Pixels(name, values, is_empty)
