"""The notebook's functions for mel spectrograms; see `functions` for the conventions they share with the others.

Spectrograms of more than 32 million values are resampled in overlapping blocks of columns; the result may differ from
that of the whole spectrogram in the last bit of float16.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array, Real
from ..features.banks import FilterBank, as_bank
from ..features.decibels import from_db
from ..features.log import check_exponents
from ..features.scales import hz_to_mel, mel_to_hz
from ..forks import forks_wait
from ..warning import warn
from . import blockwise

SPLINE_REACH_COLUMNS = 40
"""Columns on either side of a block that its spline coefficients are computed from."""
RESAMPLE_WHOLE_VALUES = 1 << 25
"""Values of the largest spectrogram that is resampled as a whole, not in blocks of columns."""


def resample_time(M: Real, factor: float) -> Array:
    """M [shape=(rows, columns)] with `factor` times as many columns, by cubic splines in float32, as float16.

    See `scipy.ndimage.zoom`.
    """
    with forks_wait:
        from scipy.ndimage import zoom

    return zoom(M.astype(np.float32), [1, factor]).astype(np.float16)


def mel_to_magnitudes(
    mel_spec: ArrayLike, bank: FilterBank | ArrayLike, *, spec_thresh: float = 4.0, shorten_factor: float = 1.0
) -> Real:
    """Magnitudes from a mel spectrogram of `make_mel`, whose filters were applied to logarithms.

    M = bank @ S with S = max(log10(|D| / max |D|), -spec_thresh), and each filter sums to 1.  So M + spec_thresh =
    bank @ (S + spec_thresh), which is solved for S + spec_thresh >= 0 (see `FilterBank.inverse`); the result is 10**S.
    The scale (the largest magnitude was 1), values below the threshold, the first and the last column, and precision
    beyond float16 are lost.

    Parameters
    ----------
    mel_spec : np.ndarray [shape=(n_mels, columns)]
        As from `make_mel`.
    bank : FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        The transpose of the `mel_filter` of `make_mel`.
    spec_thresh : float
        Threshold of the spectrogram.
    shorten_factor : float > 0
        As in `make_mel`: frames per column (interpolated by cubic splines).

    Returns
    -------
    S : np.ndarray [shape=(n_bins, round(columns * shorten_factor))]
        At least 10**-spec_thresh; float32 for float16 and float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If mel_spec is not a matrix of finite real numbers with a row for each filter, or another argument is invalid.
    """
    filters, thresh = as_bank(bank), checks.as_finite("spec_thresh", spec_thresh)
    factor = _check_factor(shorten_factor)
    M = checks.as_array("mel_spec", mel_spec)
    M = checks.as_spectrogram("mel_spec", M.astype(np.float32) if M.dtype == np.float16 else M)
    if factor != 1:
        M = resample_time(M, factor).astype(M.dtype)
    S_above_thresh = filters.inverse(M + M.dtype.type(thresh))
    check_exponents("mel_spec", S_above_thresh, 1.0, "magnitudes")
    return from_db(S_above_thresh, factor=1.0, scale=10.0**-thresh)


def triangular_filters(n_mels: int, n_fft: int, sr: float, fmin: float, fmax: float) -> Array:
    """Triangular filters [shape=(n_mels, n_fft // 2)] with corners evenly spaced in mel (HTK's scale).

    Corner j is bin floor((n_fft + 1) f[j] / sr) of frequency f[j].  Filter j rises from 0 at corner j to 1 at corner
    j + 1 and falls to 0 at corner j + 2.  Bins from n_fft // 2 up are omitted.
    """
    corners = np.linspace(hz_to_mel(fmin, htk=True), hz_to_mel(fmax, htk=True), n_mels + 2)
    corners = np.floor((n_fft + 1) * mel_to_hz(corners, htk=True) / sr)
    k = np.arange(n_fft // 2)
    k = k[(k >= corners[0]) & (k < corners[-1])]
    j = np.searchsorted(corners, k, side="right") - 1  # corner j <= k < corner j + 1
    width = corners[j + 1] - corners[j]
    bank = np.zeros((n_mels + 2, n_fft // 2))  # with a filter before the first, and one behind the last
    bank[j + 1, k] = (k - corners[j]) / width
    bank[j, k] = (corners[j + 1] - k) / width
    return bank[1:-1]


def normalize_filters(bank: Real) -> Real:
    """The filters of a bank [shape=(n_mels, bins)] as columns (bins, n_mels), each divided by its sum if that is not 0.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it holds no bin.
    """
    total = bank.sum(axis=1)
    empty = int(np.count_nonzero(total == 0))
    if empty:
        warn(
            f"{empty} of {len(bank)} mel filters are empty, as they are narrower than a bin: use fewer mel filters "
            "or a larger fft_size"
        )
    return bank.T / np.where(total == 0, 1.0, total)


def resample_columns(read: Callable[[int, int], Real], columns: int, new_columns: int, first: int, last: int) -> Array:
    """Columns first .. last - 1 of a matrix resampled from `columns` to `new_columns` columns, as float32.

    read(a, b) returns columns a .. b - 1 of the matrix.  The influence of a column on a spline coefficient k columns
    away decays as 0.268**k (Unser, IEEE Signal Processing Magazine 16(6), 1999, 22-38), so that SPLINE_REACH_COLUMNS
    columns on either side determine it to the precision of float64.
    """
    with forks_wait:
        from scipy.ndimage import affine_transform

    ratio = (columns - 1) / max(1, new_columns - 1)
    a = max(0, int(first * ratio) - SPLINE_REACH_COLUMNS)
    b = min(columns, int((last - 1) * ratio) + 2 + SPLINE_REACH_COLUMNS)
    M = read(a, b).astype(np.float32)
    resampled: Array = affine_transform(
        M, [1, ratio], [0, first * ratio - a], (len(M), last - first), output=np.float32, mode="mirror"
    )
    return resampled


def make_mel(
    spectrogram: ArrayLike, mel_filter: ArrayLike, shorten_factor: float = 1, *, out: Array | None = None
) -> Array:
    """A mel spectrogram, downsampled in time.

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(frames, bins)]
    mel_filter : np.ndarray [shape=(bins, n_mels)]
        As from `create_mel_filter`.
    shorten_factor : float
        Frames per column of the result (interpolated by cubic splines).
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    mel_spec : np.ndarray [shape=(n_mels, round(frames / shorten_factor) - 2), dtype=float16]
        Without the first and the last column of the resampled spectrogram.
    """
    S, bank = blockwise.as_matrix("spectrogram", spectrogram), checks.as_spectrogram("mel_filter", mel_filter)
    factor = _check_factor(shorten_factor)
    if S.shape[1] != bank.shape[0]:
        raise ValueError(f"mel_filter must have a row for each of the {S.shape[1]} bins, got shape {bank.shape}")

    def filter_frames(first: int, last: int) -> Array:
        frames = S.block(first, last)
        M: Array = bank.T.dot(frames.T)
        if not np.isfinite(M).all():  # each value of S is a term of a sum: if those are finite, so is S
            checks.check_finite("spectrogram", frames, before=first)
        return M

    columns = round(len(S) * (1.0 / factor))
    if S.shape[0] * S.shape[1] <= RESAMPLE_WHOLE_VALUES:
        return _copy_to(out, resample_time(filter_frames(0, len(S)), 1.0 / factor)[:, 1:-1], spectrogram)
    result = blockwise.allocate_output(out, (bank.shape[1], max(0, columns - 2)), np.float16, spectrogram)
    block_columns = max(1, int(RESAMPLE_WHOLE_VALUES // 8 // S.shape[1] / factor))
    for first, last in blockwise.chunks(result.shape[1], block_columns):
        result[:, first:last] = resample_columns(filter_frames, len(S), columns, first + 1, last + 1)
    return result if out is None else out


def _check_factor(shorten_factor: object) -> float:
    factor = checks.as_finite("shorten_factor", shorten_factor)
    if factor <= 0:
        raise ValueError(f"shorten_factor must be above 0, got {shorten_factor!r}")
    return factor


def _copy_to(out: Array | None, result: Array, source: object) -> Array:
    """`out` with the result written to it; the result itself if out is None."""
    if out is None:
        return result
    blockwise.allocate_output(out, result.shape, result.dtype, source)[:] = result
    return out


def mel_to_spectrogram(
    mel_spec: ArrayLike,
    mel_inversion_filter: ArrayLike,
    spec_thresh: float,
    shorten_factor: float,
    *,
    out: Array | None = None,
) -> Array:
    """A spectrogram from a mel spectrogram, upsampled in time.

    Parameters
    ----------
    mel_spec : np.ndarray [shape=(n_mels, columns)]
        As from `make_mel`.
    mel_inversion_filter : np.ndarray [shape=(n_mels, bins)]
        As from `create_mel_filter`.
    spec_thresh : float
        Threshold of the spectrogram, added before the filters are applied and subtracted after.
    shorten_factor : float
        As in `make_mel`.
    out : np.ndarray
        Array or memory map for the result, of its shape and dtype, C-contiguous.

    Returns
    -------
    S : np.ndarray [shape=(bins, round(columns * shorten_factor)), dtype=float16]
        The transpose of the argument of `invert_pretty_spectrogram`.
    """
    M, bank = checks.as_array("mel_spec", mel_spec), checks.as_spectrogram("mel_inversion_filter", mel_inversion_filter)
    blockwise.as_matrix("mel_spec", M).check_finite()
    thresh, factor = checks.as_finite("spec_thresh", spec_thresh), _check_factor(shorten_factor)
    if M.shape[0] != bank.shape[0]:
        raise ValueError(f"mel_spec must have a row for each of the {bank.shape[0]} mel filters, got shape {M.shape}")

    def unfilter_columns(first: int, last: int) -> Array:
        S_above_thresh: Array = (M[:, first:last] + thresh).T.dot(bank).T
        return S_above_thresh

    columns, frames = M.shape[1], round(M.shape[1] * factor)
    if max(columns, frames) * bank.shape[1] <= RESAMPLE_WHOLE_VALUES:
        return _copy_to(out, resample_time(unfilter_columns(0, columns), factor) - np.float16(thresh), mel_spec)
    result = blockwise.allocate_output(out, (bank.shape[1], frames), np.float16, mel_spec)
    block_columns = max(1, int(RESAMPLE_WHOLE_VALUES // 8 // bank.shape[1] * min(1.0, factor)))
    for first, last in blockwise.chunks(frames, block_columns):
        S_above_thresh = resample_columns(unfilter_columns, columns, frames, first, last).astype(np.float16)
        result[:, first:last] = S_above_thresh - np.float16(thresh)
    return result if out is None else out


def _check_numbers(name: str, value: ArrayLike) -> ArrayLike:
    """Real numbers as they are; masks stay."""
    if not isinstance(value, float) and (dtype := np.asanyarray(value).dtype).kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, got dtype {dtype}")
    return value


def hz2mel(hz: ArrayLike) -> Any:
    """Hz to mel on HTK's scale, 2595 log10(1 + hz / 700), elementwise."""
    return hz_to_mel(_check_numbers("hz", hz), htk=True)


def mel2hz(mel: ArrayLike) -> Any:
    """Mel to Hz on HTK's scale, 700 (10**(mel / 2595) - 1), elementwise."""
    return mel_to_hz(_check_numbers("mel", mel), htk=True)


def get_filterbanks(
    nfilt: int = 20, nfft: int = 512, samplerate: float = 16000, lowfreq: float = 0, highfreq: float | None = None
) -> Array:
    """Triangular filters whose corner frequencies are evenly spaced in mel (HTK's scale).

    Parameters
    ----------
    nfilt : int
        Number of filters.
    nfft : int
        Size of the transform.
    samplerate : float
        Sampling rate in Hz.
    lowfreq, highfreq : float
        Lowest and highest corner in Hz; None is samplerate / 2.

    Returns
    -------
    bank : np.ndarray [shape=(nfilt, nfft // 2)]
        A row for each filter, with a peak of 1.
    """
    n_mels, n_fft = checks.as_int("nfilt", nfilt, 1), checks.as_int("nfft", nfft, 2)
    rate, low = checks.as_finite("samplerate", samplerate), checks.as_finite("lowfreq", lowfreq)
    is_default = highfreq is None or (isinstance(highfreq, int | float) and highfreq == 0)
    high = rate / 2 if is_default else checks.as_finite("highfreq", highfreq)
    if not 0 <= low < high <= rate / 2:
        raise ValueError(
            f"corner frequencies must satisfy 0 <= lowfreq < highfreq <= samplerate / 2 = {rate / 2:g}, "
            f"got lowfreq={low:g} and highfreq={high:g}"
        )
    return triangular_filters(n_mels, n_fft, rate, low, high)


def create_mel_filter(
    fft_size: int,
    n_freq_components: int = 64,
    start_freq: float = 300,
    end_freq: float = 8000,
    samplerate: float = 44100,
) -> tuple[Array, Array]:
    """Mel filters for `make_mel`, and for the way back by `mel_to_spectrogram`.

    Parameters
    ----------
    fft_size, n_freq_components, start_freq, end_freq, samplerate
        nfft, nfilt, lowfreq, highfreq and samplerate of `get_filterbanks`.

    Returns
    -------
    mel_filter : np.ndarray [shape=(fft_size // 2, n_freq_components)]
        A column for each filter, with a sum of 1.
    mel_inversion_filter : np.ndarray [shape=(n_freq_components, fft_size // 2)]
        The filters of `get_filterbanks`.

    Warns
    -----
    UserWarning
        If filters are narrower than a bin, so that they are zero.
    """
    bank = get_filterbanks(
        nfilt=n_freq_components, nfft=fft_size, samplerate=samplerate, lowfreq=start_freq, highfreq=end_freq
    )
    return normalize_filters(bank), bank
