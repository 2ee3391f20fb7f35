"""The notebook's functions under their names, with its argument order and defaults; see also `notebook_mel`.

Each gives the notebook's numbers wherever the notebook runs.  Input is never changed; float32 stays float32, everything
else becomes float64; bad input raises an error that names the argument and the value.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import checks, levels, offset
from .framing import frame_count

Array = NDArray[Any]


def _window_size(name: str, value: object) -> int:
    size = checks.whole(name, value, 2)
    if size % 2:
        raise ValueError(f"Window size must be even! ({name} is {size})")
    return size


def _advise(frames: int, n_fft: int, hop: int) -> None:
    """Warn where offsets have little to go by."""
    if frames > 1 and hop >= n_fft // 2:
        warnings.warn(
            f"step {hop} is half of the {n_fft} columns or more: offsets need overlap, best 75 percent and more",
            UserWarning,
            stacklevel=3,
        )


def butter_bandpass(lowcut: float, highcut: float, fs: float, order: int = 5) -> tuple[Array, Array]:
    """Coefficients of a Butterworth band-pass filter.

    Parameters
    ----------
    lowcut, highcut : float
        Edges of the band in Hz, 0 < lowcut < highcut < fs / 2.
    fs : float
        Sampling rate in Hz.
    order : int
        Order of the low-pass prototype; the filter has twice as many poles.

    Returns
    -------
    b, a : np.ndarray [shape=(2 * order + 1,)]
        Numerator and denominator (`scipy.signal.butter`).
    """
    from scipy.signal import butter

    low, high, rate = (checks.finite_number(n, v) for n, v in (("lowcut", lowcut), ("highcut", highcut), ("fs", fs)))
    if not 0 < low < high < rate / 2:
        raise ValueError(
            f"the band must lie in 0 < lowcut < highcut < fs / 2 = {rate / 2:g}, got {lowcut!r} to {highcut!r}"
        )
    nyquist = 0.5 * rate
    b, a = butter(checks.whole("order", order, 1), [low / nyquist, high / nyquist], btype="band")
    return b, a


def butter_bandpass_filter(data: ArrayLike, lowcut: float, highcut: float, fs: float, order: int = 5) -> Array:
    """A signal through `butter_bandpass`, forwards once (`scipy.signal.lfilter`).

    Parameters
    ----------
    data : np.ndarray [shape=(n,)]
        Real, finite samples.
    lowcut, highcut, fs, order
        See `butter_bandpass`.

    Returns
    -------
    y : np.ndarray [shape=(n,)]
        float32 if data is, else float64.
    """
    from scipy.signal import lfilter

    x = checks.samples("data", data)
    b, a = butter_bandpass(lowcut, highcut, fs, order=order)
    return lfilter(b, a, x).astype(x.dtype, copy=False)


def overlap(X: ArrayLike, window_size: int, window_step: int) -> Array:
    """Frames of a signal, zero-padded by window_size - n % window_size samples.

    Parameters
    ----------
    X : np.ndarray [shape=(n,)]
    window_size : int
        Even length of a frame.
    window_step : int
        From one frame to the next.

    Returns
    -------
    frames : np.ndarray [shape=(max(1, (padded - window_size) // window_step), window_size)]
        The notebook's count is one frame fewer than fit; there is always at least one.

    Raises
    ------
    ValueError
        If the window size is odd or X is not one-dimensional.
    """
    size, step = _window_size("window_size", window_size), checks.whole("window_step", window_step, 1)
    x = np.asarray(X)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"X must be one-dimensional, with at least one sample, got shape {x.shape}; {checks.MIX_DOWN}")
    single = x.dtype.kind in "fc" and x.dtype.itemsize == (4 if x.dtype.kind == "f" else 8)
    dtype = x.dtype.newbyteorder("=") if single else np.result_type(x.dtype, np.float64)
    frames = frame_count(len(x), size, step)
    padded = np.zeros(max(len(x), (frames - 1) * step + size), dtype)
    padded[: len(x)] = x
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::step][:frames].copy()


def _framing(
    names: tuple[str, str, str], X: ArrayLike, size: object, step: object
) -> tuple[Array, float, int, int, int]:
    """(samples, their mean, n_fft, hop, frames) of the arguments so named."""
    n_fft, hop = _window_size(names[1], size), checks.whole(names[2], step, 1)
    x = checks.channel(names[0], X)
    return x, checks.mean_of_finite(names[0], x), n_fft, hop, frame_count(len(x), n_fft, hop)


def stft(
    X: ArrayLike,
    fftsize: int = 128,
    step: int = 65,
    mean_normalize: bool = True,
    real: bool = False,
    compute_onesided: bool = True,
) -> Array:
    """Short-time Fourier transform with a symmetric Hamming window w[j] = 0.54 - 0.46 cos(2 pi j / (fftsize - 1)).

    D[t, k] = sum over j of w[j] (X[t step + j] - mean X) exp(-2 pi i j k / fftsize), zeros past the end of X.

    Parameters
    ----------
    X : np.ndarray [shape=(n,)]
        Real, finite samples.
    fftsize : int
        Even length of a frame and of the transform.
    step : int
        From one frame to the next.
    mean_normalize : bool
        Whether the mean of X is removed first.
    real, compute_onesided : bool
        Which bins: the first fftsize // 2 if either is true (Nyquist is left out), else all fftsize.

    Returns
    -------
    D : np.ndarray [shape=(frames, bins)]
        complex64 if X is float32, else complex128; frames as in `overlap`.
    """
    x, mean, n_fft, hop, frames = _framing(("X", "fftsize", "step"), X, fftsize, step)
    bins = n_fft // 2 if real or compute_onesided else n_fft
    return levels.complex_spectrum(x, n_fft, hop, frames, bins=bins, mean=mean if mean_normalize else 0.0)


def pretty_spectrogram(
    d: ArrayLike, log: bool = True, thresh: float = 5, fft_size: int = 512, step_size: int = 64
) -> Array:
    """Magnitudes of the STFT, of which the small ones are cut off.

    Parameters
    ----------
    d : np.ndarray [shape=(n,)]
        Real, finite samples.
    log : bool
        If true, max(log10(|D| / max |D|), -thresh), and -thresh everywhere if d is silent; else max(|D|, thresh).
    thresh : float
        See `log`.
    fft_size, step_size : int
        As in `stft`.

    Returns
    -------
    S : np.ndarray [shape=(frames, fft_size // 2)]
        float32 if d is, else float64.
    """
    x, mean, n_fft, hop, frames = _framing(("d", "fft_size", "step_size"), d, fft_size, step_size)
    floor = checks.finite_number("thresh", thresh)
    if log:
        return levels.log_magnitude(x, n_fft, hop, frames, mean=mean, thresh=floor)
    return levels.magnitude(x, n_fft, hop, frames, mean=mean, floor=floor)


def _powers_of_ten(S: Array) -> Array:
    """10**S rounded to float16, as float64: float16 has 65,536 values, so a table of them all."""
    with np.errstate(over="ignore", invalid="ignore"):
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        table = np.power(np.float16(10), every).astype(np.float64)
    return table[np.ascontiguousarray(S).view(np.uint16)]


def invert_pretty_spectrogram(
    X_s: ArrayLike, log: bool = True, fft_size: int = 512, step_size: float = 512 / 4, n_iter: int = 10
) -> Array:
    """A signal whose `pretty_spectrogram` is like X_s.

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, fft_size // 2)]
        What `pretty_spectrogram` or the transpose of `mel_to_spectrogram` gives.
    log : bool
        Whether X_s are decimal logarithms.
    fft_size, step_size : int
        Of the spectrogram; a float that is a whole number will do.
    n_iter : int
        Iterations; 0 is one pass without phases.

    Returns
    -------
    y : np.ndarray [shape=(frames * step_size + fft_size // 2,)]
        float32 if X_s is, else float64.  float16 logarithms become float16 magnitudes first, as in the notebook.
    """
    hop, rounds = checks.whole("step_size", step_size, 1), checks.whole("n_iter", n_iter, 0)
    raw = np.asarray(X_s)
    half_precision = raw.dtype == np.float16
    S = checks.logarithms("X_s", raw) if log else checks.spectrogram("X_s", raw)
    n_fft = 2 * S.shape[1]
    if rounds and checks.whole("fft_size", fft_size, 2) != n_fft:
        raise ValueError(f"fft_size must be twice the {S.shape[1]} columns of X_s, {n_fft}, got {fft_size!r}")
    if log and half_precision:
        S, log = checks.spectrogram("10**X_s in float16", _powers_of_ten(raw)), False
    _advise(len(S), n_fft, hop)
    return offset.invert_pretty(S, log=bool(log), n_fft=n_fft, hop=hop, n_iter=rounds)


def iterate_invert_spectrogram(
    X_s: ArrayLike, fftsize: int, step: int, n_iter: int = 10, verbose: bool = False
) -> Array:
    """A signal with the magnitudes X_s: a pass without phases, then n_iter with the phases of the signal so far.

    In each round phase = D / max(max(X_s) / 1e8, |D|) with D the STFT of the signal, and X_s * phase is inverted with
    offsets (see `invert_spectrogram`).

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, fftsize)]
        Magnitudes of all bins; bins k and fftsize - k count by their mean.
    fftsize, step : int
        Of the spectrogram.
    n_iter : int
        Iterations; 0 is one pass without phases.
    verbose : bool
        Whether a line with the spectral convergence is printed after each iteration.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + fftsize // 2,)]
        float32 if X_s is, else float64.
    """
    hop, rounds = checks.whole("step", step, 1), checks.whole("n_iter", n_iter, 0)
    S = checks.spectrogram("X_s", X_s)
    n_fft = S.shape[1]
    if rounds and _window_size("fftsize", fftsize) != n_fft:
        raise ValueError(f"fftsize must be the number of columns of X_s, {n_fft}, got {fftsize!r}")

    _advise(len(S), n_fft, hop)

    def report(i: int, n: int, y: Array) -> None:
        value = levels.convergence(y, S[:, : n_fft // 2], n_fft, hop)
        print(f"iteration {i}/{n}: spectral convergence {value:.2f} dB", flush=True)

    return offset.recover(S, n_fft, hop, rounds, on_iteration=report if verbose else None)


def invert_spectrogram(X_s: ArrayLike, step: int, calculate_offset: bool = True, set_zero_phase: bool = True) -> Array:
    """A signal from a spectrogram, in one pass of windowed frames, each shifted to where it fits best.

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, columns)]
        All bins of each frame, real or complex; of its inverse transform the real part counts.
    step : int
        From one frame to the next.
    calculate_offset : bool
        Whether frames are shifted by `xcorr_offset`; without, they are added where they stand.
    set_zero_phase : bool
        Whether only the real part of X_s is taken.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + columns // 2,)]
        float32 if X_s is float32 or complex64, else float64.

    Warns
    -----
    UserWarning
        If step is half of the columns or more: then segments of `step` samples are compared.
    """
    hop = checks.whole("step", step, 1)
    X = np.asarray(X_s)
    if X.ndim == 2 and X.shape[1] < 2:
        raise ValueError(f"X_s must have at least two columns, got shape {X.shape}")
    if calculate_offset and X.ndim == 2:
        _advise(X.shape[0], X.shape[1], hop)
    if X.dtype.kind != "c" or set_zero_phase:
        S = checks.spectrogram("X_s", X.real)
        return offset.recover(S, S.shape[1], hop, 0, search=bool(calculate_offset))
    D, norm = checks.complex_spectrogram("X_s", X)
    return offset.invert_complex(D, norm, hop, search=bool(calculate_offset))


def xcorr_offset(x1: ArrayLike, x2: ArrayLike) -> int:
    """argmax - len(x1) of the full cross-correlation of two segments, their means removed.

    With c[p] = sum over n of (x1[n] - mean x1) (x2[n + len(x2) - 1 - p] - mean x2); the first and the last
    len(x2) // 2 of its len(x1) + len(x2) - 1 values do not count.  Segments that agree give -1.

    Parameters
    ----------
    x1, x2 : np.ndarray [shape=(n1,), (n2,)]
        Real, finite samples.

    Returns
    -------
    offset : int
        The first of equal maxima counts.  -len(x1) where no value counts.
    """
    a, b = checks.channel("x1", x1), checks.channel("x2", x2)
    checks.mean_of_finite("x1", a)
    checks.mean_of_finite("x2", b)
    dtype = np.result_type(a, b)
    return offset.segment_offset(a.astype(dtype, copy=False), b.astype(dtype, copy=False))
