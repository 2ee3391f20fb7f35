"""Mel scales, filter banks, and their way to and from spectrograms."""

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import checks
from .bands import bands_of
from .immutable import Immutable

SPLINE_REACH = 40
"""Columns beside a block of which its splines are made."""

Norm = Literal["slaney"] | float | None

_LINEAR = 200.0 / 3  # Hz a mel below the corner
_CORNER = 1000.0
_LOG_STEP = np.log(6.4) / 27  # a mel above it


def hz_to_mel(hz: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Mels of frequencies.

    Slaney's scale (Auditory Toolbox, Interval Technical Report 1998-010): 3 hz / 200 up to 1000 Hz, then
    15 + 27 ln(hz / 1000) / ln 6.4.  With `htk` 2595 log10(1 + hz / 700) (O'Shaughnessy, Speech Communication, 1987).

    Parameters
    ----------
    hz : number or np.ndarray
        Frequencies in Hz.
    htk : bool

    Returns
    -------
    mel : np.ndarray of the same shape
    """
    f = np.asarray(hz, dtype=np.float64)
    if htk:
        return 2595 * np.log10(1 + f / 700.0)
    high = _CORNER / _LINEAR + np.log(np.maximum(f, _CORNER) / _CORNER) / _LOG_STEP
    return np.where(f >= _CORNER, high, f / _LINEAR)


def mel_to_hz(mel: ArrayLike, htk: bool = False) -> NDArray[np.float64]:
    """Frequencies of mels in Hz: the inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if htk:
        return 700 * (10 ** (m / 2595.0) - 1)
    corner = _CORNER / _LINEAR
    return np.where(m >= corner, _CORNER * np.exp(_LOG_STEP * np.maximum(m - corner, 0)), _LINEAR * m)


def mel_frequencies(
    n_mels: int = 128, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """n_mels frequencies in Hz from fmin to fmax, evenly spaced in mel."""
    return mel_to_hz(np.linspace(hz_to_mel(fmin, htk), hz_to_mel(fmax, htk), n_mels), htk)


class FilterBank(Immutable):
    """Filters over the bins of a spectrum, kept as the bands in which they are not zero; array-like.

    Parameters
    ----------
    weights : np.ndarray [shape=(n_filters, n_bins)]
        Finite real numbers; float32 is kept, everything else becomes float64.
    name : str
        What errors call them.

    Attributes
    ----------
    shape : tuple
        (n_filters, n_bins).
    dtype : np.dtype

    Raises
    ------
    TypeError, ValueError
        If weights is no matrix of finite real numbers.
    """

    ndim = 2

    def __init__(self, weights: ArrayLike, *, name: str = "weights") -> None:
        dense = checks.filters(name, weights)
        self.shape, self.dtype = dense.shape, dense.dtype
        self.first, self.starts, self.weights = bands_of(dense)
        self.__setstate__({})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for array in (self.first, self.starts, self.weights):
            array.flags.writeable = False  # which copies forget

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the bank is kept as bands, so an array of it is always a copy")
        dense = np.zeros(self.shape, dtype or self.dtype)
        for row, a, w, end in zip(dense, self.first, self.starts[:-1], self.starts[1:], strict=True):
            row[a : a + end - w] = self.weights[w:end]
        return dense

    def __matmul__(self, S: ArrayLike) -> NDArray[Any]:
        """Filters times S (..., n_bins, n_frames)."""
        return np.asarray(self) @ np.asarray(S)

    def inverse(
        self,
        M: ArrayLike,
        *,
        power: float = 1.0,
        method: Literal["fista", "pinv", "nnls"] = "fista",
        n_iter: int | Literal["auto"] = "auto",
        order: Literal["F", "C"] = "F",
        out: NDArray[np.floating] | None = None,
    ) -> NDArray[np.floating]:
        """Levels that are never negative and that the filters make M of: S >= 0 with bank @ S near M.

        There are more bins than filters, so that many S fit.  All methods start from the smooth one among them that the
        filters themselves span, and the iterations stay near it.

        Parameters
        ----------
        M : np.ndarray [shape=(..., n_filters, n_frames)]
            Finite real numbers; float32 is kept, everything else becomes float64.  Negative ones (noise) are fitted as
            well as levels can: no clipping before.
        power : float
            What M was made of: |D|**power; the result is |D|, as S**(1 / power).
        method : str
            "fista"  projected gradient steps with momentum, n_iter of them (Beck & Teboulle, SIAM J. Imaging Sci. 2,
                     2009, 183-202), the step of a bin as long as its filters let it be
            "pinv"   max(0, B^+ M) with the pseudo-inverse B^+ = B^T (B B^T)^+
            "nnls"   the least squares: the same steps until one moves no bin by more than 1e-6 (float32; 1e-9 in
                     float64) times the largest of its frame, with restarts (O'Donoghue & Candes, Found. Comput. Math.
                     15, 2015, 715-732); n_iter at most, which is 20000 by default
        n_iter : int or "auto"
            Steps; 60 by default.
        order : "F" or "C"
            Order of the result's memory without `out`: the bins of a frame are neighbours, or the frames of a bin.
        out : np.ndarray [shape=(..., n_bins, n_frames)]
            Real array to write to, in any order of memory.

        Returns
        -------
        S : np.ndarray [shape=(..., n_bins, n_frames)]
            In M's dtype; `out` if that is given.

        Raises
        ------
        TypeError, ValueError
            If M has not a row for each filter or a number that is not finite, or another argument is out of its range.
        """
        from .unfilter import unfilter

        return unfilter(self, M, power=power, method=method, n_iter=n_iter, order=order, out=out)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"


class BinBank(FilterBank):
    """A filter for each bin, which holds it alone with weight 1: a spectrogram that last steps take as filtered levels.

    Parameters
    ----------
    n_bins : int
    dtype : float32 or float64
    """

    def __init__(self, n_bins: int, dtype: DTypeLike = "float32") -> None:
        self.shape, self.dtype = (checks.whole("n_bins", n_bins, 1), n_bins), checks.real_dtype("dtype", dtype)
        self.first, self.starts = np.arange(n_bins, dtype=np.int64), np.arange(n_bins + 1, dtype=np.int64)
        self.weights = np.ones(n_bins, self.dtype)
        self.__setstate__({})


class MelBank(FilterBank):
    """Triangular filters, their corners evenly spaced in mel.

    With corners c[0] .. c[n_mels + 1] in Hz and bin k at f = k sr / n_fft, filter i is

        max(0, min((f - c[i]) / (c[i+1] - c[i]), (c[i+2] - f) / (c[i+2] - c[i+1])))

    times 2 / (c[i+2] - c[i]) for norm="slaney" (equal areas), or divided by its p-norm for norm=p.

    Parameters
    ----------
    sr : float
        Sampling rate in Hz.
    n_fft : int
        Length of the transform.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Lowest and highest corner in Hz; fmax=None is sr / 2.
    htk : bool
        HTK's mel scale instead of Slaney's; see `hz_to_mel`.
    norm : "slaney", number or None
    dtype : float32 or float64

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range.

    Warns
    -----
    UserWarning
        If filters are narrower than a bin and hold none.
    """

    def __init__(
        self,
        sr: float,
        n_fft: int,
        n_mels: int = 128,
        *,
        fmin: float = 0.0,
        fmax: float | None = None,
        htk: bool = False,
        norm: Norm = "slaney",
        dtype: DTypeLike = "float32",
    ) -> None:
        self.sr, self.n_fft = checks.finite_number("sr", sr), checks.whole("n_fft", n_fft, 1)
        if self.sr <= 0:
            raise ValueError(f"sr must be above 0, got {sr!r}")
        self.n_mels = checks.whole("n_mels", n_mels, 1)
        self.fmin = checks.finite_number("fmin", fmin)
        self.fmax = self.sr / 2 if fmax is None else checks.finite_number("fmax", fmax)
        if not 0 <= self.fmin < self.fmax:
            raise ValueError(f"fmin and fmax must be 0 <= fmin < fmax, got {fmin!r} and {fmax!r}")
        self.htk, self.norm = bool(htk), norm
        super().__init__(self._triangles(checks.real_dtype("dtype", dtype)))

    def _triangles(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The filters; rounded to the dtype before and after they are scaled, as librosa's are."""
        corners = mel_frequencies(self.n_mels + 2, self.fmin, self.fmax, self.htk)
        low, middle, high = (corners[i : self.n_mels + i, None] for i in range(3))
        f = np.fft.rfftfreq(self.n_fft, 1 / self.sr)
        bank = np.maximum(0, np.minimum((f - low) / (middle - low), (high - f) / (high - middle))).astype(dtype)
        empty = int(np.count_nonzero((bank.max(axis=1) == 0) & (middle[:, 0] > 0)))
        if empty:
            warnings.warn(
                f"{empty} of {self.n_mels} mel filters are empty, narrower than a bin: use fewer, or a larger n_fft",
                UserWarning,
                stacklevel=4,
            )
        if self.norm is None:
            return bank
        if isinstance(self.norm, str):
            if self.norm != "slaney":
                raise ValueError(f"norm must be 'slaney', a number above 0 or None, got {self.norm!r}")
            return (bank * (2.0 / (high - low))).astype(dtype)
        if not isinstance(self.norm, int | float | np.number) or not self.norm > 0:
            raise ValueError(f"norm must be 'slaney', a number above 0 or None, got {self.norm!r}")
        size = np.linalg.norm(bank.astype(np.float64), ord=float(self.norm), axis=1, keepdims=True)
        return (bank / np.where(size == 0, 1.0, size)).astype(dtype)


def bank_of(bank: FilterBank | ArrayLike) -> FilterBank:
    """The bank, or the matrix of filters as one."""
    return bank if isinstance(bank, FilterBank) else FilterBank(bank, name="bank")


def triangles(n_mels: int, n_fft: int, sr: float, fmin: float, fmax: float) -> NDArray[np.float64]:
    """Triangular filters, shape (n_mels, n_fft // 2): corners evenly spaced in mel, at bins floor((n_fft + 1) f / sr).

    Filter j rises from 0 at corner j to 1 at corner j + 1 and falls to 0 at corner j + 2.  Bins past n_fft // 2 - 1 are
    cut off.
    """
    corners = np.linspace(hz_to_mel(fmin, htk=True), hz_to_mel(fmax, htk=True), n_mels + 2)
    corners = np.floor((n_fft + 1) * mel_to_hz(corners, htk=True) / sr)
    low, middle, high = (corners[i : n_mels + i, None] for i in range(3))
    k = np.arange(n_fft // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where((k >= low) & (k < middle), (k - low) / (middle - low), 0.0)
        return np.where((k >= middle) & (k < high), (high - k) / (high - middle), rising)


def normalised(bank: NDArray[np.floating]) -> NDArray[np.floating]:
    """The filters as columns, each divided by its sum; a filter narrower than a bin, which holds none, stays zero."""
    total = bank.sum(axis=1)
    empty = int(np.count_nonzero(total == 0))
    if empty:
        warnings.warn(
            f"{empty} of {len(bank)} mel filters are empty, narrower than a bin: use fewer or a larger fft_size",
            UserWarning,
            stacklevel=3,
        )
    return bank.T / np.where(total == 0, 1.0, total)


def resample_time(M: NDArray[np.floating], factor: float) -> NDArray[np.float16]:
    """The columns of M stretched by `factor` (cubic splines, scipy.ndimage.zoom in float32), as float16."""
    from scipy.ndimage import zoom

    return zoom(M.astype(np.float32), [1, factor]).astype(np.float16)


def resampled_columns(
    part: Callable[[int, int], NDArray[np.floating]], columns: int, total: int, first: int, last: int
) -> NDArray[np.float32]:
    """Columns first .. last - 1 of `total` that `columns` are stretched to; part(a, b) gives columns a .. b - 1.

    A spline's coefficient depends on a number k columns away by 0.268**k (Unser, IEEE Signal Processing Magazine 16(6),
    1999, 22-38), so those of SPLINE_REACH columns to either side decide it to the last bit of float64.
    """
    from scipy.ndimage import affine_transform

    ratio = (columns - 1) / max(1, total - 1)
    a = max(0, int(first * ratio) - SPLINE_REACH)
    b = min(columns, int((last - 1) * ratio) + 2 + SPLINE_REACH)
    given = part(a, b).astype(np.float32)
    found: NDArray[np.float32] = affine_transform(
        given, [1, ratio], [0, first * ratio - a], (len(given), last - first), output=np.float32, mode="mirror"
    )
    return found
