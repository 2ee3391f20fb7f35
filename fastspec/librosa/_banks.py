"""Mel filter banks by librosa's arguments, cached by their values."""

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.fft import rfftfreq
from numpy.typing import DTypeLike

from .. import checks
from .._typing import Array
from ..features.banks import FilterBank, MelBank
from ..features.scales import mel_frequencies
from ._names import parameter_error, warn
from .util.utils import normalize

EMPTY_FILTERS = (
    "Empty filters detected in mel frequency basis: filters without a bin between their corners make bands that are "
    "always zero. Try fewer n_mels, a larger n_fft, or a lower sr and fmax."
)


class _Bank(NamedTuple):
    """Mel filters, dense if no `FilterBank` can hold them, and whether one has no bin between its corners."""

    filters: FilterBank | Array
    has_empty_filter: bool


class _BankArgs(NamedTuple):
    """The arguments of `mel_filters`, converted so that equal banks have equal keys."""

    sr: float
    n_fft: int
    n_mels: int
    fmin: float
    fmax: float
    htk: bool
    norm: Any
    dtype: np.dtype[Any]


def _is_unusual(args: _BankArgs) -> bool:
    """Whether `MelBank` refuses the filters that librosa builds: none, or corners that do not rise from 0 Hz up."""
    return not (args.n_mels > 0 and args.sr > 0 and 0 <= args.fmin < args.fmax < np.inf)


def _build_unusual(args: _BankArgs) -> _Bank:
    """The formula of `MelBank` for any corners: it divides by zero where two of them are one."""
    corners = mel_frequencies(args.n_mels + 2, args.fmin, args.fmax, args.htk)
    bins, widths = rfftfreq(args.n_fft, 1 / args.sr), np.diff(corners)[:, None]
    rising = (bins - corners[:-2, None]) / widths[:-1]
    falling = (corners[2:, None] - bins) / widths[1:]
    dense = np.maximum(0, np.minimum(rising, falling)).astype(args.dtype)
    if isinstance(args.norm, str):
        dense = (dense * (2.0 / (corners[2:] - corners[:-2]))[:, None]).astype(args.dtype)
    else:
        dense = normalize(dense, norm=args.norm, axis=-1)
    return _Bank(dense, _has_empty_filter(dense, corners))


def _has_empty_filter(dense: Array, corners: Array) -> bool:
    return not np.all((corners[:-2] == 0) | (dense.max(axis=1, initial=0) > 0))


@lru_cache(32)
def _build(args: _BankArgs) -> _Bank:
    half = args.dtype == np.float16
    norm_is_native = not half and (args.norm is None or isinstance(args.norm, str) or args.norm > 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # `mel_filters` warns of empty filters, at every call
        filters = MelBank(
            args.sr,
            args.n_fft,
            args.n_mels,
            fmin=args.fmin,
            fmax=args.fmax,
            htk=args.htk,
            norm=args.norm if norm_is_native else None,
            dtype=np.dtype(np.float64) if half else args.dtype,
        )
    dense = np.asarray(filters).astype(args.dtype)  # rounded before they are scaled, as librosa's: tiny filters stay
    corners = mel_frequencies(args.n_mels + 2, args.fmin, args.fmax, args.htk)
    if not norm_is_native and isinstance(args.norm, str):
        dense = (dense * (2.0 / (corners[2:] - corners[:-2]))[:, None]).astype(args.dtype)
    elif not norm_is_native:
        dense = normalize(dense, norm=args.norm, axis=-1)
    return _Bank(filters if norm_is_native else FilterBank(dense), _has_empty_filter(dense, corners))


def mel_filters(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: Any = "slaney",
    dtype: DTypeLike = np.float32,
) -> FilterBank | Array:
    """The filters of `filters.mel` as a bank, computed in float32 if dtype is that, else in float64.

    Of float16 the filters hold the numbers, as float64.  Filters that `MelBank` refuses, since fmin is not between 0
    and fmax or there are none, are an array [shape=(n_mels, 1 + n_fft // 2)] and may hold NaN.

    Raises
    ------
    ValueError, TypeError
        For an invalid argument, by name.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it holds no bin.
    RuntimeWarning
        If fmin is fmax, so that all corners are one.
    """
    if isinstance(norm, str) and norm != "slaney":
        raise parameter_error(f"Unsupported norm={norm!r}: must be 'slaney', a number or None")
    native = np.dtype(dtype).newbyteorder("=")
    args = _BankArgs(
        sr=checks.as_finite("sr", sr),
        n_fft=n_fft,
        n_mels=int(n_mels),
        fmin=checks.as_finite("fmin", fmin),
        fmax=float(sr) / 2 if fmax is None else checks.as_finite("fmax", fmax),
        htk=bool(htk),
        norm=norm,
        dtype=native if native in (np.float16, np.float32) else np.dtype(np.float64),
    )
    bank = _build_unusual(args) if _is_unusual(args) else _build(args)
    if bank.has_empty_filter:
        warn(EMPTY_FILTERS)
    return bank.filters
