"""Kernels of the forward transform: strips of tiles -> spectra, levels, or filtered levels such as mels.

A strip depends only on the samples of its frames: there is no state between strips, so any range of frames can be
computed.  An epilogue is a function such as `write_levels`: it computes the output of a tile of bins and writes it.
"""

from typing import NamedTuple

from ..features.levels import Bands, Epilogue, apply_filters, powers_to_levels, take_logarithms
from ..fft.realfft import POWER
from ..fft.tables import Tables
from ..framing.memory import (
    scatter_complex,
    scatter_complex_frames_contiguous,
    scatter_rows,
    scatter_rows_frames_contiguous,
    scatter_tile,
)
from ..framing.polyphase import Signal, SignalArgs, interleave_rows, polyphase, read_padded
from ..runtime.calls import address, call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..runtime.layout import Ints, Layout, Number, Reals, carve
from ..runtime.tasks import called_from_python, callee, task
from ..simd.transpose import memory_fence
from ..simd.vector import lanes, load, splat, store


class ForwardArgs(NamedTuple):
    """The layout of frames, in memory and in tiles, and the epilogue."""

    epilogue: int  # address of the kernel that writes a tile
    prologue: int  # address of `prologue.prepare_frames`; 0 if frames are transformed as they are
    op: int  # realfft.COMPLEX or POWER
    mixed: bool  # a tile holds frames of several signals; otherwise a strip holds tiles of one signal
    full: bool  # all n_fft bins, not only the first half
    frames_contiguous: bool  # the frames of a bin are neighbours in the output, not the bins of a frame
    streamed: bool  # the output bypasses the caches
    hop: int
    origin: int  # the sample at which frame 0 starts
    signals: int
    frames: int  # of a signal
    rows: int  # of a strip, min(hop, n_fft) polyphase components; of a mixed tile, n_fft samples
    strip_stride: int  # from a row of a strip to the next
    strip_tiles: int  # tiles in a strip
    strips: int  # of a signal
    bins: int  # of the transform
    width: int  # values written for a frame: bins or filters
    reals_per_value: int  # 2 if complex
    row_stride: int  # real numbers from a frame of the output to the next; with frames_contiguous, from a bin
    fft_size: int  # real numbers of scratch for the transform
    tile_size: int  # for the bins of a tile and its epilogue
    frame_size: int  # for the frames that a prologue writes
    n_fft: int
    frame_length: int  # samples of a frame, for a prologue
    remove_mean: bool
    preemphasis: Number  # its coefficient; 0 for none
    first_gain: Number  # of the first sample of a frame


LAYOUT = Layout(SignalArgs, Tables, ForwardArgs, Epilogue)
unpack_signals, unpack_tables, unpack_args, unpack_epilogue = LAYOUT.unpackers
X_SLOT, OUT_SLOT = map(LAYOUT.slot, ("x", "out"))

STREAM_ALIGNMENT = 64  # an output bypasses the caches if every row of it starts on a cache line


@register_jitable
def scratch_sizes(args):
    """Real numbers of scratch: strip, transform, bins of a tile, the tile as it is written, prepared frames."""
    return args.rows * args.strip_stride, args.fft_size, args.tile_size, args.tile_size, args.frame_size


# ---- epilogues ----
@kernel
def mirror_bins(c, bins, n):
    """Bins n - 1 .. bins of a tile of real frames: the conjugates of bins 1 .. n - bins."""
    V = lanes(c)
    minus = splat(c, c.dtype.type(-1))
    for k in range(1, n - bins + 1):
        store(c, 2 * V * (n - k), load(c, 2 * V * k))
        store(c, 2 * V * (n - k) + V, load(c, 2 * V * k + V) * minus)


@callee("transform", "notebook", "recovery")
def write_complex(
    c: Reals, args: ForwardArgs, epilogue: Epilogue, out: Reals, o: int, row_stride: int, streamed: bool,
    peaks: Reals, peaks_offset: int,
):  # fmt: skip
    """Write complex bins: frame f or, frames contiguous, bin f at out[o + f row_stride :]."""
    if args.full:
        mirror_bins(c, args.bins, args.width)
    if args.frames_contiguous:
        scatter_complex_frames_contiguous(c, args.width, out, o, row_stride)
    else:
        scatter_complex(c, args.width, out, o, row_stride, streamed)


@callee("transform", "notebook", "recovery")
def write_levels(
    c: Reals, args: ForwardArgs, epilogue: Epilogue, out: Reals, o: int, row_stride: int, streamed: bool,
    peaks: Reals, peaks_offset: int,
):  # fmt: skip
    """Write the levels of a tile of powers, in the order of `write_complex`."""
    powers_to_levels(c, args.width, epilogue, peaks, peaks_offset)
    if args.frames_contiguous:
        scatter_rows_frames_contiguous(c, int64(0), args.width, out, o, row_stride)
    else:
        scatter_rows(c, int64(0), args.width, out, o, row_stride, streamed)


@callee("transform")
def write_filtered(
    c: Reals, args: ForwardArgs, epilogue: Epilogue, out: Reals, o: int, row_stride: int, streamed: bool,
    peaks: Reals, peaks_offset: int,
):  # fmt: skip
    """Write filters over the levels of a tile of powers, or their logarithms, in the order of `write_complex`."""
    filtered = lanes(c) * args.bins
    powers_to_levels(c, args.bins, epilogue, peaks, peaks_offset)
    apply_filters(c, Bands(epilogue.first, epilogue.starts, epilogue.weights), filtered)
    if epilogue.log:
        take_logarithms(c, filtered, args.width, epilogue, peaks, peaks_offset)
    if args.frames_contiguous:
        scatter_rows_frames_contiguous(c, filtered, args.width, out, o, row_stride)
    else:
        scatter_rows(c, filtered, args.width, out, o, row_stride, streamed)


# ---- tiles and strips ----
@kernel
def select_signal(signals, i):
    """Signal i of `SignalArgs`."""
    padding_offset = int64(0) if signals.pads_by_index else i * (signals.pad_left + signals.pad_right)
    return Signal(
        signals.x,
        signals.offsets[i],
        signals.padding,
        padding_offset,
        signals.n,
        signals.pad_left,
        signals.pad_right,
        signals.mean,
        signals.scale,
        signals.pads_by_index,
    )


@kernel
def gather_frames(signals, first, args, t, work):
    """Frames first .. first + lanes - 1, counted over all signals: sample j of lane k at t[j lanes + k]."""
    noinline()
    V = lanes(t)
    stride = args.rows + V // 2
    for k in range(min(V, args.signals * args.frames - first)):
        frame = first + k
        signal = select_signal(signals, frame // args.frames)
        read_padded(signal, args.origin + frame % args.frames * args.hop, work, k * stride, args.rows)
    interleave_rows(work, stride, args.rows, t, int64(0), args.strip_stride)


@kernel
def transform_tile(t, base, args, tables, work, tile, bins):
    """Bins of the frames at column `base` of a strip; after a prologue, powers are followed by the frames' energies."""
    source, at = t, base
    if args.prologue:
        call(args.prologue, (t, base, args, tile))
        source, at = tile, int64(0)
    call(tables.forward, (args.op, source, at, tables, work, bins))
    if args.prologue and args.op == POWER:
        V = lanes(t)
        store(bins, V * args.bins, load(tile, V * args.n_fft))


@task("transform", "notebook", "recovery")
def forward_strip(item, worker, record, scratch):
    """A strip: strip_tiles tiles of frames of a signal, or a mixed tile of frames of several signals.

    Frame f of signal i goes to out[out_offsets[i] + f row_stride :] or, frames contiguous, to
    out[out_offsets[i] + f reals_per_value :].
    """
    noinline()
    signals, tables = unpack_signals(scratch, record), unpack_tables(scratch, record)
    args, epilogue = unpack_args(scratch, record), unpack_epilogue(scratch, record)
    V, zero = lanes(scratch), int64(0)
    strip, work, bins, tmp, tile = carve(scratch, worker, scratch_sizes(args))
    tmp_stride = V * args.reals_per_value if args.frames_contiguous else args.width * args.reals_per_value
    frame_stride = args.reals_per_value if args.frames_contiguous else args.row_stride
    if args.mixed:
        first, total = item * V, args.signals * args.frames
        gather_frames(signals, first, args, strip, work)
        transform_tile(strip, zero, args, tables, work, tile, bins)
        call(args.epilogue, (bins, args, epilogue, tmp, zero, tmp_stride, False, signals.peaks, first))
        frame, stop = first, min(first + V, total)
        while frame < stop:
            i, f = frame // args.frames, frame % args.frames
            count = min(stop - frame, args.frames - f)
            scatter_tile(tmp, frame - first, count, V, args, signals.out, signals.out_offsets[i] + f * frame_stride)
            frame += count
        return
    i, first = item // args.strips, item % args.strips * args.strip_tiles * V
    x0 = args.origin + first * args.hop
    polyphase(select_signal(signals, i), x0, args.hop, args.rows, strip, args.strip_stride, work)
    tiles = (args.frames + V - 1) // V  # of a signal
    streamed = args.streamed and address(signals.out) % STREAM_ALIGNMENT == 0
    for g in range(min(args.strip_tiles, tiles - first // V)):
        f0 = first + g * V
        peaks_offset, o = i * tiles * V + f0, signals.out_offsets[i] + f0 * frame_stride
        transform_tile(strip, g * V, args, tables, work, tile, bins)
        if f0 + V <= args.frames:
            call(
                args.epilogue,
                (bins, args, epilogue, signals.out, o, args.row_stride, streamed, signals.peaks, peaks_offset),
            )
        else:
            call(args.epilogue, (bins, args, epilogue, tmp, zero, tmp_stride, False, signals.peaks, peaks_offset))
            scatter_tile(tmp, zero, args.frames - f0, V, args, signals.out, o)
    if streamed:
        memory_fence()


# ---- called from Python ----
@called_from_python("transform")
def set_block(record: Ints, x: Reals, out: Reals):
    """Set the addresses of samples and output in a record: Python takes a microsecond for each."""
    record[X_SLOT], record[X_SLOT + 1] = address(x), x.size
    record[OUT_SLOT], record[OUT_SLOT + 1] = address(out), out.size
