"""`StreamingISTFT`: blocks of spectra -> final samples, those that later frames do not change.

Between blocks the overlap-add sums of the samples that later frames overlap are kept, about n_fft values a signal for
any hop.  Frames are always added in their order, so that continuing these sums gives the bits of `plan.inverse`.
"""

import copy
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Complex, Real
from ..kernels.runtime.layout import data_address
from ..kernels.runtime.tasks import prepare_team
from ..kernels.runtime.threads import team_size
from ..kernels.stft import inverse as inverse_kernel
from ..plan import STFT, as_plan
from ..transform.ends import EndEstimate
from ..transform.inverse import arrays_at, run_overlap_add
from ..transform.memory import pair_signals, signal_rows, writable
from ..transform.prepared import Prepared, Workspace

ENDLESS = 1 << 60  # frames of a signal that has not ended
CONVERTED_VALUES = 1 << 18  # values of D and y in memory while a block is converted
MAX_PREPARED = 16  # shapes of blocks whose prepared overlap-adds are kept


class StreamingISTFT:
    """`plan.inverse` for blocks of spectra, with the same bits for any sizes of the blocks.

    A sample is final when all frames that overlap it have been pushed.  After g frames these are the first
    g * hop_length samples of the sum, without the first n_fft // 2 of a centred plan; at most plan.n_samples(g), as the
    signal may end there.

    A stream must not be used by several threads at a time; different streams are independent.  An error leaves it
    unchanged.

    Parameters
    ----------
    plan : STFT
        Transform size, hop, window and dtype.
    warn : bool
        Whether a window and hop that violate NOLA are warned of.
    limit_ends : bool
        As in `plan.inverse`.

    Attributes
    ----------
    plan : STFT
    latency : int
        Samples from the last final sample to the end of the newest frame: n_fft - hop_length; of a centred plan at
        least n_fft // 2, as the signal may end there.  If few frames cover the first samples (of a plan that is not
        centred), these wait for the second frame, by which `limit_ends` judges them.

    Raises
    ------
    TypeError
        If plan is not an STFT.

    Warns
    -----
    UserWarning
        If window and hop_length violate NOLA (nonzero overlap-add), so that some samples cannot be reconstructed.

    Examples
    --------
    >>> stream = fastspec.stream.StreamingISTFT(plan)
    >>> for block in blocks:  # (..., n_bins, m), any number m of frames
    ...     play(stream.push(block))
    >>> play(stream.flush())
    """

    def __init__(self, plan: STFT, *, warn: bool = True, limit_ends: bool = True) -> None:
        plan = as_plan("plan", plan)
        if warn and not plan.invertible:
            checks.warn_nola("spectra", plan.win_length, plan.hop_length)
        self.plan = plan
        self._start = -plan.geometry.start  # samples of the sum before sample 0 of the signal
        self._lag = int(plan.hop_length + self._start > plan.n_fft)
        self.latency = max(plan.n_fft - plan.hop_length, self._start)
        self._limit_ends = bool(limit_ends)
        self._waits_for_second = limit_ends and plan.ends.has_weak_start and plan.hop_length < plan.n_fft
        self._workspace = Workspace(plan.dtype)
        self._prepared: dict[object, Prepared] = {}
        self.reset()

    def __repr__(self) -> str:
        return f"StreamingISTFT({self.plan!r})"

    def __getstate__(self) -> dict[str, Any]:
        """The state without addresses, which are valid in this process only."""
        return {**vars(self), "_prepared": {}, "_sum_addresses": [], "_workspace": Workspace(self.plan.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({**state, "_sum_addresses": [data_address(sums) for sums in state["_sums"]]})

    def prepare(self) -> None:
        """Compile, or load, all that `push` and `flush` call, so that no first push does in an audio callback.

        The state of the stream stays as it is.
        """
        prepare_team(self.plan.dtype)
        spare = copy.copy(self)
        spare.reset()
        block = np.ones((self.plan.n_bins, 4), self.plan.complex_dtype)
        for _ in range(2):
            spare.push(block)
        spare.flush()

    def reset(self) -> None:
        """Return to the state of a new stream."""
        self._frames_in = self._samples_out = 0
        self._ended = False
        self._leading_shape: tuple[int, ...] | None = None
        self._first_frame: Complex | None = None  # a frame that waits for the second
        self._end_frames: list[Complex] = []  # the last two (..., n_bins)
        self._n_end_frames = 0
        self._start_estimate: EndEstimate | None = None
        self._sums: list[Real] = []  # the sums of the frames so far, and an array for those with the next block
        self._sum_addresses: list[int] = []

    def push(self, block: ArrayLike, out: Real | None = None) -> Real:
        """Push frames, and return the samples that become final with them.

        Parameters
        ----------
        block : np.ndarray [shape=(..., n_bins, m)]
            The next m >= 0 frames; complex, in any memory order.  Leading axes as in the first block.
        out : np.ndarray [shape=(..., at least as many samples)]
            Array for the result, of the plan's dtype.  If its samples are contiguous and the block has the plan's
            complex dtype, no memory of the block's size is allocated.

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            The samples after those of the previous calls; a view of `out` unless that is None.

        Raises
        ------
        TypeError, ValueError
            If the block has not n_bins rows or has other leading axes than the first, if out is too small or of another
            dtype, or if the stream has ended.
        """
        D = self._check_block(block)
        if self._first_frame is not None:
            D = np.concatenate([self._first_frame, D], axis=-1, dtype=self.plan.complex_dtype)
        count, before = self.count_final(self._frames_in + D.shape[-1]) - self._samples_out, self._samples_out
        y = checks.stream_out("out", out, D.shape[:-2], count, self.plan.dtype, D)
        if self._leading_shape is None:
            self._allocate_sums(D.shape[:-2])
        if self._waits_for_second and self._frames_in + D.shape[-1] < 2:
            self._first_frame = D.astype(self.plan.complex_dtype) if D.shape[-1] else self._first_frame
            return y
        if D.dtype == self.plan.complex_dtype and D.flags.aligned and writable(y):
            self._push_native(D, y)
        else:
            self._push_converted(D, y)
        self._first_frame = None
        if self._limit_ends and D.shape[-1]:
            self._keep_end_frames(D)
            self._limit_start(y, before)
        return y

    def flush(self, length: int | None = None) -> Real:
        """End the stream, and return the remaining samples.

        After that only `reset` is allowed.

        Parameters
        ----------
        length : int
            Length of the whole signal, with zeros after the last frame; by default `plan.n_samples` of all frames.

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            The samples after those of the previous calls; none if no frame has been pushed.

        Raises
        ------
        TypeError, ValueError
            If length is less than the number of samples returned so far, or if the stream has ended.
        """
        self._check_not_ended()
        n_samples = self._samples_out if length is None else checks.as_int("length", length, 0)
        frames = self._frames_in + (self._first_frame is not None)
        if frames and length is None:
            n_samples = self.plan.n_samples(frames)
        if n_samples < self._samples_out:
            raise ValueError(
                f"length must be at least {self._samples_out}, the number of samples returned so far, got {length!r}"
            )
        leading_shape = self._leading_shape or ()
        y = np.empty((*leading_shape, n_samples - self._samples_out if frames else 0), self.plan.dtype)
        if y.size:
            no_frame = np.empty((*leading_shape, self.plan.n_bins, 0), self.plan.complex_dtype)
            D = no_frame if self._first_frame is None else self._first_frame
            self._add(D, y, frames)
            if self._limit_ends:
                self._keep_end_frames(D)
                self._limit_both(y, frames)
        self._samples_out, self._ended = self._samples_out + y.shape[-1], True
        return y

    # ---- checks ----
    def _check_not_ended(self) -> None:
        if self._ended:
            raise ValueError("the stream has ended with flush(): call reset() to start a new one")

    def _check_block(self, block: ArrayLike) -> NDArray[Any]:
        """The block as an array, in its own dtype."""
        self._check_not_ended()
        D, bins = checks.as_array("block", block), self.plan.n_bins
        if D.dtype.kind not in "fciu":
            raise TypeError(f"block must hold complex numbers, got dtype {D.dtype}")
        if D.ndim < 2 or D.shape[-2] != bins:
            raise ValueError(f"block must have shape (..., {bins}, frames), got {D.shape}")
        if self._leading_shape is not None and D.shape[:-2] != self._leading_shape:
            raise ValueError(
                f"block must have the leading axes of the first block, {self._leading_shape}, got shape {D.shape}"
            )
        return D

    # ---- ends ----
    def _keep_end_frames(self, D: NDArray[Any]) -> None:
        """Keep the last two frames, and the estimate of the first two."""
        kept, m = self._end_frames, D.shape[-1]
        if m == 1:
            kept.reverse()
        elif m:
            kept[0][...] = D[..., -2]
        if m:
            kept[1][...] = D[..., -1]
        self._n_end_frames = min(2, self._n_end_frames + m)
        if self._start_estimate is None and self.plan.ends.has_weak_start:
            first = [frame.astype(self.plan.complex_dtype) for frame in np.moveaxis(D[..., :2], -1, 0)]
            self._start_estimate = self._estimate(first, at_end=False)

    def _estimate(self, frames: list[Complex], *, at_end: bool) -> EndEstimate:
        """The estimate from frames (..., n_bins)."""
        D = np.stack([frame.reshape(-1, self.plan.n_bins) for frame in frames], axis=-1)
        return self.plan.ends.estimate(D, at_end)

    def _limit_start(self, y: Real, offset: int) -> None:
        """Limit those of the samples y (..., n) from `offset` on that few frames cover."""
        if self._start_estimate is not None and offset < len(self.plan.ends.first):
            for rows, samples in signal_rows(y):
                self.plan.ends.limit_start(samples, offset, self._start_estimate.of(rows))

    def _limit_both(self, y: Real, frames: int) -> None:
        """Limit the rest y (..., n) of signals of so many frames."""
        ends, offset = self.plan.ends, self._samples_out
        split = max(offset, ends.count_complete(frames))
        self._limit_start(y[..., : split - offset], offset)
        if y.shape[-1] > split - offset:
            estimate = self._estimate(self._end_frames[2 - self._n_end_frames :], at_end=True)
            for rows, samples in signal_rows(y):
                ends.limit_end(samples[:, split - offset :], split, frames, estimate.of(rows))

    # ---- overlap-add ----
    def count_final(self, frames: int) -> int:
        """Number of samples that are final after `frames` frames."""
        return 0 if self._waits_for_second and frames < 2 else self._count_complete(frames)

    def _count_complete(self, frames: int) -> int:
        """Number of samples that no later frame covers, at most those of a signal of so many frames."""
        plan = self.plan
        return max(0, min(frames * plan.hop_length - self._start, plan.n_samples(frames))) if frames else 0

    def _allocate_sums(self, leading_shape: tuple[int, ...]) -> None:
        """Sums of zero for signals with these leading axes."""
        n_fft, hop = self.plan.n_fft, self.plan.hop_length
        shape = prod(leading_shape), -(-n_fft // hop) - 1 + self._lag, min(hop, n_fft)
        self._leading_shape, self._sums = leading_shape, [np.zeros(shape, self.plan.dtype) for _ in range(2)]
        self._sum_addresses = [data_address(sums) for sums in self._sums]
        frame_shape = *leading_shape, self.plan.n_bins
        self._end_frames = [np.empty(frame_shape, self.plan.complex_dtype) for _ in range(2)]

    def _push_native(self, D: Complex, y: Real) -> None:
        """Add the next frames D; write to y all samples that become final.  Kernels can read D and write y."""
        if D.shape[-1] and self._sums[0].shape[0]:
            self._add(D, y, ENDLESS)
            self._sums.reverse()
            self._sum_addresses.reverse()
        self._frames_in += D.shape[-1]
        self._samples_out += y.shape[-1]

    def _push_converted(self, D: NDArray[Any], y: Real) -> None:
        """As `_push_native`, with copies of a few frames at a time, where kernels cannot read D or write y."""
        state = self._frames_in, self._samples_out, self._sums[0].copy()
        frame_values = prod(D.shape[:-2]) * max(2 * self.plan.n_bins, self.plan.hop_length) + 1
        block_frames = max(1, CONVERTED_VALUES // frame_values)
        try:
            for f in range(0, D.shape[-1], block_frames):
                block = D[..., f : f + block_frames].astype(self.plan.complex_dtype)
                first = self._samples_out - state[1]
                count = self._count_complete(self._frames_in + block.shape[-1]) - self._samples_out
                samples = np.empty((*D.shape[:-2], count), y.dtype)
                self._push_native(block, samples)
                y[..., first : first + count] = samples
        except BaseException:
            self._frames_in, self._samples_out, self._sums[0][:] = state
            raise

    def _add(self, D: Complex, y: Real, total: int) -> None:
        """Add frames D and write to y the samples from self._samples_out on; total is ENDLESS or the number of frames.

        If it is ENDLESS, the sums with D are written to the second array of self._sums.
        """
        b = 0
        for spectra, target in pair_signals(D, y):
            self._run_in_lanes(spectra, target, total, b)
            b += len(spectra)

    def _run_in_lanes(self, D: Complex, y: Real, total: int, b: int) -> None:
        """The same by the kernels; D[0] belongs to signal b."""
        prepared, width = self._prepare(D, y, total), y.itemsize
        record, layout = prepared.record.copy(), inverse_kernel.LAYOUT
        layout.set_numbers(record, first_frame=self._frames_in, start=self._start + self._samples_out)
        signal_size = self._sums[0][0].size
        before, after = (sums + b * signal_size * width for sums in self._sum_addresses)
        size = len(D) * signal_size
        kept = size if total == ENDLESS else 0
        layout.set_memory(record, sums_before=(before, size), sums_after=(after, kept))
        arrays, task = arrays_at(prepared, data_address(D), data_address(y), width), inverse_kernel.inverse_strip
        run_overlap_add(prepared, task, arrays, self._workspace, record)

    def _prepare(self, D: Complex, y: Real, total: int) -> Prepared:
        """The prepared overlap-add for arrays of these shapes and strides."""
        transform = self.plan.inverse_transform
        key = D.shape, D.strides, y.shape, y.strides, total, team_size()
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) == MAX_PREPARED:
                self._prepared.clear()
            start = self._start + self._samples_out
            frame_range = transform.frame_range(start, self._frames_in, total, self._lag)
            prepared = self._prepared[key] = transform.prepare(D, y, frame_range, D.shape[2])
        return prepared
