"""Epilogues: the output of a tile of bins, as complex bins, levels |D|**power, filtered levels, or logarithms."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import Integer, Real
from ..kernels.features import levels
from ..kernels.features.levels import ENERGY_FIRST, ENERGY_LAST, EXPONENT, NO_ENERGY, ROOT, SQUARE, ClipArgs
from ..kernels.features.levels import Epilogue as EpilogueArgs
from ..kernels.fft.realfft import COMPLEX, POWER
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import Callee, run_items
from ..kernels.stft.features import write_features
from ..kernels.stft.forward import write_complex, write_filtered, write_levels
from .memory import MemoryLayout

CLIP_NUMBERS = 1 << 15  # of an item of `clip_and_scale`


class Epilogue(NamedTuple):
    """The kernel that writes a tile, and its arguments."""

    kernel: Callee
    op: int  # COMPLEX or POWER
    width: int  # bins or filters written
    full: bool  # all n_fft bins
    args: EpilogueArgs
    record: Integer  # the packed arguments
    rows: int  # vectors of a tile beside its bins


_NO_INTS = np.zeros(0, np.int64)
NO_FEATURES: dict[str, Any] = {
    "eps": 0.0, "guard": 0.0, "at_floor": 0.0, "offset": 0.0, "low": -np.inf, "high": np.inf, "energy": NO_ENERGY,
    "energy_gain": 1.0, "energy_floor": 0.0, "energy_slope": 1.0, "energy_last": 0.0, "energy_row": 0,
    "cepstra": 0,
}  # fmt: skip
"""What only front ends do, undone."""


def epilogue_args(
    dtype: np.dtype[Any],
    *,
    power: float = 2.0,
    shape: int | None = None,
    least: float = 0.0,
    log: bool = False,
    floor: float = 0.0,
    gain: float = 1.0,
    weights: Real | None = None,
    first: Integer = _NO_INTS,
    starts: Integer = _NO_INTS,
    **features: Any,
) -> EpilogueArgs:
    """Arguments of levels |D|**power (or of a `shape` of `kernels.features.levels`), of filters and of logarithms.

    Those of front ends, `features`, are fields of `kernels.features.levels.Epilogue`.
    """
    number = dtype.type
    return EpilogueArgs(
        shape={2.0: SQUARE, 1.0: ROOT}.get(power, EXPONENT) if shape is None else shape,
        log=log,
        exponent=number(power / 2),
        least=number(least),
        floor=number(floor),
        gain=number(gain),
        weights=np.zeros(0, dtype) if weights is None else weights,
        first=first,
        starts=starts,
        **{**NO_FEATURES, "matrix": np.zeros(0, dtype), **features},
    )


@lru_cache(64)
def complex_bins(dtype: np.dtype[Any], width: int, *, full: bool = False) -> Epilogue:
    """Complex bins."""
    args = epilogue_args(dtype)
    return Epilogue(write_complex, COMPLEX, width, full, args, pack(args), width)


def levels_of_bins(width: int, args: EpilogueArgs) -> Epilogue:
    """Levels of the first `width` bins."""
    return Epilogue(write_levels, POWER, width, False, args, pack(args), width)


def filtered_levels(args: EpilogueArgs) -> Epilogue:
    """Filters over the levels of all bins."""
    return Epilogue(write_filtered, POWER, len(args.first), False, args, pack(args), len(args.first))


def frontend_features(args: EpilogueArgs) -> Epilogue:
    """Filters over the levels of all bins, their logarithms and cepstra, and energies of frames."""
    filters, own_row = len(args.first), args.energy in (ENERGY_FIRST, ENERGY_LAST)
    width = args.cepstra or filters + own_row
    return Epilogue(write_features, POWER, width, False, args, pack(args), filters + 2 + args.cepstra)


def clip_and_scale(
    layout: MemoryLayout, rows: int, width: int, shift: float, floors: Real, gain: float = 1.0,
    offsets: Real | None = None,
) -> None:  # fmt: skip
    """Each of the `rows` rows of a signal, `width` numbers, becomes max(row - shift, floor) gain + offset, in place.

    Floors and offsets are those of the signals; without offsets they are 0.
    """
    dtype, signals, item_rows = layout.flat.dtype, len(layout.offsets), max(1, CLIP_NUMBERS // width)
    args = ClipArgs(
        out=layout.flat,
        out_offsets=layout.offsets,
        floors=floors,
        offsets=np.zeros_like(floors) if offsets is None else offsets,
        rows=rows,
        row_stride=layout.row_stride,
        width=width,
        item_rows=item_rows,
        shift=shift,
        gain=gain,
    )
    items, work = -(-signals * rows // item_rows), 16 * signals * rows * width
    run_items(levels.clip_and_scale, dtype, items, levels.CLIP_LAYOUT.pack(args), work=work)
