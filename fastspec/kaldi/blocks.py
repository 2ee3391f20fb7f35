"""Frames of a signal that comes in blocks, by prepared calls: of frames that fit, or of a stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import Real
from ..frontends.frontend import FrontEnd
from ..frontends.stream import StreamingFeatures
from ..transform.memory import MemoryLayout, layout_of

PART_SAMPLES = 1 << 16  # of a block, taken at a time
LEAST_SAMPLES = 1 << 12  # of a buffer


class FittingFrames:
    """The frames that fit into a signal, snip_edges=True, from a buffer of its latest samples.

    Each call of the kernels is one of `FrontEnd` for a signal that holds these frames alone, so they have its bits.
    """

    def __init__(self, frontend: FrontEnd) -> None:
        self._signals, geometry = frontend._signals, frontend.geometry
        self._size, self._hop = geometry.frame_length, geometry.hop_length
        self._buffer: Real = np.empty(max(4 * self._size, LEAST_SAMPLES), frontend.dtype)
        self._start = self._stop = 0  # of the next frame, and of the samples, in the buffer

    def push(self, x: Real, frames: Real, row: int) -> int:
        """Write the frames that samples (n,) complete to frames[row:]; returns their number."""
        done = 0
        for a in range(0, len(x), PART_SAMPLES):
            done += self._push_part(x[a : a + PART_SAMPLES], frames, row + done)
        return done

    def _push_part(self, x: Real, frames: Real, row: int) -> int:
        n = len(x)
        if self._stop + n > len(self._buffer):
            self._move_to_front(n)
        self._buffer[self._stop : self._stop + n] = x
        self._stop += n
        samples = self._stop - self._start - self._size
        if samples < 0:
            return 0
        count = samples // self._hop + 1
        prepared = self._signals.prepared_call("features", "F", (self._size + (count - 1) * self._hop,))
        assert prepared is not None
        prepared[0].run(self._buffer[self._start :], frames[row:])
        self._start += count * self._hop
        return count

    def _move_to_front(self, n: int) -> None:
        """The samples from the next frame on to the front of the buffer, which then takes n more."""
        kept = self._buffer[self._start : self._stop]
        self._start -= min(self._start, self._stop)  # above 0 if the next frame starts after the samples
        if len(kept) + n > len(self._buffer):
            self._buffer = np.empty(2 * (len(kept) + n), kept.dtype)
        self._buffer[: len(kept)] = kept
        self._stop = len(kept)

    def flush(self, frames: Real, row: int) -> int:
        """No frame reaches past the end."""
        return 0

    def prepare(self) -> None:
        """Compile, or load, all that `push` calls."""
        spare = object.__new__(type(self))
        vars(spare).update(vars(self))
        spare._buffer, spare._start, spare._stop = self._buffer.copy(), 0, 0
        frames = np.empty((2, self._signals.make_epilogue("features").width), self._buffer.dtype)
        spare.push(np.zeros(self._size, self._buffer.dtype), frames, 0)


class StreamedFrames:
    """The frames of a `FrontEnd.stream`."""

    def __init__(self, frontend: FrontEnd) -> None:
        self._stream: StreamingFeatures = frontend.stream()
        self._frames: Any = None
        self._layout: MemoryLayout | None = None  # of these frames, from the second block on

    def push(self, x: Real, frames: Real, row: int) -> int:
        """As in `FittingFrames`."""
        if self._layout is None:
            count = self._stream.push(x, frames[row:].T).shape[1]
        elif frames is self._frames:
            return self._stream.push_rows(x, self._layout, row)
        else:
            count = self._stream.push_rows(x, _layout(frames), row)
        self._frames, self._layout = frames, _layout(frames)
        return count

    def flush(self, frames: Real, row: int) -> int:
        """Write the frames that reach past the end."""
        return self._stream.flush(frames[row:].T).shape[1]

    def prepare(self) -> None:
        """Compile, or load, all that `push` and `flush` call."""
        self._stream.prepare()


def _layout(frames: Real) -> MemoryLayout:
    layout = layout_of(frames.T)
    assert layout is not None
    return layout
