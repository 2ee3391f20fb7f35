"""librosa.filters: mel filter banks and windows."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._typing import Array
from ._banks import bank
from ._names import face, find, parameter_error, warn

__all__ = ["get_window", "mel"]

EMPTY = (
    "Empty filters detected in mel frequency basis: some channels are always zero, narrower than a bin. "
    "A larger n_fft, a lower sampling rate and fmax or fewer n_mels would fill them."
)


def __getattr__(name: str) -> Any:
    return find(__name__, name)


@face
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
    """Triangular filters, their corners evenly spaced in mel.

    Parameters
    ----------
    sr : number > 0
        Sampling rate in Hz.
    n_fft : int
        Size of the transform whose bins are filtered.
    n_mels : int
        How many filters.
    fmin, fmax : float
        The band in Hz; fmax is sr / 2 by default.
    htk : bool
        The scale 2595 log10(1 + f / 700) in place of Slaney's.
    norm : "slaney", number or None
        Every filter is divided by half its width in Hz; by its norm of that order (see `util.normalize`); or by
        nothing.
    dtype : np.dtype
        Of the result.

    Returns
    -------
    M : np.ndarray [shape=(n_mels, 1 + n_fft // 2)]
        A new array.

    Raises
    ------
    ParameterError
        For an unknown norm or a size without sense.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it holds no bin.
    """

    found = bank(sr=sr, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm, dtype=dtype)
    if found.empty:
        warn(EMPTY)
    return np.array(found.filters, dtype=dtype)


@face
def get_window(window: Any, Nx: int, *, fftbins: bool = True) -> Array:
    """A window of `Nx` samples.

    Parameters
    ----------
    window : str, tuple, number, callable or array-like [shape=(Nx,)]
        What `scipy.signal.get_window` takes; or a function of Nx; or the samples themselves.
    Nx : int > 0
        How many samples.
    fftbins : bool
        Periodic, for transforms; else symmetric.  Functions and samples are taken as they are.

    Returns
    -------
    w : np.ndarray [shape=(Nx,)]

    Raises
    ------
    ParameterError
        For samples of another number, an unknown name, and anything else.
    """
    if callable(window):
        return window(Nx)
    if isinstance(window, str | tuple) or np.isscalar(window):
        from scipy.signal import get_window as named

        name: Any = window
        return named(name, Nx, fftbins=fftbins)
    if isinstance(window, np.ndarray | list):
        if len(window) != Nx:
            raise parameter_error()(f"Window size mismatch: {len(window)} != {Nx}")
        return np.asarray(window)
    raise parameter_error()(f"Invalid window specification: {window!r}")
