"""Slow, obvious twins of the fifteen functions in plain NumPy: the oracle of the tests and the baseline of `bench/`.

Each twin does what the notebook does, in float64, one frame at a time in a Python loop, with the full complex FFT and
a direct convolution in float32. Where the notebook fails on good input (a float step, silence, too few frames, an
empty mel filter) the twin does what `fastspec` promises. It checks nothing and imports nothing of `fastspec`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

Array = np.ndarray[Any, np.dtype[Any]]
Offset = Callable[[Array, Array], int]


def butter_bandpass(lowcut: float, highcut: float, fs: float, order: int = 5) -> tuple[Array, Array]:
    """Coefficients (b, a) of a Butterworth band-pass; the band edges in Hz."""
    nyquist = fs / 2
    b, a = scipy.signal.butter(order, (lowcut / nyquist, highcut / nyquist), btype="bandpass")
    return b, a


def butter_bandpass_filter(data: Array, lowcut: float, highcut: float, fs: float, order: int = 5) -> Array:
    """`data` run forward once through that band-pass."""
    b, a = butter_bandpass(lowcut, highcut, fs, order)
    return np.asarray(scipy.signal.lfilter(b, a, data))


def hamming(n: int) -> Array:
    """The symmetric Hamming window, 0.54 - 0.46 cos(2 pi k / (n - 1))."""
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def overlap(X: Array, window_size: int, window_step: float) -> Array:
    """Frames of X, zero-padded by one to `window_size` samples: one frame fewer than fit, but never none."""
    step = int(window_step)
    missing = window_size - len(X) % window_size
    padded = np.concatenate([X, np.zeros(missing)])
    count = max(1, (len(padded) - window_size) // step)
    frames = np.empty((count, window_size), padded.dtype)
    for k in range(count):
        frames[k] = padded[k * step : k * step + window_size]
    return frames


def stft(
    X: Array,
    fftsize: int = 128,
    step: float = 65,
    mean_normalize: bool = True,
    real: bool = False,
    compute_onesided: bool = True,
) -> Array:
    """Windowed FFT of every frame; the Nyquist bin is dropped unless all `fftsize` bins are asked for."""
    samples = np.asarray(X, np.float64)
    if mean_normalize:
        samples = samples - samples.mean()
    frames = overlap(samples, fftsize, step) * hamming(fftsize)
    spectrum = np.fft.rfft(frames) if real else np.fft.fft(frames)
    if compute_onesided:
        return spectrum[:, : fftsize // 2]
    return np.asarray(spectrum[:, :-1] if real else spectrum)


def pretty_spectrogram(
    d: Array, log: bool = True, thresh: float = 5, fft_size: int = 512, step_size: float = 64
) -> Array:
    """Magnitudes; with `log` relative to the largest, in powers of ten, and not below -thresh."""
    magnitude = np.abs(stft(d, fft_size, step_size))
    if not log:
        return np.maximum(magnitude, thresh)
    loudest = magnitude.max()
    if loudest == 0:
        return np.full_like(magnitude, -thresh)
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log10(magnitude / loudest), -thresh))


def invert_pretty_spectrogram(
    X_s: Array,
    log: bool = True,
    fft_size: int = 512,
    step_size: float = 512 / 4,
    n_iter: int = 10,
    *,
    offset: Offset | None = None,
) -> Array:
    """Waveform from `pretty_spectrogram`'s half spectrum, whose mirror image (off by one bin) is the other half."""
    half = np.asarray(X_s)
    if half.dtype != np.float16:  # ten to the power of a float16 is rounded to float16
        half = half.astype(np.float64)
    if log:
        half = np.power(half.dtype.type(10), half)
    full = np.hstack([half, np.fliplr(half)]).astype(np.float64)
    return iterate_invert_spectrogram(full, fft_size, step_size, n_iter, offset=offset)


def reanalyse(wave: Array, fftsize: int, step: int, frames: int) -> Array:
    """The first `frames` frames of the full STFT of `wave`, with zeros appended until there are that many."""
    centred = wave - wave.mean()
    whole_windows = len(centred) // fftsize  # and one more, filled up with zeros, is what `overlap` cuts frames from
    if whole_windows * fftsize // step < frames:
        centred = np.concatenate([centred, np.zeros(frames * step + fftsize)])
    return stft(centred, fftsize, step, mean_normalize=False, compute_onesided=False)[:frames]


def iterate_invert_spectrogram(
    X_s: Array,
    fftsize: int,
    step: float,
    n_iter: int = 10,
    verbose: bool = False,
    *,
    offset: Offset | None = None,
) -> Array:
    """Invert, take the phase of what comes out, put it on the magnitudes wanted, and again."""
    smallest = np.max(X_s) / 1e8 or 1.0
    guess = X_s
    for iteration in range(n_iter):
        wave = invert_spectrogram(guess, step, set_zero_phase=iteration == 0, offset=offset)
        heard = reanalyse(wave, fftsize, int(step), len(X_s))
        guess = X_s * (heard / np.maximum(smallest, np.abs(heard)))
        if verbose:
            print(f"iteration {iteration + 1}/{n_iter}")
    return invert_spectrogram(guess, step, set_zero_phase=False, offset=offset)


def invert_spectrogram(
    X_s: Array,
    step: float,
    calculate_offset: bool = True,
    set_zero_phase: bool = True,
    *,
    offset: Offset | None = None,
) -> Array:
    """Add up the middle halves of the time-reversed frames, each shifted to fit best what is there already.

    `offset` finds the shifts; else `xcorr_offset`, whose answer to a near tie depends on the BLAS (see `allowed`).
    """
    find = offset or xcorr_offset
    hop = int(step)
    frames, columns = X_s.shape
    size = columns // 2
    middle = size // 2 - 1
    window = hamming(size)
    wave = np.zeros(frames * hop + size)
    weight = np.zeros(frames * hop + size)
    segment = size - hop if size > hop else hop
    for k in range(frames):
        spectrum = X_s[k].real if set_zero_phase else X_s[k]
        frame = np.fft.ifft(spectrum).real[::-1]
        shift = 0
        if calculate_offset and k > 0:
            shift = find(wave[k * hop : k * hop + segment], frame[middle : middle + segment])
        first = middle - shift
        inside = 0 <= first <= columns - size
        middle_half = frame[first : first + size] if inside else np.roll(frame, -first)[:size]
        wave[k * hop : k * hop + size] += window * middle_half
        weight[k * hop : k * hop + size] += window
    return wave / (weight + 1e-6)


def xcorr_offset(x1: Array, x2: Array) -> int:
    """Lag of the largest correlation, by direct convolution in float32, less len(x1): aligned segments give -1."""
    correlation = correlate(x1, x2, np.float32)
    half = len(x2) // 2
    correlation[:half] = -1e30
    correlation[len(correlation) - half if half else 0 :] = -1e30
    return int(np.argmax(correlation)) - len(x1)


def correlate(x1: Array, x2: Array, dtype: Any) -> Array:
    """The correlation of two segments less their means, at all lags, by direct convolution in `dtype`."""
    a = (x1 - np.mean(x1)).astype(dtype)
    b = (x2 - np.mean(x2)).astype(dtype)
    return np.convolve(a, b[::-1])


def allowed(x1: Array, x2: Array) -> set[int]:
    """The offsets that `xcorr_offset` may give on one BLAS or another: those it cannot tell from the best.

    NumPy leaves the float32 sums of a convolution to the BLAS, which adds in an order of its own on each kind of CPU.
    The largest error of these sums is measured here; of two lags each may be wrong by as much, so one whose sum in
    float64 is within twice that of the best may come out first. Where there is no error, the first of the best does.
    """
    half = len(x2) // 2
    inner = slice(half, len(x1) + len(x2) - 1 - half if half else 0)
    rounded = correlate(x1, x2, np.float32)[inner]
    exact = correlate(x1.astype(np.float64), x2.astype(np.float64), np.float64)[inner]
    if not exact.size:  # all are masked
        return {-len(x1)}
    error = np.abs(rounded - exact).max()
    near = np.flatnonzero(exact >= exact.max() - 2 * error)
    return {int(lag) + half - len(x1) for lag in (near if error else near[:1])}


def offset_like(other: Offset) -> Offset:
    """`xcorr_offset`, which in a near tie goes the way of `other` if that is `allowed`."""

    def offset(x1: Array, x2: Array) -> int:
        found = other(x1, x2)
        return found if found in allowed(x1, x2) else xcorr_offset(x1, x2)

    return offset


def make_mel(spectrogram: Array, mel_filter: Array, shorten_factor: float = 1) -> Array:
    """Mel bands by frames in float16, time shortened by cubic splines, without the first and the last column."""
    bands = mel_filter.T @ spectrogram.T
    shorter = scipy.ndimage.zoom(bands.astype(np.float32), (1, 1 / shorten_factor))
    return np.asarray(shorter.astype(np.float16)[:, 1:-1])


def mel_to_spectrogram(
    mel_spec: Array, mel_inversion_filter: Array, spec_thresh: float, shorten_factor: float
) -> Array:
    """Bins by frames in float16: bands spread over the bins of their filters, time stretched by cubic splines."""
    above_floor = mel_spec + mel_spec.dtype.type(spec_thresh)
    bins = mel_inversion_filter.T @ above_floor
    longer = scipy.ndimage.zoom(bins.astype(np.float32), (1, shorten_factor)).astype(np.float16)
    return np.asarray(longer - np.float16(spec_thresh))


def hz2mel(hz: Any) -> Any:
    """Mel of a frequency in Hz, 2595 log10(1 + hz / 700)."""
    return 2595 * np.log10(1 + hz / 700)


def mel2hz(mel: Any) -> Any:
    """Frequency in Hz of a mel, 700 (10^(mel / 2595) - 1)."""
    return 700 * (10 ** (mel / 2595) - 1)


def get_filterbanks(
    nfilt: int = 20, nfft: int = 512, samplerate: float = 16000, lowfreq: float = 0, highfreq: float | None = None
) -> Array:
    """Triangles with corners on whole bins, equally far apart in mel; one filter a row, `nfft // 2` bins."""
    top = highfreq or samplerate / 2
    corners_hz = mel2hz(np.linspace(hz2mel(lowfreq), hz2mel(top), nfilt + 2))
    corners = [int(c) for c in np.floor((nfft + 1) * corners_hz / samplerate)]
    bank = np.zeros((nfilt, nfft // 2))
    for row, (left, peak, right) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        for k in range(left, peak):
            bank[row, k] = (k - left) / (peak - left)
        for k in range(peak, right):
            bank[row, k] = (right - k) / (right - peak)
    return bank


def create_mel_filter(
    fft_size: int,
    n_freq_components: int = 64,
    start_freq: float = 300,
    end_freq: float = 8000,
    samplerate: float = 44100,
) -> tuple[Array, Array]:
    """The filters as columns, each with sum one (an empty one stays zero), and the bank to go back with."""
    bank = get_filterbanks(n_freq_components, fft_size, samplerate, start_freq, end_freq)
    total = bank.sum(axis=1)
    return bank.T / np.where(total > 0, total, 1), bank
