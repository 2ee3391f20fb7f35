"""Mel filter banks by librosa's arguments; kept, so that calls with equal ones build nothing again."""

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from ..features.banks import FilterBank, MelBank
from ..features.scales import mel_frequencies
from ._names import parameter_error
from .util.utils import normalize


class Bank(NamedTuple):
    """The filters, and whether one of them holds no bin."""

    filters: FilterBank
    empty: bool


@lru_cache(32)
def _bank(
    sr: float, n_fft: int, n_mels: int, fmin: float, fmax: float, htk: bool, norm: Any, dtype: np.dtype[Any]
) -> Bank:
    half = dtype == np.float16
    scaled = not half and (norm is None or isinstance(norm, str) or norm > 0)  # by MelBank; else here
    wide = np.dtype(np.float64) if half else dtype
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # callers are told of empty filters at every call
        made = MelBank(sr, n_fft, n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm if scaled else None, dtype=wide)
    dense = np.asarray(made).astype(dtype)  # rounded before it is measured, as librosa's: tiny filters stay as they are
    corners = mel_frequencies(n_mels + 2, fmin, fmax, htk)
    if not scaled and isinstance(norm, str):
        dense = (dense * (2.0 / (corners[2:] - corners[:-2]))[:, None]).astype(dtype)
    elif not scaled:
        dense = normalize(dense, norm=norm, axis=-1)
    empty = not np.all((corners[:-2] == 0) | (dense.max(axis=1, initial=0) > 0))
    return Bank(made if scaled else FilterBank(dense), empty)


def bank(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: Any = "slaney",
    dtype: DTypeLike = np.float32,
) -> Bank:
    """The bank of these arguments, which are those of `filters.mel`; computed in float64 unless it is float32.

    Of float16 the filters hold the numbers, as float64.

    Raises
    ------
    ValueError, TypeError
        For arguments without sense, by name.
    """
    if isinstance(norm, str) and norm != "slaney":
        raise parameter_error()(f"Unsupported norm={norm!r}: 'slaney', a number or None")
    top = float(sr) / 2 if fmax is None else float(fmax)
    kind = np.dtype(dtype) if np.dtype(dtype) in (np.float16, np.float32) else np.dtype(np.float64)
    return _bank(float(sr), n_fft, int(n_mels), float(fmin), top, bool(htk), norm, kind)
