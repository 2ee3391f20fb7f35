"""Colour maps inverted: the position from 0 to 1 of each pixel's colour along a map of matplotlib."""

from __future__ import annotations

import difflib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import extras
from ..forks import forks_wait

Colours = NDArray[np.uint8]

NEAR = 24.0
"""Largest root mean square distance from a map at which colours (red, green, blue: 0 to 255) count as its own."""
NEAR_NAMED = 36.0
"""The same of a map that is named: of JPEG's colours from those of rainbows."""
_FIRST = ("viridis", "magma", "inferno", "plasma", "cividis", "turbo", "jet", "hot", "coolwarm")
"""Maps that win a tie, as where a silent picture has one colour."""
_MIN_COLOURS = 64  # of a map that is looked at; fewer are lists of colours
_MIN_DISTANCE = 25.0  # of colours a quarter of the map apart, or its colours do not tell the position
_MAX_SEARCHED = 4096  # colours of a picture that are compared with all maps
_BLOCK_PIXELS = 1 << 20


class ColourCounts(NamedTuple):
    """The different colours of a picture (n, 3), and how many pixels have each."""

    colours: NDArray[np.float64]
    counts: NDArray[np.int64]


def palette(colormap: str, n: int) -> Colours:
    """n colours of a map at equal distances from its first to its last, shape (n, 3)."""
    colours = _colormap(colormap)(np.arange(n) / (n - 1))
    return np.round(255 * np.asarray(colours)[:, :3]).astype(np.uint8)


def table(colormap: str) -> Colours:
    """The colours of a map as matplotlib draws them, shape (n, 3)."""
    colors = _colormap(colormap)
    return np.asarray(colors(np.arange(colors.N), bytes=True))[:, :3].astype(np.uint8)


def positions(pixels: Colours, colours: Colours) -> tuple[NDArray[np.float32], float]:
    """(position from 0 to 1 of the nearest of `colours` (n, 3), for each pixel (..., 3); their rms distance)."""
    with forks_wait:
        from scipy.spatial import KDTree

    tree, flat = KDTree(colours.astype(np.float64)), pixels.reshape(-1, 3)
    result, squares = np.empty(len(flat), np.float32), 0.0
    for first in range(0, len(flat), _BLOCK_PIXELS):
        packed, at, counts = np.unique(
            _pack(flat[first : first + _BLOCK_PIXELS]), return_inverse=True, return_counts=True
        )
        distances, nearest = tree.query(_unpack(packed))
        result[first : first + len(at)] = np.asarray(nearest / (len(colours) - 1), np.float32)[at]
        squares += float(counts @ distances**2)
    return result.reshape(pixels.shape[:-1]), float(np.sqrt(squares / len(flat)))


def find(pixels: Colours) -> tuple[str, float]:
    """(name, rms distance) of the map of matplotlib that is nearest to all pixels (..., 3).

    Maps of few colours, of grey, that repeat themselves and reversed ones are not looked at: of a map and its reverse,
    which have the same colours, the picture does not tell which it was drawn with.
    """
    with forks_wait:
        from scipy.spatial import KDTree

    counted = _count(pixels)
    best, least = "", np.inf
    for name in _invertible():
        distances, _ = KDTree(table(name).astype(np.float64)).query(counted.colours)
        distance = float(np.sqrt(counted.counts @ distances**2 / counted.counts.sum()))
        if distance < least:
            best, least = name, distance
    return best, least


def _colormap(name: str):  # type: ignore[no-untyped-def]
    """The map of matplotlib of this name."""
    maps = extras.load("matplotlib", "plot", "a colour map").colormaps
    if not isinstance(name, str):
        raise TypeError(f"colormap must be the name of a map of matplotlib, got {name!r}")
    if name not in maps:
        similar = difflib.get_close_matches(name, list(maps), 3) or ["viridis", "magma", "gray_r"]
        raise ValueError(
            f"colormap must be the name of a map of matplotlib, such as {', '.join(similar)}, got {name!r}"
        )
    return maps[name]


def _invertible() -> list[str]:
    """The maps to look at, those that win a tie first."""
    maps = extras.load("matplotlib", "plot", "a colour map").colormaps
    names = [name for name in maps if not name.endswith("_r") and maps[name].N >= _MIN_COLOURS]
    names = [*_FIRST, *sorted(set(names) - set(_FIRST))]
    return [name for name in names if tells_position(table(name)) and not is_grey(table(name))]


def grey_direction(colormap: str) -> int:
    """1 if the map goes evenly from black to white, -1 if from white to black, 0 if it does neither."""
    colours = table(colormap)
    if not is_grey(colours):
        return 0
    even = np.linspace(0, 255, len(colours))
    grey = colours[:, 1].astype(np.float64)
    return int(np.abs(grey - even).max() < 2) - int(np.abs(grey - even[::-1]).max() < 2)


def is_grey(pixels: Colours, tolerance: int = 1) -> bool:
    """Whether red, green and blue of each pixel (..., 3) differ by `tolerance` at most."""
    red, green, blue = (pixels[..., channel].astype(np.int16) for channel in range(3))
    return all(int(np.abs(a - b).max(initial=0)) <= tolerance for a, b in ((red, green), (green, blue), (red, blue)))


def tells_position(colours: Colours) -> bool:
    """Whether a colour of the map occurs only in one part of it: not so of a cycle."""
    flat, n = colours.astype(np.float64), len(colours)
    distances = np.linalg.norm(flat[:, None] - flat, axis=2)
    is_far = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) > n / 4
    return bool(distances[is_far].min(initial=np.inf) >= _MIN_DISTANCE)


def _count(pixels: Colours) -> ColourCounts:
    """The colours of a picture; where they are more than `_MAX_SEARCHED`, the means of those that are alike."""
    flat = pixels.reshape(-1, 3)
    blocks = [
        np.unique(_pack(flat[first : first + _BLOCK_PIXELS]), return_counts=True)
        for first in range(0, len(flat), _BLOCK_PIXELS)
    ]
    packed, at = np.unique(np.concatenate([block[0] for block in blocks]), return_inverse=True)
    counts = np.bincount(at, np.concatenate([block[1] for block in blocks])).astype(np.int64)
    colours = _unpack(packed)
    if len(colours) <= _MAX_SEARCHED:
        return ColourCounts(colours, counts)
    groups = _pack((colours // 16).astype(np.uint8))
    _, at = np.unique(groups, return_inverse=True)
    total = np.bincount(at, counts)
    means = [np.bincount(at, counts * colours[:, channel]) / total for channel in range(3)]
    return ColourCounts(np.stack(means, axis=1), total.astype(np.int64))


def _pack(colours: Colours) -> NDArray[np.uint32]:
    """Colours (n, 3) as numbers (n,)."""
    wide = colours.astype(np.uint32)
    return np.asarray(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2], np.uint32)


def _unpack(packed: NDArray[np.uint32]) -> NDArray[np.float64]:
    """The inverse of `_pack`, in float64."""
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1).astype(np.float64)
