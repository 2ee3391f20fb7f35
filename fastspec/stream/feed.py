"""Frames of signals that come block by block: what streams keep prepared, and what they keep of earlier blocks.

Frames are transformed where they lie: a block is the signal, and the samples kept of the blocks before are its `edges`.
The arguments of the kernels are a record prepared once; a push writes the few numbers that have changed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels.fft.realfft import COMPLEX
from ..kernels.framing.polyphase import SignalArgs, update_history
from ..kernels.runtime.calls import aligned, new_counter
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import claim_items
from ..kernels.runtime.threads import team_size
from ..kernels.stft import forward
from ..transform.epilogue import Epilogue
from ..transform.forward import MIXED_COST, ForwardTransform
from ..transform.memory import MemoryLayout, signal_args

CALL_OPERATIONS = 1 << 26  # of a call: a millisecond or ten, between which Ctrl-C acts
CALL_FRAMES = 4096  # of a call

_N, _ORIGIN, _FRAMES, _STRIPS, _CONTIGUOUS, _STRIDE = map(
    forward.LAYOUT.slot, ("n", "origin", "frames", "strips", "frames_contiguous", "row_stride")
)


class Samples(NamedTuple):
    """A block as kernels take it: signal i at flat[i stride :], n samples of each."""

    flat: Real
    stride: int
    n: int


class PreparedTiles(NamedTuple):
    """A way to share frames out in tiles: its record, and scratch for each worker."""

    record: NDArray[np.int64]
    scratch: Real
    workers: int
    referenced: tuple[Any, ...]  # whose addresses stand in the record


class Feed:
    """One geometry, one epilogue, a number of signals; the samples of them that are still needed.

    Attributes
    ----------
    kept : np.ndarray [shape=(signals, capacity)]
        The samples before the next block, at the end of each row.
    size : int
        How many of them count.
    origin : int
        Where the next frame starts, from the first sample of the next block on.
    """

    def __init__(self, transform: ForwardTransform, epilogue: Epilogue, signals: int, capacity: int) -> None:
        self.transform, self.epilogue, self.signals = transform, epilogue, signals
        self.kept = np.zeros((signals, capacity), transform.dtype)
        self.size = self.origin = 0
        self._flat = self.kept.reshape(-1)
        self._work = transform.work(signals, 1, epilogue)
        self._lanes = V = transform.lanes
        self._reals = 2 if epilogue.op == COMPLEX else 1
        self._function = forward.forward_strip.address(transform.dtype)
        self._call_frames = max(V, min(CALL_FRAMES, CALL_OPERATIONS // self._work) // V * V)
        self._offsets, self._out_offsets = np.zeros((2, signals), np.int64)
        self._stride = 0
        self._peaks = np.empty(signals * (self._call_frames + V) + V, transform.dtype)
        self._counter = new_counter()
        self._prepared: dict[int, PreparedTiles] = {}
        self._transforms: dict[int, ForwardTransform] = {transform.strip_tiles: transform}

    def frames(self, n: int) -> int:
        """How many frames `n` more samples complete."""
        hops = n - self.origin - self.transform.n_fft
        return 1 + hops // self.transform.hop if hops >= 0 else 0

    def take(self, x: Samples, frames: int, layout: MemoryLayout | None, first: int = 0, least: int = 0) -> None:
        """The frames that x completes, written from frame `first` of `layout` on; at least `least` samples are kept."""
        for a in range(0, frames, self._call_frames):
            count = min(self._call_frames, frames - a)
            assert layout is not None
            origin = self.origin + a * self.transform.hop
            if self.transform.in_lanes:
                self._run_in_lanes(x, origin, count, layout, first + a)
            else:
                self._run_scipy(x, origin, count, layout, first + a)
        origin = self.origin + frames * self.transform.hop - x.n
        self.size = min(self.size + x.n, max(-origin, least))
        self.origin = origin
        if self.size:
            update_history(self._flat, self.kept.shape[1], x.flat, 0, x.stride, self.signals, x.n, self.size)

    def _run_in_lanes(self, x: Samples, origin: int, frames: int, layout: MemoryLayout, first: int) -> None:
        V, signals = self._lanes, self.signals
        tiles, team = -(-frames // V), team_size()
        mixed = -(-signals * frames // V)
        if tiles == 1 if signals == 1 else MIXED_COST * mixed < signals * tiles:
            strip_tiles, items = 0, mixed
        else:
            strip_tiles = min(self.transform.strip_tiles, tiles, -(-signals * tiles // team))
            items = signals * -(-tiles // strip_tiles)
        prepared = self._prepared.get(strip_tiles)
        if prepared is None or prepared.workers < team:
            prepared = self._prepared[strip_tiles] = self._prepare(strip_tiles, team)
        if x.stride != self._stride:
            self._offsets[:] = np.arange(signals) * x.stride
            self._stride = x.stride
        shift = first * (self._reals if layout.frames_contiguous else layout.row_stride)
        if signals == 1:
            self._out_offsets[0] = layout.offsets[0] + shift
        else:
            np.add(layout.offsets, shift, out=self._out_offsets)
        record = prepared.record
        record[_N], record[_ORIGIN], record[_FRAMES] = x.n, origin, frames
        record[_STRIPS], record[_CONTIGUOUS] = items // signals, layout.frames_contiguous
        record[_STRIDE] = layout.row_stride
        self._counter[0] = 0
        forward.set_block(record, x.flat, layout.flat)
        claim_items.run_single_batch(
            items, min(team, items), self._counter, self._function, record, prepared.scratch, work=self._work * frames
        )

    def _prepare(self, strip_tiles: int, workers: int) -> PreparedTiles:
        """Mixed tiles if strip_tiles is 0, else strips of so many."""
        transform, dtype = self.transform, self.transform.dtype
        if strip_tiles and strip_tiles not in self._transforms:
            self._transforms[strip_tiles] = ForwardTransform(
                transform.n_fft, transform.hop, transform.window, dtype, strip_tiles
            )
        used = self._transforms[strip_tiles] if strip_tiles else transform
        none, number = np.zeros(0, dtype), dtype.type
        signals = SignalArgs(
            x=none,
            offsets=self._offsets,
            padding=self._flat,
            out=none,
            out_offsets=self._out_offsets,
            peaks=self._peaks,
            n=0,
            pad_left=self.kept.shape[1],
            pad_right=0,
            mean=number(0),
            scale=number(1),
        )
        layout = MemoryLayout(none, self._out_offsets, False, 0)
        frames = max(1, strip_tiles) * self._lanes
        args = used.args(self.signals, frames, layout, self.epilogue, mixed=not strip_tiles)
        scratch = aligned(scratch_size(forward.scratch_sizes(args)) * workers, dtype)
        return PreparedTiles(used.record(signals, args, self.epilogue), scratch, workers, (used, self.epilogue))

    def _run_scipy(self, x: Samples, origin: int, frames: int, layout: MemoryLayout, first: int) -> None:
        stride = x.flat.itemsize * x.stride
        block = np.lib.stride_tricks.as_strided(x.flat, (self.signals, x.n), (stride, x.flat.itemsize))
        shift = first * (self._reals if layout.frames_contiguous else layout.row_stride)
        shifted = layout._replace(offsets=layout.offsets + shift)
        signals = signal_args(block, self.kept[:, self.kept.shape[1] - self.size :], pad_left=self.size)
        self.transform.run(signals, origin, frames, self.kept, self.epilogue, shifted)
