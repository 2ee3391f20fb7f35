"""Long signals in segments that are made side by side, where else one frame would wait for another."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from .. import checks
from .._typing import Real, Whole
from ..kernels.fft.tables import lane_count
from ..plan import STFT

SEGMENT = 320
"""Frames of a segment at least, if their number is ours to choose: shorter ones cost too much where they are joined."""
KEPT_BYTES = 64 << 20
"""Of the signals that are made side by side."""
GROUPS = 8
"""Tiles of segments at most, if their number is ours to choose: enough to share out among threads."""


class Cuts(NamedTuple):
    """Where signals are cut into segments of frames that are made side by side.

    Neighbours overlap.  They are joined where they differ least; of the overlap this leaves out the first `reach`
    frames of the one, in which phases settle, and the last of the other, which were made with fewer frames ahead.
    """

    segments: int
    frames: int  # of each segment
    firsts: Whole  # the first frame of each
    head: int  # frames after which a segment can be joined to the one before
    tail: int  # frames before the end of a segment from which on it cannot be joined to the one after
    hop: int
    n_fft: int

    @classmethod
    def of(cls, plan: "STFT", total: int, look_ahead: int, segments: int | Literal["auto"]) -> "Cuts":
        """For signals of `total` frames.  Segments are never shorter than four times what is made for the joins."""
        reach = -(-plan.n_fft // plan.hop_length)
        least = 2 * reach + look_ahead + 1
        if segments == "auto":
            width = lane_count(plan.dtype) // (look_ahead + 1)
            wanted = min(total // SEGMENT, GROUPS * width)
            wanted -= wanted % width if wanted > width else 0
        elif isinstance(segments, str):
            raise ValueError(f"segments must be a whole number or 'auto', got {segments!r}")
        else:
            wanted = checks.as_int("segments", segments, 1)
        count = max(1, min(wanted, total // (4 * least)))
        spread = total // count // 20
        frames = min(total, -(-total // count) + 2 * spread + least)
        begin = np.arange(count) * total // count - spread - reach
        firsts = np.clip(begin, 0, total - frames)
        return cls(count, frames, firsts, reach, look_ahead, plan.hop_length, plan.n_fft)

    def join(self, y: Real, start: int, out: Real) -> None:
        """Segments made apart, as one signal.

        Magnitudes tell no sign, so each segment takes the one that fits the segment before it.  One fades into the
        other over a frame, there where they differ least, in energy.

        Parameters
        ----------
        y : np.ndarray [shape=(segments, samples)]
        start : int
            The sample of the whole signal that is out[0].
        out : np.ndarray [shape=(length,)]
            Zeros.
        """
        width, places, sign = self.n_fft, self.firsts * self.hop, y.dtype.type(1)
        fade = (np.sin(np.linspace(0, np.pi / 2, width)) ** 2).astype(y.dtype)
        begin = 0
        for r in range(1, self.segments):
            low = int(places[r]) + self.head * self.hop
            high = int(places[r - 1]) + (self.frames - self.tail) * self.hop
            one = y[r - 1, low - places[r - 1] : high - places[r - 1]] * sign
            other = y[r, low - places[r] : high - places[r]]
            at, turn = _least_difference(one, other, width)
            _place(y[r - 1, begin - places[r - 1] : low + at - places[r - 1]] * sign, begin - start, out)
            sign = y.dtype.type(turn)
            one, other = one[at : at + width], other[at : at + width] * sign
            _place(one + (other - one) * fade, low + at - start, out)
            begin = low + at + width
        _place(y[-1, begin - places[-1] :] * sign, begin - start, out)


class Part(NamedTuple):
    """Frames given, and the samples wanted.  Frame i of signal b is S[rows[b], :, firsts[b] + i]."""

    S: Real  # (any number, n_bins, n_frames)
    rows: Whole  # (signals,)
    firsts: Whole
    total: int  # frames of a signal
    start: int  # first sample wanted, of the whole signal, whose frame f starts at sample f hop
    out: Real  # (signals, length), zeros


def made_of_parts(
    plan: "STFT", S: Real, cuts: Cuts, out: Real, run: Callable[["STFT", Part], None], kept: int = 0
) -> None:
    """Signals of magnitudes S, (signals, n_bins, n_frames), cut by `cuts`, made by `run`, joined, written to `out`.

    As many are made side by side as take KEPT_BYTES, of which each segment takes `kept` and what it is.
    """
    start, samples = -plan.geometry.start, (cuts.frames - 1) * plan.hop_length + plan.n_fft
    kept += samples * plan.dtype.itemsize if cuts.segments > 1 else 0
    many = max(1, max(16, KEPT_BYTES // max(1, kept)) // cuts.segments)
    for b in range(0, len(S), many):
        target = out[b : b + many]
        rows, firsts = np.repeat(np.arange(b, b + len(target)), cuts.segments), np.tile(cuts.firsts, len(target))
        if cuts.segments == 1:
            run(plan, Part(S, rows, firsts, cuts.frames, start, target))
        else:
            waves = np.zeros((len(rows), samples), plan.dtype)
            run(plan, Part(S, rows, firsts, cuts.frames, 0, waves))
            for y, z in zip(waves.reshape(len(target), cuts.segments, -1), target, strict=True):
                cuts.join(y, start, z)


def _least_difference(one: Real, other: Real, width: int) -> tuple[int, int]:
    """(i, sign): where sum of (one - sign other)**2 over samples i .. i + width - 1 is least."""
    found = []
    for sign in (1, -1):
        total = np.cumsum(np.square(one - sign * other), dtype=np.float64)
        sums = total[width - 1 :].copy()
        sums[1:] -= total[:-width]
        i = int(np.argmin(sums))
        found.append((sums[i], i, sign))
    _, i, sign = min(found, key=lambda each: each[0])
    return i, sign


def _place(piece: Real, at: int, out: Real) -> None:
    """out[at:] = piece, as far as there is room on both sides."""
    a, b = max(0, at), min(len(out), at + len(piece))
    if a < b:
        out[a:b] = piece[a - at : b - at]
