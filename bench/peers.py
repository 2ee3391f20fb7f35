"""Other libraries on the engine's work: one function a task, which returns a call for each library that is installed.

A call returns what the library returns.  Windows, filter banks and tensors are prepared before.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Any]


def installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


@cache
def torch() -> Any:
    return importlib.import_module("torch")


@cache
def torchaudio_module(name: str) -> Any:
    """A module of torchaudio, which is Python; without the package's compiled part where it does not fit torch."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError):
        for loaded in [loaded for loaded in sys.modules if loaded.partition(".")[0] == "torchaudio"]:
            del sys.modules[loaded]
    spec = importlib.util.find_spec("torchaudio")
    assert spec is not None
    package, extension = types.ModuleType("torchaudio"), types.ModuleType("torchaudio._extension")
    package.__path__, package.__spec__ = list(spec.submodule_search_locations or []), spec
    vars(extension).update(fail_if_no_align=lambda function: function, _check_cuda_version=lambda: None)
    for extension_name in ("ALIGN", "RIR", "TORCHAUDIO_EXT"):
        setattr(extension, f"_IS_{extension_name}_AVAILABLE", False)
    sys.modules |= {"torchaudio": package, "torchaudio._extension": extension}
    importlib.import_module("torchaudio.functional")
    return importlib.import_module(name)


def torchaudio_transforms() -> Any:
    return torchaudio_module("torchaudio.transforms")


def set_threads(count: int) -> None:
    if installed("torch"):
        torch().set_num_threads(count)


def numpy_of(result: Any) -> Array:
    """A peer's result as an array."""
    return np.asarray(result.numpy() if hasattr(result, "numpy") else result)


def stft(y: Array, n_fft: int, hop: int, *, contiguous: bool) -> dict[str, Call]:
    """The complex spectrogram, Hann, centred, padded with zeros; in C order if `contiguous`."""
    calls: dict[str, Call] = {}
    if installed("torch"):
        tensor, window = torch().from_numpy(y), torch().hann_window(n_fft, dtype=torch().from_numpy(y).dtype)

        def with_torch() -> Any:
            D = torch().stft(tensor, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
            return D.contiguous() if contiguous else D

        calls["torch"] = with_torch
    if installed("librosa"):
        librosa = importlib.import_module("librosa")

        def with_librosa() -> Any:
            D = librosa.stft(y, n_fft=n_fft, hop_length=hop)
            return np.ascontiguousarray(D) if contiguous else D

        calls["librosa"] = with_librosa
    return calls


def istft(D: Array, n_fft: int, hop: int, length: int) -> dict[str, Call]:
    """The signal of `length` samples from its spectrogram in the peers' order of memory."""
    calls: dict[str, Call] = {}
    if installed("torch"):
        tensor = torch().from_numpy(D)
        window = torch().hann_window(n_fft, dtype=tensor.real.dtype)
        calls["torch"] = lambda: torch().istft(tensor, n_fft, hop, window=window, length=length)
    if installed("librosa"):
        librosa = importlib.import_module("librosa")
        calls["librosa"] = lambda: librosa.istft(D, n_fft=n_fft, hop_length=hop, length=length)
    return calls


def mel(y: Array, sr: int, n_fft: int, hop: int, n_mels: int) -> dict[str, Call]:
    """The mel spectrogram of powers, Slaney's scale and norm."""
    calls: dict[str, Call] = {}
    if installed("torch") and installed("torchaudio"):
        tensor = torch().from_numpy(y)
        transform = torchaudio_transforms().MelSpectrogram(
            sr, n_fft, hop_length=hop, n_mels=n_mels, norm="slaney", mel_scale="slaney", pad_mode="constant"
        )
        calls["torchaudio"] = lambda: transform(tensor)
    if installed("librosa"):
        librosa = importlib.import_module("librosa")
        calls["librosa"] = lambda: librosa.feature.melspectrogram(
            y=y, sr=sr, n_fft=n_fft, hop_length=hop, n_mels=n_mels
        )
    return calls


def whisper(y: Array, bank: Array, threads: int) -> dict[str, Call]:
    """The log-mel features of the Whisper models from clips (..., 480000) at 16 kHz."""
    calls: dict[str, Call] = {}
    if installed("asrfront"):
        front = importlib.import_module("asrfront.whisper")
        if y.ndim == 1:
            calls["asrfront"] = lambda: front.log_mel(y)
        else:
            clips = list(y)
            calls["asrfront"] = lambda: front.log_mel_batch(clips, n_threads=threads)
    if installed("torch"):
        tensor, filters, window = torch().from_numpy(y), torch().from_numpy(bank), torch().hann_window(400)

        def with_torch() -> Any:
            D = torch().stft(tensor, 400, 160, window=window, return_complex=True)
            L = (filters @ D[..., :-1].abs().square()).clamp_min(1e-10).log10()
            return (torch().maximum(L, L.amax(dim=(-2, -1), keepdim=True) - 8.0) + 4.0) / 4.0

        calls["torch"] = with_torch
    return calls


def kaldi_mel(y: Array, sr: int, n_mels: int) -> dict[str, Call]:
    """Kaldi's mels of powers: frames of 25 ms every 10 ms, in n_fft = 512, symmetric Hann, 20 Hz to sr / 2."""
    if not installed("kaldi_native_fbank"):
        return {}
    kaldi = importlib.import_module("kaldi_native_fbank")
    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq, options.frame_opts.window_type = sr, "hanning"
    options.frame_opts.dither = options.frame_opts.preemph_coeff = 0.0
    options.frame_opts.remove_dc_offset = options.use_energy = options.use_log_fbank = False
    options.mel_opts.num_bins, options.mel_opts.low_freq, options.mel_opts.high_freq = n_mels, 20, sr / 2

    def with_kaldi() -> Array:
        stream = kaldi.OnlineFbank(options)
        stream.accept_waveform(sr, y)
        stream.input_finished()
        return np.stack([stream.get_frame(i) for i in range(stream.num_frames_ready)], axis=1)

    return {"kaldi-native-fbank": with_kaldi}


def kaldi_filters(sr: int, n_fft: int, n_mels: int) -> Array:
    """Kaldi's filters (n_mels, n_bins): triangles over mel = 1127 ln(1 + f / 700), from 20 Hz to sr / 2."""

    def mel(frequency: Any) -> Any:
        return 1127 * np.log(1 + frequency / 700)

    edges, bins = np.linspace(mel(20), mel(sr / 2), n_mels + 2), mel(np.arange(n_fft // 2 + 1) * sr / n_fft)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters: Array = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    filters[:, -1] = 0  # Kaldi leaves the last bin out
    return filters


def weighted_sums(y: Array, n_fft: int, hop: int, mode: str) -> tuple[Array, Array, Call] | None:
    """lws: its window, its magnitudes (n_bins, n_frames) of y, and the call that recovers its spectrum from them.

    Frame f holds samples f hop - (n_fft - hop) ... of y, which is padded with zeros.
    """
    if not installed("lws"):
        return None
    processor = importlib.import_module("lws").lws(n_fft, hop, mode=mode, perfectrec=True)
    magnitudes = np.abs(processor.stft(y.astype(np.float64)))
    return processor.awin, magnitudes.T, lambda: processor.run_lws(magnitudes)


def griffin_lim(S: Array, n_fft: int, hop: int, length: int, n_iter: int, seed: int = 0) -> dict[str, Call]:
    """Fast Griffin-Lim from random phases, momentum 0.99: signals with magnitudes S of centred frames.

    librosa takes the sound to be padded with zeros, torchaudio by reflection.
    """
    calls: dict[str, Call] = {}
    if installed("torch") and installed("torchaudio"):
        transform = torchaudio_transforms().GriffinLim(n_fft, n_iter, hop_length=hop, power=1, length=length)
        tensor = torch().from_numpy(S)

        def with_torchaudio() -> Any:
            torch().manual_seed(seed)
            return transform(tensor)

        calls["torchaudio"] = with_torchaudio
    if installed("librosa"):
        librosa = importlib.import_module("librosa")
        calls["librosa"] = lambda: librosa.griffinlim(
            S, n_iter=n_iter, hop_length=hop, n_fft=n_fft, length=length, **_seeded(librosa, seed)
        )
    return calls


def mel_to_audio(M: Array, sr: int, n_fft: int, hop: int, length: int) -> dict[str, Call]:
    """A sound from a mel spectrogram of magnitudes: librosa's filters inverted, then its fast Griffin-Lim."""
    if not installed("librosa"):
        return {}
    librosa = importlib.import_module("librosa")
    return {
        "librosa": lambda: librosa.feature.inverse.mel_to_audio(
            M, sr=sr, n_fft=n_fft, hop_length=hop, power=1.0, length=length
        )
    }


def mel_to_stft(M: Array, sr: int, n_fft: int) -> dict[str, Call]:
    """Magnitudes from mels of magnitudes."""
    if not installed("librosa"):
        return {}
    librosa = importlib.import_module("librosa")
    return {"librosa": lambda: librosa.feature.inverse.mel_to_stft(M, sr=sr, n_fft=n_fft, power=1.0)}


def _seeded(librosa: Any, seed: int) -> dict[str, int]:
    return {"rng" if int(librosa.__version__.partition(".")[0]) else "random_state": seed}
