"""Spectra or magnitudes -> the frames of a tile; for all kernels that synthesize signals.

Their arguments tuples have these fields: source (see `realfft`), hop, n_fft, rows, strip_stride, bins, folded,
lane_stride, bin_stride, fft_elements, mean, least; see `overlap_add.OverlapAddArgs`.
"""

from ..fft.realfft import BINS
from ..framing.memory import gather_tile
from ..framing.polyphase import Signal, polyphase
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..simd.vector import lanes, load, splat, store


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
    signal = Signal(x, zero, x, zero, x.size, zero, zero, args.mean, x.dtype.type(1))
    polyphase(signal, first * args.hop, args.hop, args.rows, strip, args.strip_stride, work)


@kernel
def synthesize_tile(spectra, offset, count, column, tables, args, buffers, y):
    """y[j lanes + lane] = sample j of a frame, times the synthesis window, for lanes < count.

    Spectra or magnitudes of the frames start at spectra[offset]; the frames whose phases are taken start at `column` of
    the strip.  `buffers` are strip, transform, bins, and bins before they are transposed.
    """
    strip, work, bins, tmp = buffers
    if args.source == BINS:
        read_bins(args, spectra, offset, count, bins, tmp)
    call(tables.inverse, (args.source, strip, column, tables, work, spectra, offset, args.least, bins, y))
