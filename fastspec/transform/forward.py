"""Signals -> complex bins, levels, filtered levels, by the lane kernels.

The epilogue computes the output of each tile of bins: no spectrum is held in memory.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Integer, Real
from ..immutable import cached_attribute
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import COMPLEX
from ..kernels.fft.sizes import addresses, names_instead
from ..kernels.framing.polyphase import SignalArgs
from ..kernels.runtime.ahead import announce
from ..kernels.runtime.layout import pack, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import thread_count
from ..kernels.stft import forward
from ..kernels.stft.forward import ForwardArgs
from ..kernels.stft.prologue import prepare_frames
from .epilogue import Epilogue
from .memory import MemoryLayout, layout_of
from .prepared import ArrayCall, Prepared

STRIP_BYTES = 96 << 10  # a strip of this size shares the second-level cache with the transform
STREAM_BYTES = 8 << 20  # larger outputs bypass the caches, if every row of them starts on a cache line
STRIPS_PER_THREAD = 4  # at least, so that threads end at about the same time,
LEAST_STRIP_TILES = 6  # of so many tiles: neighbouring strips read n_fft - hop samples twice
MIXED_COST = 1.4  # relative time of a tile gathered frame by frame; a tile of a strip is 1


class Prologue(NamedTuple):
    """What is done to frames before the window; see `kernels.stft.prologue`."""

    frame_length: int  # samples of a frame, which n_fft - frame_length zeros follow
    remove_mean: bool = False
    preemphasis: float = 0.0  # the coefficient c
    first_gain: float = 1.0  # of the first sample


class ForwardTransform:
    """The transform of frames of n_fft samples, hop apart, times a window (n_fft,), in one dtype: its tables.

    D[k, f] = sum over j of window[j] x[origin + f hop + j] exp(-2 pi i j k / n_fft), k <= n_fft / 2.
    """

    def __init__(
        self,
        n_fft: int,
        hop: int,
        window: NDArray[np.float64],
        dtype: np.dtype[Any],
        strip_tiles: int | None = None,
        prologue: Prologue | None = None,
    ) -> None:
        self.n_fft, self.hop, self.window, self.dtype, self.prologue = n_fft, hop, window, dtype, prologue
        self.frame_length = n_fft if prologue is None else prologue.frame_length
        self.bins = n_fft // 2 + 1
        self.lanes = fft_tables.lane_count(dtype)
        self.strip_tiles = tiles_of_strip(n_fft, hop, dtype) if strip_tiles is None else strip_tiles
        self.strip_stride = fft_tables.strip_stride(n_fft, hop, self.strip_tiles, dtype)

    @cached_attribute
    def tables(self) -> fft_tables.Tables:
        """Of frames in strips."""
        n_fft, kernels = self.n_fft, addresses(self.n_fft, self.dtype, backwards=False)
        return fft_tables.transform_tables(
            n_fft, self.hop, self.strip_stride, self.window, np.ones(n_fft), self.dtype, kernels
        )

    @cached_attribute
    def mixed_tables(self) -> fft_tables.Tables:
        """Of frames of mixed tiles: sample j of a lane is row j."""
        return self.tables._replace(sample_offsets=fft_tables.sample_offsets(self.n_fft, self.n_fft, self.lanes))

    @property
    def strip_tables(self) -> fft_tables.Tables:
        """Of frames as they are transformed: in strips, or as a prologue writes them."""
        return self.mixed_tables if self.prologue else self.tables

    @cached_attribute
    def _packed(self) -> dict[bool, Integer]:
        """The packed tables, by whether tiles are mixed; a prologue writes all frames as if they were."""
        return {False: pack(self.strip_tables), True: pack(self.mixed_tables)}

    def run(
        self,
        signals: SignalArgs,
        origin: int,
        frames: int,
        out: NDArray[Any],
        epilogue: Epilogue,
        layout: MemoryLayout | None = None,
    ) -> Real:
        """Write frames 0 .. frames - 1 of all signals to `out` (..., epilogue.width, frames); returns their peaks.

        Frame 0 starts at sample `origin`, which may be negative: the padding is before sample 0, and zeros before it.
        Peaks (signals, frames) are the largest value of each frame, see `kernels.features.levels`.
        """
        layout = layout or layout_of(out)
        assert layout is not None
        count = len(signals.offsets)
        mixed, strip_tiles = self.division(count, frames)
        args = self.args(count, frames, layout, epilogue, strip_tiles, mixed=mixed)._replace(origin=origin)
        items = -(-count * frames // self.lanes) if mixed else count * args.strips
        peaks = self._run_in_lanes(items, signals, args, epilogue, layout)
        if mixed:
            return peaks[: count * frames].reshape(count, frames)
        padded = -(-frames // self.lanes) * self.lanes
        return peaks[: count * padded].reshape(count, padded)[:, :frames]

    def division(self, count: int, frames: int) -> tuple[bool, int]:
        """(whether tiles are mixed, tiles of a strip) for `count` signals of `frames` frames."""
        tiles, mixed = -(-frames // self.lanes), -(-count * frames // self.lanes)
        if count > 1 and mixed * MIXED_COST < count * tiles:
            return True, 1
        team = thread_count()
        if team == 1 or count * tiles < 2 * LEAST_STRIP_TILES:
            return False, self.strip_tiles
        fair_share = max(LEAST_STRIP_TILES, -(-count * tiles // (STRIPS_PER_THREAD * team)))
        return False, min(self.strip_tiles, fair_share)

    def args(
        self,
        count: int,
        frames: int,
        layout: MemoryLayout,
        epilogue: Epilogue,
        strip_tiles: int | None = None,
        *,
        mixed: bool,
    ) -> ForwardArgs:
        """Arguments for `count` signals of `frames` frames; `streamed` holds for an aligned output only."""
        V, dtype = self.lanes, self.dtype
        strip_tiles = min(strip_tiles or self.strip_tiles, -(-frames // V))
        rows, stride = (self.n_fft, V) if mixed else (min(self.hop, self.n_fft), self.strip_stride)
        reals = 2 if epilogue.op == COMPLEX else 1
        tile_size = V * max(2 * self.bins, epilogue.width * reals, self.bins + epilogue.rows)
        prologue = self.prologue or Prologue(self.n_fft)
        nbytes = count * frames * epilogue.width * reals * dtype.itemsize
        streamed = (
            not layout.frames_contiguous
            and nbytes > STREAM_BYTES
            and layout.row_stride * dtype.itemsize % forward.STREAM_ALIGNMENT == 0
            and not (layout.offsets * dtype.itemsize % forward.STREAM_ALIGNMENT).any()
        )
        before = () if self.prologue is None else (prepare_frames.name,)
        announce("forward", dtype, *before, epilogue.kernel.name, instead=names_instead(self.n_fft))
        return ForwardArgs(
            epilogue=epilogue.kernel.address(dtype),
            prologue=0 if self.prologue is None else prepare_frames.address(dtype),
            op=epilogue.op,
            mixed=mixed,
            full=epilogue.full,
            frames_contiguous=layout.frames_contiguous,
            streamed=streamed,
            hop=self.hop,
            origin=0,
            signals=count,
            frames=frames,
            rows=rows,
            strip_stride=stride,
            strip_tiles=strip_tiles,
            strips=-(-frames // (strip_tiles * V)),
            bins=self.bins,
            width=epilogue.width,
            reals_per_value=reals,
            row_stride=layout.row_stride,
            fft_size=2 * V * fft_tables.scratch_elements(self.n_fft),
            tile_size=tile_size,
            frame_size=0 if self.prologue is None else V * (self.n_fft + 1),
            n_fft=self.n_fft,
            frame_length=self.frame_length,
            remove_mean=prologue.remove_mean,
            preemphasis=prologue.preemphasis,
            first_gain=prologue.first_gain,
        )

    def prepare(self, items: int, signals: SignalArgs, args: ForwardArgs, epilogue: Epilogue) -> Prepared:
        """The call of `forward.forward_strip` for `items` strips or mixed tiles."""
        packed_tables = self._packed[args.mixed]
        return Prepared(
            record=forward.LAYOUT.pack(signals, packed_tables, args, epilogue.record),
            items=items,
            work=self.work(args.signals, args.frames, epilogue),
            scratch=scratch_size(forward.scratch_sizes(args)),
            shared=items * args.strip_tiles * self.lanes,
        )

    def prepare_signals(
        self,
        count: int,
        n: int,
        origin: int,
        frames: int,
        epilogue: Epilogue,
        padding: tuple[Integer, int, int] | None = None,
        *,
        frames_contiguous: bool,
    ) -> ArrayCall:
        """`run` for `count` signals of n samples, one after another in memory, as the frames of the output are.

        The padding is that of `Geometry.padding_indices`.
        """
        reals = 2 if epilogue.op == COMPLEX else 1
        empty, number = np.zeros(0, self.dtype), self.dtype.type
        stride = (frames if frames_contiguous else epilogue.width) * reals
        layout = MemoryLayout(empty, np.arange(count) * (frames * epilogue.width * reals), frames_contiguous, stride)
        is_tile = count == 1 and frames <= self.lanes
        mixed, strip_tiles = (True, 1) if is_tile else self.division(count, frames)
        args = self.args(count, frames, layout, epilogue, strip_tiles, mixed=mixed)._replace(origin=origin)
        items = -(-count * frames // self.lanes) if mixed else count * args.strips
        indices, pad_left, pad_right = (np.zeros(0), 0, 0) if padding is None else padding
        signals = SignalArgs(
            x=empty,
            offsets=np.arange(count) * n,
            padding=indices.astype(self.dtype),
            pads_by_index=padding is not None,
            out=empty,
            out_offsets=layout.offsets,
            peaks=empty,
            n=n,
            pad_left=pad_left,
            pad_right=pad_right,
            mean=number(0),
            scale=number(1),
        )
        call = self.prepare(items, signals, args, epilogue)
        inputs, outputs = {"x": (0, count * n)}, {"out": (0, count * frames * epilogue.width * reals)}
        return ArrayCall(forward.forward_strip, forward.LAYOUT, self.dtype, call, inputs, outputs, "peaks")

    def _run_in_lanes(
        self, items: int, signals: SignalArgs, args: ForwardArgs, epilogue: Epilogue, layout: MemoryLayout
    ) -> Real:
        peaks = np.empty(items * args.strip_tiles * self.lanes, self.dtype)
        signals = signals._replace(out=layout.flat, out_offsets=layout.offsets, peaks=peaks)
        call = self.prepare(items, signals, args, epilogue)
        run_items(forward.forward_strip, self.dtype, items, call.record, work=call.work, scratch=call.scratch)
        return peaks

    def work(self, signals: int, frames: int, epilogue: Epilogue) -> int:
        """Approximate number of operations."""
        return signals * frames * (self.n_fft * 16 + epilogue.args.weights.size * 2)


@lru_cache(256)
def tiles_of_strip(n_fft: int, hop: int, dtype: np.dtype[Any]) -> int:
    """Tiles of a strip: as many as the cache holds, since strips overlap by n_fft - hop samples."""
    rows, tiles = min(hop, n_fft), 1
    while tiles < 16 and rows * fft_tables.strip_stride(n_fft, hop, 2 * tiles, dtype) * dtype.itemsize <= STRIP_BYTES:
        tiles *= 2
    return tiles
