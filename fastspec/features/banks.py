"""Filter banks: applied to spectrograms, and inverted."""

from typing import Any, Literal

import numpy as np
from numpy.fft import rfftfreq
from numpy.typing import ArrayLike, DTypeLike

from .. import checks
from .._typing import Array, Real
from ..forks import forks_wait, while_none_forks
from ..immutable import Immutable
from ..warning import warn
from .band_matrix import join_bands, to_bands
from .scales import mel_frequencies

Norm = Literal["slaney"] | float | None

_DENSE_VALUES = 1 << 20  # of filters that are computed at once, most of them zeros


class FilterBank(Immutable):
    """Filters over the bins of a spectrum, stored as bands; array-like.

    Parameters
    ----------
    weights : np.ndarray [shape=(n_filters, n_bins)]
        Finite real numbers; float32 stays float32, any other dtype becomes float64.
    name : str
        Name of the argument, for errors.

    Attributes
    ----------
    shape : tuple
        (n_filters, n_bins).
    dtype : np.dtype

    Raises
    ------
    TypeError, ValueError
        If weights is not a matrix of finite real numbers.
    """

    ndim = 2

    def __init__(self, weights: ArrayLike, *, name: str = "weights") -> None:
        dense = checks.as_filters(name, weights)
        self.shape, self.dtype = dense.shape, dense.dtype
        self.first, self.starts, self.weights = to_bands(dense)
        self.__setstate__({})

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for array in (self.first, self.starts, self.weights):
            array.flags.writeable = False  # copied and unpickled arrays are writable

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("copy=False is impossible: a FilterBank is stored as bands, so its array is always a copy")
        dense = np.zeros(self.shape, dtype or self.dtype)
        for row, a, w, end in zip(dense, self.first, self.starts[:-1], self.starts[1:], strict=True):
            row[a : a + end - w] = self.weights[w:end]
        return dense

    @while_none_forks()
    def __matmul__(self, S: ArrayLike) -> Array:
        """Filtered levels M = bank @ S, S (..., n_bins, n_frames)."""
        levels = checks.as_array("S", S)
        if levels.dtype.kind not in "fiubc":
            raise TypeError(f"S must hold numbers, got dtype {levels.dtype}")
        if levels.shape[-2:-1] != self.shape[1:] and levels.shape != self.shape[1:]:
            raise ValueError(f"S must have shape (..., {self.shape[1]}, n_frames), got {levels.shape}")
        return np.asarray(self) @ levels

    def inverse(
        self,
        M: ArrayLike,
        *,
        power: float = 1.0,
        method: Literal["fista", "pinv", "nnls"] = "fista",
        n_iter: int | Literal["auto"] = "auto",
        order: Literal["F", "C"] = "F",
        out: Real | None = None,
    ) -> Real:
        """Levels S >= 0 with bank @ S close to M: non-negative least squares (NNLS).

        There are more bins than filters, so the problem is underdetermined.  All methods start from the solution in the
        row space of the filters, which is smooth, and the iterations stay close to it.

        Parameters
        ----------
        M : np.ndarray [shape=(..., n_filters, n_frames)]
            Finite real numbers; float32 stays float32, any other dtype becomes float64.  Negative values (noise) are
            not clipped, but fitted as closely as S >= 0 permits.
        power : float
            Exponent of the magnitudes in M = bank @ |D|**power; the result is |D|, as S**(1 / power).
        method : str
            "fista"  n_iter accelerated projected gradient steps (FISTA: Beck & Teboulle, SIAM J. Imaging Sci. 2, 2009,
                     183-202), with the largest convergent step size for each bin
            "pinv"   max(0, B^+ M) with the pseudo-inverse B^+ = B^T (B B^T)^+
            "nnls"   FISTA to convergence, until a step changes no bin by more than 1e-6 (float32; 1e-9 in float64)
                     times the largest of its frame, with restarts (O'Donoghue & Candes, Found. Comput. Math. 15, 2015,
                     715-732); at most n_iter steps
        n_iter : int or "auto"
            Steps; "auto" is 60 for "fista" and 20000 for "nnls".
        order : "F" or "C"
            Memory order of a new result: "F" if the bins of a frame are contiguous, "C" if the frames of a bin are.
        out : np.ndarray [shape=(..., n_bins, n_frames)]
            Array for the result, in any memory order.

        Returns
        -------
        S : np.ndarray [shape=(..., n_bins, n_frames)]
            In M's dtype; `out` unless that is None.

        Raises
        ------
        TypeError, ValueError
            If M has not a row for each filter or a value that is not finite, or another argument is invalid.

        Warns
        -----
        UserWarning
            If a negative value is more than a tenth of the largest: no noise, but perhaps a logarithm.
        """
        with forks_wait:
            from .nnls import invert_filters  # imports the kernels, which banks alone do not need

        return invert_filters(self, M, power=power, method=method, n_iter=n_iter, order=order, out=out)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype})"


class BinBank(FilterBank):
    """The identity: one filter for each bin, of weight 1, so that kernels write spectrograms as filtered levels.

    Parameters
    ----------
    n_bins : int
    dtype : float32 or float64
    start : int
        The first bin that has a filter.
    """

    def __init__(self, n_bins: int, dtype: DTypeLike = "float32", start: int = 0) -> None:
        count = checks.as_int("n_bins", n_bins, 1) - checks.as_int("start", start, 0, n_bins)
        self.shape, self.dtype = (count, n_bins), checks.as_real_dtype("dtype", dtype)
        self.first, self.starts = np.arange(start, n_bins, dtype=np.int64), np.arange(count + 1, dtype=np.int64)
        self.weights = np.ones(count, self.dtype)
        self.__setstate__({})


class MelBank(FilterBank):
    """Triangular filters whose corner frequencies are evenly spaced in mel.

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
        If an argument is invalid.

    Warns
    -----
    UserWarning
        If filters hold no bin: those narrower than a bin, and those above half the sampling rate.
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
        self.sr, self.n_fft = checks.as_finite("sr", sr), checks.as_int("n_fft", n_fft, 1)
        if self.sr <= 0:
            raise ValueError(f"sr must be above 0, got {sr!r}")
        self.n_mels = checks.as_int("n_mels", n_mels, 1)
        self.fmin = checks.as_finite("fmin", fmin)
        self.fmax = self.sr / 2 if fmax is None else checks.as_finite("fmax", fmax)
        if not 0 <= self.fmin < self.fmax:
            raise ValueError(f"fmin and fmax must be 0 <= fmin < fmax, got {fmin!r} and {fmax!r}")
        self.htk, self.norm = bool(htk), norm
        self.shape, self.dtype = (self.n_mels, self.n_fft // 2 + 1), checks.as_real_dtype("dtype", dtype)
        corners = mel_frequencies(self.n_mels + 2, self.fmin, self.fmax, self.htk)
        n = max(1, _DENSE_VALUES // self.shape[1])
        groups = [
            to_bands(checks.as_filters("weights", self._triangles(corners[i : i + n + 2])))
            for i in range(0, self.n_mels, n)
        ]
        self.first, self.starts, self.weights = join_bands(groups)
        middle, is_empty = corners[1:-1], (np.diff(self.starts) == 0) & (corners[1:-1] > 0)
        self._warn_of_empty_filters(int(is_empty.sum()), int((is_empty & (middle >= self.sr / 2)).sum()))
        self.__setstate__({})

    def _triangles(self, corners: Array) -> Array:
        """Some filters (n, n_bins), of n + 2 corners; rounded to the dtype before and after scaling, as in librosa."""
        low, middle, high = (corners[i : len(corners) - 2 + i, None] for i in range(3))
        f, dtype = rfftfreq(self.n_fft, 1 / self.sr), self.dtype
        bank = np.maximum(0, np.minimum((f - low) / (middle - low), (high - f) / (high - middle))).astype(dtype)
        if self.norm is None:
            return bank
        if isinstance(self.norm, str):
            if self.norm != "slaney":
                raise ValueError(f"norm must be 'slaney', a number above 0 or None, got {self.norm!r}")
            return (bank * (2.0 / (high - low))).astype(dtype)
        if not isinstance(self.norm, int | float | np.number) or not self.norm > 0:
            raise ValueError(f"norm must be 'slaney', a number above 0 or None, got {self.norm!r}")
        norms = np.linalg.norm(bank.astype(np.float64), ord=float(self.norm), axis=1, keepdims=True)
        return (bank / np.where(norms == 0, 1.0, norms)).astype(dtype)

    def _warn_of_empty_filters(self, n_empty: int, n_above: int) -> None:
        """Warn of n_empty filters that hold no bin; n_above of them peak at half the sampling rate or above it."""
        if n_above:
            warn(
                f"{n_above} of {self.n_mels} mel filters are empty, as they lie above half the sampling rate, "
                f"{self.sr / 2:g} Hz: fmax is {self.fmax:g} Hz"
            )
        if n_empty > n_above:
            warn(
                f"{n_empty - n_above} of {self.n_mels} mel filters are empty, as they are narrower than a bin: use "
                "fewer n_mels or a larger n_fft"
            )


def as_bank(bank: FilterBank | ArrayLike) -> FilterBank:
    """A FilterBank unchanged; a matrix of filters (n_filters, n_bins) as a FilterBank."""
    return bank if isinstance(bank, FilterBank) else FilterBank(bank, name="bank")
