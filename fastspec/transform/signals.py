"""Arrays of signals -> their frames, transformed: at once, call by call, or block by block where arrays need a copy."""

import math
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..kernels.fft.realfft import COMPLEX
from ..kernels.framing.polyphase import SignalArgs
from .epilogue import Epilogue
from .forward import ForwardTransform
from .framing import Geometry
from .memory import MemoryLayout, has_integer_strides, layout_of, signal_args
from .prepared import ArrayCall, Kept
from .sums import sum_over_frames

CALL_SIGNALS = 1 << 12  # of a prepared call, which holds two offsets of each
CONVERTED_SAMPLES = 1 << 22  # converted at a time
CALL_FRAMES = 1 << 18  # of a signal, transformed in a call of the kernels
BUFFERED_NUMBERS = 1 << 18  # of results, held at a time if they cannot be written to the output directly

_MISSING: Any = object()


class Output(NamedTuple):
    """The array of a result, C-contiguous."""

    size: int  # real numbers
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


class SignalTransform:
    """The forward transform of whole signals, which are padded and framed by a geometry.

    Parameters
    ----------
    geometry : Geometry
    transform : ForwardTransform
    make_epilogue : callable
        A hashable description -> the epilogue, for prepared calls.
    drop : int
        Frames that prepared calls leave out at the end.
    """

    def __init__(
        self,
        geometry: Geometry,
        transform: ForwardTransform,
        make_epilogue: Callable[[Hashable], Epilogue],
        drop: int = 0,
    ) -> None:
        self.drop = drop
        self.geometry, self.transform, self.dtype, self.make_epilogue = (
            geometry,
            transform,
            transform.dtype,
            make_epilogue,
        )
        self._calls: Kept[tuple[ArrayCall, Output] | None] = Kept()

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

    # ---- prepared calls ----
    def run_prepared(self, y: Any, epilogue: Hashable, out: Any, order: str) -> NDArray[Any] | None:
        """The result (..., rows, frames) by a prepared call, or None.

        None if the signals need a conversion or a check, or their padding more than their samples.  `epilogue` is an
        argument of `make_epilogue`; the calls of the latest shapes are kept.
        """
        is_plain = type(y) is np.ndarray and y.dtype == self.dtype and y.flags.carray and y.ndim
        if not is_plain or order not in ("F", "C"):
            return None
        if out is not None:
            if type(out) is not np.ndarray or out.ndim < 2:
                return None
            order = "C" if out.flags.carray else "F"
        prepared = self.prepared_call(epilogue, order, y.shape)
        if prepared is None:
            return None
        call, output = prepared
        if out is None:
            flat = np.empty(output.size, self.dtype)
            result: Any = flat.view(output.dtype).reshape(output.shape)
        else:
            result = out if order == "C" else out.swapaxes(-1, -2)
            if not _matches(result, output) or np.may_share_memory(out, y):
                return None
            flat = result.reshape(-1).view(self.dtype)
        call.run(y, flat)
        return out if out is not None else result if order == "C" else result.swapaxes(-1, -2)

    def prepared_call(self, epilogue: Hashable, order: str, shape: tuple[int, ...]) -> tuple[ArrayCall, Output] | None:
        """The call for contiguous signals of this shape, and its output; None as in `run_prepared`."""
        key = epilogue, order, shape
        cached = self._calls.get(key, _MISSING)
        return self._calls.keep(key, self._prepare(*key)) if cached is _MISSING else cached

    def _prepare(self, name: Hashable, order: str, shape: tuple[int, ...]) -> tuple[ArrayCall, Output] | None:
        """The call for signals of this shape, and its output; None where `run` has to check, pad or divide them."""
        geometry, n, count = self.geometry, shape[-1], math.prod(shape[:-1])
        start = geometry.start
        padding = geometry.padding_indices(n)
        if (
            (padding is None and not geometry.pads_with_zeros)
            or not 0 < count <= CALL_SIGNALS
            or n < geometry.least_samples
        ):
            return None
        if len(shape) > 1 and n < geometry.n_fft:  # it may be transposed
            return None
        frames, epilogue = geometry.n_frames(n) - self.drop, self.make_epilogue(name)
        if not 0 < count * frames <= CALL_FRAMES:
            return None
        in_order = order == "C"
        call = self.transform.prepare_signals(count, n, start, frames, epilogue, padding, frames_contiguous=in_order)
        is_complex = epilogue.op == COMPLEX
        dtype = np.result_type(self.dtype, np.complex64) if is_complex else self.dtype
        inner = (epilogue.width, frames) if order == "C" else (frames, epilogue.width)
        size = count * frames * epilogue.width * (2 if is_complex else 1)
        return call, Output(size, dtype, (*shape[:-1], *inner))

    def sums(self, x: NDArray[Any], y: NDArray[Any] | None, scale: bool) -> NDArray[np.float64]:
        """`sum_over_frames` of signals x (..., n), or of pairs with y; (..., rows, bins)."""
        signals = [self._signal_args(checks.convert_samples(v, self.dtype, scale)) for v in (x, y) if v is not None]
        frames = self.geometry.count_frames(x.shape[-1])
        total = sum_over_frames(self.transform, self.geometry.start, frames, *signals)
        return total.reshape(*x.shape[:-1], *total.shape[1:])

    # ---- any arrays ----
    def _signal_args(self, x: Real) -> SignalArgs:
        """Arguments of the kernels for signals and their padding."""
        if self.geometry.pads_with_zeros:
            return signal_args(x)
        indices = self.geometry.padding_indices(x.shape[-1])
        if indices is not None:
            which, pad_left, pad_right = indices
            return signal_args(x, which.astype(x.dtype), pad_left=pad_left, pad_right=pad_right, pads_by_index=True)
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
        start, n = geometry.start, x.shape[-1]
        margin = max(geometry.n_fft, geometry.pad_left, geometry.pad_right)
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


def _matches(array: NDArray[Any], output: Output) -> bool:
    """Whether the output can be written to the array directly."""
    return array.shape == output.shape and array.dtype == output.dtype and array.flags.carray
