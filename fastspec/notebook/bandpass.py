"""The notebook's Butterworth band-pass filter."""

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..forks import forks_wait
from . import blockwise

LARGEST_ORDER = 1000
"""The coefficients of orders from about 20 up are rounding errors anyway."""


def butter_bandpass(lowcut: float, highcut: float, fs: float, order: int = 5) -> tuple[Array, Array]:
    """Transfer function coefficients of a Butterworth band-pass filter.

    Parameters
    ----------
    lowcut, highcut : float
        Cutoff frequencies in Hz, 0 < lowcut < highcut < fs / 2.
    fs : float
        Sampling rate in Hz.
    order : int
        Order of the low-pass prototype; the band-pass filter has 2 * order poles.

    Returns
    -------
    b, a : np.ndarray [shape=(2 * order + 1,)]
        Numerator and denominator, as from `scipy.signal.butter`.
    """
    with forks_wait:
        from scipy.signal import butter

    low, high, rate = (checks.as_finite(n, v) for n, v in (("lowcut", lowcut), ("highcut", highcut), ("fs", fs)))
    if not 0 < low < high < rate / 2:
        raise ValueError(
            f"cutoff frequencies must satisfy 0 < lowcut < highcut < fs / 2 = {rate / 2:g}, "
            f"got lowcut={lowcut!r} and highcut={highcut!r}"
        )
    nyquist = 0.5 * rate
    b, a = butter(checks.as_int("order", order, 1, LARGEST_ORDER), [low / nyquist, high / nyquist], btype="band")
    return b, a


def butter_bandpass_filter(
    data: ArrayLike, lowcut: float, highcut: float, fs: float, order: int = 5, *, out: Array | None = None
) -> Array:
    """Filter a signal with `butter_bandpass`, once and forwards (`scipy.signal.lfilter`).

    Parameters
    ----------
    data : np.ndarray [shape=(n,)]
        Real, finite samples.
    lowcut, highcut, fs, order
        See `butter_bandpass`.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(n,)]
        float32 if data is, else float64.
    """
    with forks_wait:
        from scipy.signal import lfilter

    x = blockwise.as_channel("data", data).check_finite()
    b, a = butter_bandpass(lowcut, highcut, fs, order=order)
    if len(x) <= blockwise.BLOCK_VALUES and out is None and x.whole is not None:
        return lfilter(b, a, x.whole).astype(x.dtype, copy=False)
    y, state = blockwise.allocate_output(out, x.shape, x.dtype, data), np.zeros(max(len(a), len(b)) - 1)
    for first, last in blockwise.chunks(len(x), blockwise.BLOCK_VALUES // 4):
        y[first:last], state = lfilter(b, a, x.block(first, last), zi=state)
    return y if out is None else out
