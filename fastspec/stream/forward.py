"""Spectra, powers and mels of signals that come in blocks: the bits of the whole signal's, for any blocks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..features.banks import FilterBank
from ..features.log import Log, log_scale
from ..kernels.runtime.tasks import prepare_team
from ..plan import STFT, as_plan
from ..transform.epilogue import Epilogue
from ..transform.framing import LOCAL_PAD_MODES
from ..transform.memory import MemoryLayout, layout_of
from .feed import Feed, Samples

CONVERTED_VALUES = 1 << 16  # samples that are converted at once


class ForwardStream:
    """The state and the methods of StreamingSTFT, StreamingPower and StreamingMel."""

    def __init__(self, plan: STFT, epilogue: Epilogue, dtype: np.dtype[Any], order: str, scale: bool) -> None:
        geometry = plan.geometry
        if not geometry.local:
            raise ValueError(
                f"pad_mode {geometry.pad_mode!r} needs the whole signal before its first frame: a stream takes a plan "
                f"with pad_mode {', '.join(map(repr, ('constant', *LOCAL_PAD_MODES)))}, or with center=False"
            )
        self.plan, self.scale = plan, bool(scale)
        self._epilogue, self._dtype, self._order = epilogue, dtype, order
        self._geometry, self._pad, self._right = (
            geometry,
            max(0, geometry.pad_left),
            geometry.append + geometry.pad_right,
        )
        self._pads_from_samples = not geometry.pads_with_zeros  # so the first frame needs pad + 1 samples
        frame_length = geometry.frame_length
        self.latency = max(frame_length - frame_length // 2, self._pad + 1 if self._pads_from_samples else 0)
        self._kept = max(self._pad, geometry.pad_right) + 1 if self._pads_from_samples else 0
        self.reset()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled, as it holds addresses: pickle its plan")

    def prepare(self) -> None:
        """Compile, or load, all that `push` and `flush` call, so that no first push does in an audio callback.

        The state of the stream stays as it is.
        """
        prepare_team(self.plan.dtype)
        spare = object.__new__(type(self))
        vars(spare).update(vars(self))
        spare.reset()
        block = np.zeros(4 * self._geometry.n_fft + self.latency, self.plan.dtype)
        block[0] = 1
        for _ in range(2):
            spare.push(block)
        spare.flush()

    def reset(self) -> None:
        """Return to the state of a new stream; the next block may have other leading axes."""
        self._leading_shape: tuple[int, ...] | None = None
        self._feed: Feed | None = None
        self._converted: Array | None = None
        self._samples_in = 0
        # whether samples for the padding before the signal are missing
        self._awaits_padding = self._pads_from_samples and self._pad > 0
        self._ended = False

    def push(self, block: ArrayLike, out: Array | None = None) -> Array:
        """Push samples, and return the frames that they complete.

        Parameters
        ----------
        block : np.ndarray [shape=(..., n)]
            The next n samples of each signal, n >= 0, of any real dtype.  It is not kept.  Blocks in the plan's dtype
            with contiguous samples are read where they are; others are converted, 2**16 values at a time.
        out : np.ndarray [shape=(..., rows, columns)]
            Array to write to, in any order of memory.  1 + n // hop_length columns are always enough.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, count)]
            A new array, or `out[..., :count]`; count may be 0.

        Raises
        ------
        TypeError, ValueError
            If block is not real or has other leading axes than the blocks before, out does not fit, or the stream has
            been flushed.  An error leaves the stream unchanged.

        Warns
        -----
        UserWarning
            If the first block is shorter than a frame and another axis of it is a hundred times as long.
        """
        x = block if type(block) is np.ndarray else checks.as_array("block", block)
        self._check_block(x)
        if self._feed is None:
            checks.warn_if_transposed("block", x.shape, self._geometry.frame_length)
        feed, n = self._feed or self._make_feed(x.shape[:-1]), x.shape[-1]
        count = self._count_complete(feed, n)
        target, result = self._output(out, x.shape[:-1], count, x)
        if self._feed is None:
            self._feed, self._leading_shape = feed, x.shape[:-1]
        copy, layout = self._writable_layout(target, count)
        samples = _as_samples(x, self.plan.dtype)
        if samples is not None:
            self._push_samples(feed, samples, layout, 0)
        else:
            self._convert(feed, x, layout)
        if copy is not None:
            result[...] = copy
        return result

    def flush(self, out: Array | None = None) -> Array:
        """End the stream, and return the frames that reach past the end, padded as the plan says.

        After that only `reset` is allowed.

        Parameters
        ----------
        out : np.ndarray [shape=(..., rows, columns)]
            As in `push`.  1 + n_fft // hop_length columns are always enough.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, count)]
            None if the plan is not centred, or no sample has been pushed.

        Raises
        ------
        ValueError
            If out does not fit, or the stream has been flushed before.
        """
        if self._ended:
            raise ValueError("the stream has been flushed: reset() begins another")
        leading = self._leading_shape or ()
        no_samples = np.zeros((*leading, 0), self.plan.dtype)
        if self._feed is None or not self._samples_in or not (self._right or self._awaits_padding):
            result = self._output(out, leading, 0, no_samples)[1]
            self._ended = True
            return result
        feed, pad, right = self._feed, self._pad, self._right
        last_samples = feed.history[:, feed.history.shape[1] - min(self._samples_in, self._kept) :]
        edges = self._geometry.padding(last_samples)[0]
        tail = np.zeros((feed.signals, right), self.plan.dtype)
        if edges is not None:
            tail[:] = edges[:, pad:]
        count = self._count_frames(self._samples_in + right) if self._awaits_padding else feed.count_frames(right)
        target, result = self._output(out, leading, count, no_samples)
        if self._awaits_padding and edges is not None:
            self._prepend_padding(feed, edges[:, :pad])
        copy, layout = self._writable_layout(target, count)
        feed.transform_block(Samples(tail.reshape(-1), right, right), count, layout)
        self._ended = True
        if copy is not None:
            result[...] = copy
        return result

    # ---- checks ----
    def _check_block(self, x: Array) -> None:
        """Raise unless x is a block of this stream."""
        if self._ended:
            raise ValueError("the stream has been flushed: reset() begins another")
        if x.dtype.kind not in "fiub":
            raise TypeError(f"block must hold real numbers, got dtype {x.dtype}")
        if x.ndim == 0 or 0 in x.shape[:-1]:
            raise ValueError(f"block must have shape (..., n) and hold a signal, got shape {x.shape}")
        if self._leading_shape is not None and x.shape[:-1] != self._leading_shape:
            raise ValueError(f"block must have shape {(*self._leading_shape, 'n')} as those before, got {x.shape}")

    def _make_feed(self, leading: tuple[int, ...]) -> Feed:
        """A feed of signals with these leading axes."""
        signals, capacity = (
            int(np.prod(leading, dtype=np.int64)),
            max(self._geometry.n_fft, 2 * self._pad, self._kept) + 1,
        )
        feed = Feed(self.plan.forward_transform, self._epilogue, signals, capacity)
        if not self._awaits_padding:
            feed.history_size, feed.origin = self._pad, self._geometry.start  # zeros are the padding, if there is any
        return feed

    def _count_frames(self, n: int) -> int:
        """Number of frames of a signal of n samples, padded before but not after it."""
        hops = n + self._geometry.pad_left - self._geometry.frame_length
        return 1 + hops // self._geometry.hop_length if hops >= 0 else 0

    def _count_complete(self, feed: Feed, n: int) -> int:
        """Number of frames that n more samples complete."""
        if not self._awaits_padding:
            return feed.count_frames(n)
        return self._count_frames(self._samples_in + n) if self._samples_in + n > self._pad else 0

    def _output(self, out: Array | None, leading: tuple[int, ...], count: int, x: Array) -> tuple[Array, Array]:
        """(array that frames are written to, array that is returned)."""
        rows = self._epilogue.width
        if out is None:
            result = checks.output_array("out", None, (*leading, rows, count), self._dtype, self._order, x)
            return result, result
        return out, checks.stream_out("out", out, (*leading, rows), count, self._dtype, x)

    def _writable_layout(self, target: Array, count: int) -> tuple[Array | None, MemoryLayout | None]:
        """(None or, if kernels cannot write to `target`, an array to copy to it afterwards; the layout to write to)."""
        layout = _layout(target) if count else None
        if layout is not None or not count:
            return None, layout
        copy = np.empty((*target.shape[:-1], count), self._dtype)
        return copy, layout_of(copy)

    # ---- samples ----
    def _convert(self, feed: Feed, x: Array, layout: MemoryLayout | None) -> None:
        """Push x, converted to the plan's dtype, CONVERTED_VALUES or n_fft samples a signal at once."""
        size = max(self._geometry.n_fft, CONVERTED_VALUES // feed.signals)
        if self._converted is None:
            self._converted = np.empty((feed.signals, size), self.plan.dtype)
        converted, first = self._converted.reshape((*x.shape[:-1], size)), 0
        half_range = 2.0 ** (8 * x.dtype.itemsize - 1) if self.scale and x.dtype.kind in "iu" else 0.0
        number = self.plan.dtype.type
        for a in range(0, x.shape[-1], size):
            n = min(size, x.shape[-1] - a)
            block = converted[..., :n]
            np.copyto(block, x[..., a : a + n], casting="unsafe")
            if half_range:
                if x.dtype.kind == "u":
                    np.subtract(block, number(half_range), out=block)
                np.multiply(block, number(1 / half_range), out=block)
            first += self._push_samples(feed, Samples(self._converted.reshape(-1), size, n), layout, first)

    def _push_samples(self, feed: Feed, x: Samples, layout: MemoryLayout | None, first: int) -> int:
        """Push samples; return the number of frames written, from frame `first` of the output on."""
        if self._awaits_padding:
            count = min(x.n, self._pad + 1 - self._samples_in)
            feed.transform_block(x._replace(n=count), 0, None, min_history=self._kept)
            self._samples_in += count
            if self._samples_in <= self._pad:
                return 0
            edges = self._geometry.padding(feed.history[:, feed.history.shape[1] - feed.history_size :])[0]
            assert edges is not None
            self._prepend_padding(feed, edges[:, : self._pad])
            x = Samples(x.flat[count:], x.stride, x.n - count)
        count = feed.count_frames(x.n)
        feed.transform_block(x, count, layout, first, self._kept)
        self._samples_in += x.n
        return count

    def _prepend_padding(self, feed: Feed, head: Array) -> None:
        """Put the padding before the samples pushed so far."""
        end = feed.history.shape[1] - feed.history_size
        feed.history[:, end - self._pad : end] = head
        feed.history_size += self._pad
        feed.origin = -feed.history_size
        self._awaits_padding = False


def _as_samples(x: Array, dtype: np.dtype[Any]) -> Samples | None:
    """The block as kernels read it, without a copy; None if it must be converted."""
    if x.dtype != dtype or not x.flags.aligned:
        return None
    n, item = x.shape[-1], x.itemsize
    if x.flags.c_contiguous:
        flat, stride = x.reshape(-1), n
    elif x.ndim == 2 and x.strides[1] == item and x.strides[0] % item == 0:
        flat, stride = x[0], x.strides[0] // item
    else:
        return None
    return Samples(flat if flat.flags.writeable else checks.writable_view(flat), stride, n)


_NO_OFFSET = np.zeros(1, np.int64)


def _layout(out: Array) -> MemoryLayout | None:
    """`layout_of`, faster for a single signal."""
    if out.ndim != 2 or not out.flags.aligned:
        return layout_of(out)
    down, along = out.strides
    item = out.itemsize
    if along == item and down % item == 0:
        frames_contiguous, flat, stride = True, out[0], down // item
    elif down == item and along % item == 0:
        frames_contiguous, flat, stride = False, out[:, 0], along // item
    else:
        return layout_of(out)
    if out.dtype.kind == "c":
        return MemoryLayout(flat.view(flat.real.dtype), _NO_OFFSET, frames_contiguous, 2 * stride)
    return MemoryLayout(flat, _NO_OFFSET, frames_contiguous, stride)


class StreamingSTFT(ForwardStream):
    """`plan.forward` of signals that come in blocks, with the same bits for any blocks.

    `push` returns the frames that a block completes, `flush` those that reach past the end.  The last n_fft samples of
    each signal are kept.  A stream must not be used by several threads at a time; different streams are independent.

    Parameters
    ----------
    plan : STFT
        Centred with a pad_mode that depends on the samples next to the padding only ("constant", "edge", "linear_ramp",
        "reflect", "symmetric"), or not centred.
    scale : bool
        As in `STFT.forward`.

    Attributes
    ----------
    latency : int
        Samples from the centre of a frame, this sample included, after which it is returned at the latest:
        n_fft - n_fft // 2, or n_fft // 2 + 1 where the padding needs samples beyond the first frame.

    Raises
    ------
    ValueError
        If the padding needs the whole signal.

    Examples
    --------
    >>> stream = fastspec.stream.StreamingSTFT(plan)
    >>> frames = [stream.push(block) for block in blocks] + [stream.flush()]
    >>> D = np.concatenate(frames, axis=-1)  # plan.forward of all blocks
    """

    def __init__(self, plan: STFT, *, scale: bool = False) -> None:
        plan = as_plan("plan", plan)
        super().__init__(plan, plan._complex_epilogue(), plan.complex_dtype, "F", scale)


class StreamingPower(ForwardStream):
    """`plan.power` of signals that come in blocks, with the same bits for any blocks; see `StreamingSTFT`.

    Parameters
    ----------
    plan, scale
        As in `StreamingSTFT`.
    power : float
        As in `STFT.power`.

    Attributes
    ----------
    latency : int
        As in `StreamingSTFT`.

    Raises
    ------
    TypeError, ValueError
        If power is no number above 0, or the padding needs the whole signal.
    """

    def __init__(self, plan: STFT, *, power: float = 2.0, scale: bool = False) -> None:
        plan = as_plan("plan", plan)
        super().__init__(plan, plan._level_epilogue(plan._exponent(power)), plan.dtype, "F", scale)


class StreamingMel(ForwardStream):
    """`plan.mel` of signals that come in blocks, with the same bits for any blocks; see `StreamingSTFT`.

    Parameters
    ----------
    plan, scale
        As in `StreamingSTFT`.
    bank, power, log
        As in `STFT.mel`; log="whisper", which needs the maximum of the whole signal, is refused.  It is, of all frames
        L with log="log10" and a plan with pad_mode="reflect", L = L[..., :-1] at first, without the last frame, and
        then (np.maximum(L, L.max(axis=(-2, -1), keepdims=True) - 8) + 4) / 4.

    Attributes
    ----------
    latency : int
        As in `StreamingSTFT`.

    Raises
    ------
    TypeError, ValueError
        As `STFT.mel`; or if the padding, or the logarithm, needs the whole signal.
    """

    def __init__(
        self,
        plan: STFT,
        bank: FilterBank | ArrayLike,
        *,
        power: float = 2.0,
        log: Log | None = None,
        scale: bool = False,
    ) -> None:
        exponent = as_plan("plan", plan)._exponent(power)
        scaling = log_scale(log, exponent, plan.dtype)
        if log == "whisper":
            raise ValueError(
                "log='whisper' needs the loudest of the whole signal: take log='log10' here and, at the end, leave out "
                "the last frame, L = L[..., :-1], then (np.maximum(L, L.max() - 8) + 4) / 4; or plan.mel of windows of "
                "30 s"
            )
        super().__init__(plan, plan._filter_epilogue(bank, exponent, scaling), plan.dtype, "C", scale)
