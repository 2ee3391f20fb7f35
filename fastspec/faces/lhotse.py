"""A replacement for the layers of lhotse.features.kaldi (1.33), which its extractors call.

Kaldi's features but for three things: filters and windows are those that the layer holds, the padding of
snip_edges=False is (frame_length - hop) // 2 before the signal, and energies and spectra have 1e-15 added.
"""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .._typing import Array
from ..features.banks import BinBank, FilterBank
from ..features.kaldi import KALDI_WINDOWS, KaldiMelBank, kaldi_window
from ..frontends.frontend import FrontEnd
from ..kaldi.settings import EPSILON
from ..plan import STFT
from . import Unsupported, tensors

MODULE = "lhotse.features.kaldi.layers"
LAYERS = ("Wav2LogFilterBank", "Wav2MFCC", "Wav2Spec", "Wav2LogSpec")
ADDED = 1e-15
"""To energies, and to powers before their logarithm."""
FILTER_ERROR, WINDOW_ERROR = 1e-3, 1e-5
"""Filters and windows of float32 that are nearer than this to Kaldi's are taken for Kaldi's, exactly."""

_FRONT_ENDS: WeakKeyDictionary[Any, tuple[Any, FrontEnd]] = WeakKeyDictionary()


def forward(self: Any, x: Any) -> Any:
    """The features (batch, frames, rows) of signals x (batch, n), as `Wav2FFT.forward` and its heirs have them.

    Raises
    ------
    Unsupported
        For dither, for complex spectra, for layers of other classes, for signals shorter than a frame, for tensors
        that `tensors.array_of` refuses or that are no float32, and for options that the layer itself cannot take.
    """
    kind = type(self).__name__
    if kind not in LAYERS or type(self) is not getattr(sys.modules.get(MODULE), kind, None):
        raise Unsupported(f"a layer {kind}")
    if not tensors.is_tensor(x):
        raise Unsupported(f"x that is a {type(x).__name__}")
    signals = tensors.array_of(x)
    frames = self.wav2win
    if frames.dither != 0:
        raise Unsupported(f"dither={frames.dither!r}")
    if signals.ndim != 2 or signals.shape[1] < frames._length or not len(signals) or signals.dtype != np.float32:
        raise Unsupported(f"x of shape {signals.shape} of {signals.dtype}")
    if kind == "Wav2MFCC" and self.use_energy:
        raise Unsupported("use_energy of cepstra")
    return tensors.tensor_of(_front_end_of(self, kind)(signals, order="F").swapaxes(-1, -2))


def _front_end_of(layer: Any, kind: str) -> FrontEnd:
    """The front end of a layer, the same one until the layer changes."""
    frames = layer.wav2win
    held_tensors = [
        frames._window,
        *(getattr(layer, name) for name in ("_fb", "_dct", "_lifter") if hasattr(layer, name)),
    ]
    state = (
        frames._length, frames._shift, frames.pad_length, frames.remove_dc_offset, frames.preemph_coeff,
        frames.snip_edges, frames.energy_floor, frames.raw_energy, frames.window_type, layer.use_energy,
        getattr(layer, "use_fft_mag", False),
        *((tensor.data_ptr(), tensor._version) for tensor in held_tensors if hasattr(tensor, "data_ptr")),
    )  # fmt: skip
    held = _FRONT_ENDS.get(layer)
    if held is None or held[0] != state:
        try:
            held = _FRONT_ENDS[layer] = state, _make_front_end(layer, kind)
        except (TypeError, ValueError) as error:
            raise Unsupported(str(error)) from None
    return held[1]


def _make_front_end(layer: Any, kind: str) -> FrontEnd:
    frames = layer.wav2win
    size, hop, n_fft = frames._length, frames._shift, frames.pad_length
    before = (size - hop) // 2
    plan = STFT(
        n_fft,
        hop_length=hop,
        frame_length=size,
        window=_window(frames, size),
        center=False,
        pad=None if frames.snip_edges else (before, size - before - (hop + 1) // 2),
        pad_mode="symmetric",
    )
    is_cepstra, is_filtered = kind == "Wav2MFCC", kind in ("Wav2LogFilterBank", "Wav2MFCC")
    bank = _bank(layer, n_fft) if is_filtered else BinBank(plan.n_bins, start=int(layer.use_energy))
    return FrontEnd(
        plan,
        bank,
        power=1.0 if layer.use_fft_mag else 2.0,
        remove_mean=frames.remove_dc_offset,
        preemphasis=frames.preemph_coeff,
        log=None if kind == "Wav2Spec" else "ln",
        floor=EPSILON if is_filtered else 0.0,
        guard=ADDED if kind == "Wav2LogSpec" else 0.0,
        energy="first" if layer.use_energy else None,
        energy_of="samples" if frames.raw_energy else "windowed",
        energy_floor=max(ADDED, frames.energy_floor),
        n_cepstra=layer.num_ceps if is_cepstra else 0,
        lifter=max(0, layer.cepstral_lifter) if is_cepstra else 0,
    )


def _window(frames: Any, size: int) -> Array:
    """Kaldi's window in float64 where the layer's is that, else the layer's."""
    held: Array = frames._window.detach().numpy().astype(np.float64)
    if frames.window_type in KALDI_WINDOWS:
        exact = kaldi_window(frames.window_type, size)
        if np.abs(exact - held).max() < WINDOW_ERROR:
            return exact
    return held


def _bank(layer: Any, n_fft: int) -> FilterBank:
    """Kaldi's filters where the layer's are these in float32, else the layer's."""
    held = np.ascontiguousarray(layer._fb.detach().numpy().T)
    exact = KaldiMelBank(layer.sampling_rate, n_fft, len(held), fmin=layer.low_freq, fmax=layer.high_freq)
    return exact if np.abs(np.asarray(exact) - held).max() < FILTER_ERROR else FilterBank(held)
