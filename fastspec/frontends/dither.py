"""Dither: noise that is added to the samples of each frame, so that frames that overlap hold different noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import checks
from .._typing import Real
from ..kernels.fft.tables import lane_count
from ..transform.forward import ForwardTransform
from ..transform.memory import signal_args

if TYPE_CHECKING:
    from .frontend import FrontEnd

BLOCK_SAMPLES = 1 << 20  # of frames, held at a time


def dithered_features(frontend: FrontEnd, x: Real, L: Real, rng: Any) -> Real:
    """Write features of signals x (..., n) with dither to L (..., rows, frames); returns the largest of each signal.

    Frames are cut out, noise is added, and they are transformed one after another: hop_length is frame_length then.
    The noise is drawn signal by signal, frame by frame, whatever the blocks.
    """
    generator, geometry, plan = checks.as_generator("rng", rng), frontend.geometry, frontend.plan
    transform, size = frontend.forward_transform, geometry.frame_length
    apart = ForwardTransform(plan.n_fft, size, transform.window, frontend.dtype, prologue=transform.prologue)
    deviation = frontend.dtype.type(frontend.dither / frontend.scale)
    V = lane_count(frontend.dtype)
    block = max(V, BLOCK_SAMPLES // size // V * V)
    signals, targets = x.reshape(-1, x.shape[-1]), L.reshape(-1, *L.shape[-2:]) if L.flags.c_contiguous else None
    largest = np.full(len(signals), -np.inf, frontend.dtype)
    for i, index in enumerate(np.ndindex(x.shape[:-1])):
        frames = frame_view(geometry, signals[i])[: L.shape[-1]]
        target = L[index] if targets is None else targets[i]
        for a in range(0, len(frames), block):
            noise = generator.standard_normal(frames[a : a + block].shape, frontend.dtype)
            noise *= deviation
            noise += frames[a : a + block]
            out = np.empty((frontend.n_rows, len(noise)), frontend.dtype)
            peaks = apart.run(signal_args(noise.reshape(1, -1)), 0, len(noise), out, frontend._epilogue)
            largest[i] = max(largest[i], peaks.max())
            target[:, a : a + block] = out
    return largest


def frame_view(geometry: Any, signal: Real) -> Real:
    """The frames (frames, frame_length) of a signal (n,), as a view of its padded copy."""
    frames, size, hop = geometry.count_frames(len(signal)), geometry.frame_length, geometry.hop_length
    padding, left, right = geometry.padding(signal[None])
    before, after = max(0, geometry.pad_left), geometry.append + geometry.pad_right
    head = np.zeros(before, signal.dtype) if padding is None else padding[0, :left]
    tail = np.zeros(after, signal.dtype) if padding is None else padding[0, left : left + right]
    padded = np.concatenate([head, signal, tail])[before + geometry.start :]
    view: Real = sliding_window_view(padded, size)[::hop][:frames]
    return view
