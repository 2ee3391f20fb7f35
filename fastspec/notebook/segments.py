"""The inversion by offsets in segments of frames, which are computed independently, shifted and cross-faded.

Neighbouring segments overlap by a few windows.  The later one is shifted to where it best correlates with the one
before it, as frames are, and the two are cross-faded.
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
from .passes import Passes, correlation_offset, divide_by_windows

MIN_SEGMENT_FRAMES = 1500
"""Frames of a segment at least with segments="auto": the frames in which segments overlap are computed twice."""
MAX_CONCURRENT_SEGMENTS = 16
"""Segments that are computed at once: enough for all threads, few enough that their signals take little memory."""
COARSEST_SAMPLES = 48
"""Excerpts are halved to at most so many samples before they are compared at all lags."""

FULL_PASSES = 2
"""The last passes, which take all frames; for those before, one of `decimation` frames is enough."""


def decimation(n_fft: int, hop: int) -> int:
    """The factor by which frames are decimated in all but the last passes: the hop grows to n_fft / 4 at most."""
    return max(1, n_fft // 4 // hop)


def auto_segments(frames: int) -> int:
    """The number of segments="auto": a power of two up to MAX_CONCURRENT_SEGMENTS, then multiples of that."""
    wanted, batch = max(1, frames // MIN_SEGMENT_FRAMES), MAX_CONCURRENT_SEGMENTS
    return 1 << (wanted.bit_length() - 1) if wanted < batch else wanted // batch * batch


class SegmentedPasses:
    """Passes over all frames in `count` segments, or fewer, so that a segment has the frames of ten windows at least.

    A segment replaces the one before it from the first frame of its core on.  It starts `reach` frames earlier, as many
    as overlap in a window, so that its sum is complete there, and ends 2 reach frames after its core.
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
        self.segment_signals = aligned(min(self.count, MAX_CONCURRENT_SEGMENTS) * self.samples, passes.dtype)

    def synthesize(self, previous: Real | None, y: Real) -> None:
        """One pass; see `Passes.synthesize`."""
        n_written, tail = 0, y[:0]
        for first in range(0, self.count, MAX_CONCURRENT_SEGMENTS):
            last = min(self.count, first + MAX_CONCURRENT_SEGMENTS)
            self._synthesize_segments(first, last, previous)
            for r in range(first, last):
                z = self.segment_signals[(r - first) * self.samples :][: self.samples]
                divide_by_windows(z, int(self.stops[r] - self.starts[r]), self.passes.hop, self.passes.args.size)
                n_written, tail = self._join_segment(r, z, n_written, tail, y)

    def _synthesize_segments(self, first: int, last: int, previous: Real | None) -> None:
        """Segments first .. last - 1, each the sum of its aligned frames, to `segment_signals`."""
        passes, dtype = self.passes, self.passes.dtype
        p, V, n = passes.correlator, lane_count(dtype), passes.n_fft
        levels, size, pyramid_size = 0, max(p.n1, p.n2), 0
        while True:
            pyramid_size += kernels.padded_size(size)
            if size <= COARSEST_SAMPLES:
                break
            levels, size = levels + 1, (size + 1) // 2
        begin, end = int(self.starts[first]), int(self.stops[first:last].max())
        spectra, origin = passes.source.load_range(begin, end)
        mean = 0.0 if previous is None else previous.mean()
        args = passes.args._replace(source=passes.kernel_source(previous), origin=origin, mean=mean)
        segments = SegmentArgs(
            starts=self.starts[first:last].copy(),
            stops=self.stops[first:last].copy(),
            samples=self.samples,
            n1=p.n1,
            n2=p.n2,
            low=p.low,
            high=p.high,
            levels=levels,
            pyramid_size=pyramid_size,
            search_size=2 * pyramid_size + (size + 64) // 16 * 16 + 64,
        )
        arrays = AlignArrays(
            y=self.segment_signals,
            previous=self.segment_signals if previous is None else previous,
            spectra=spectra,
            window=passes.window,
        )
        record = kernels.LAYOUT.pack(arrays, passes.tables, args, segments)
        scratch = scratch_size(kernels.scratch_sizes(args, segments, V))
        work = int((segments.stops - segments.starts).sum()) * n * 64
        run_items(kernels.align_segment, dtype, last - first, record, work=work, scratch=scratch)

    def _join_segment(self, r: int, z: Real, n_written: int, tail: Real, y: Real) -> tuple[int, Real]:
        """Shift segment r, the signal z, to the best correlation with the one before it, and write it to y.

        `tail` is the window of the segment before from sample n_written on, over which both are cross-faded.  Returns
        both for the next segment.
        """
        hop, size = self.passes.hop, self.passes.args.size
        begin, shift = int(self.starts[r]) * hop, 0
        if r:
            half, early = size // 2, n_written - begin - size // 4
            shift = correlation_offset(tail[:half], z[early : early + half]) + 1 + size // 4
            fade = (np.sin(np.linspace(0, np.pi / 2, size)) ** 2).astype(y.dtype)
            later = z[n_written - begin - shift : n_written - begin - shift + size]
            y[n_written : n_written + size] = tail + (later - tail) * fade
            n_written += size
        begin += shift
        last = len(y) if r + 1 == self.count else int(self.cores[r + 1]) * hop + size // 2
        end = min(last, begin + (int(self.stops[r]) - int(self.starts[r])) * hop + size)
        y[n_written:end] = z[n_written - begin : end - begin]
        y[end:last] = 0
        return last, z[last - begin : last - begin + size].copy() if r + 1 < self.count else y[:0]
