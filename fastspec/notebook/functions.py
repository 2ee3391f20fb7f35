"""The notebook's functions under their names, with its argument order and defaults; see also `notebook_mel`.

Each gives the notebook's numbers wherever the notebook runs.  Input is never changed; float32 stays float32, everything
else becomes float64; bad input raises an error that names the argument and the value.

Input may be a memory map of any real dtype, and what does not fit in memory goes to the memory map given as `out`.
Beyond input and output they then take some hundred megabytes however long the sound is: what kernels cannot take as it
is (integers, float16, the other byte order, every other sample) becomes float32 or float64 a block at a time, and waves
that are needed besides stand in temporary files.  Only `invert_spectrogram` without offsets holds all.  Of input that
has to be converted, if it is longer than 4 million samples, the mean is that of the sums of blocks; for integers that
is the same number.
"""

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..transform.framing import frame_count
from . import blockwise, inversion, spectra
from .segments import count_of


def _window_size(name: str, value: object) -> int:
    size = checks.as_int(name, value, 2)
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

    low, high, rate = (checks.as_finite(n, v) for n, v in (("lowcut", lowcut), ("highcut", highcut), ("fs", fs)))
    if not 0 < low < high < rate / 2:
        raise ValueError(
            f"the band must lie in 0 < lowcut < highcut < fs / 2 = {rate / 2:g}, got {lowcut!r} to {highcut!r}"
        )
    nyquist = 0.5 * rate
    b, a = butter(checks.as_int("order", order, 1), [low / nyquist, high / nyquist], btype="band")
    return b, a


def butter_bandpass_filter(
    data: ArrayLike, lowcut: float, highcut: float, fs: float, order: int = 5, *, out: Array | None = None
) -> Array:
    """A signal through `butter_bandpass`, forwards once (`scipy.signal.lfilter`).

    Parameters
    ----------
    data : np.ndarray [shape=(n,)]
        Real, finite samples.
    lowcut, highcut, fs, order
        See `butter_bandpass`.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(n,)]
        float32 if data is, else float64.
    """
    from scipy.signal import lfilter

    x = blockwise.channel("data", data).finite()
    b, a = butter_bandpass(lowcut, highcut, fs, order=order)
    if len(x) <= blockwise.LONG and out is None and x.whole is not None:
        return lfilter(b, a, x.whole).astype(x.dtype, copy=False)
    y, state = blockwise.result(out, x.shape, x.dtype, data), np.zeros(max(len(a), len(b)) - 1)
    for first, last in blockwise.spans(len(x), blockwise.LONG // 4):
        y[first:last], state = lfilter(b, a, x.block(first, last), zi=state)
    return blockwise.given_back(out, y)


def overlap(X: ArrayLike, window_size: int, window_step: int, *, out: Array | None = None) -> Array:
    """Frames of a signal, zero-padded by window_size - n % window_size samples.

    Parameters
    ----------
    X : np.ndarray [shape=(n,)]
    window_size : int
        Even length of a frame.
    window_step : int
        From one frame to the next.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    frames : np.ndarray [shape=(max(1, (padded - window_size) // window_step), window_size)]
        The notebook's count is one frame fewer than fit; there is always at least one.

    Raises
    ------
    ValueError
        If the window size is odd or X is not one-dimensional.
    """
    size, step = _window_size("window_size", window_size), checks.as_int("window_step", window_step, 1)
    x = np.asarray(X)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"X must be one-dimensional, with at least one sample, got shape {x.shape}; {checks.MIX_DOWN}")
    single = x.dtype.kind in "fc" and x.dtype.itemsize == (4 if x.dtype.kind == "f" else 8)
    dtype = x.dtype.newbyteorder("=") if single else np.result_type(x.dtype, np.float64)
    frames = frame_count(len(x), size, step)
    made = blockwise.result(out, (frames, size), dtype, X)
    for first, last in blockwise.spans(frames, max(1, blockwise.LONG // max(size, step))):
        piece = np.zeros((last - first - 1) * step + size, dtype)
        given = x[first * step : first * step + len(piece)]
        piece[: len(given)] = given
        made[first:last] = np.lib.stride_tricks.sliding_window_view(piece, size)[::step]
    return blockwise.given_back(out, made)


def _framing(
    names: tuple[str, str, str], X: ArrayLike, size: object, step: object
) -> tuple[blockwise.Numbers, float, int, int, int]:
    """(samples, their mean, n_fft, hop, frames) of the arguments so named."""
    n_fft, hop = _window_size(names[1], size), checks.as_int(names[2], step, 1)
    x = blockwise.channel(names[0], X)
    return x, x.mean(), n_fft, hop, frame_count(len(x), n_fft, hop)


def stft(
    X: ArrayLike,
    fftsize: int = 128,
    step: int = 65,
    mean_normalize: bool = True,
    real: bool = False,
    compute_onesided: bool = True,
    *,
    out: Array | None = None,
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
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    D : np.ndarray [shape=(frames, bins)]
        complex64 if X is float32, else complex128; frames as in `overlap`.
    """
    x, mean, n_fft, hop, frames = _framing(("X", "fftsize", "step"), X, fftsize, step)
    bins = n_fft // 2 if real or compute_onesided else n_fft
    kind = np.result_type(x.dtype, np.complex64)
    made = None if out is None else blockwise.result(out, (frames, bins), kind, X)
    D = spectra.complex_spectrum(x, n_fft, hop, frames, bins=bins, mean=mean if mean_normalize else 0.0, out=made)
    return blockwise.given_back(out, D)


def pretty_spectrogram(
    d: ArrayLike,
    log: bool = True,
    thresh: float = 5,
    fft_size: int = 512,
    step_size: int = 64,
    *,
    out: Array | None = None,
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
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    S : np.ndarray [shape=(frames, fft_size // 2)]
        float32 if d is, else float64.
    """
    x, mean, n_fft, hop, frames = _framing(("d", "fft_size", "step_size"), d, fft_size, step_size)
    floor = checks.as_finite("thresh", thresh)
    made = None if out is None else blockwise.result(out, (frames, n_fft // 2), x.dtype, d)
    if log:
        S = spectra.log_magnitude(x, n_fft, hop, frames, mean=mean, thresh=floor, out=made)
    else:
        S = spectra.magnitude(x, n_fft, hop, frames, mean=mean, floor=floor, out=made)
    return blockwise.given_back(out, S)


def _powers_of_ten(S: Array) -> Array:
    """10**S rounded to float16, as float64: float16 has 65,536 values, so a table of them all."""
    with np.errstate(over="ignore", invalid="ignore"):
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        table = np.power(np.float16(10), every).astype(np.float64)
    return table[np.ascontiguousarray(S).view(np.uint16)]


def _runs(segments: object, frames: int) -> int | None:
    """How many runs the chain is made of; None for one."""
    if segments is None:
        return None
    if isinstance(segments, str):
        if segments != "auto":
            raise ValueError(f"segments must be None, a whole number or 'auto', got {segments!r}")
        return count_of(frames)
    return checks.as_int("segments", segments, 1)


def _wave(out: Array | None, shape: tuple[int, int], hop: int, dtype: np.dtype[Any], given: object) -> Array | None:
    """`out`, if it is one for the signal of (frames, n_fft) frames."""
    return None if out is None else blockwise.result(out, (shape[0] * hop + shape[1] // 2,), dtype, given)


def invert_pretty_spectrogram(
    X_s: ArrayLike,
    log: bool = True,
    fft_size: int = 512,
    step_size: float = 512 / 4,
    n_iter: int = 10,
    *,
    segments: int | Literal["auto"] | None = None,
    out: Array | None = None,
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
    segments : int, "auto" or None
        None and 1: one chain of frames, the notebook's.  Else so many runs of frames, chains of their own that are made
        side by side in float32 and joined; "auto" takes one for about 1500 frames.  A run lasts for ten windows of
        fft_size / 2 at least, so that of short spectrograms there are fewer.  Offsets are searched from coarse to fine,
        all iterations but the last two take frames a quarter of fft_size apart, and a run is moved to where it fits
        what is there, later by fft_size / 4 at most.  Sizes that the kernels lack are one chain always.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step_size + fft_size // 2,)]
        float32 if X_s is, else float64.  float16 logarithms become float16 magnitudes first, as in the notebook.
    """
    hop, rounds = checks.as_int("step_size", step_size, 1), checks.as_int("n_iter", n_iter, 0)
    raw = checks.as_array("X_s", X_s)
    half_precision = raw.dtype == np.float16
    S = blockwise.rows("X_s", raw).finite(silence=bool(log))
    n_fft = 2 * S.shape[1]
    if log:
        checks.check_log_range("X_s", S.range()[1], S.dtype)
    if rounds and checks.as_int("fft_size", fft_size, 2) != n_fft:
        raise ValueError(f"fft_size must be twice the {S.shape[1]} columns of X_s, {n_fft}, got {fft_size!r}")
    if log and half_precision:
        S, log = blockwise.rows("10**X_s in float16", raw, _powers_of_ten).finite(), False
    _advise(len(S), n_fft, hop)
    made, runs = _wave(out, (len(S), n_fft), hop, S.dtype, X_s), _runs(segments, len(S))
    y = inversion.invert_pretty(S, log=bool(log), n_fft=n_fft, hop=hop, n_iter=rounds, segments=runs, out=made)
    return blockwise.given_back(out, y)


def iterate_invert_spectrogram(
    X_s: ArrayLike,
    fftsize: int,
    step: int,
    n_iter: int = 10,
    verbose: bool = False,
    *,
    segments: int | Literal["auto"] | None = None,
    out: Array | None = None,
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
    segments : int, "auto" or None
        As in `invert_pretty_spectrogram`.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + fftsize // 2,)]
        float32 if X_s is, else float64.
    """
    hop, rounds = checks.as_int("step", step, 1), checks.as_int("n_iter", n_iter, 0)
    S = blockwise.rows("X_s", X_s).finite()
    n_fft = S.shape[1]
    if rounds and _window_size("fftsize", fftsize) != n_fft:
        raise ValueError(f"fftsize must be the number of columns of X_s, {n_fft}, got {fftsize!r}")

    _advise(len(S), n_fft, hop)

    def report(i: int, n: int, y: Array) -> None:
        value = spectra.convergence(y, S, n_fft, hop)
        print(f"iteration {i}/{n}: spectral convergence {value:.2f} dB", flush=True)

    made, runs = _wave(out, (len(S), n_fft), hop, S.dtype, X_s), _runs(segments, len(S))
    told = report if verbose else None
    y = inversion.recover(S, n_fft, hop, rounds, segments=runs, on_iteration=told, out=made)
    return blockwise.given_back(out, y)


def invert_spectrogram(
    X_s: ArrayLike,
    step: int,
    calculate_offset: bool = True,
    set_zero_phase: bool = True,
    *,
    segments: int | Literal["auto"] | None = None,
    out: Array | None = None,
) -> Array:
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
    segments : int, "auto" or None
        As in `invert_pretty_spectrogram`; without offsets, and for complex X_s, there is one chain always.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + columns // 2,)]
        float32 if X_s is float32 or complex64, else float64.

    Warns
    -----
    UserWarning
        If step is half of the columns or more: then segments of `step` samples are compared.
    """
    hop = checks.as_int("step", step, 1)
    X = np.asarray(X_s)
    if X.ndim == 2 and X.shape[1] < 2:
        raise ValueError(f"X_s must have at least two columns, got shape {X.shape}")
    if calculate_offset and X.ndim == 2:
        _advise(X.shape[0], X.shape[1], hop)
    runs = _runs(segments, X.shape[0] if X.ndim else 0)
    if X.dtype.kind != "c" or set_zero_phase:
        S = blockwise.rows("X_s", X.real).finite()
        made = _wave(out, (len(S), S.shape[1]), hop, S.dtype, X)
        y = inversion.recover(S, S.shape[1], hop, 0, search=bool(calculate_offset), segments=runs, out=made)
        return blockwise.given_back(out, y)
    norm = checks.complex_norm("X_s", X)
    made = _wave(out, (X.shape[0], X.shape[1]), hop, np.dtype("f4" if X.dtype.itemsize == 8 else "f8"), X)
    return blockwise.given_back(out, inversion.invert_complex(X, norm, hop, search=bool(calculate_offset), out=made))


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
    a, b = checks.as_channel("x1", x1), checks.as_channel("x2", x2)
    checks.finite_mean("x1", a)
    checks.finite_mean("x2", b)
    dtype = np.result_type(a, b)
    return inversion.segment_offset(a.astype(dtype, copy=False), b.astype(dtype, copy=False))
