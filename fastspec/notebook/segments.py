"""The inversion by offsets in runs: stretches of frames that are chains of their own, side by side, and then joined.

Neighbouring runs overlap by a few windows.  As a whole the later one is shifted to where it best fits what is there,
by the search that joins frames, and one fades into the other.
"""

import numpy as np

from .._typing import Integer, Real
from ..kernels.fft.tables import lane_count
from ..kernels.notebook import segments as kernels
from ..kernels.notebook.align import AlignArrays
from ..kernels.notebook.segments import SegmentArgs
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from .passes import Passes, divide, segment_offset

RUN = 1500
"""Frames of a run at least, if their number is ours to choose: each pays for some that only lead into it."""
SIDE_BY_SIDE = 16
"""Runs that are made at a time: enough to share out, and few enough that their waves stay small."""
COARSE = 48
"""Samples of the shortest segments that are compared at all lags; longer ones are halved first."""

LAST = 2
"""Passes at the end that take every frame; those before take one of `thinning`, as far as all their frames tell."""


def thinning(n_fft: int, hop: int) -> int:
    """One of how many frames is taken where not all are needed: frames are a quarter apart at most."""
    return max(1, n_fft // 4 // hop)


def count_of(frames: int) -> int:
    """How many runs "auto" takes: a power of two up to SIDE_BY_SIDE, then multiples of that; of frames alone."""
    wanted = max(1, frames // RUN)
    return 1 << (wanted.bit_length() - 1) if wanted < SIDE_BY_SIDE else wanted // SIDE_BY_SIDE * SIDE_BY_SIDE


class Runs:
    """Passes in `count` runs, or as many as there is room for: a run lasts for ten windows at least.

    Frame c of the core of a run is where it takes over from the one before.  It starts `reach` frames earlier, as many
    as a window reaches over, so that it is whole there, and lasts for two more windows than its core.
    """

    def __init__(self, passes: Passes, count: int) -> None:
        self.passes, V = passes, lane_count(passes.dtype)
        frames, self.reach = passes.frames, -(-passes.args.size // passes.hop)
        self.count = max(1, min(count, frames // (10 * self.reach + 2 * V)))
        bounds = np.arange(self.count + 1) * frames // self.count
        self.cores: Integer = bounds[:-1] // V * V
        self.starts: Integer = np.maximum(0, (self.cores - self.reach) // V * V)
        self.stops: Integer = np.minimum(frames, np.append(self.cores[1:], frames) + 2 * self.reach)
        self.samples = int((self.stops - self.starts).max()) * passes.hop + passes.args.size
        self.waves = aligned(min(self.count, SIDE_BY_SIDE) * self.samples, passes.dtype)

    def run(self, previous: Real | None, wave: Real) -> None:
        """One pass; see `Passes.run`."""
        placed, tail = 0, wave[:0]
        for first in range(0, self.count, SIDE_BY_SIDE):
            last = min(self.count, first + SIDE_BY_SIDE)
            self._walk(first, last, previous)
            for r in range(first, last):
                y = self.waves[(r - first) * self.samples :][: self.samples]
                divide(y, int(self.stops[r] - self.starts[r]), self.passes.hop, self.passes.args.size)
                placed, tail = self._place(r, y, placed, tail, wave)

    def _walk(self, first: int, last: int, previous: Real | None) -> None:
        """Runs first .. last - 1, each a sum of frames."""
        passes, dtype = self.passes, self.passes.dtype
        p, V, n = passes.correlator, lane_count(dtype), passes.n_fft
        levels, size, window_size = 0, max(p.n1, p.n2), 0
        while True:
            window_size += kernels.padded_size(size)
            if size <= COARSE:
                break
            levels, size = levels + 1, (size + 1) // 2
        begin, end = int(self.starts[first]), int(self.stops[first:last].max())
        spectra, origin = passes.given.of(begin, end)
        mean = 0.0 if previous is None else previous.mean()
        args = passes.args._replace(source=passes.source(previous), origin=origin, mean=mean)
        segments = SegmentArgs(
            starts=self.starts[first:last].copy(),
            stops=self.stops[first:last].copy(),
            samples=self.samples,
            n1=p.n1,
            n2=p.n2,
            low=p.low,
            high=p.high,
            levels=levels,
            window_size=window_size,
            search_size=2 * window_size + (size + 64) // 16 * 16 + 64,
        )
        arrays = AlignArrays(self.waves, self.waves if previous is None else previous, spectra, passes.window)
        record = kernels.LAYOUT.pack(arrays, passes.tables, args, segments)
        scratch = scratch_size(kernels.scratch_sizes(args, segments, V))
        work = int((segments.stops - segments.starts).sum()) * n * 64
        run_items(kernels.align_segment, dtype, last - first, record, work=work, scratch=scratch)

    def _place(self, r: int, y: Real, placed: int, tail: Real, wave: Real) -> tuple[int, Real]:
        """Run r to its place; (samples of the wave that are done, what fades into the next)."""
        hop, size = self.passes.hop, self.passes.args.size
        begin, shift = int(self.starts[r]) * hop, 0
        if r:
            half, early = size // 2, placed - begin - size // 4
            shift = segment_offset(tail[:half], y[early : early + half]) + 1 + size // 4
            fade = (np.sin(np.linspace(0, np.pi / 2, size)) ** 2).astype(wave.dtype)
            other = y[placed - begin - shift : placed - begin - shift + size]
            wave[placed : placed + size] = tail + (other - tail) * fade
            placed += size
        begin += shift
        last = len(wave) if r + 1 == self.count else int(self.cores[r + 1]) * hop + size // 2
        have = min(last, begin + (int(self.stops[r]) - int(self.starts[r])) * hop + size)
        wave[placed:have] = y[placed - begin : have - begin]
        wave[have:last] = 0
        return last, y[last - begin : last - begin + size].copy() if r + 1 < self.count else wave[:0]
