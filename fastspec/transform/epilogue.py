"""TODO."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels import compiled
from ..kernels.features.levels import OTHER, ROOT, SQUARE, settle
from ..kernels.fft.realfft import COMPLEX, POWER
from ..kernels.runtime.calls import new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.threads import team_size
from ..kernels.stft.forward import Last
from .memory import Place

CHUNK = 1 << 15  # numbers a work item of `settled`


class Step(NamedTuple):
    """A last step: the kernel that writes a tile, and what it is told."""

    put: Any  # of `compiled`: dtype -> entry
    op: int
    width: int  # bins or filters written
    full: bool
    last: Last
    record: NDArray[np.int64]  # `last` as kernels unpack it


_NOTHING, _ZERO = np.zeros(0, np.int64), np.zeros(1, np.int64)


def last_step(
    dtype: np.dtype[Any],
    *,
    power: float = 2.0,
    shape: int | None = None,
    least: float = 0.0,
    log: bool = False,
    floor: float = 0.0,
    gain: float = 1.0,
    weights: Real | None = None,
    first: NDArray[np.int64] = _NOTHING,
    starts: NDArray[np.int64] = _NOTHING,
) -> Last:
    """A plan.Last: levels |D|**power (or as `shape` says), then filters and their logarithms."""
    number = dtype.type
    if shape is None:
        shape = {2.0: SQUARE, 1.0: ROOT}.get(power, OTHER)
    weights = np.zeros(0, dtype) if weights is None else weights
    return Last(shape, log, number(power / 2), number(least), number(floor), number(gain), weights, first, starts)


@lru_cache(64)
def complex_step(dtype: np.dtype[Any], width: int, *, full: bool = False) -> Step:
    """The bins as they are."""
    last = last_step(dtype)
    return Step(compiled.put_complex, COMPLEX, width, full, last, pack(last))


def level_step(width: int, last: Last) -> Step:
    """Levels of the first `width` bins."""
    return Step(compiled.put_levels, POWER, width, False, last, pack(last))


def filter_step(last: Last) -> Step:
    """Filters over the levels of all bins."""
    return Step(compiled.put_filtered, POWER, len(last.first), False, last, pack(last))


def settled(
    place: Place, rows: int, width: int, shift: float, floors: Real, gain: float = 1.0, add: float = 0.0
) -> None:
    """Each of the `rows` runs of `width` numbers of a signal becomes max(run - shift, floor) gain + add, in place."""
    number, many = place.flat.dtype.type, max(1, CHUNK // width)
    items = -(-len(place.places) * rows // many)
    work = len(place.places) * rows * width
    shared = team_size(), new_board(), many, place.flat, place.places, rows, place.ld, width
    settle(items, *shared, number(shift), floors, number(gain), number(add), work=work)
