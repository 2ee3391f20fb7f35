"""Whisper's log-mel spectrograms with the arguments of openai-whisper, faster-whisper, whisperx and transformers.

All compute, with P the powers of frames that are reflected at both ends, under a periodic Hann window,

    L = log10 max(bank @ P, 1e-10)                      without the last frame
    M = (max(L, largest of L - 8) + 4) / 4

with the filters of the library, and float32 results (Radford et al., Proc. ICML 2023, and the libraries' sources:
whisper/audio.py, faster_whisper/feature_extractor.py, whisperx/audio.py,
transformers/models/whisper/feature_extraction_whisper.py).  They differ in what they pad, and in the signals that the
largest is of.  Beside the result, a call holds some tiles of frames, however long the signal is.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .._typing import Array, Real
from ..forks import forks_wait
from . import Unsupported
from .tensors import array_of, check_convertible, check_cpu, check_eager, is_tensor, tensor_of

if TYPE_CHECKING:
    from ..frontends.frontend import FrontEnd

T = TypeVar("T")

KEPT = 32
"""Filters, and front ends with the same filters, that are kept at most."""
BLOCK_FRAMES = 4096
"""Computed in float64 at a time."""


# ---- openai-whisper and whisperx ----
def openai_features(audio: Any, n_mels: int = 80, padding: int = 0, device: Any = None) -> Any:
    """`whisper.audio.log_mel_spectrogram`.

    Parameters
    ----------
    audio : str, np.ndarray or torch.Tensor [shape=(n,) or (signals, n)]
        Path of a sound, which `whisper.audio.load_audio` reads, or float32 samples at 16 kHz.
    n_mels : int
        80 or 128.
    padding : int
        Zeros that follow the signal.
    device : str, torch.device or None
        The CPU.

    Returns
    -------
    M : torch.Tensor [shape=(..., n_mels, (n + padding) // 160), dtype=float32]
        The largest is that of all signals.

    Raises
    ------
    Unsupported
        For any other arguments, which the original takes or refuses.
    """
    return _tensor_features(sys.modules["whisper.audio"], audio, n_mels, padding, device)


def whisperx_features(audio: Any, n_mels: int, padding: int = 0, device: Any = None) -> Any:
    """`whisperx.audio.log_mel_spectrogram`: as `openai_features`, with the functions of whisperx."""
    return _tensor_features(sys.modules["whisperx.audio"], audio, n_mels, padding, device)


def _tensor_features(library: Any, audio: Any, n_mels: Any, padding: Any, device: Any) -> Any:
    """The features of `openai_features`, with the filters, the sizes and the reader of the module `library`."""
    check_cpu(device)
    check_eager()
    append = _padding(padding) if padding else 0
    x = audio
    if isinstance(audio, str):
        x = library.load_audio(audio)
    if is_tensor(x):
        x = array_of(x)
    else:
        check_convertible(x)
    if x.dtype != np.float32 or x.ndim not in (1, 2):
        raise Unsupported(f"{x.ndim}-dimensional samples of {x.dtype}")
    n_fft, hop_length = library.N_FFT, library.HOP_LENGTH
    if x.shape[-1] + append <= n_fft // 2:
        raise Unsupported("a signal that is shorter than its padding")
    torch: Any = sys.modules["torch"]
    bank = array_of(library.mel_filters(torch.device("cpu"), n_mels))
    return tensor_of(_features(x, bank, Sizes(n_fft, hop_length, append, "batch")))


# ---- faster-whisper ----
def faster_whisper_features(self: Any, waveform: Array, padding: int = 160, chunk_length: int | None = None) -> Real:
    """`faster_whisper.feature_extractor.FeatureExtractor.__call__`.

    Parameters
    ----------
    self : FeatureExtractor
    waveform : np.ndarray [shape=(n,) or, without padding, (signals, n)]
        Real samples, which are taken as float32.
    padding : int
        Zeros that follow the signal.
    chunk_length : int or None
        Seconds, by which `self.n_samples` and `self.nb_max_frames` are set, as the original does.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, (n + padding) // hop_length), dtype=float32]
        The largest is that of all signals.

    Raises
    ------
    Unsupported
        For any other arguments, and if a subclass has an `stft` of its own.
    """
    extractor = sys.modules["faster_whisper.feature_extractor"].FeatureExtractor
    if self.stft is not extractor.stft:
        raise Unsupported("a subclass with an stft of its own")
    x = _as_samples(waveform)
    if x.ndim > 1 and padding:
        raise Unsupported("padding of several signals")
    if self.mel_filters.dtype != np.float32:
        raise Unsupported("filters that are not of float32")
    M = _features(x, self.mel_filters, Sizes(self.n_fft, self.hop_length, _padding(padding) if padding else 0, "batch"))
    if chunk_length is not None:
        self.n_samples = chunk_length * self.sampling_rate
        self.nb_max_frames = self.n_samples // self.hop_length
    return M


# ---- transformers ----
def transformers_features(self: Any, waveform: Array, device: Any = "cpu") -> Real:
    """`WhisperFeatureExtractor._torch_extract_fbank_features` of transformers.

    Parameters
    ----------
    self : WhisperFeatureExtractor
        Without dither.
    waveform : np.ndarray [shape=(n,) or (signals, n)]
        Real samples, which are taken as float32.
    device : str or torch.device
        The CPU.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, n // hop_length), dtype=float32]
        The largest is that of each signal.

    Raises
    ------
    Unsupported
        For any other arguments.
    """
    check_eager()
    check_convertible(waveform)
    x = _as_samples(waveform)
    if x.shape[-1] <= self.n_fft // 2:
        raise Unsupported("a signal that is shorter than its padding")
    weights = _extractor_filters(self, device)
    return _features(x, weights, Sizes(self.n_fft, self.hop_length, 0, "signal"))


def transformers_array_features(self: Any, waveform_batch: Array, device: Any = "cpu") -> Real:
    """`WhisperFeatureExtractor._np_extract_fbank_features` of transformers, the one without torch.

    Parameters
    ----------
    self, device
        As in `transformers_features`.
    waveform_batch : np.ndarray [shape=(signals, n)]
        Real samples, which are taken as float32.  As in the original, logarithms are computed in float64.

    Returns
    -------
    M : np.ndarray [shape=(signals, n_mels, n // hop_length), dtype=float32]
        The largest is that of each signal.

    Raises
    ------
    Unsupported
        For any other arguments.
    """
    x = _as_samples(waveform_batch)
    if x.ndim != 2:
        raise Unsupported(f"{x.ndim}-dimensional samples")
    weights = _extractor_filters(self, device)
    return _features(x, weights, Sizes(self.n_fft, self.hop_length, 0, "signal"), double=True)


def _extractor_filters(extractor: Any, device: Any) -> Array:
    """The filters (filters, bins) of a WhisperFeatureExtractor, if it is to compute without dither on the CPU."""
    check_cpu(device)
    if getattr(extractor, "dither", 0.0):
        raise Unsupported("dither")
    if type(extractor.mel_filters) is not np.ndarray:
        raise Unsupported("filters that are no array")
    return extractor.mel_filters.T


# ---- front ends ----
class Sizes(NamedTuple):
    """What front ends differ in, but for the filters."""

    n_fft: int
    hop_length: int
    append: int  # zeros that follow a signal
    reference: str  # what the largest level is that of: "signal" or "batch"; empty for logarithms alone, in float64

    def count_frames(self, n: int) -> int:
        """Frames of n samples but the last one."""
        return (n + self.append - self.n_fft % 2) // self.hop_length


class Filters(NamedTuple):
    """A copy of the filters of a library, and the front ends that have them."""

    values: Array  # (filters, bins)
    row: int  # of a filter that has weights
    frontends: dict[Sizes, FrontEnd]


_filters: dict[Hashable, Filters] = {}
"""By address, shape, strides and dtype of the library's array, whose values are compared at each call."""


class _Setting:
    """Of this process: whether all is computed in float64."""

    is_double = False


def replace_precision(precision: str | None) -> None:
    """Compute in float64 ("double") or in float32 what the libraries compute in float32, while they are patched."""
    _Setting.is_double = precision == "double"


def _features(x: Array, weights: Array, sizes: Sizes, *, double: bool = False) -> Real:
    """The features of samples (n,) or (signals, n) with these filters (filters, bins)."""
    filters = _filters_of(weights)
    if double or _Setting.is_double:
        return _double_features(x, filters, sizes, np.float64 if double else np.float32)
    frontend = _frontend(x, filters, sizes)
    M = frontend(x)
    _check_finite(M[..., filters.row, :].max())  # NaN and infinities are in all bins of their frames
    return M


def _double_features(x: Array, filters: Filters, sizes: Sizes, dtype: DTypeLike) -> Real:
    """Features whose logarithms are computed in float64, of samples that are taken in a dtype, and rounded."""
    frontend = _frontend(x, filters, sizes, double=True)
    n, frames, half = x.shape[-1] + sizes.append, sizes.count_frames(x.shape[-1]), sizes.n_fft // 2
    M = np.empty((*x.shape[:-1], len(filters.values), frames), np.float32)
    signals, features = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[None], M.reshape(-1, *M.shape[-2:])
    for i, a in itertools.product(range(len(signals)), range(0, frames, BLOCK_FRAMES)):
        b = min(frames, a + BLOCK_FRAMES)
        first = a * sizes.hop_length - half
        last = max(first + (b - a - 1) * sizes.hop_length + sizes.n_fft, half + 1)  # enough to reflect
        block = signals[i, max(0, first) : last].astype(dtype).astype(np.float64)
        block = np.pad(block, (0, min(last, n) - max(0, first) - len(block)))
        block = np.pad(block, (max(0, -first), max(0, last - n)), "reflect")
        features[i, :, a:b] = frontend(block)[:, : b - a]
    for L in [M] if sizes.reference == "batch" else features:
        largest = L.max()
        _check_finite(largest)
        np.maximum(L, largest - 8, out=L)
        L += 4
        L /= 4
    return M


def _check_finite(largest: np.floating) -> None:
    """The largest level is a number, as it is where samples are."""
    if not np.isfinite(largest):
        raise Unsupported("samples that are not finite")


def _filters_of(weights: Any) -> Filters:
    """The kept filters with these values."""
    if type(weights) is not np.ndarray or weights.ndim != 2 or weights.dtype.kind != "f" or not weights.size:
        raise Unsupported("filters that are no matrix")
    key = weights.__array_interface__["data"][0], weights.shape, weights.strides, weights.dtype
    filters = _filters.get(key)
    if filters is None or not np.array_equal(filters.values, weights):
        row = int(np.count_nonzero(weights, axis=1).argmax())
        filters = _keep(_filters, key, Filters(weights.copy(order="K"), row, {}))
    return filters


def _keep(kept: dict[Any, T], key: Hashable, value: T) -> T:
    """Keep a value, and forget the others if there are many."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
    return value


def _frontend(x: Array, filters: Filters, sizes: Sizes, *, double: bool = False) -> FrontEnd:
    """The front end for samples x."""
    key = sizes._replace(append=0, reference="") if double else sizes
    frontend = filters.frontends.get(key)
    if frontend is None:
        try:
            frontend = _keep(filters.frontends, key, _create(filters.values, key))
        except (TypeError, ValueError) as error:
            raise Unsupported(str(error)) from None
    is_long = x.ndim == 1 or double or x.shape[-1] >= sizes.n_fft  # or time seems to be the other axis
    if not (x.size and is_long and sizes.count_frames(x.shape[-1]) > 0):
        raise Unsupported("a signal without a frame")
    return frontend


def _create(weights: Array, sizes: Sizes) -> FrontEnd:
    """A new front end."""
    with forks_wait:
        from ..features.banks import FilterBank
        from ..frontends.frontend import FrontEnd
        from ..plan import STFT

    if not sizes.reference:
        plan = STFT(sizes.n_fft, hop_length=sizes.hop_length, center=False, dtype="float64")
        return FrontEnd(plan, FilterBank(weights.astype(np.float64)), log="log10", floor=1e-10)
    plan = STFT(sizes.n_fft, hop_length=sizes.hop_length, pad_mode="reflect")
    return FrontEnd(
        plan,
        FilterBank(weights.astype(np.float32)),
        log="log10",
        floor=1e-10,
        dynamic_range=8,
        gain=0.25,
        offset=1,
        drop_last=True,
        append=sizes.append,
        reference=sizes.reference,
    )


def _as_samples(x: Any) -> Array:
    """Real samples (n,) or (signals, n)."""
    if not isinstance(x, np.ndarray) or type(x) not in (np.ndarray, np.memmap):
        raise Unsupported(f"samples of the class {type(x).__name__}")
    if x.ndim not in (1, 2) or x.dtype.kind not in "fiu" or x.dtype.itemsize > 8:
        raise Unsupported(f"{x.ndim}-dimensional samples of {x.dtype}")
    return x


def _padding(padding: Any) -> int:
    """A number of zeros."""
    if isinstance(padding, bool) or not isinstance(padding, int | np.integer) or padding < 0:
        raise Unsupported(f"padding={padding!r}")
    return int(padding)
