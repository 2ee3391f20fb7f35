"""The notebook's functions for spectrograms and their inversion, by its names, argument order and defaults.

Each returns the notebook's values wherever the notebook runs.  Input is never modified; float32 stays float32, any
other dtype becomes float64; invalid input raises an error that names the argument and the value.  The filter functions
are in `bandpass`, those of mel spectrograms in `mel`.

Input may be a memory map of any real dtype, and a result larger than memory can be written to a memory map, `out`.
Beyond input and output the functions then need some hundred megabytes whatever the length of the signal: arrays that
kernels cannot read (integers, float16, another byte order, strided samples) are converted to float32 or float64 a block
at a time, and scratch signals are kept in temporary files.  The exception is `invert_spectrogram` without offsets,
which needs memory of the size of the spectrogram.  The mean of a converted signal of more than 4 million samples is
that of the sums of its blocks; for integers there is no difference.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..transform.framing import LARGEST_HOP, LARGEST_N_FFT, frame_count
from ..warning import warn
from . import blockwise, inversion, spectra
from .segments import auto_segments


def _window_size(name: str, value: object) -> int:
    size = checks.as_int(name, value, 2, LARGEST_N_FFT)
    if size % 2:
        raise ValueError(f"Window size must be even! ({name} is {size})")
    return size


def _warn_of_little_overlap(frames: int, n_fft: int, hop: int) -> None:
    """Warn where frames overlap too little for cross-correlation offsets."""
    if frames > 1 and hop >= n_fft // 2:
        warn(
            f"step {hop} is half of the frame length {n_fft} or more: offsets are found by cross-correlation of "
            f"overlapping frames, an overlap of 75 percent (step {max(1, n_fft // 4)}) or more is recommended"
        )


def overlap(X: ArrayLike, window_size: int, window_step: int, *, out: Array | None = None) -> Array:
    """Frames of a signal, zero-padded by window_size - n % window_size samples.

    Parameters
    ----------
    X : np.ndarray [shape=(n,)]
    window_size : int
        Length of a frame, even.
    window_step : int
        Samples from one frame to the next.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    frames : np.ndarray [shape=(max(1, (padded - window_size) // window_step), window_size)]
        One frame fewer than fit, as in the notebook, but at least one.

    Raises
    ------
    ValueError
        If window_size is odd or X is not one-dimensional.
    """
    size, step = _window_size("window_size", window_size), checks.as_int("window_step", window_step, 1, LARGEST_HOP)
    x = checks.as_array("X", X)
    if x.dtype.kind not in "fiubc":
        raise TypeError(f"X must hold numbers, got dtype {x.dtype}")
    if x.ndim != 1 or not x.size:
        raise ValueError(f"X must be one-dimensional, with at least one sample, got shape {x.shape}; {checks.MIX_DOWN}")
    single = x.dtype.kind in "fc" and x.dtype.itemsize == (4 if x.dtype.kind == "f" else 8)
    dtype = x.dtype.newbyteorder("=") if single else np.result_type(x.dtype, np.float64)
    frames = frame_count(len(x), size, step)
    result = blockwise.allocate_output(out, (frames, size), dtype, X)
    for first, last in blockwise.chunks(frames, max(1, blockwise.BLOCK_VALUES // max(size, step))):
        block = np.zeros((last - first - 1) * step + size, dtype)
        samples = x[first * step : first * step + len(block)]
        block[: len(samples)] = samples
        result[first:last] = np.lib.stride_tricks.sliding_window_view(block, size)[::step]
    return result if out is None else out


def _check_framing(
    names: tuple[str, str, str], X: ArrayLike, size: object, step: object
) -> tuple[blockwise.BlockArray, float, int, int, int]:
    """(samples, their mean, n_fft, hop, frames) of the arguments called `names` in errors."""
    n_fft, hop = _window_size(names[1], size), checks.as_int(names[2], step, 1, LARGEST_HOP)
    x = blockwise.as_channel(names[0], X)
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
        Length of a frame and of the transform, even.
    step : int
        Samples from one frame to the next.
    mean_normalize : bool
        Whether the mean of X is subtracted first.
    real, compute_onesided : bool
        If either is true, only the first fftsize // 2 bins (without the Nyquist bin); else all fftsize.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    D : np.ndarray [shape=(frames, bins)]
        complex64 if X is float32, else complex128; frames as in `overlap`.
    """
    x, mean, n_fft, hop, frames = _check_framing(("X", "fftsize", "step"), X, fftsize, step)
    bins = n_fft // 2 if real or compute_onesided else n_fft
    dtype = np.result_type(x.dtype, np.complex64)
    target = None if out is None else blockwise.allocate_output(out, (frames, bins), dtype, X)
    D = spectra.complex_spectrum(x, n_fft, hop, frames, bins=bins, mean=mean if mean_normalize else 0.0, out=target)
    return D if out is None else out


def pretty_spectrogram(
    d: ArrayLike,
    log: bool = True,
    thresh: float = 5,
    fft_size: int = 512,
    step_size: int = 64,
    *,
    out: Array | None = None,
) -> Array:
    """Magnitude spectrogram, linear or logarithmic, with a floor.

    Parameters
    ----------
    d : np.ndarray [shape=(n,)]
        Real, finite samples.
    log : bool
        If true, max(log10(|D| / max |D|), -thresh), or -thresh everywhere if D is zero; else max(|D|, thresh).
    thresh : float
        The floor; see `log`.
    fft_size, step_size : int
        As in `stft`.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    S : np.ndarray [shape=(frames, fft_size // 2)]
        float32 if d is, else float64.
    """
    x, mean, n_fft, hop, frames = _check_framing(("d", "fft_size", "step_size"), d, fft_size, step_size)
    floor = checks.as_finite("thresh", thresh)
    target = None if out is None else blockwise.allocate_output(out, (frames, n_fft // 2), x.dtype, d)
    if log:
        S = spectra.log_magnitude(x, n_fft, hop, frames, mean=mean, thresh=floor, out=target)
    else:
        S = spectra.magnitude(x, n_fft, hop, frames, mean=mean, floor=floor, out=target)
    return S if out is None else out


def _powers_of_ten(S: Array) -> Array:
    """10**S of float16 S, rounded to float16, as float64; looked up in a table of all 65,536 values of float16."""
    with np.errstate(over="ignore", invalid="ignore"):
        exponents = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        table = np.power(np.float16(10), exponents).astype(np.float64)
    return table[np.ascontiguousarray(S, np.float16).view(np.uint16)]


def _segment_count(segments: object, frames: int) -> int | None:
    """The number of segments; None for no segments."""
    if segments is None:
        return None
    if isinstance(segments, str):
        if segments != "auto":
            raise ValueError(f"segments must be None, a whole number or 'auto', got {segments!r}")
        return auto_segments(frames)
    return checks.as_int("segments", segments, 1)


def _check_signal_output(out: Array | None, frames: int, n_fft: int, hop: int, dtype: Any, X_s: object) -> Array | None:
    """`out` as kernels can write to it, for the signal [shape=(frames * hop + n_fft // 2,)] of a spectrogram X_s."""
    return None if out is None else blockwise.allocate_output(out, (frames * hop + n_fft // 2,), dtype, X_s)


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
    """A signal whose `pretty_spectrogram` is close to X_s.

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, fft_size // 2)]
        As from `pretty_spectrogram`, or the transpose of `mel_to_spectrogram`.
    log : bool
        Whether X_s holds decimal logarithms of magnitudes.
    fft_size, step_size : int
        Of the spectrogram; an integral float is accepted.
    n_iter : int
        Iterations; 0 is one pass with zero phases.
    segments : int, "auto" or None
        None and 1 align all frames one after another, as the notebook does.  Else the frames are split into this number
        of segments, which are inverted in parallel in float32 and cross-faded; "auto" is one for about 1500 frames.
        Segments last for at least ten windows of fft_size / 2, so that short spectrograms have fewer.  In segments
        offsets are searched coarse-to-fine, all iterations but the last two use frames a quarter of fft_size apart,
        and each segment is delayed by its best cross-correlation offset with the one before, at most fft_size / 4.
        For sizes that the kernels do not support, segments have no effect.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step_size + fft_size // 2,)]
        float32 if X_s is, else float64.  Magnitudes of float16 logarithms are rounded to float16, as in the notebook.
    """
    hop, n_iter = checks.as_int("step_size", step_size, 1, LARGEST_HOP), checks.as_int("n_iter", n_iter, 0)
    raw = checks.as_array("X_s", X_s)
    is_float16 = raw.dtype.newbyteorder("=") == np.float16
    S = blockwise.as_matrix("X_s", raw).check_finite(silence=bool(log))
    n_fft = 2 * S.shape[1]
    if log:
        checks.check_log_range("X_s", S.range()[1], S.dtype)
    if n_iter and checks.as_int("fft_size", fft_size, 2) != n_fft:
        raise ValueError(f"fft_size must be twice the {S.shape[1]} columns of X_s, {n_fft}, got {fft_size!r}")
    if log and is_float16:
        S, log = blockwise.as_matrix("10**X_s in float16", raw, _powers_of_ten).check_finite(), False
    _warn_of_little_overlap(len(S), n_fft, hop)
    target = _check_signal_output(out, len(S), n_fft, hop, S.dtype, X_s)
    y = inversion.invert_pretty(
        S,
        log=bool(log),
        n_fft=n_fft,
        hop=hop,
        n_iter=n_iter,
        segments=_segment_count(segments, len(S)),
        out=target,
    )
    return y if out is None else out


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
    """A signal whose STFT has magnitudes close to X_s, by Griffin-Lim iterations with cross-correlation offsets.

    First X_s is inverted with zero phases.  Each iteration takes phase = D / max(max(X_s) / 1e8, |D|) from D, the STFT
    of the signal so far, and inverts X_s * phase with offsets (see `invert_spectrogram`).

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, fftsize)]
        Magnitudes of all bins; of bins k and fftsize - k the mean is used.
    fftsize, step : int
        Of the spectrogram.
    n_iter : int
        Iterations; 0 is one pass with zero phases.
    verbose : bool
        Whether to print the spectral convergence after each iteration.
    segments : int, "auto" or None
        As in `invert_pretty_spectrogram`.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + fftsize // 2,)]
        float32 if X_s is, else float64.
    """
    hop, n_iter = checks.as_int("step", step, 1, LARGEST_HOP), checks.as_int("n_iter", n_iter, 0)
    S = blockwise.as_matrix("X_s", X_s).check_finite()
    n_fft = S.shape[1]
    if n_iter and _window_size("fftsize", fftsize) != n_fft:
        raise ValueError(f"fftsize must be the number of columns of X_s, {n_fft}, got {fftsize!r}")

    _warn_of_little_overlap(len(S), n_fft, hop)

    def print_convergence(i: int, n: int, y: Array) -> None:
        decibels = spectra.convergence(y, S, n_fft, hop)
        print(f"iteration {i}/{n}: spectral convergence {decibels:.2f} dB", flush=True)

    y = inversion.recover(
        S,
        n_fft,
        hop,
        n_iter,
        segments=_segment_count(segments, len(S)),
        on_iteration=print_convergence if verbose else None,
        out=_check_signal_output(out, len(S), n_fft, hop, S.dtype, X_s),
    )
    return y if out is None else out


def invert_spectrogram(
    X_s: ArrayLike,
    step: int,
    calculate_offset: bool = True,
    set_zero_phase: bool = True,
    *,
    segments: int | Literal["auto"] | None = None,
    out: Array | None = None,
) -> Array:
    """A signal from a spectrogram by overlap-add of windowed frames, each shifted by its cross-correlation offset.

    Parameters
    ----------
    X_s : np.ndarray [shape=(frames, columns)]
        All bins of each frame, real or complex; the real part of the inverse transform is used.
    step : int
        Samples from one frame to the next.
    calculate_offset : bool
        Whether frames are shifted by `xcorr_offset`, or added without shifts.
    set_zero_phase : bool
        Whether only the real part of X_s is used.
    segments : int, "auto" or None
        As in `invert_pretty_spectrogram`; without effect if calculate_offset is false or the phases of X_s are used.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    y : np.ndarray [shape=(frames * step + columns // 2,)]
        float32 if X_s is float32 or complex64, else float64.

    Warns
    -----
    UserWarning
        If step is half of the frame length or more: then offsets are found from `step` samples of each frame.
    """
    hop = checks.as_int("step", step, 1, LARGEST_HOP)
    X = checks.as_array("X_s", X_s)
    if X.ndim == 2 and X.shape[1] < 2:
        raise ValueError(f"X_s must have at least two columns, got shape {X.shape}")
    if calculate_offset and X.ndim == 2:
        _warn_of_little_overlap(X.shape[0], X.shape[1], hop)
    n_segments = _segment_count(segments, X.shape[0] if X.ndim else 0)
    search = bool(calculate_offset)
    if X.dtype.kind != "c" or set_zero_phase:
        S = blockwise.as_matrix("X_s", X.real).check_finite()
        target = _check_signal_output(out, len(S), S.shape[1], hop, S.dtype, X)
        y = inversion.recover(S, S.shape[1], hop, 0, search=search, segments=n_segments, out=target)
    else:
        norm, dtype = checks.complex_norm("X_s", X), np.dtype("f4" if X.dtype.itemsize == 8 else "f8")
        target = _check_signal_output(out, X.shape[0], X.shape[1], hop, dtype, X)
        y = inversion.invert_complex(X, norm, hop, search=search, out=target)
    return y if out is None else out


def xcorr_offset(x1: ArrayLike, x2: ArrayLike) -> int:
    """argmax(c) - len(x1) of the full cross-correlation c of two signals, their means subtracted.

    c[p] = sum over n of (x1[n] - mean x1) (x2[n + len(x2) - 1 - p] - mean x2); the first and the last len(x2) // 2 of
    its len(x1) + len(x2) - 1 values are excluded.  The offset of a signal with itself is -1.

    Parameters
    ----------
    x1, x2 : np.ndarray [shape=(n1,), (n2,)]
        Real, finite samples.

    Returns
    -------
    offset : int
        That of the first of equal maxima; -len(x1) if all values are excluded.
    """
    a, b = checks.as_channel("x1", x1), checks.as_channel("x2", x2)
    largest = max(checks.finite_peak("x1", a), checks.finite_peak("x2", b))
    dtype = np.result_type(a, b)
    return inversion.correlation_offset(a.astype(dtype, copy=False), b.astype(dtype, copy=False), largest)
