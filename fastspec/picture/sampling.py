"""From the rows and columns of a picture to bins and frames: positions along an axis, and the means around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..features.scales import hz_to_mel
from ..forks import forks_wait
from ..plan import STFT

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SCALES = ("linear", "mel", "log")


class Axis(NamedTuple):
    """The frequencies of the rows of a picture, r = 0 at the bottom to R - 1 at the top.

    linear  fmin + (fmax - fmin) r / (R - 1)                 the rows are bins
    log     fmin (fmax / fmin)**(r / (R - 1))
    mel     hz(m(fmin) + (m(fmax) - m(fmin)) (r + 1) / (R + 1))   the rows are bands: centres of `MelBank`'s filters
    """

    scale: str
    fmin: float  #: Hz
    fmax: float  #: Hz
    htk: bool = False

    def check(self, nyquist: float) -> None:
        """ValueError if the scale has no such name, or the frequencies are not on it."""
        if self.scale not in SCALES:
            raise ValueError(f"scale must be 'linear', 'mel' or 'log', got {self.scale!r}")
        fmin, fmax = checks.as_finite("fmin", self.fmin), checks.as_finite("fmax", self.fmax)
        if self.scale == "log" and fmin <= 0:
            raise ValueError(f"fmin must be above 0 on a logarithmic scale, got {self.fmin!r}")
        if not 0 <= fmin < fmax:
            raise ValueError(f"fmin and fmax must be 0 <= fmin < fmax, got {self.fmin!r} and {self.fmax!r}")
        if fmax > nyquist:
            raise ValueError(f"fmax must be at most sr / 2 = {nyquist:g}, got {self.fmax!r}: or give a larger sr")

    def rows_of(self, hz: NDArray[np.float64], n_rows: int) -> NDArray[np.float64]:
        """The row, whole at its centre, of frequencies."""
        if self.scale == "mel":
            low, high = hz_to_mel(self.fmin, self.htk), hz_to_mel(self.fmax, self.htk)
            return (hz_to_mel(hz, self.htk) - low) / (high - low) * (n_rows + 1) - 1
        if self.scale == "log":
            ratio = np.log(np.maximum(hz, np.finfo(float).tiny) / self.fmin) / np.log(self.fmax / self.fmin)
        else:
            ratio = (hz - self.fmin) / (self.fmax - self.fmin)
        return ratio * (n_rows - 1)


def bins_from_rows(axis: Axis, n_rows: int, plan: STFT, sr: float) -> csr_array[Any]:
    """The matrix (n_bins, n_rows) of means around each bin; bins beyond the axis by more than half a row are 0."""
    rows = axis.rows_of(plan.frequencies(sr), n_rows)
    is_inside = (rows >= -0.5) & (rows <= n_rows - 0.5)
    if n_rows == 1:
        hz = plan.frequencies(sr)
        is_inside = (hz >= axis.fmin) & (hz <= axis.fmax)
    reach = np.gradient(rows) if len(rows) > 1 else np.ones(1)
    return _means(rows, np.maximum(1, reach), n_rows, is_inside)


def frames_from_columns(n_columns: int, n_frames: int, seconds: float, plan: STFT, sr: float) -> csr_array[Any]:
    """The matrix (n_frames, n_columns) of means around each frame, of columns that divide `seconds` evenly."""
    per_second = n_columns / seconds
    columns = plan.times(n_frames, sr) * per_second - 0.5
    reach = max(1.0, plan.hop_length / sr * per_second)
    return _means(columns, np.full(n_frames, reach), n_columns, np.ones(n_frames, bool))


def _means(at: NDArray[np.float64], reach: NDArray[np.float64], n: int, is_inside: NDArray[np.bool_]) -> csr_array[Any]:
    """Row i weighs the numbers k = 0 .. n - 1 by 1 - |k - at[i]| / reach[i], in sum 1: where reach is 1, interpolation.

    Positions beyond the ends are at the ends; rows that are not inside are 0.
    """
    with forks_wait:
        from scipy.sparse import csr_array

    at = np.clip(np.where(is_inside, at, 0), 0, n - 1)
    first = np.maximum(np.ceil(at - reach), 0).astype(np.int64)
    stop = np.minimum(np.floor(at + reach), n - 1).astype(np.int64) + 1
    sizes = np.where(is_inside, stop - first, 0)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    row = np.repeat(np.arange(len(at)), sizes)
    columns = first[row] + np.arange(starts[-1]) - starts[row]
    weights = np.maximum(0, 1 - np.abs(columns - at[row]) / reach[row])
    weights /= np.bincount(row, weights, len(at))[row]
    return csr_array((weights.astype(np.float32), columns, starts), shape=(len(at), n))
