"""Spectra -> signals by overlap-add, by the lane kernels.

Frame f of a signal is x_f = irfft(D[:, f]) (which ignores the imaginary parts of the first and, for even sizes, of the
last bin), and sample t of the whole signal is

    y[t] = sum over f of w[t - f hop] x_f[t - f hop] / sum over f of w[t - f hop]^2,

the least-squares estimate (Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243, eq. 6).  There is no division
where the sum of squares is at most the smallest normal number of the dtype.

Frames are added from the first to the last, so a sample has the same bits for any number of frames, signals and threads
and for any range of samples.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .._typing import Complex, Integer, Real
from ..immutable import cached_attribute
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS
from ..kernels.fft.sizes import addresses, names_instead
from ..kernels.runtime.ahead import announce
from ..kernels.runtime.layout import data_address, join, locate, pack, scratch_size
from ..kernels.runtime.tasks import Task, run_items
from ..kernels.runtime.threads import SERIAL_OPERATIONS, LocatedCall, team_size
from ..kernels.stft import inverse as inverse_kernel
from ..kernels.stft import overlap_add
from ..kernels.stft.inverse import InverseArgs
from ..kernels.stft.overlap_add import OverlapAddArgs
from .framing import window_sum
from .memory import extent, writable
from .prepared import ArrayCall, Kept, Memory, Prepared, Workspace

SUM_BYTES = 160 << 10  # of the sum of a few tiles, which shares the second-level cache with the transform
SIGNAL_SUM_BYTES = 1 << 20  # of the sums of whole signals, each number of which is read once
CONVERTED_NUMBERS = 1 << 20  # of spectra, converted at a time
STRIPS_PER_THREAD = 16  # short waits for the last strip
LEAST_STRIP_WARM_UPS = 8  # frames of a strip, in multiples of its warm-up
STRIP_SAMPLES = 1 << 25  # in the frames of a strip, at most: Ctrl-C acts after some hundredths of a second
BLOCK_SAMPLES = 1 << 18  # held at a time if the output cannot be written directly


def window_energy(window: NDArray[np.floating], hop: int) -> float:
    """The least over 0 <= r < hop of sum over f of window[r - f hop]^2, in the steady state.

    The window is scaled by a power of two to a largest value in (1/2, 1], so that SciPy's windows stay as they are.
    0: window and hop violate NOLA, some samples cannot be reconstructed from their frames.
    """
    w = np.asarray(window, np.float64)
    peak = float(np.abs(w).max())
    if hop > len(w) or peak == 0:
        return 0.0
    scaled = w / 2.0 ** math.ceil(math.log2(peak))
    return float(weight_columns(scaled**2, hop, len(w))[-(-len(w) // hop) - 1].min())


def weight_columns(window: NDArray[np.float64], hop: int, total_frames: int) -> NDArray[np.float64]:
    """Sums of the windows of all frames, in the order of `kernels.stft.overlap_add`: (columns, phases)."""
    size = len(window)
    reach = -(-size // hop)
    count = min(total_frames, reach)
    columns = window_sum(window, count, hop)[: (count + reach - 1) * hop] if hop <= size else window
    return columns.reshape(count + reach - 1, -1)


def sum_size(rows: int, columns: int, dtype: np.dtype[Any]) -> int:
    """Real numbers of a sum, with a margin to read whole vectors at its end."""
    V = fft_tables.lane_count(dtype)
    return -(-rows // V) * V * columns + V * V


def prepare_overlap_add(tables: fft_tables.Tables, args: OverlapAddArgs, weight: Real, work: int) -> Prepared:
    """The overlap-add of these arguments; `weight` as in `weight_columns`, flat."""
    V = fft_tables.lane_count(weight.dtype)
    strips = -(-args.signals // V) if args.signals_in_lanes else args.signals * args.strips
    tails = strips * (args.reach - 1) * args.hop if args.strips > 1 and not args.signals_in_lanes else 0
    empty = weight[:0]
    arrays = overlap_add.OverlapAddArrays(empty, empty, empty, empty, weight)
    record = overlap_add.LAYOUT.pack(arrays, tables, args)
    scratch = scratch_size(overlap_add.scratch_sizes(args, V))
    return Prepared(record, strips, work, scratch, tails)


def run_overlap_add(
    prepared: Prepared,
    task: Task,
    arrays: dict[str, Memory],
    workspace: Workspace,
    record: NDArray[np.int64] | None = None,
) -> None:
    """Call a task for all strips, then add the tails.

    `arrays` are those of `overlap_add.OverlapAddArrays` by name; `record` is the prepared one by default.
    """
    record = set_overlap_add(prepared, arrays, workspace, prepared.record if record is None else record)
    run_strips(prepared, task, record, workspace)


def set_overlap_add(
    prepared: Prepared, arrays: dict[str, Memory], workspace: Workspace, record: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A copy of the record with the addresses of these arrays and of the workspace, which is reserved."""
    record = record.copy()
    workspace.reserve(prepared, team_size())
    tails = data_address(workspace.shared) if prepared.shared else 0, prepared.shared
    overlap_add.LAYOUT.set_memory(record, **arrays, tails=tails)
    return record


def run_strips(prepared: Prepared, task: Task, record: NDArray[np.int64], workspace: Workspace) -> None:
    """Call a task for all strips, then add the tails."""
    for called, work in _tasks(prepared, task):
        run_items(called, workspace.scratch.dtype, prepared.items, record, work=work, memory=workspace.scratch)


def locate_strips(prepared: Prepared, task: Task, record: NDArray[np.int64], workspace: Workspace) -> list[LocatedCall]:
    """The calls of `run_strips`, to be repeated by `run_at` as long as record and scratch stay where they are."""
    scratch, items = workspace.scratch, prepared.items
    memory, workers = locate(record, scratch), min(team_size(), max(items, 1))
    return [(items, workers, work, (called.address(scratch.dtype), *memory)) for called, work in _tasks(prepared, task)]


def _tasks(prepared: Prepared, task: Task) -> list[tuple[Task, int]]:
    """The task of strips and that of their tails, with the work of each."""
    tails = [(overlap_add.add_tails, 32 * prepared.shared + 1)] if prepared.shared else []
    return [(task, prepared.work), *tails]


def _round_up(count: int, V: int) -> int:
    """The next multiple of V."""
    return -(-count // V) * V


class FrameRange(NamedTuple):
    """Frames of a signal, and the samples to be written; see `InverseTransform.run`."""

    weight: Real  # (rows of weights, min(hop, n_fft))
    start: int  # the first sample of the output
    first_frame: int
    total_frames: int  # of the whole signal
    lag: int = 0  # complete columns that are kept; see `kernels.stft.inverse`


class InverseTransform:
    """The inverse transform of a window and hop: its tables, and caches that do not change results.

    Parameters
    ----------
    n_fft, hop : int
        Samples of a frame, and from one frame to the next; each at least 1.
    window : np.ndarray [shape=(n_fft,)]
        The window of the analysis, in float64.
    dtype : np.dtype
        float32 or float64, of the samples.
    """

    def __init__(self, n_fft: int, hop: int, window: NDArray[np.float64], dtype: DTypeLike) -> None:
        self.n_fft, self.hop, self.dtype = n_fft, hop, np.dtype(dtype)
        self.window = np.array(window, np.float64)
        self.reach = -(-n_fft // hop)
        self._kind = np.result_type(self.dtype, np.complex64)
        self._calls: Kept[ArrayCall | None] = Kept()
        self._weights: tuple[int, Real] = (-1, np.empty(0, self.dtype))
        announce("inverse", self.dtype, instead=names_instead(n_fft))
        kernels = addresses(n_fft, self.dtype, forwards=False)
        self.tables = fft_tables.transform_tables(n_fft, hop, 0, self.window, self.window, self.dtype, kernels)

    @cached_attribute
    def bin_order(self) -> Integer:
        """Bins in the order in which the kernels read them."""
        return fft_tables.bin_order(self.n_fft)

    def run_any(self, D: NDArray[Any], out: Real, *, start: int) -> None:
        """`run` for D of any dtype, with all its frames: converted block by block if it is long."""
        kind, count = self._kind, D.shape[2]
        block = max(16, CONVERTED_NUMBERS // (D.shape[0] * D.shape[1]))
        if D.dtype == kind or count <= block:
            self.run(D.astype(kind, copy=False), out, start=start)
            return
        for f in range(0, count, block):
            # the samples before this block's first frame are written, those before the next block's first are final
            a, b = max(0, f * self.hop - start), (f + block) * self.hop - start if f + block < count else out.shape[1]
            if a < min(b, out.shape[1]):
                low = max(0, f - self.reach + 1)
                spectra = D[:, :, low : f + block].astype(kind)
                self.run(spectra, out[:, a:b], start=start + a, first_frame=low, total_frames=count)

    def run(
        self, D: Complex, out: Real, *, start: int = 0, first_frame: int = 0, total_frames: int | None = None
    ) -> None:
        """Write samples start .. start + length - 1 of the whole signals to out; zeros past their ends.

        Parameters
        ----------
        D : np.ndarray [shape=(signals, n_fft // 2 + 1, n_frames)]
            Complex numbers of the dtype; any strides.  It is fastest if bins of a frame or frames of a bin are
            neighbours in memory.
        out : np.ndarray [shape=(signals, length)]
            Of the dtype; any strides.  It must not share memory with D.
        start : int
            The first sample of the output in the whole signal, whose frame f starts at sample f hop: n_fft // 2 for
            centred frames.
        first_frame, total_frames : int
            D[..., 0] is frame `first_frame` of a signal that has `total_frames` (all frames: 0 and n_frames).

        Notes
        -----
        Sample t is the sum over frames f with f hop <= t < f hop + n_fft.  In a stream, after frames up to g - 1, the
        samples before g hop are final, and samples from t on depend on frames from (t - n_fft) // hop + 1 on: the next
        call repeats the last ceil(n_fft / hop) - 1 frames.  Before the end of a stream, total_frames is any number of
        at least g + ceil(n_fft / hop).  A sample has the same bits for any strides of D, any number of threads and
        signals, and any range of frames that contains all of its own.
        """
        key = D.shape, D.strides, out.shape, out.strides, start, first_frame, total_frames, team_size()
        is_plain = D.dtype == self._kind and out.dtype == self.dtype and D.flags.aligned and out.flags.behaved
        call = self._calls.get(key, None) if is_plain else None
        if call is not None:
            call.run(D.swapaxes(-1, -2), out)
            return
        total = first_frame + D.shape[-1] if total_frames is None else total_frames
        self._check(D, out, start, first_frame, total)
        length = out.shape[1]
        low, high = self._frames_of(start, length, first_frame, D.shape[2])
        frame_range = self.frame_range(start, low, total)
        if not out.size or low >= high:
            out[...] = 0
        elif not writable(out):
            self._run_in_blocks(D, out, start, first_frame, total)
        elif not D.flags.aligned:
            self.run(D.copy(), out, start=start, first_frame=first_frame, total_frames=total)
        else:
            call = self._array_call(D, out, frame_range, high - low, low - first_frame)
            self._calls.keep(key, call)
            call.run(D.swapaxes(-1, -2), out)

    def prepare_call(self, D: Complex, out: Real, start: int) -> ArrayCall | None:
        """`run` for arrays of these shapes and strides; None where the kernels cannot write all of the output."""
        (low, high), total = self._frames_of(start, out.shape[1], 0, D.shape[2]), D.shape[2]
        if low >= high or not writable(out):
            return None
        return self._array_call(D, out, self.frame_range(start, low, total), high - low, low)

    def _array_call(self, D: Complex, out: Real, frame_range: FrameRange, frames: int, skip: int) -> ArrayCall:
        prepared = self.prepare(D, out, frame_range, frames, skip)
        spectra, y = prepared.extents
        task, layout = inverse_kernel.inverse_strip, inverse_kernel.LAYOUT
        return ArrayCall(task, layout, self.dtype, prepared, {"spectra": spectra}, {"y": y, "previous": y})

    def _frames_of(self, start: int, length: int, first_frame: int, frames: int) -> tuple[int, int]:
        """The first of the frames that overlap samples start .. start + length - 1, and the frame after the last."""
        low = max(first_frame, -((self.n_fft - 1 - start) // self.hop))
        return low, min(first_frame + frames, (start + length - 1) // self.hop + 1)

    def _check(self, D: Complex, out: Real, start: int, first_frame: int, total: int) -> None:
        """Check shapes, dtypes and ranges: the kernels do not."""
        if D.ndim != 3 or D.shape[1] != self.n_fft // 2 + 1 or out.ndim != 2 or out.shape[0] != D.shape[0]:
            raise ValueError(f"no signals {out.shape} of spectra {D.shape} with n_fft={self.n_fft}")
        if D.dtype != self._kind or out.dtype != self.dtype:
            raise TypeError(f"no signals {out.dtype} of spectra {D.dtype} with dtype {self.dtype}")
        if start < 0 or first_frame < 0 or total < first_frame + D.shape[2]:
            raise ValueError(f"no start={start}, first_frame={first_frame}, total_frames={total} of {D.shape[2]}")
        if not out.flags.writeable:
            raise ValueError("out is read-only")

    def weight(self, total_frames: int) -> Real:
        """1 / sum of squared windows of all frames; see `weight_columns`."""
        count = min(total_frames, self.reach)
        cached_count, weight = self._weights
        if cached_count != count:
            energy = weight_columns(self.window**2, self.hop, count)
            weight = (1 / np.where(energy > np.finfo(self.dtype).tiny, energy, 1)).astype(self.dtype)
            self._weights = count, weight
        return weight

    def frame_range(self, start: int, first_frame: int, total_frames: int, lag: int = 0) -> FrameRange:
        """The range of samples from `start` on, of frames from `first_frame` on of `total_frames`."""
        return FrameRange(self.weight(total_frames), start, first_frame, total_frames, lag)

    def prepare(self, D: Complex, out: Real, frame_range: FrameRange, frames: int, skip: int = 0) -> Prepared:
        """The overlap-add of `frames` frames from D[..., skip] on, for arrays of these shapes and strides."""
        width = self.dtype.itemsize
        spectra, y = extent(D, width), extent(out, width)
        strides = [stride // width for stride in (*D.strides, out.strides[0])]
        args, inverse = self._arguments(len(D), frames, strides, frame_range.lag)
        args = args._replace(
            first_frame=frame_range.first_frame,
            total_frames=frame_range.total_frames,
            start=frame_range.start,
            length=out.shape[1],
            origin=spectra[0] + skip * strides[2],
            y_offset=y[0],
        )
        work = self._work(len(D), frames)
        prepared = prepare_overlap_add(self.tables, args, frame_range.weight.reshape(-1), work)
        record = join(prepared.record, pack(inverse))
        return prepared._replace(record=record, shared=0, extents=(spectra, y))

    def _arguments(self, signals: int, frames: int, strides: list[int], lag: int) -> tuple[OverlapAddArgs, InverseArgs]:
        """Arguments for `frames` frames; strides: of signals, bins and frames of D, and of signals of y."""
        n_fft, hop, dtype, reach = self.n_fft, self.hop, self.dtype, self.reach
        V, rows, kept = fft_tables.lane_count(dtype), min(hop, n_fft), reach - 1 + lag
        strip_frames = self._strip_frames(signals, frames)
        tiles = -(-frames // V)
        signal_sums = sum_size((frames + kept) * rows, V, dtype)
        fewer_tiles = -(-signals // V) * frames * 11 < signals * tiles * 10
        signals_in_lanes = fewer_tiles and signal_sums * dtype.itemsize <= SIGNAL_SUM_BYTES
        strip_tiles = -(-min(frames, strip_frames + reach - 1) // V)
        strip_tiles = max(1, min(strip_tiles, (SUM_BYTES // (rows * dtype.itemsize) // V * V - kept) // V))
        sum_stride = _round_up(strip_tiles * V + kept, V)
        sum_stride += V if sum_stride % (4 * V) == 0 else 0  # else rows would share a set of the cache
        empty = np.empty(0, dtype)
        inverse = InverseArgs(strip_frames, lag, kept, empty, empty)
        args = OverlapAddArgs(
            source=BINS,
            folded=False,
            signals_in_lanes=signals_in_lanes,
            hop=hop,
            n_fft=n_fft,
            size=n_fft,
            skip=0,
            direction=1,
            reach=reach,
            signals=signals,
            strips=max(1, -(-frames // strip_frames)),
            frames=frames,
            first_frame=0,
            total_frames=0,
            origin=0,
            signal_stride=strides[0],
            frame_stride=strides[2],
            lane_stride=strides[0] if signals_in_lanes else strides[2],
            bin_stride=strides[1],
            start=0,
            length=0,
            y_offset=0,
            y_stride=strides[3],
            strip_tiles=strip_tiles,
            rows=0,
            strip_stride=0,
            bins=n_fft // 2 + 1,
            fft_elements=fft_tables.scratch_elements(n_fft),
            extra=0,
            sum_rows=rows,
            sum_stride=sum_stride,
            sum_size=signal_sums if signals_in_lanes else sum_size(rows, sum_stride, dtype),
            mean=0.0,
            least=0.0,
        )
        return args, inverse

    def _work(self, signals: int, frames: int) -> int:
        """Approximate number of operations."""
        return signals * max(frames, 1) * self.n_fft * 32

    def _strip_frames(self, signals: int, frames: int) -> int:
        """Frames of a strip: enough strips for all threads, and whole tiles with the warm-up."""
        V, warm_up, team = fft_tables.lane_count(self.dtype), self.reach - 1, team_size()
        is_small = self._work(signals, frames) < SERIAL_OPERATIONS
        strips = 1 if team == 1 or is_small else -(-STRIPS_PER_THREAD * team // signals)
        least = max(LEAST_STRIP_WARM_UPS * warm_up, V)
        most = max(-(-frames // strips), least)
        return _round_up(min(most, max(STRIP_SAMPLES // self.n_fft, least)) + warm_up, V) - warm_up

    def _run_in_blocks(self, D: Complex, out: Real, start: int, first_frame: int, total: int) -> None:
        """`run` by blocks of samples, if the kernels cannot write to `out` directly."""
        signals, length = out.shape
        samples = max(BLOCK_SAMPLES, 16 * self.n_fft)
        block_signals = max(1, samples // length)
        for b in range(0, signals, block_signals):
            for t in range(0, length, samples):
                target = out[b : b + block_signals, t : t + samples]
                block = np.empty(target.shape, self.dtype)
                spectra = D[b : b + block_signals]
                self.run(spectra, block, start=start + t, first_frame=first_frame, total_frames=total)
                target[...] = block


def arrays_at(prepared: Prepared, D: int, out: int, itemsize: int) -> dict[str, Memory]:
    """The memory of spectra and signals at these addresses, by the names of `OverlapAddArrays`."""
    (spectra_before, spectra_size), (y_before, y_size) = prepared.extents
    target = out - y_before * itemsize, y_size
    return {"y": target, "previous": target, "spectra": (D - spectra_before * itemsize, spectra_size)}
