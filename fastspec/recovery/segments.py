"""Long signals in segments of frames, which are recovered side by side and cross-faded.

Where each frame waits for the one before it, segments of one signal fill lanes and threads.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from .. import checks
from .._typing import Integer, Real
from ..kernels.fft.tables import lane_count
from ..plan import STFT

MIN_SEGMENT_FRAMES = 320
"""Frames of a segment at least by default: the overlaps of shorter ones cost too much."""
BATCH_BYTES = 64 << 20
"""Memory of the segments that are recovered side by side."""
MAX_SEGMENT_TILES = 8
"""Segments by default fill at most so many tiles of lanes: enough to share out among threads."""


class Segmentation(NamedTuple):
    """Overlapping segments of frames, of one length.

    Neighbours are cross-faded where they differ least; this leaves out the first frames of the later one, in which
    phases settle, and the last of the earlier one, which were recovered with fewer frames ahead.
    """

    n_segments: int
    n_frames: int  # of each segment
    first_frames: Integer  # the first frame of each, (n_segments,)
    head_frames: int  # a segment can be joined to the one before it after these
    tail_frames: int  # and to the one after it before these
    hop_length: int
    n_fft: int

    @classmethod
    def split(cls, plan: STFT, n_frames: int, look_ahead: int, segments: int | Literal["auto"]) -> "Segmentation":
        """Split signals of n_frames frames into `segments` at most; each has four times the frames of its overlap."""
        overlaps = -(-plan.n_fft // plan.hop_length)
        n_joined = 2 * overlaps + look_ahead + 1
        if segments == "auto":
            per_tile = lane_count(plan.dtype) // (look_ahead + 1)
            wanted = min(n_frames // MIN_SEGMENT_FRAMES, MAX_SEGMENT_TILES * per_tile)
            wanted -= wanted % per_tile if wanted > per_tile else 0
        elif isinstance(segments, str):
            raise ValueError(f"segments must be a whole number or 'auto', got {segments!r}")
        else:
            wanted = checks.as_int("segments", segments, 1)
        count = max(1, min(wanted, n_frames // (4 * n_joined)))
        slack = n_frames // count // 20
        segment_frames = min(n_frames, -(-n_frames // count) + 2 * slack + n_joined)
        begins = np.arange(count) * n_frames // count - slack - overlaps
        first_frames = np.clip(begins, 0, n_frames - segment_frames)
        return cls(count, segment_frames, first_frames, overlaps, look_ahead, plan.hop_length, plan.n_fft)

    def join(self, y: Real, start: int, out: Real) -> None:
        """Cross-fade segments to one signal.

        Magnitudes determine a signal but for its sign, so each segment takes the sign that fits the one before it.
        They are cross-faded over n_fft samples, where they differ least in energy.

        Parameters
        ----------
        y : np.ndarray [shape=(n_segments, samples)]
        start : int
            The sample of the whole signal that is out[0].
        out : np.ndarray [shape=(length,)]
            Zeros.
        """
        width, offsets, sign = self.n_fft, self.first_frames * self.hop_length, y.dtype.type(1)
        fade = (np.sin(np.linspace(0, np.pi / 2, width)) ** 2).astype(y.dtype)
        begin = 0
        for r in range(1, self.n_segments):
            low = int(offsets[r]) + self.head_frames * self.hop_length
            high = int(offsets[r - 1]) + (self.n_frames - self.tail_frames) * self.hop_length
            earlier = y[r - 1, low - offsets[r - 1] : high - offsets[r - 1]] * sign
            later = y[r, low - offsets[r] : high - offsets[r]]
            splice, flip = find_splice(earlier, later, width)
            seam = low + splice
            _write_clipped(y[r - 1, begin - offsets[r - 1] : seam - offsets[r - 1]] * sign, begin - start, out)
            sign = y.dtype.type(flip)
            earlier, later = earlier[splice : splice + width], later[splice : splice + width] * sign
            _write_clipped(earlier + (later - earlier) * fade, seam - start, out)
            begin = seam + width
        _write_clipped(y[-1, begin - offsets[-1] :] * sign, begin - start, out)


class SegmentBatch(NamedTuple):
    """Segments that are recovered side by side, and their output: frame i of segment b is S[rows[b], :, firsts[b] + i].

    Frame f of a segment starts at its sample f hop_length.
    """

    S: Real  # (signals, n_bins, n_frames)
    rows: Integer  # (segments,)
    firsts: Integer  # (segments,)
    total: int  # frames of a segment
    start: int  # the sample of a segment that is out[:, 0]
    out: Real  # (segments, length), zeros


def recover_segments(
    plan: STFT,
    S: Real,
    segmentation: Segmentation,
    out: Real,
    recover_batch: Callable[[STFT, SegmentBatch], None],
    state_bytes: int = 0,
) -> None:
    """Write to `out` (signals, length) the signals of magnitudes S (signals, n_bins, n_frames), segment by segment.

    So many segments are recovered side by side as take BATCH_BYTES: each takes `state_bytes`, and its samples.
    """
    n_segments, n_frames = segmentation.n_segments, segmentation.n_frames
    start, n_samples = -plan.geometry.start, (n_frames - 1) * plan.hop_length + plan.n_fft
    state_bytes += n_samples * plan.dtype.itemsize if n_segments > 1 else 0
    n_signals = max(1, max(16, BATCH_BYTES // max(1, state_bytes)) // n_segments)
    for b in range(0, len(S), n_signals):
        target = out[b : b + n_signals]
        rows = np.repeat(np.arange(b, b + len(target)), n_segments)
        firsts = np.tile(segmentation.first_frames, len(target))
        if n_segments == 1:
            recover_batch(plan, SegmentBatch(S, rows, firsts, n_frames, start, target))
            continue
        segments = np.zeros((len(rows), n_samples), plan.dtype)
        recover_batch(plan, SegmentBatch(S, rows, firsts, n_frames, 0, segments))
        for y, joined in zip(segments.reshape(len(target), n_segments, -1), target, strict=True):
            segmentation.join(y, start, joined)


def find_splice(y: Real, z: Real, width: int) -> tuple[int, int]:
    """(i, sign) with the least sum of (y[t] - sign z[t])**2 over t from i to i + width - 1."""
    candidates = []
    for sign in (1, -1):
        total = np.cumsum(np.square(y - sign * z), dtype=np.float64)
        sums = total[width - 1 :].copy()
        sums[1:] -= total[:-width]
        i = int(np.argmin(sums))
        candidates.append((sums[i], i, sign))
    _, i, sign = min(candidates, key=lambda candidate: candidate[0])
    return i, sign


def _write_clipped(y: Real, offset: int, out: Real) -> None:
    """out[offset + i] = y[i] for those i for which it exists."""
    a, b = max(0, offset), min(len(out), offset + len(y))
    if a < b:
        out[a:b] = y[a - offset : b - offset]
