"""A run of `Analysis` made ready for blocks of one kind, which come again and again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import Analysis, Step, place_of, signals_of
from ..kernels import compiled
from ..kernels.calls import aligned, new_board
from ..kernels.jit import team_size
from ..kernels.plan import Job, Signals, Tables
from ..kernels.records import places
from ..kernels.strips import each_strip
from ..synthesis import address

Real = NDArray[np.floating]

X, EDGES, OUT, N, LEFT, RIGHT = (places(Signals, name) for name in ("x", "edges", "out", "n", "left", "right"))
ORIGIN = places(Signals) + places(Tables) + places(Job, "origin")


class Prepared:
    """Frames of signals whose samples come in blocks, into memory of one layout; immutable but for what each run sets.

    Parameters
    ----------
    analysis : Analysis
        Of a size that the kernels transform.
    step : Step
    signals : int
    out : np.ndarray [shape=(..., rows, frames)]
        An array like those to be filled, in memory that `place_of` knows.
    """

    def __init__(self, analysis: Analysis, step: Step, signals: int, out: NDArray[Any]) -> None:
        dtype, frames, place = analysis.dtype, out.shape[-1], place_of(out)
        assert place is not None
        mixed, self.items = analysis.layout(signals, frames)
        job = analysis.job(signals, frames, place, step, mixed=mixed)
        self.workers, self.function = min(team_size(), self.items), compiled.analysis_strip(dtype).address
        self.numbers, self.starts = np.arange(signals), np.zeros(signals, np.int64)
        self.places, self.peaks = place.places, np.empty(self.items * job.group * analysis.lanes, dtype)
        none = self.peaks[:0]
        about = Signals(
            none, self.starts, none, place.flat, place.places, self.peaks, 0, 0, 0, dtype.type(0), dtype.type(1)
        )
        self.record = analysis.record(about, job, step)
        self.ahead = address(place.flat) - address(out)
        self.scratch, self.board = aligned(job.scratch * self.workers, dtype), new_board()
        self.work = analysis.work(signals, frames, step)

    def run(self, x: Real, kept: Real, end: int, origin: int, out: NDArray[Any]) -> None:
        """Frames from sample `origin` of x (signals, n) on; the columns < end of `kept` (signals, any) stand before."""
        record, n = self.record, x.shape[1]
        record[X], record[X + 1] = address(x), x.size
        record[EDGES], record[EDGES + 1] = address(kept), kept.size
        record[OUT] = address(out) + self.ahead
        record[N], record[LEFT], record[RIGHT], record[ORIGIN] = n, end, kept.shape[1] - end, origin
        if len(self.starts) > 1:
            np.multiply(self.numbers, n, out=self.starts)
        self.board[0] = 0
        each_strip(
            self.items, self.workers, self.board, self.function, record, self.scratch, work=self.work
        )  # fmt: skip


class Known:
    """What has been made ready for the blocks of one stream."""

    def __init__(self, analysis: Analysis, step: Step) -> None:
        self.analysis, self.step = analysis, step
        self.kinds: dict[object, Prepared] = {}

    def run(self, x: Real, kept: Real, end: int, origin: int, out: NDArray[Any]) -> None:
        """As of `Prepared`, for any size, and any out (..., rows, frames), whose leading axes are the signals."""
        if not out.size:
            return
        kind = out.shape, out.strides, address(out) % 64, team_size()
        ready = self.kinds.get(kind)
        if ready is not None:
            ready.run(x, kept, end, origin, out)
        elif place_of(out) is None:
            held = np.empty(out.shape, out.dtype)
            self.run(x, kept, end, origin, held)
            out[...] = held
        elif not self.analysis.in_lanes:
            signals = signals_of(x, kept, left=end, right=kept.shape[1] - end)
            self.analysis.run(signals, origin, out.shape[-1], out, self.step)
        else:
            if len(self.kinds) == KINDS:
                self.kinds.clear()
            self.kinds[kind] = Prepared(self.analysis, self.step, len(x), out)
            self.kinds[kind].run(x, kept, end, origin, out)


KINDS = 32
"""Kinds of blocks for which everything is kept ready."""
