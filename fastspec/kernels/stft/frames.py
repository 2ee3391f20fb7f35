"""Frames of a tile from their spectra or magnitudes; shared by all kernels that synthesize signals.

The arguments tuple of each of them has the fields of these names: source (see `realfft`), hop, n_fft, rows,
strip_stride, bins, folded, lane_stride, bin_stride, fft_elements, mean, least.
"""

from ..fft.realfft import BINS
from ..framing.memory import gather_tile
from ..framing.polyphase import Signal, polyphase
from ..runtime.calls import call, noinline
from ..runtime.jit import int64, kernel, register_jitable
from ..simd.vector import lanes, load, splat, store


@register_jitable
def frame_scratch_sizes(args, V):
    """Real numbers of scratch: strip, transform, frames of a tile, their bins, bins as they are read."""
    bins = 2 * V * args.bins
    return args.rows * args.strip_stride, 2 * V * args.fft_elements, V * args.n_fft, bins, bins


@kernel
def fold(c, n):
    """The Hermitian half of n complex bins in lanes, in place: c[k] = (c[k] + conj c[n - k]) / 2 for k <= n / 2."""
    V = lanes(c)
    half = splat(c, c.dtype.type(0.5))
    for k in range(n // 2 + 1):
        a, b = 2 * V * k, 2 * V * ((n - k) % n)
        re = (load(c, a) + load(c, b)) * half
        im = (load(c, a + V) - load(c, b + V)) * half
        store(c, a, re)
        store(c, a + V, im)


@kernel
def read_bins(args, spectra, at, count, c, tmp):
    """The bins of `count` frames, at spectra[at:], as those of real frames: folded, or the half with real ends."""
    noinline()
    V = lanes(c)
    gather_tile(spectra, at, args.lane_stride, args.bin_stride, args.bins, count, c, tmp)
    if args.folded:
        fold(c, args.bins)
    else:
        c[V : 2 * V] = 0
        c[2 * V * args.bins - V : 2 * V * args.bins] = 0


@kernel
def load_strip(x, first, args, strip, work):
    """The strip of frames `first` and on of x - args.mean."""
    zero = int64(0)
    signal = Signal(x, zero, x, zero, x.size, zero, zero, args.mean, x.dtype.type(1))
    polyphase(signal, first * args.hop, args.hop, args.rows, strip, args.strip_stride, work)


@kernel
def synthesize_tile(spectra, at, count, column, p, args, parts, y):
    """y[j lanes + lane] = sample j of a frame, times the synthesis window, for lanes < count.

    Spectra or magnitudes of the frames stand at spectra[at:]; those that phases are taken from start at `column` of the
    strip.  `parts` are strip, transform, bins and bins as they are read.
    """
    strip, work, bins, tmp = parts
    if args.source == BINS:
        read_bins(args, spectra, at, count, bins, tmp)
    call(p.inverse, (args.source, strip, column, p, work, spectra, at, args.least, bins, y))
