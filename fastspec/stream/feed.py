"""Forward transforms of signals that come in blocks: prepared arguments, and the samples kept of earlier blocks.

Frames are read where they are in memory: the block is the signal, and the kept samples of earlier blocks, the history,
are its padding (`edges`).  The arguments of the kernels are packed once; a block changes only a few of them.
"""

from typing import NamedTuple

import numpy as np

from .._typing import Real
from ..kernels.fft.realfft import COMPLEX
from ..kernels.framing.polyphase import SignalArgs, update_history
from ..kernels.runtime.threads import run_task, team_size
from ..kernels.stft import forward
from ..transform.epilogue import Epilogue
from ..transform.forward import MIXED_COST, ForwardTransform
from ..transform.memory import MemoryLayout
from ..transform.prepared import Prepared, Workspace

CALL_OPERATIONS = 1 << 26  # of a call of the kernels, one to ten milliseconds: between calls Ctrl-C acts
CALL_FRAMES = 4096  # of a call of the kernels, at most

_N, _ORIGIN, _FRAMES, _STRIPS, _CONTIGUOUS, _STRIDE = map(
    forward.LAYOUT.slot, ("n", "origin", "frames", "strips", "frames_contiguous", "row_stride")
)  # slots of the arguments that change from block to block


class Samples(NamedTuple):
    """A block as kernels read it: signal i is flat[i stride : i stride + n]."""

    flat: Real
    stride: int
    n: int


class Feed:
    """The forward transform, with its epilogue, of signals that come in blocks.

    Attributes
    ----------
    history : np.ndarray [shape=(signals, capacity)]
        The last samples before the next block, at the end of each row.
    history_size : int
        Number of samples in a row of it; those before them are unset.
    origin : int
        First sample of the next frame, relative to the first sample of the next block.
    """

    def __init__(self, transform: ForwardTransform, epilogue: Epilogue, signals: int, capacity: int) -> None:
        self.transform, self.epilogue, self.signals = transform, epilogue, signals
        self.history = np.zeros((signals, capacity), transform.dtype)
        self.history_size = self.origin = 0
        self._flat = self.history.reshape(-1)
        self._work = transform.work(signals, 1, epilogue)
        self._lanes = V = transform.lanes
        self._reals = 2 if epilogue.op == COMPLEX else 1
        self._function = forward.forward_strip.address(transform.dtype)
        self._call_frames = max(V, min(CALL_FRAMES, CALL_OPERATIONS // self._work) // V * V)
        self._offsets, self._out_offsets = np.zeros((2, signals), np.int64)
        self._stride = 0
        self._peaks = np.empty(signals * (self._call_frames + V) + V, transform.dtype)
        self._prepared: dict[int, Prepared] = {}  # a strip of each signal, by its tiles
        self._workspace = Workspace(transform.dtype)
        self._transforms: dict[int, ForwardTransform] = {transform.strip_tiles: transform}

    def count_frames(self, n: int) -> int:
        """Number of frames that n more samples complete."""
        hops = n - self.origin - self.transform.frame_length
        return 1 + hops // self.transform.hop if hops >= 0 else 0

    def transform_block(
        self, x: Samples, frames: int, layout: MemoryLayout | None, first: int = 0, min_history: int = 0
    ) -> None:
        """Write the frames that x completes, from frame `first` of `layout` on; keep min_history samples or more."""
        for a in range(0, frames, self._call_frames):
            count = min(self._call_frames, frames - a)
            assert layout is not None
            origin = self.origin + a * self.transform.hop
            self._run_in_lanes(x, origin, count, layout, first + a)
        origin = self.origin + frames * self.transform.hop - x.n
        self.history_size = min(self.history_size + x.n, max(-origin, min_history))
        self.origin = origin
        if self.history_size:
            capacity = self.history.shape[1]
            update_history(self._flat, capacity, x.flat, 0, x.stride, self.signals, x.n, self.history_size)

    def _run_in_lanes(self, x: Samples, origin: int, frames: int, layout: MemoryLayout, first: int) -> None:
        """Frames from sample `origin` of x on, by the kernels."""
        V, signals = self._lanes, self.signals
        tiles, team = -(-frames // V), team_size()
        mixed_tiles = -(-signals * frames // V)
        if tiles == 1 if signals == 1 else MIXED_COST * mixed_tiles < signals * tiles:
            strip_tiles, items = 0, mixed_tiles
        else:
            strip_tiles = min(self.transform.strip_tiles, tiles, -(-signals * tiles // team))
            items = signals * -(-tiles // strip_tiles)
        prepared = self._prepared.get(strip_tiles)
        if prepared is None:
            prepared = self._prepared[strip_tiles] = self._prepare(strip_tiles)
        self._workspace.reserve(prepared, team)
        if x.stride != self._stride:
            self._offsets[:] = np.arange(signals) * x.stride
            self._stride = x.stride
        shift = first * (self._reals if layout.frames_contiguous else layout.row_stride)
        if signals == 1:
            self._out_offsets[0] = layout.offsets[0] + shift
        else:
            np.add(layout.offsets, shift, out=self._out_offsets)
        record = prepared.record.copy()
        record[_N], record[_ORIGIN], record[_FRAMES] = x.n, origin, frames
        record[_STRIPS], record[_CONTIGUOUS] = items // signals, layout.frames_contiguous
        record[_STRIDE] = layout.row_stride
        forward.set_block(record, x.flat, layout.flat)
        scratch, work = self._workspace.scratch, self._work * frames
        run_task(self._function, items, min(team, items), record, scratch, work=work)

    def _prepare(self, strip_tiles: int) -> Prepared:
        """The call for strips of strip_tiles tiles; for mixed tiles, of frames of several signals, if it is 0."""
        transform, dtype = self.transform, self.transform.dtype
        if strip_tiles and strip_tiles not in self._transforms:
            self._transforms[strip_tiles] = ForwardTransform(
                transform.n_fft, transform.hop, transform.window, dtype, strip_tiles, transform.prologue
            )
        strip_transform = self._transforms[strip_tiles] if strip_tiles else transform
        unset, number = np.zeros(0, dtype), dtype.type
        signals = SignalArgs(
            x=unset,
            offsets=self._offsets,
            padding=self._flat,
            out=unset,
            out_offsets=self._out_offsets,
            peaks=self._peaks,
            n=0,
            pads_by_index=False,
            pad_left=self.history.shape[1],
            pad_right=0,
            mean=number(0),
            scale=number(1),
        )
        layout = MemoryLayout(unset, self._out_offsets, False, 0)
        frames = max(1, strip_tiles) * self._lanes
        args = strip_transform.args(self.signals, frames, layout, self.epilogue, mixed=not strip_tiles)
        return strip_transform.prepare(self.signals, signals, args, self.epilogue)._replace(shared=0)
