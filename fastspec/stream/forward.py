"""Spectra, powers and mels of sound that comes block by block: the numbers of the whole signal, for any blocks."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..features.banks import FilterBank
from ..features.log import Log, log_scale
from ..plan import STFT
from ..transform.epilogue import Epilogue
from ..transform.framing import LOCAL_PAD_MODES
from ..transform.memory import MemoryLayout, layout_of
from .feed import Feed, Samples

CONVERTED_NUMBERS = 1 << 16  # converted at a time


class ForwardStream:
    """The state and the methods of StreamingSTFT, StreamingPower and StreamingMel."""

    def __init__(self, plan: STFT, epilogue: Epilogue, dtype: np.dtype[Any], order: str, scale: bool) -> None:
        geometry = plan.geometry
        if not geometry.local:
            raise ValueError(
                f"pad_mode {plan.pad_mode!r} needs the whole signal before its first frame: a stream takes a plan "
                f"with pad_mode {', '.join(map(repr, ('constant', *LOCAL_PAD_MODES)))}, or with center=False"
            )
        self.plan, self.scale = plan, bool(scale)
        self._epilogue, self._dtype, self._order = epilogue, dtype, order
        self._pad = -geometry.start
        self._mirrors = self._pad > 0 and plan.pad_mode != "constant"  # needs pad + 1 samples before its first frame
        self.latency = max(plan.n_fft - plan.n_fft // 2, self._pad + 1 if self._mirrors else 0)
        self.reset()

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"a {type(self).__name__} cannot be copied or pickled, as it holds addresses: pickle its plan")

    def reset(self) -> None:
        """Forgets all that has come; the next block may have other leading axes."""
        self._axes: tuple[int, ...] | None = None
        self._feed: Feed | None = None
        self._stage: Array | None = None
        self._seen = 0
        self._opening = self._mirrors  # whether the samples for the padding before the signal are not all there yet
        self._ended = False

    def push(self, block: ArrayLike, out: Array | None = None) -> Array:
        """The frames that are complete with this block.

        Parameters
        ----------
        block : np.ndarray [shape=(..., n)]
            The next n samples of each signal, n >= 0, of any real dtype.  It is not kept.  Blocks in the plan's dtype
            whose samples are neighbours are analysed where they lie; others are converted piece by piece.
        out : np.ndarray [shape=(..., rows, room)]
            Array to write to, in any order of memory.  A room of 1 + n // hop_length is always enough.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, count)]
            A new array, or `out[..., :count]`; count may be 0.

        Raises
        ------
        TypeError, ValueError
            If block is not real or has other leading axes than the blocks before, out does not fit, or the stream has
            been flushed.  The stream is as it was.
        """
        x = block if type(block) is np.ndarray else checks.as_array("block", block)
        self._check(x)
        feed, n = self._feed or self._begin(x.shape[:-1]), x.shape[-1]
        count = self._count(feed, n)
        target, result = self._target(out, x.shape[:-1], count, x)
        if self._feed is None:
            self._feed, self._axes = feed, x.shape[:-1]
        copy, layout = self._writable(target, count)
        samples = _samples(x, self.plan.dtype)
        if samples is not None:
            self._advance(feed, samples, layout, 0)
        else:
            self._convert(feed, x, layout)
        if copy is not None:
            result[...] = copy
        return result

    def flush(self, out: Array | None = None) -> Array:
        """The frames that reach past the end, padded as the plan says; then the stream takes nothing until `reset`.

        Parameters
        ----------
        out : np.ndarray [shape=(..., rows, room)]
            As in `push`.  A room of 1 + n_fft // hop_length is always enough.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, count)]
            Without centring, or of a stream that got nothing, none.

        Raises
        ------
        ValueError
            If out does not fit, or the stream has been flushed before.
        """
        if self._ended:
            raise ValueError("the stream has been flushed: reset() begins another")
        axes = self._axes or ()
        none = np.zeros((*axes, 0), self.plan.dtype)
        if self._feed is None or not self._seen or not self._pad:
            result = self._target(out, axes, 0, none)[1]
            self._ended = True
            return result
        feed, pad = self._feed, self._pad
        last = feed.kept[:, feed.kept.shape[1] - min(self._seen, pad + 1) :]
        edges = self.plan.geometry.padding(last)[0]
        tail = np.zeros((feed.signals, pad), self.plan.dtype) if edges is None else np.ascontiguousarray(edges[:, pad:])
        count = feed.frames(pad) if not self._opening else self._frames(self._seen + pad)
        target, result = self._target(out, axes, count, none)
        if self._opening and edges is not None:
            self._open(feed, edges[:, :pad])
        copy, layout = self._writable(target, count)
        feed.take(Samples(tail.reshape(-1), pad, pad), count, layout)
        self._ended = True
        if copy is not None:
            result[...] = copy
        return result

    # ---- checks ----
    def _check(self, x: Array) -> None:
        if self._ended:
            raise ValueError("the stream has been flushed: reset() begins another")
        if x.dtype.kind not in "fiub":
            raise TypeError(f"block must hold real numbers, got dtype {x.dtype}")
        if x.ndim == 0 or 0 in x.shape[:-1]:
            raise ValueError(f"block must have shape (..., n) and hold a signal, got shape {x.shape}")
        if self._axes is not None and x.shape[:-1] != self._axes:
            raise ValueError(f"block must have shape {(*self._axes, 'n')} as those before, got {x.shape}")

    def _begin(self, axes: tuple[int, ...]) -> Feed:
        feed = Feed(
            self.plan.forward_transform, self._epilogue, int(np.prod(axes, dtype=np.int64)), self.plan.n_fft + 1
        )
        if not self._mirrors:
            feed.size, feed.origin = self._pad, -self._pad  # zeros
        return feed

    def _frames(self, n: int) -> int:
        """Of the first n samples, padded before them alone."""
        hops = n + self._pad - self.plan.n_fft
        return 1 + hops // self.plan.hop_length if hops >= 0 else 0

    def _count(self, feed: Feed, n: int) -> int:
        if not self._opening:
            return feed.frames(n)
        return self._frames(self._seen + n) if self._seen + n > self._pad else 0

    def _target(self, out: Array | None, axes: tuple[int, ...], count: int, x: Array) -> tuple[Array, Array]:
        """(the array that frames are written to, the array that is returned)."""
        rows = self._epilogue.width
        if out is None:
            result = checks.output_array("out", None, (*axes, rows, count), self._dtype, self._order, x)
            return result, result
        return out, checks.stream_out("out", out, (*axes, rows), count, self._dtype, x)

    def _writable(self, target: Array, count: int) -> tuple[Array | None, MemoryLayout | None]:
        """(an array to copy from afterwards if kernels cannot write to the target, the layout that they write to)."""
        layout = _layout(target) if count else None
        if layout is not None or not count:
            return None, layout
        copy = np.empty((*target.shape[:-1], count), self._dtype)
        return copy, layout_of(copy)

    # ---- samples ----
    def _convert(self, feed: Feed, x: Array, layout: MemoryLayout | None) -> None:
        """Takes x in, converted block by block; the bits do not depend on the blocks."""
        size = max(self.plan.n_fft, CONVERTED_NUMBERS // feed.signals)
        if self._stage is None:
            self._stage = np.empty((feed.signals, size), self.plan.dtype)
        stage, first = self._stage.reshape((*x.shape[:-1], size)), 0
        middle = 2.0 ** (8 * x.dtype.itemsize - 1) if self.scale and x.dtype.kind in "iu" else 0.0
        number = self.plan.dtype.type
        for a in range(0, x.shape[-1], size):
            n = min(size, x.shape[-1] - a)
            block = stage[..., :n]
            np.copyto(block, x[..., a : a + n], casting="unsafe")
            if middle:
                if x.dtype.kind == "u":
                    np.subtract(block, number(middle), out=block)
                np.multiply(block, number(1 / middle), out=block)
            first += self._advance(feed, Samples(self._stage.reshape(-1), size, n), layout, first)

    def _advance(self, feed: Feed, x: Samples, layout: MemoryLayout | None, first: int) -> int:
        """Takes samples in; returns how many frames it has written, from frame `first` of the output on."""
        if self._opening:
            count = min(x.n, self._pad + 1 - self._seen)
            feed.take(x._replace(n=count), 0, None, least=self._pad + 1)
            self._seen += count
            if self._seen <= self._pad:
                return 0
            edges = self.plan.geometry.padding(feed.kept[:, feed.kept.shape[1] - feed.size :])[0]
            assert edges is not None
            self._open(feed, edges[:, : self._pad])
            x = Samples(x.flat[count:], x.stride, x.n - count)
        count = feed.frames(x.n)
        feed.take(x, count, layout, first, self._pad + 1 if self._mirrors else 0)
        self._seen += x.n
        return count

    def _open(self, feed: Feed, head: Array) -> None:
        """Puts the padding before the samples that have come."""
        end = feed.kept.shape[1] - feed.size
        feed.kept[:, end - self._pad : end] = head
        feed.size += self._pad
        feed.origin = -feed.size
        self._opening = False


def _samples(x: Array, dtype: np.dtype[Any]) -> Samples | None:
    """The block as kernels take it, without a copy; None if it must be converted."""
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
    """`layout_of` in less time for a single signal."""
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
    """Spectrograms of signals that come block by block: the bits of `STFT.forward` of the whole, whatever the blocks.

    Every `push` gives the frames that are complete with it, `flush` those that reach past the end.  A stream belongs to
    one thread at a time; different ones are independent.  It holds the last n_fft samples of each signal.

    Parameters
    ----------
    plan : STFT
        Centred with a pad_mode that looks no further than it pads ("constant", "edge", "linear_ramp", "reflect",
        "symmetric"), or not centred.
    scale : bool
        As in `STFT.forward`.

    Attributes
    ----------
    latency : int
        A frame is given no later than with the sample that is `latency` samples on from its middle, that one counted:
        n_fft - n_fft // 2, or n_fft // 2 + 1 where the padding needs samples beyond the first frame.

    Raises
    ------
    ValueError
        If the padding needs the whole signal.

    Examples
    --------
    >>> stream = fastspec.stream.StreamingSTFT(plan)
    >>> parts = [stream.push(block) for block in blocks] + [stream.flush()]
    >>> D = np.concatenate(parts, axis=-1)  # plan.forward of all blocks
    """

    def __init__(self, plan: STFT, *, scale: bool = False) -> None:
        super().__init__(plan, plan._complex_epilogue(), plan.complex_dtype, "F", scale)


class StreamingPower(ForwardStream):
    """|D|**power of signals that come block by block: the bits of `STFT.power` of the whole, whatever the blocks.

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
        super().__init__(plan, plan._level_epilogue(plan._exponent(power)), plan.dtype, "F", scale)


class StreamingMel(ForwardStream):
    """Mels of signals that come block by block: the bits of `STFT.mel` of the whole, whatever the blocks.

    Parameters
    ----------
    plan, scale
        As in `StreamingSTFT`.
    bank, power, log
        As in `STFT.mel`; log="whisper" needs the loudest of the whole signal and is refused.

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
        exponent = plan._exponent(power)
        scaling = log_scale(log, exponent, plan.dtype)
        if log == "whisper":
            raise ValueError(
                "log='whisper' needs the loudest of the whole signal: take log='log10' here and, at the end, "
                "(np.maximum(L, L.max() - 8) + 4) / 4 without the last frame; or plan.mel of windows of 30 s"
            )
        super().__init__(plan, plan._filter_epilogue(bank, exponent, scaling), plan.dtype, "C", scale)
