"""Frames of signals that come block by block: what streams keep prepared, and what they keep of earlier blocks.

Frames are analysed where they lie: a block is the signal, and what was kept of those before stands beside it, as
`edges`.  Everything that kernels unpack is a record made once; a push writes the few numbers that have changed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Real
from ..kernels import compiled
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import COMPLEX
from ..kernels.framing.polyphase import Signals, keep_last
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import places
from ..kernels.runtime.tasks import each_strip_of
from ..kernels.runtime.threads import team_size
from ..kernels.stft.forward import Job
from ..transform.epilogue import Step
from ..transform.forward import MIXING, Analysis, signals_of
from ..transform.memory import Place

PIECE = 1 << 26  # operations of a call: a millisecond or ten, between which Ctrl-C acts
MOST = 4096  # frames of a call

_JOB = places(Signals) + places(fft_tables.Tables)
_PLACES, _N = places(Signals, "places"), places(Signals, "n")
_ORIGIN, _FRAMES = (_JOB + places(Job, name) for name in ("origin", "frames"))
_STRIPS, _ACROSS, _LD = (_JOB + places(Job, name) for name in ("strips", "across", "ld"))


class Samples(NamedTuple):
    """A block as kernels take it: signal i at flat[i stride :], n samples of each."""

    flat: Real
    stride: int
    n: int


class Prepared(NamedTuple):
    """A layout of tiles: the record of all that is known of it, and scratch for each worker."""

    record: NDArray[np.int64]
    scratch: Real
    workers: int
    kept: tuple[Any, ...]  # whose addresses stand in the record


class Feed:
    """One geometry, one last step, a number of signals; what has come of them and is still needed.

    Attributes
    ----------
    kept : np.ndarray [shape=(signals, room)]
        The samples before the next block, at the end of each row.
    size : int
        How many of them count.
    origin : int
        Where the next frame starts, from the first sample of the next block on.
    """

    def __init__(self, analysis: Analysis, step: Step, signals: int, room: int) -> None:
        self.analysis, self.step, self.signals = analysis, step, signals
        self.kept = np.zeros((signals, room), analysis.dtype)
        self.size = self.origin = 0
        self._flat = self.kept.reshape(-1)
        self._work = analysis.work(signals, 1, step)
        self._lanes = V = fft_tables.lanes(analysis.dtype)
        self._unit = 2 if step.op == COMPLEX else 1
        self._function = compiled.analysis_strip(analysis.dtype).address
        self._most = max(V, min(MOST, PIECE // self._work) // V * V)
        self._starts, self._places = np.zeros((2, signals), np.int64)
        self._stride = 0
        self._peaks = np.empty(signals * (self._most + V) + V, analysis.dtype)
        self._board = new_board()
        self._layouts: dict[int, Prepared] = {}
        self._analyses: dict[int, Analysis] = {analysis.group: analysis}

    def frames(self, n: int) -> int:
        """How many frames `n` more samples complete."""
        room = n - self.origin - self.analysis.n_fft
        return 1 + room // self.analysis.hop if room >= 0 else 0

    def take(self, x: Samples, frames: int, place: Place | None, first: int = 0, least: int = 0) -> None:
        """The frames that x completes to `place`, from frame `first` of it on; at least `least` samples are kept."""
        for a in range(0, frames, self._most):
            count = min(self._most, frames - a)
            assert place is not None
            origin = self.origin + a * self.analysis.hop
            if self.analysis.in_lanes:
                self._analyse(x, origin, count, place, first + a)
            else:
                self._by_library(x, origin, count, place, first + a)
        origin = self.origin + frames * self.analysis.hop - x.n
        self.size = min(self.size + x.n, max(-origin, least))
        self.origin = origin
        if self.size:
            keep_last(self._flat, self.kept.shape[1], x.flat, 0, x.stride, self.signals, x.n, self.size)

    def _analyse(self, x: Samples, origin: int, frames: int, place: Place, first: int) -> None:
        V, signals = self._lanes, self.signals
        tiles, team = -(-frames // V), team_size()
        full = -(-signals * frames // V)
        if tiles == 1 if signals == 1 else MIXING * full < signals * tiles:
            group, items = 0, full
        else:
            group = min(self.analysis.group, tiles, -(-signals * tiles // team))
            items = signals * -(-tiles // group)
        made = self._layouts.get(group)
        if made is None or made.workers < team:
            made = self._layouts[group] = self._prepare(group, team)
        if x.stride != self._stride:
            self._starts[:] = np.arange(signals) * x.stride
            self._stride = x.stride
        shift = first * (self._unit if place.across else place.ld)
        if signals == 1:
            self._places[0] = place.places[0] + shift
        else:
            np.add(place.places, shift, out=self._places)
        record = made.record
        record[_N], record[_ORIGIN], record[_FRAMES] = x.n, origin, frames
        record[_STRIPS], record[_ACROSS], record[_LD] = items // signals, place.across, place.ld
        self._board[0] = 0
        each_strip_of.briefly(
            items,
            min(team, items),
            self._board,
            self._function,
            record,
            x.flat,
            place.flat,
            made.scratch,
            work=self._work * frames,
        )

    def _prepare(self, group: int, workers: int) -> Prepared:
        """Mixed tiles if group is 0, else strips of that many."""
        analysis, dtype = self.analysis, self.analysis.dtype
        if group and group not in self._analyses:
            self._analyses[group] = Analysis(analysis.n_fft, analysis.hop, analysis.window, dtype, group)
        used = self._analyses[group] if group else analysis
        none, V = np.zeros(0, dtype), fft_tables.lanes(dtype)
        signals = Signals(
            none, self._starts, self._flat, none, self._places, self._peaks, 0, self.kept.shape[1], 0,
            dtype.type(0), dtype.type(1),
        )  # fmt: skip
        nowhere = Place(none, self._places, False, 0)
        job = used.job(self.signals, max(1, group) * V, nowhere, self.step, mixed=not group)
        scratch = aligned(job.scratch * workers, dtype)
        return Prepared(used.record(signals, job, self.step), scratch, workers, (used, self.step))

    def _by_library(self, x: Samples, origin: int, frames: int, place: Place, first: int) -> None:
        stride = x.flat.itemsize * x.stride
        block = np.lib.stride_tricks.as_strided(x.flat, (self.signals, x.n), (stride, x.flat.itemsize))
        there = place._replace(places=place.places + first * (self._unit if place.across else place.ld))
        signals = signals_of(block, self.kept[:, self.kept.shape[1] - self.size :], left=self.size)
        self.analysis.run(signals, origin, frames, self.kept, self.step, there)
