"""From magnitudes to signals, frame by frame: real-time iterative spectrogram inversion with look-ahead (RTISI-LA).

Zhu, Beauregard & Wyse, "Real-time signal estimation from modified short-time Fourier transform magnitude spectra", IEEE
Trans. Audio, Speech and Language Processing 15, 2007, 1645-1653.  The formulas of the
iteration: see `kernels.recovery.rtisi`.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import checks
from .._typing import Real
from ..kernels.fft.tables import lane_count, sample_offsets, scratch_elements
from ..kernels.recovery import rtisi as kernels
from ..kernels.recovery.rtisi import RtisiArgs, RtisiArrays
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import data_address, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..transform.memory import extent, nonnegative_strides
from .segments import Segmentation, SegmentBatch, recover_segments

ENDLESS_FRAMES = 1 << 60  # of a signal that has not ended


def recover(
    plan: STFT,
    S: Real,
    *,
    look_ahead: int = 3,
    n_iter: int = 5,
    length: int | None = None,
    segments: int | Literal["auto"] = 1,
) -> Real:
    """Signals whose STFTs have magnitudes near S, in one pass over the frames.

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Magnitudes >= 0 of the plan's dtype; any strides.  It is fastest where the bins of a frame are neighbours.
    look_ahead : int
        Frames after the committed one that influence it, below 16 in float32 and 8 in float64.
    n_iter : int
        Rounds for each frame, at least 1.
    length : int
        Samples of each signal: zeros energy_sums the last frame.  `plan.n_samples(n_frames)` by default.
    segments : int or "auto"
        The largest number of segments that each signal is divided into; see `segments`.  1: each frame depends on all
        before it.  "auto": segments of 320 frames or more, which fill lanes and threads, and cost some tenths of a
        decibel.

    Returns
    -------
    y : np.ndarray [shape=(signals, length)]
        The same bits for a signal alone and in a batch, for any number of threads, and by `RtisiEngine`.  S times a
        power of two gives y times that power, bit for bit, as long as the largest magnitude stays between 1e-20 and
        1e20 (float64: 1e-200 and 1e200) and least_energy but 0 is below 1e-10 (1e-100) of it.

    Raises
    ------
    TypeError, ValueError
        If look_ahead or n_iter is out of its range, or S is not of this shape and dtype.
    """
    look_ahead, n_iter = _check_options(plan, look_ahead, n_iter)
    _check_magnitudes(plan, S)
    frames = S.shape[2]
    out = np.zeros((len(S), plan.n_samples(frames) if length is None else length), plan.dtype)
    if not frames or not out.size:
        return out
    segmentation = Segmentation.split(plan, frames, look_ahead, segments)
    state_bytes = plan.n_fft * (look_ahead + 1) * 4 * plan.dtype.itemsize

    def recover_batch(plan: STFT, batch: SegmentBatch) -> None:
        Buffers(plan, len(batch.rows), look_ahead, n_iter).run_steps(0, batch.total + look_ahead + 1, batch)

    recover_segments(plan, S, segmentation, out, recover_batch, state_bytes)
    return out


class RtisiEngine:
    """The engine of "rtisi", see `Engine`: the samples of `recover`, each as soon as it is final.

    With frame m + look_ahead frame m is committed, and hop_length samples of each signal become final.

    Parameters
    ----------
    plan : STFT
    signals : int
        Number of signals, whose frames are pushed together.
    look_ahead, n_iter : int
        As in `recover`.
    """

    def __init__(self, plan: STFT, signals: int = 1, *, look_ahead: int = 3, n_iter: int = 5) -> None:
        self._plan, self._signals = plan, checks.as_int("signals", signals, 1)
        self._look_ahead, n_iter = _check_options(plan, look_ahead, n_iter)
        self._buffers = Buffers(plan, self._signals, self._look_ahead, n_iter)
        self._frames = 0

    def push(self, S: Real, out: Real | None = None) -> Real:
        """The samples that become final with the next frames, S (signals, n_bins, any number).

        They are written to `out` unless that is None: zeros of exactly their shape, in C order.
        """
        _check_magnitudes(self._plan, S)
        if len(S) != self._signals:
            raise ValueError(f"S must be of {self._signals} signals, got shape {S.shape}")
        first, self._frames = self._frames, self._frames + S.shape[2]
        y = self._zeros(self.n_final(self._frames) - self.n_final(first)) if out is None else out
        if S.shape[2]:
            self._buffers.run_steps(first, self._frames, self._make_batch(S, first, ENDLESS_FRAMES, y))
        return y

    def finish(self, length: int | None = None) -> Real:
        """The rest of the signals, to `length` samples (`plan.n_samples` of all frames); it ends the recovery."""
        frames = self._frames
        if not frames:
            return self._zeros(0)
        end = self._plan.n_samples(frames) if length is None else length
        out = self._zeros(max(0, end - self.n_final(frames)))
        S = np.zeros((self._signals, self._plan.n_bins, 1), self._plan.dtype)
        self._buffers.run_steps(frames, frames + self._look_ahead + 1, self._make_batch(S, frames, frames, out))
        return out

    def n_final(self, frames: int) -> int:
        """See `Engine`."""
        return max(0, max(0, frames - self._look_ahead) * self._plan.hop_length + self._plan.geometry.start)

    def n_frames_at_latency(self) -> int:
        """See `Engine`."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def _make_batch(self, S: Real, first: int, total: int, out: Real) -> SegmentBatch:
        """The batch of all signals, of which frame `first` is S[:, :, 0]."""
        start = self.n_final(first) - self._plan.geometry.start
        return SegmentBatch(S, np.arange(self._signals), np.full(self._signals, -first), total, start, out)

    def _zeros(self, length: int) -> Real:
        """Zeros (signals, length)."""
        return np.zeros((self._signals, length), self._plan.dtype)


def _check_options(plan: STFT, look_ahead: int, n_iter: int) -> tuple[int, int]:
    """(look_ahead, n_iter) as whole numbers in their ranges."""
    ahead, largest = checks.as_int("look_ahead", look_ahead, 0), lane_count(plan.dtype) - 1
    if ahead > largest:
        raise ValueError(f"look_ahead must be at most {largest} in {plan.dtype}, got {look_ahead!r}")
    return ahead, checks.as_int("n_iter", n_iter, 1)


def _check_magnitudes(plan: STFT, S: Real) -> None:
    """Raise unless S is (signals, n_bins, n_frames) in the plan's dtype."""
    if S.ndim != 3 or S.shape[1] != plan.n_bins:
        raise ValueError(f"S must have the shape (signals, n_bins = {plan.n_bins}, n_frames), got {S.shape}")
    if S.dtype != plan.dtype:
        raise TypeError(f"S must be of the plan's dtype {plan.dtype}, got {S.dtype}")


MOMENTUM = 0.99
"""Of the rounds after the first; see `kernels.recovery.rtisi`."""
FUTURE_ENERGY_WEIGHT = 0.01
"""The fraction of the squared windows of later frames in E: with 0 the sum would end in an edge, with 1 fade out."""
PULSE = 2.0**-12
"""A pulse at the peak of the window of new frames, relative to the level: it gives phases to bins without any."""
FADED_LEVEL = 1 / 256
"""The fraction to which the level of a frame has decayed when it overlaps no frame of the buffer any more."""

CALL_OPERATIONS = 1 << 29  # of a tile in a call of the kernels: between calls Ctrl-C acts


def _window_energies(plan: STFT, look_ahead: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(squared window, sum of the squared windows of a full buffer at each of its frames (look_ahead + 1, n_fft)).

    Committed frames are left out; those after the buffer have the weight FUTURE_ENERGY_WEIGHT.
    """
    n, hop, energy = plan.n_fft, min(plan.hop_length, plan.n_fft), plan.window**2
    columns = np.zeros((-(-n // hop), hop))
    columns.reshape(-1)[:n] = energy
    future = np.cumsum(columns, axis=0).reshape(-1)[:n]  # of a frame and all later ones
    sums = np.zeros((look_ahead + 1, n))
    for d in range(look_ahead + 1):
        for e in range(look_ahead + 1):
            shift = (e - d) * hop
            if 0 <= shift < n:
                sums[d, shift:] += energy[: n - shift]
            elif -n < shift < 0:
                sums[d, :shift] += energy[-shift:]
        shift = (look_ahead + 1 - d) * hop
        if shift < n:
            sums[d, shift:] += FUTURE_ENERGY_WEIGHT * future[: n - shift]
    return energy, sums


def _level_decay(plan: STFT, look_ahead: int) -> float:
    """The factor of a level from frame to frame."""
    return float(FADED_LEVEL ** (1 / (-(-plan.n_fft // plan.hop_length) + look_ahead)))


class Buffers:
    """The buffers and the state of signals, by the kernels: tiles of signals, which have lanes of their own."""

    def __init__(self, plan: STFT, signals: int, look_ahead: int, n_iter: int) -> None:
        n, hop, dtype, V = plan.n_fft, plan.hop_length, plan.dtype, lane_count(plan.dtype)
        offsets = sample_offsets(n, n, V)
        self.dtype, self.tables = dtype, plan.inverse_transform.tables._replace(sample_offsets=offsets)
        self.order = plan.inverse_transform.bin_order
        self.energy, self.buffer_energy = (a.astype(dtype).reshape(-1) for a in _window_energies(plan, look_ahead))
        tile_signals = V // (look_ahead + 1)
        self.tiles = -(-signals // tile_signals)
        tiny = float(np.finfo(dtype).tiny)
        self.args = RtisiArgs(
            rounds=n_iter,
            look_ahead=look_ahead,
            hop=hop,
            n_fft=n,
            reach=-(-n // hop),
            signals=signals,
            tile_signals=tile_signals,
            first=0,
            last=0,
            total=0,
            frame_stride=0,
            bin_stride=0,
            start=0,
            length=0,
            peak=int(np.argmax(np.abs(plan.window))),
            fft_elements=scratch_elements(n),
            bin_count=self.order.size,
            least=tiny**0.5,
            least_energy=tiny,
            momentum=MOMENTUM,
            pulse=PULSE,
            level_decay=_level_decay(plan, look_ahead),
        )
        self.state = aligned(self.tiles * scratch_size(kernels.state_sizes(self.args, V)), dtype)
        self.state[:] = 0
        self.scratch = aligned(0, dtype)
        arrays = RtisiArrays(
            y_out=self.scratch,
            S=self.scratch,
            offsets=self.order,
            state=self.state,
            buffer_energy=self.buffer_energy,
            energy=self.energy,
            order=self.order,
        )
        self.record = kernels.LAYOUT.pack(arrays, self.tables, self.args)

    def run_steps(self, first: int, last: int, batch: SegmentBatch) -> None:
        """Steps first .. last - 1; see `kernels.recovery.rtisi.run_steps`."""
        args, record, layout, V = self.args, self.record.copy(), kernels.LAYOUT, lane_count(self.dtype)
        S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(batch.S)
        offsets = batch.rows * signal_stride + batch.firsts * frame_stride
        layout.set_memory(
            record,
            y_out=(data_address(batch.out), batch.out.size),
            S=(data_address(S), extent(S, S.itemsize)[1]),
            offsets=(data_address(offsets), offsets.size),
        )
        layout.set_numbers(
            record,
            total=batch.total,
            frame_stride=frame_stride,
            bin_stride=bin_stride,
            start=batch.start,
            length=batch.out.shape[1],
        )
        size = min(team_size(), self.tiles) * scratch_size(kernels.scratch_sizes(args, V))
        if self.scratch.size < size:
            self.scratch = aligned(size, self.dtype)
        operations = args.rounds * V * args.n_fft * 64
        steps = max(1, CALL_OPERATIONS // operations)
        for begin in range(first, last, steps):
            end = min(last, begin + steps)
            layout.set_numbers(record, first=begin, last=end)
            work = (end - begin) * operations * self.tiles
            run_items(kernels.run_steps, self.dtype, self.tiles, record, work=work, memory=self.scratch)
