"""Signals, block by block -> spectra, levels, mels: what `STFT.forward`, `power` and `mel` give of the whole signal.

A frame is made as soon as its last sample is there, by the kernels that make it of a whole signal, from the block where
it lies and the samples kept before it: those that frames to come begin with, and those that the end's padding may need.

    ... kept (n_fft at most) | block ...        frames start hop_length apart, anywhere in both
"""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from ..analysis import Step, place_of, signals_of
from ..compression import Log, log_scale
from ..framing import LOCAL
from ..kernels.realfft import COMPLEX
from ..mel import FilterBank
from ..spectrum import STFT
from .prepared import Known

Real = NDArray[np.floating]

PIECE = 1 << 16
"""Samples that are converted at a time."""
FRAMES = 1 << 18
"""Frames that are made at a time."""


class Forward:
    """What all streams of signals do; `push`, `flush` and `reset` are theirs.

    A stream belongs to one thread at a time; different streams are independent.  An error leaves it as it was.
    """

    def __init__(self, plan: STFT, step: Step, order: str, scale: bool) -> None:
        known = ("constant", *LOCAL)
        if plan.center and plan.pad_mode not in known:
            raise ValueError(
                f"pad_mode of the plan must be one of {', '.join(known)} for a stream, got {plan.pad_mode!r}: "
                "others look at the whole signal"
            )
        self.plan, self.latency = plan, plan.n_fft - plan.n_fft // 2
        self._step, self._order, self._scale = step, order, scale
        self._dtype = plan._complex if step.op == COMPLEX else plan.dtype
        self._pad = -plan._geometry.start
        self._waits = self._pad > 0 and plan.pad_mode != "constant"  # for the samples that the padding is made of
        self._known = Known(plan._analysis, step)
        self._converted = np.empty(0, plan.dtype)
        self.reset()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.plan!r})"

    def reset(self) -> None:
        """Forget everything: as new."""
        self._seen = self._frames = 0  # samples that came, frames that went
        self._over, self._begun = False, False  # whether it has ended, whether what stands before the signal is there
        self._lead: tuple[int, ...] | None = None
        self._kept = self._spare = self._saved = np.zeros(
            (0, 0), self.plan.dtype
        )  # samples before the next, < column `_end`
        self._end = 0

    # ---- in and out ----
    def push(self, block: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The frames that are whole with these samples.

        Parameters
        ----------
        block : np.ndarray [shape=(..., n)]
            The next n real samples, 0 or more.  Leading axes (channels, say) as in the first block.
        out : np.ndarray [shape=(..., rows, at least as many frames)]
            Array to write to, in any order of memory.  With it nothing of a block's size is allocated.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, n_frames)]
            Those after the ones given before; a part of `out` if that is given.

        Raises
        ------
        TypeError, ValueError
            If the block is not real or has other leading axes than the first, if out is too small or of another
            dtype, or if the stream has ended.
        """
        x = self._checked(block)
        count = self._whole(self._seen + x.shape[-1]) - self._frames
        result = self._output(out, x, count)
        if self._lead is None:
            self._begin(x.shape[:-1])
        if x.dtype == self.plan.dtype and x.flags.carray and count <= FRAMES:
            self._take(x.reshape(len(self._kept), x.shape[-1]), result)
        else:
            self._in_pieces(x, result)
        return result

    def flush(self, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The last frames, that reach past the end; then the stream has ended, until it is reset.

        Parameters
        ----------
        out : np.ndarray [shape=(..., rows, at least as many frames)]
            As in `push`.

        Returns
        -------
        frames : np.ndarray [shape=(..., rows, n_frames)]
            None are left if the signal is too short for a frame.

        Raises
        ------
        ValueError
            If out is too small or of another dtype, or if the stream has ended.
        """
        self._going()
        n, plan = self._seen, self.plan
        room = n + 2 * self._pad - plan.n_fft
        frames = 1 + room // plan.hop_length if n and room >= 0 else 0
        none = np.empty((*(self._lead or ()), 0), plan.dtype)
        result = self._output(out, none, frames - self._frames)
        if result.shape[-1]:
            self._finish(result)
        self._frames, self._over = frames, True
        return result

    # ---- checks ----
    def _going(self) -> None:
        if self._over:
            raise ValueError("the stream has ended with flush(): reset() it first")

    def _checked(self, block: ArrayLike) -> NDArray[Any]:
        """The block, in whatever dtype it has."""
        self._going()
        x = block if type(block) is np.ndarray else checks.an_array("block", block)
        if x.dtype.kind not in "fiub":
            raise TypeError(f"block must hold real numbers, got dtype {x.dtype}")
        if not x.ndim or (self._lead is not None and x.shape[:-1] != self._lead):
            wanted = "(..., n)" if self._lead is None else f"({', '.join(map(str, (*self._lead, 'n')))}) as before"
            raise ValueError(f"block must have shape {wanted}, got {x.shape}")
        return x

    def _output(self, out: NDArray[Any] | None, x: NDArray[Any], count: int) -> NDArray[Any]:
        """Where `count` frames go."""
        shape = (*x.shape[:-1], self._step.width)
        if out is None:
            if self._order == "C":
                return np.empty((*shape, count), self._dtype)
            return np.empty((*shape[:-1], count, shape[-1]), self._dtype).swapaxes(-1, -2)
        right = isinstance(out, np.ndarray) and out.shape[:-1] == shape and out.dtype == self._dtype
        if not right or out.shape[-1] < count:
            got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else repr(type(out))
            sizes = ", ".join(map(str, (*shape, f"{count} or more")))
            raise ValueError(f"out must be an array of {self._dtype} of shape ({sizes}), got {got}")
        if not out.flags.writeable:
            raise ValueError("out must be writable")
        if np.may_share_memory(out, x):
            raise ValueError("out must not share memory with block")
        return out[..., :count]

    # ---- work ----
    def _whole(self, seen: int) -> int:
        """Frames that are whole with so many samples."""
        if self._waits and seen <= self._pad:
            return 0
        return max(0, (seen + self._pad - self.plan.n_fft) // self.plan.hop_length + 1)

    def _begin(self, lead: tuple[int, ...]) -> None:
        """Room for what is kept of signals of these leading axes."""
        self._lead = lead
        self._kept, self._spare = np.zeros((2, prod(lead), 2 * self.plan.n_fft + 2 * self._pad + 64), self.plan.dtype)
        self._begun, self._end = not self._waits, 0 if self._waits else self._pad

    def _in_pieces(self, x: NDArray[Any], result: NDArray[Any]) -> None:
        """`_take`, of pieces that are converted, or make a part of the frames."""
        if self._saved.shape != self._kept.shape:
            self._saved = np.empty_like(self._kept)
        np.copyto(self._saved, self._kept)
        state = self._seen, self._frames, self._begun, self._end
        flat = x.reshape(len(self._kept), x.shape[-1])
        some, at = max(1, PIECE // max(1, len(flat))), 0
        try:
            for a in range(0, x.shape[-1], some):
                piece = self._as_samples(flat[:, a : a + some])
                count = self._whole(self._seen + piece.shape[-1]) - self._frames
                self._take(piece, result[..., at : at + count])
                at += count
        except BaseException:
            self._seen, self._frames, self._begun, self._end = state
            self._kept, self._saved = self._saved, self._kept
            raise

    def _as_samples(self, x: NDArray[Any]) -> Real:
        """Samples (signals, n) in the plan's dtype, in memory of the stream's."""
        if self._converted.size < x.size:
            self._converted = np.empty(x.size, self.plan.dtype)
        y = self._converted[: x.size].reshape(x.shape)
        np.copyto(y, x, casting="unsafe")
        if self._scale and x.dtype.kind in "iu":
            half = 2.0 ** (8 * x.dtype.itemsize - 1)
            if x.dtype.kind == "u":
                y -= y.dtype.type(half)
            y *= y.dtype.type(1 / half)
        return y

    def _take(self, x: Real, result: NDArray[Any]) -> None:
        """The next samples (signals, n), C-contiguous, and all frames that are whole with them."""
        if not self._begun:
            self._head(x)
        count = result.shape[-1]
        if count:
            self._make(x, result, self._end)
        self._frames += count
        self._keep(x)

    def _head(self, x: Real) -> None:
        """What stands before the signal, once the samples that it is made of are there."""
        missing = self._pad + 1 - self._end
        if x.shape[1] < missing:
            return
        first = np.concatenate([self._kept[:, : self._end], x[:, :missing]], axis=1)
        mode: Any = self.plan.pad_mode
        head = np.pad(first, ((0, 0), (self._pad, 0)), mode)[:, : self._pad + self._end]
        self._kept[:, : self._pad + self._end] = head
        self._begun, self._end = True, self._pad + self._end

    def _keep(self, x: Real) -> None:
        """Keeps what frames to come begin with, and what the padding of the end may be made of."""
        m = x.shape[1]
        self._seen += m
        wanted = min(self.plan.n_fft, self._end + m)
        if m >= wanted:
            self._kept[:, :wanted] = x[:, m - wanted :]
            self._end = wanted
            return
        if self._end + m + self._pad > self._kept.shape[1]:
            self._move(wanted - m)
        self._kept[:, self._end : self._end + m] = x
        self._end += m

    def _move(self, count: int) -> None:
        """The last columns to the front."""
        self._spare[:, :count] = self._kept[:, self._end - count : self._end]
        self._kept, self._spare, self._end = self._spare, self._kept, count

    def _finish(self, result: NDArray[Any]) -> None:
        """The frames up to the end, with what stands after it."""
        plan, pad = self.plan, self._pad
        if not self._begun:  # so short that its padding is of all samples
            x = np.ascontiguousarray(self._kept[:, : self._end])
            edges, left, right = plan._geometry.beside(x)
            made = result if place_of(result) else np.empty(result.shape, result.dtype)
            signals = signals_of(x, edges, left=left, right=right)
            plan._analysis.run(signals, -pad, result.shape[-1], made, self._step)
            if made is not result:
                result[...] = made
            return
        mode: Any = plan.pad_mode
        if self._end + pad > self._kept.shape[1]:
            self._move(plan.n_fft)
        kept, end = self._kept, self._end
        last = kept[:, end - pad - 1 : end] if pad else kept[:, :0]
        kept[:, end : end + pad] = 0 if mode == "constant" else np.pad(last, ((0, 0), (0, pad)), mode)[:, pad + 1 :]
        self._make(np.empty((len(kept), 0), kept.dtype), result, end)

    def _make(self, x: Real, result: NDArray[Any], end: int) -> None:
        """The next frames, of samples (signals, n) after the columns < end of those kept."""
        origin = self._frames * self.plan.hop_length - self._pad - self._seen
        self._known.run(x, self._kept, end, origin, result)


class StreamingSTFT(Forward):
    """`plan.forward` for samples that come block by block, with its bits whatever the blocks are.

    Parameters
    ----------
    plan : STFT
        Padded, if centred, with zeros ("constant") or with what depends on the ends of the signal alone ("edge",
        "linear_ramp", "reflect", "symmetric").
    scale : bool
        Whether integers are divided by the largest power of two of their dtype, as in `STFT.forward`.

    Attributes
    ----------
    plan : STFT
    latency : int
        Samples from the middle of a frame to its last: n_fft - n_fft // 2.  A frame is given with the block that brings
        its last sample; the first frames of a plan that pads with samples need one more.

    Raises
    ------
    TypeError, ValueError
        If plan is not an STFT, or pads with what only the whole signal can tell.

    Examples
    --------
    >>> stream = fastspec.stream.StreamingSTFT(plan)
    >>> for block in blocks:  # (..., n), any number of samples
    ...     D = stream.push(block)  # (..., n_bins, frames)
    >>> D = stream.flush()
    """

    def __init__(self, plan: STFT, *, scale: bool = False) -> None:
        super().__init__(_checked_plan(plan), plan._complex_step(), "F", scale)


class StreamingPower(Forward):
    """`plan.power` for samples that come block by block; see `StreamingSTFT`.

    Parameters
    ----------
    plan, scale
        As of `StreamingSTFT`.
    power : float
        As of `STFT.power`.
    """

    def __init__(self, plan: STFT, *, power: float = 2.0, scale: bool = False) -> None:
        self.power = _checked_plan(plan)._exponent(power)
        super().__init__(plan, plan._level_step(self.power), "F", scale)


class StreamingMel(Forward):
    """`plan.mel` for samples that come block by block; see `StreamingSTFT`.

    Parameters
    ----------
    plan, scale
        As of `StreamingSTFT`.
    bank : MelBank, FilterBank or np.ndarray [shape=(n_mels, n_bins)]
        The filters.
    power, log
        As of `STFT.mel`, but for "whisper", which needs the loudest of the whole signal.
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
        self.power, self.log = _checked_plan(plan)._exponent(power), log
        scaling = log_scale(log, self.power, plan.dtype)
        if log == "whisper":
            raise ValueError(
                "log='whisper' needs the loudest of the whole signal, which a stream does not know: take log='log10', "
                "and at the end all L but the last frame as (max(L, max L - 8) + 4) / 4; or use plan.mel"
            )
        super().__init__(plan, plan._filter_step(bank, self.power, scaling), "C", scale)


def _checked_plan(plan: STFT) -> STFT:
    if not isinstance(plan, STFT):
        raise TypeError(f"plan must be a fastspec.STFT, got {plan!r}")
    return plan
