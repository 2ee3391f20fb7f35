"""Kaldi's features of torchaudio.compliance.kaldi (2.11) and of kaldi_native_fbank (1.23)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kaldi import offline, online
from ..kaldi.settings import Settings
from . import Unsupported, tensors

TORCHAUDIO_WINDOWS = ("povey", "hanning", "hamming", "blackman", "rectangular")
LEAST_TORCHAUDIO_FILTERS = 4
LEAST_NATIVE_FILTERS = 3


# ---- torchaudio ----
def _of_torchaudio(ours: Callable[..., Any]) -> Callable[..., Any]:
    """`ours`, a function of `offline`, for the tensors and options for which torchaudio's gives the same."""
    parameters = [p for p in inspect.signature(ours).parameters.values() if p.name != "rng"]
    signature = inspect.signature(ours).replace(parameters=parameters)

    @functools.lru_cache(256)
    def parse(args: tuple[Any, ...], options: tuple[tuple[str, Any], ...]) -> tuple[Settings, int, float]:
        bound = signature.bind(None, *args, **dict(options))
        bound.apply_defaults()
        o = bound.arguments
        if o["dither"] != 0:
            raise Unsupported(f"dither={o['dither']!r}")
        if o["window_type"] not in TORCHAUDIO_WINDOWS:
            raise Unsupported(f"window_type={o['window_type']!r}")
        if o.get("num_mel_bins", LEAST_TORCHAUDIO_FILTERS) < LEAST_TORCHAUDIO_FILTERS:
            raise Unsupported(f"num_mel_bins={o['num_mel_bins']!r}")
        return offline.settings_of(ours.__name__, o), o["channel"], o["min_duration"]

    @functools.wraps(ours)
    def replacement(waveform: Any, *args: Any, **options: Any) -> Any:
        if not tensors.is_tensor(waveform):
            raise Unsupported(f"a waveform that is a {type(waveform).__name__}")
        x = tensors.array_of(waveform)
        try:
            settings, channel, min_duration = parse(args, tuple(options.items()))
            if x.ndim != 2 or x.shape[1] < max(settings.frame_length, min_duration * settings.rate):
                raise Unsupported(f"a waveform of shape {x.shape}")
            return tensors.tensor_of(offline.compute(x, settings, channel, min_duration, None))
        except (TypeError, ValueError) as error:
            raise Unsupported(str(error)) from None

    replacement.__signature__ = signature  # type: ignore[attr-defined]
    replacement.__module__ = __name__
    return replacement


torchaudio_fbank = _of_torchaudio(offline.fbank)
torchaudio_mfcc = _of_torchaudio(offline.mfcc)
torchaudio_spectrogram = _of_torchaudio(offline.spectrogram)


# ---- kaldi_native_fbank ----
def _check_native(opts: Any) -> None:
    """Raise Unsupported for options that kaldi_native_fbank refuses, or that only it knows."""
    try:
        mel = opts.mel_opts
        if opts.frame_opts.dither != 0:
            raise Unsupported(f"frame_opts.dither={opts.frame_opts.dither!r}")
        if mel.debug_mel or mel.num_bins < LEAST_NATIVE_FILTERS:
            raise Unsupported(f"mel_opts.debug_mel={mel.debug_mel!r}, mel_opts.num_bins={mel.num_bins!r}")
    except AttributeError as error:
        raise Unsupported(f"opts: {error}") from None


class _NativeFeatures(online.OnlineFeatures):
    """Online features with the options of kaldi_native_fbank."""

    __slots__ = ()
    kind = ""

    def __init__(self, opts: Any) -> None:
        _check_native(opts)
        try:
            super().__init__(self.kind, opts)
        except (TypeError, ValueError, AttributeError) as error:
            raise Unsupported(str(error)) from None
        if not np.diff(self.frontend.bank.starts).all():
            raise Unsupported("a filter without a bin")


class NativeFbank(_NativeFeatures):
    """kaldi_native_fbank.OnlineFbank, by `fastspec.kaldi.OnlineFbank`."""

    __slots__ = ()
    kind = "fbank"


class NativeMfcc(_NativeFeatures):
    """kaldi_native_fbank.OnlineMfcc, by `fastspec.kaldi.OnlineMfcc`."""

    __slots__ = ()
    kind = "mfcc"
