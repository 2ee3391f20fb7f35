"""librosa.filters: mel filter banks and windows."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import checks
from .._typing import Array
from ..forks import forks_wait
from ..transform.framing import COSINES, cosine_window
from ._banks import mel_filters
from ._names import parameter_error, raise_parameter_errors, resolve

__all__ = ["get_window", "mel"]


def __getattr__(name: str) -> Any:
    return resolve(__name__, name)


@raise_parameter_errors
def mel(
    *,
    sr: float,
    n_fft: int,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: Any = "slaney",
    dtype: DTypeLike = np.float32,
) -> Array:
    """Triangular filters whose corner frequencies are evenly spaced in mel.

    Parameters
    ----------
    sr : number > 0
        Sampling rate in Hz.
    n_fft : int
        Size of the transform whose bins are filtered.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Lowest and highest corner in Hz; fmax is sr / 2 by default.
    htk : bool
        HTK's mel scale 2595 log10(1 + f / 700) instead of Slaney's.
    norm : "slaney", number or None
        Each filter is divided by half its width in Hz (equal areas); by its norm of that order (see `util.normalize`);
        or not at all (peaks of 1).
    dtype : np.dtype
        Of the result.

    Returns
    -------
    M : np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
        A new array.

    Raises
    ------
    ParameterError
        For an unknown norm or an invalid size.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it holds no bin.
    """
    bank = mel_filters(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm, dtype=dtype)
    return np.array(bank, dtype=dtype)


@raise_parameter_errors
def get_window(window: Any, Nx: int, *, fftbins: bool = True) -> Array:
    """A window function of `Nx` samples.

    Parameters
    ----------
    window : str, tuple, number, callable or array-like [shape=(Nx,)]
        An argument of `scipy.signal.get_window`; or a function of Nx; or the samples themselves.
    Nx : int > 0
        Number of samples.
    fftbins : bool
        Whether a named window is periodic, for transforms, or symmetric.  Functions and samples are used unchanged.

    Returns
    -------
    w : np.ndarray [shape=(Nx,)]

    Raises
    ------
    ParameterError
        If the samples are not Nx, or window is none of these.
    """
    if callable(window):
        return window(Nx)
    if isinstance(window, str) and window in COSINES and fftbins and isinstance(Nx, int) and Nx > 0:
        return cosine_window(COSINES[window], Nx)
    if isinstance(window, str | tuple) or np.isscalar(window):
        with forks_wait:
            from scipy.signal import get_window as scipy_window

        name: Any = window
        samples: Array = scipy_window(name, Nx, fftbins=fftbins)
        checks.check_finite("window", samples)  # of a parameter that is not a number
        return samples
    if isinstance(window, np.ndarray | list):
        checks.check_mask("window", window)
        if len(window) != Nx:
            raise parameter_error(f"Window size mismatch: {len(window)} != {Nx}")
        return np.asarray(window)
    raise parameter_error(f"Invalid window specification: {window!r}")
