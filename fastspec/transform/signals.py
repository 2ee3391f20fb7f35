"""Arrays of signals -> their frames, transformed: at once, call by call, or block by block where arrays need a copy."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..kernels.framing.polyphase import SignalArgs
from .epilogue import Epilogue
from .forward import ForwardTransform, PreparedTile
from .framing import Geometry
from .memory import MemoryLayout, has_integer_strides, layout_of, signal_args

CONVERTED_SAMPLES = 1 << 22  # converted at a time
CALL_FRAMES = 1 << 18  # of a signal, transformed in a call of the kernels
BUFFERED_NUMBERS = 1 << 18  # of results, held at a time if they cannot be written to the output directly


class SignalTransform:
    """The forward transform of whole signals, which are padded and framed by a geometry."""

    def __init__(self, geometry: Geometry, transform: ForwardTransform) -> None:
        self.geometry, self.transform, self.dtype = geometry, transform, transform.dtype

    @property
    def pads_with_zeros(self) -> bool:
        """Whether padding, if there is any, is zeros."""
        return not self.geometry.center or self.geometry.pad_mode == "constant"

    def run(self, x: NDArray[Any], out: NDArray[Any], epilogue: Epilogue, scale: bool) -> Real:
        """Write the frames of signals x (..., n) to `out` (..., epilogue.width, frames); returns their largest peaks.

        `scale` is that of `checks.convert_samples`; peaks (signals,) are those of `ForwardTransform.run`.
        """
        layout, frames = layout_of(out), out.shape[-1]
        needs_no_copy = x.dtype == self.dtype and has_integer_strides(x) and x.strides[-1] == x.itemsize
        if layout is None or not (needs_no_copy or x.size <= CONVERTED_SAMPLES):
            return self._run_in_blocks(x, out, epilogue, layout, scale)
        signals = self._signal_args(checks.convert_samples(x, self.dtype, scale))
        if frames > CALL_FRAMES:
            return self._run_in_calls(signals, out, epilogue)
        peaks: Real = self.transform.run(signals, self.geometry.start, frames, out, epilogue, layout).max(axis=-1)
        return peaks

    def prepare_tile(self, n: int, epilogue: Callable[[], Epilogue], *, frames_contiguous: bool) -> PreparedTile | None:
        """`run` prepared for a signal of n samples; None if it has no frame, more than a tile, or needs padding."""
        start = self.geometry.start
        if not self.pads_with_zeros or n < 1 or n - 2 * start < self.geometry.n_fft:
            return None
        frames = self.geometry.n_frames(n)
        return self.transform.prepare_tile(n, start, frames, epilogue(), frames_contiguous=frames_contiguous)

    def _signal_args(self, x: Real) -> SignalArgs:
        """Arguments of the kernels for signals and their padding."""
        if self.pads_with_zeros:
            return signal_args(x)
        padding, pad_left, pad_right = self.geometry.padding(x.reshape(-1, x.shape[-1]))
        return signal_args(x, padding, pad_left=pad_left, pad_right=pad_right)

    def _run_in_calls(self, signals: SignalArgs, out: NDArray[Any], epilogue: Epilogue) -> Real:
        """Transform many frames, call by call, since peaks take memory."""
        start, largest = self.geometry.start, np.full(len(signals.offsets), -np.inf, self.dtype)
        for a in range(0, out.shape[-1], CALL_FRAMES):
            target = out[..., a : a + CALL_FRAMES]
            origin = start + a * self.geometry.hop_length
            peaks = self.transform.run(signals, origin, target.shape[-1], target, epilogue)
            np.maximum(largest, peaks.max(axis=-1), out=largest)
        return largest

    def _run_in_blocks(
        self, x: NDArray[Any], out: NDArray[Any], epilogue: Epilogue, layout: MemoryLayout | None, scale: bool
    ) -> Real:
        """Transform block by block, if samples need a conversion or results a copy."""
        geometry, hop, frames = self.geometry, self.geometry.hop_length, out.shape[-1]
        if not geometry.local:
            x = checks.convert_samples(x, self.dtype, scale)
        start, n, margin = geometry.start, x.shape[-1], geometry.n_fft
        numbers = CONVERTED_SAMPLES if layout else BUFFERED_NUMBERS
        block_frames = max(1, numbers // (x.size // n * max(hop, epilogue.width)))
        largest = np.full(x.size // n, -np.inf, self.dtype)
        for a in range(0, frames, block_frames):
            b = min(frames, a + block_frames)
            first, last = 0, n
            if geometry.local:
                first = max(0, start + a * hop - margin)
                last = min(n, start + (b - 1) * hop + geometry.n_fft + margin)
            signals = self._signal_args(checks.convert_samples(x[..., first:last], self.dtype, scale))
            target = out[..., a:b] if layout else np.empty((*out.shape[:-1], b - a), out.dtype)
            peaks = self.transform.run(signals, start + a * hop - first, b - a, target, epilogue)
            np.maximum(largest, peaks.max(axis=-1), out=largest)
            if layout is None:
                out[..., a:b] = target
        return largest
