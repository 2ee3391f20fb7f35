"""The notebook's functions around mel spectrograms; see `notebook` for the others and for what all have in common.

Spectrograms of more than 32 million numbers are stretched in blocks of columns with some to either side, and differ
from what the whole would give by a rounding to float16 here and there.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Array
from ..features.banks import SPLINE_REACH, FilterBank, bank_of
from ..features.decibels import from_db
from ..features.log import _in_range
from ..features.scales import hz_to_mel, mel_to_hz
from . import blockwise


def resample_time(M: NDArray[np.floating], factor: float) -> NDArray[np.float16]:
    """The columns of M stretched by `factor` (cubic splines, scipy.ndimage.zoom in float32), as float16."""
    from scipy.ndimage import zoom

    return zoom(M.astype(np.float32), [1, factor]).astype(np.float16)


def notebook_levels(
    mel_spec: ArrayLike, bank: FilterBank | ArrayLike, *, spec_thresh: float = 4.0, shorten_factor: float = 1.0
) -> NDArray[np.floating]:
    """Magnitudes from the mels of `notebook.make_mel`, which are filtered logarithms.

    There S = max(log10(|D| / max |D|), -spec_thresh) was filtered, with filters whose sums are 1, so that
    M + spec_thresh is what they make of S + spec_thresh >= 0: that is inverted, and 10**S taken after.  Lost are the
    scale (the largest magnitude was 1), what the threshold has raised, the first and the last column, and the digits
    that float16 lacks.

    Parameters
    ----------
    mel_spec : np.ndarray [shape=(n_mels, columns)]
        What `make_mel` gives.
    bank : FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        The transpose of the `mel_filter` that it was given.
    spec_thresh : float
        The threshold of the spectrogram.
    shorten_factor : float > 0
        As there: columns become so many frames each (cubic splines).

    Returns
    -------
    S : np.ndarray [shape=(n_bins, round(columns shorten_factor))]
        From 10**-spec_thresh up; float32 for float16 and float32, else float64.

    Raises
    ------
    TypeError, ValueError
        If mel_spec is no matrix of finite real numbers with a row for each filter, or another argument is out of range.
    """
    filters, thresh = bank_of(bank), checks.as_finite("spec_thresh", spec_thresh)
    factor = checks.as_finite("shorten_factor", shorten_factor)
    if factor <= 0:
        raise ValueError(f"shorten_factor must be above 0, got {shorten_factor!r}")
    M = checks.as_array("mel_spec", mel_spec)
    M = checks.as_spectrogram("mel_spec", M.astype(np.float32) if M.dtype == np.float16 else M)
    if factor != 1:
        M = resample_time(M, factor).astype(M.dtype)
    raised = filters.inverse(M + M.dtype.type(thresh))
    _in_range("mel_spec", raised, 1.0, "magnitudes")
    return from_db(raised, factor=1.0, scale=10.0**-thresh)


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


LONG = 1 << 25
"""Numbers of a spectrogram that are resampled as a whole, at most."""


def make_mel(
    spectrogram: ArrayLike, mel_filter: ArrayLike, shorten_factor: float = 1, *, out: Array | None = None
) -> Array:
    """A mel spectrogram, its time axis shortened.

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(frames, bins)]
    mel_filter : np.ndarray [shape=(bins, n_mels)]
        From `create_mel_filter`.
    shorten_factor : float
        Frames that become one (cubic splines).
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    mel_spec : np.ndarray [shape=(n_mels, round(frames / shorten_factor) - 2), dtype=float16]
        Without the first and the last column.
    """
    S, bank = blockwise.rows("spectrogram", spectrogram), checks.as_spectrogram("mel_filter", mel_filter)
    factor = checks.as_finite("shorten_factor", shorten_factor)
    if factor <= 0:
        raise ValueError(f"shorten_factor must be above 0, got {shorten_factor!r}")
    if S.shape[1] != bank.shape[0]:
        raise ValueError(f"mel_filter must have a row for each of the {S.shape[1]} bins, got shape {bank.shape}")

    def part(first: int, last: int) -> Array:
        frames = S.block(first, last)
        M: Array = bank.T.dot(frames.T)
        if not np.isfinite(M).all():  # every number of S is in a sum, so that only then S needs a look
            checks.check_finite("spectrogram", frames, before=first)
        return M

    total = round(len(S) * (1.0 / factor))
    if S.shape[0] * S.shape[1] <= LONG:
        return _given_to(out, resample_time(part(0, len(S)), 1.0 / factor)[:, 1:-1], spectrogram)
    made = blockwise.result(out, (bank.shape[1], max(0, total - 2)), np.float16, spectrogram)
    many = max(1, int(LONG // 8 // S.shape[1] / factor))
    for first, last in blockwise.spans(made.shape[1], many):
        made[:, first:last] = resampled_columns(part, len(S), total, first + 1, last + 1)
    return blockwise.given_back(out, made)


def _given_to(out: Array | None, made: Array, given: object) -> Array:
    """What has been made, in `out` if there is one."""
    if out is None:
        return made
    blockwise.result(out, made.shape, made.dtype, given)[:] = made
    return out


def mel_to_spectrogram(
    mel_spec: ArrayLike,
    mel_inversion_filter: ArrayLike,
    spec_thresh: float,
    shorten_factor: float,
    *,
    out: Array | None = None,
) -> Array:
    """A spectrogram from a mel spectrogram, its time axis stretched.

    Parameters
    ----------
    mel_spec : np.ndarray [shape=(n_mels, columns)]
        From `make_mel`.
    mel_inversion_filter : np.ndarray [shape=(n_mels, bins)]
        From `create_mel_filter`.
    spec_thresh : float
        Threshold of the spectrogram: added before the filters, taken off again after.
    shorten_factor : float
        As in `make_mel`.
    out : np.ndarray
        Where the result goes: an array or memory map of its shape and dtype, C-contiguous.

    Returns
    -------
    S : np.ndarray [shape=(bins, round(columns * shorten_factor)), dtype=float16]
        Its transpose is what `invert_pretty_spectrogram` takes.
    """
    M, bank = np.asarray(mel_spec), checks.as_spectrogram("mel_inversion_filter", mel_inversion_filter)
    blockwise.rows("mel_spec", M).finite()
    thresh, factor = (
        checks.as_finite("spec_thresh", spec_thresh),
        checks.as_finite("shorten_factor", shorten_factor),
    )
    if factor <= 0:
        raise ValueError(f"shorten_factor must be above 0, got {shorten_factor!r}")
    if M.shape[0] != bank.shape[0]:
        raise ValueError(f"mel_spec must have a row for each of the {bank.shape[0]} filters, got shape {M.shape}")

    def part(first: int, last: int) -> Array:
        spread: Array = (M[:, first:last] + thresh).T.dot(bank).T
        return spread

    columns, total = M.shape[1], round(M.shape[1] * factor)
    if max(columns, total) * bank.shape[1] <= LONG:
        return _given_to(out, resample_time(part(0, columns), factor) - np.float16(thresh), mel_spec)
    made = blockwise.result(out, (bank.shape[1], total), np.float16, mel_spec)
    many = max(1, int(LONG // 8 // bank.shape[1] * min(1.0, factor)))
    for first, last in blockwise.spans(total, many):
        found = resampled_columns(part, columns, total, first, last).astype(np.float16)
        made[:, first:last] = found - np.float16(thresh)
    return blockwise.given_back(out, made)


def hz2mel(hz: ArrayLike) -> Any:
    """2595 log10(1 + hz / 700): Hertz to mel, element by element."""
    return hz_to_mel(hz, htk=True)


def mel2hz(mel: ArrayLike) -> Any:
    """700 (10**(mel / 2595) - 1): mel to Hertz, element by element."""
    return mel_to_hz(mel, htk=True)


def get_filterbanks(
    nfilt: int = 20, nfft: int = 512, samplerate: float = 16000, lowfreq: float = 0, highfreq: float | None = None
) -> Array:
    """Triangular mel filters, evenly spaced in mel.

    Parameters
    ----------
    nfilt : int
        Number of filters.
    nfft : int
        Size of the transform.
    samplerate : float
        In Hz.
    lowfreq, highfreq : float
        Edges of the first and the last filter in Hz; None is samplerate / 2.

    Returns
    -------
    bank : np.ndarray [shape=(nfilt, nfft // 2)]
        A filter a row, peaks of 1.
    """
    count, n_fft = checks.as_int("nfilt", nfilt, 1), checks.as_int("nfft", nfft, 2)
    rate, low = checks.as_finite("samplerate", samplerate), checks.as_finite("lowfreq", lowfreq)
    high = checks.as_finite("highfreq", highfreq or rate / 2)
    if not 0 <= low < high <= rate / 2:
        raise ValueError(f"need 0 <= lowfreq < highfreq <= samplerate / 2 = {rate / 2:g}, got {low:g} and {high:g}")
    return triangles(count, n_fft, rate, low, high)


def create_mel_filter(
    fft_size: int,
    n_freq_components: int = 64,
    start_freq: float = 300,
    end_freq: float = 8000,
    samplerate: float = 44100,
) -> tuple[Array, Array]:
    """Mel filters to compress a spectrogram, and to spread it again.

    Parameters
    ----------
    fft_size, n_freq_components, start_freq, end_freq, samplerate
        nfft, nfilt, lowfreq, highfreq and samplerate of `get_filterbanks`.

    Returns
    -------
    mel_filter : np.ndarray [shape=(fft_size // 2, n_freq_components)]
        A filter a column, each with the sum 1.
    mel_inversion_filter : np.ndarray [shape=(n_freq_components, fft_size // 2)]
        What `get_filterbanks` gives.

    Warns
    -----
    UserWarning
        If filters are narrower than a bin: they stay zero.
    """
    bank = get_filterbanks(
        nfilt=n_freq_components, nfft=fft_size, samplerate=samplerate, lowfreq=start_freq, highfreq=end_freq
    )
    return normalised(bank), bank
