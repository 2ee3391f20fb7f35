"""Spectra or magnitudes -> the frames of a tile; for all kernels that synthesize signals.

Their arguments tuples have these fields: source (see `realfft`), hop, n_fft, rows, strip_stride, bins, folded,
lane_stride, bin_stride, fft_elements, mean, least; see `overlap_add.OverlapAddArgs`.
"""

from ..fft.realfft import BINS, SPECTRA, synthesize
from ..framing.memory import gather_tile
from ..framing.polyphase import Signal, overlap_add_in_order, polyphase
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..simd.vector import lanes, load, splat, store

COLUMN_VECTORS = 256
"""Vectors of samples that are added at a time: 16 kB."""


@register_jitable
def frame_scratch_sizes(args, V):
    """Real numbers of scratch: strip, transform, frames of a tile, their bins, bins before they are transposed."""
    bins = 2 * V * args.bins
    return args.rows * args.strip_stride, 2 * V * args.fft_elements, V * args.n_fft, bins, bins


@kernel
def fold(c, n):
    """The Hermitian part of n complex bins in lanes, in place: c[k] = (c[k] + conj c[n - k]) / 2 for k <= n / 2."""
    V = lanes(c)
    half = splat(c, c.dtype.type(0.5))
    for k in range(n // 2 + 1):
        a, b = 2 * V * k, 2 * V * ((n - k) % n)
        re = (load(c, a) + load(c, b)) * half
        im = (load(c, a + V) - load(c, b + V)) * half
        store(c, a, re)
        store(c, a + V, im)


@kernel
def read_bins(args, spectra, offset, count, c, tmp):
    """Bins of `count` real frames from spectra[offset:]: folded, or without imaginary parts of bins 0 and n_fft / 2."""
    noinline()
    V = lanes(c)
    gather_tile(spectra, offset, args.lane_stride, args.bin_stride, args.bins, count, c, tmp)
    if args.folded:
        fold(c, args.bins)
    else:
        c[V : 2 * V] = 0
        if args.n_fft % 2 == 0:
            c[2 * V * args.bins - V : 2 * V * args.bins] = 0


@kernel
def load_strip(x, first, args, strip, work):
    """The strip of x - args.mean whose first frame is `first`."""
    zero = int64(0)
    signal = Signal(x, zero, x, zero, x.size, zero, zero, args.mean, x.dtype.type(1), False)
    polyphase(signal, first * args.hop, args.hop, args.rows, strip, args.strip_stride, work)


@kernel
def add_columns(tables, work, y, o, base, hop, stride):
    """Add the frames of a tile, whose columns are in `work`, to the sum, in order.

    The hop is a multiple of the samples of a point of the columns, so that every sample of a row of the sum is in the
    same columns: a few of them at a time, frames stay in the first-level cache.
    """
    V, n1, n2 = lanes(o), tables.n1, tables.n2
    points = hop // (2 * n2)  # of a column, that a hop has
    reach = (n1 + points - 1) // points
    block = max(1, COLUMN_VECTORS // (2 * n1))
    for p in range(0, n2, block):
        width = 2 * min(block, n2 - p)
        call(tables.inverse_columns, (tables, p, width // 2, work, y))
        for k in range(min(points, n1)):
            for q in range(reach - 1, -1, -1):
                point = k + points * q
                if point < n1:
                    at, j = (2 * (p + n2 * k)) * stride + base + q, point * width * V
                    for _r in range(width):
                        store(o, at, load(o, at) + load(y, j))
                        at += stride
                        j += V


@kernel
def synthesize_tile(spectra, offset, count, column, tables, args, buffers, y):
    """y[j lanes + lane] = sample j of a frame, times the synthesis window, for lanes < count.

    Spectra or magnitudes of the frames start at spectra[offset]; the frames whose phases are taken start at `column` of
    the strip.  `buffers` are strip, transform, bins, and bins before they are transposed.
    """
    strip, work, bins, tmp = buffers
    if args.source == BINS:
        read_bins(args, spectra, offset, count, bins, tmp)
    synthesize(args.source, strip, column, tables, work, spectra, offset, args.least, bins, y)


@kernel
def add_tile(spectra, offset, count, tables, args, buffers, y, o, base):
    """Add the frames of complex bins to the sum, in order; that of the first lane starts in column `base` of it."""
    strip, work, bins, tmp = buffers
    source, stride = int64(BINS), int64(0)
    if count == lanes(y) and args.lane_stride == 2 and not args.folded and tables.column_samples > 0:
        source, stride = int64(SPECTRA), args.bin_stride
    else:
        read_bins(args, spectra, offset, count, bins, tmp)
    call(tables.inverse, (source, strip, stride, tables, work, spectra, offset, args.least, bins))
    if tables.column_samples > 0 and args.hop % tables.column_samples == 0:
        add_columns(tables, work, y, o, base, args.hop, args.sum_stride)
    else:
        call(tables.inverse_columns, (tables, int64(0), tables.n2, work, y))
        overlap_add_in_order(y, args.size, o, base, args.hop, args.sum_stride)
