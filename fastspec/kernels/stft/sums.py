"""Sums over frames of powers, and of products of the spectra of two signals: no spectrum is held.

An item is a strip of a signal, whose length does not depend on the number of threads.  It adds up its frames lane by
lane, then the lanes; Python adds up the items.
"""

from ..fft.realfft import POWER
from ..fft.tables import Tables
from ..framing.polyphase import SignalArgs, clear, polyphase
from ..runtime.calls import noinline
from ..runtime.jit import kernel, register_jitable
from ..runtime.layout import Layout, carve
from ..runtime.tasks import task
from ..simd.vector import lane_sum, lanes, load, load_lanes, store
from .forward import ForwardArgs, select_signal, transform_tile

LAYOUT = Layout(SignalArgs, SignalArgs, Tables, ForwardArgs)
unpack_first, unpack_second, unpack_tables, unpack_args = LAYOUT.unpackers

PRODUCTS = 4
"""Sums of a pair of signals: re and im of conj(X) Y, |X|**2, |Y|**2."""


@register_jitable
def scratch_sizes(args, V):
    """Real numbers of scratch: both strips, transform, bins of both, prepared frames, sums."""
    strip = args.rows * args.strip_stride
    return strip, strip, args.fft_size, args.tile_size, args.tile_size, args.frame_size, PRODUCTS * V * args.bins


@kernel
def add_powers(c, bins, count, sums):
    """sums[lanes k :] += c[lanes k :] for the first `count` lanes."""
    noinline()
    V = lanes(c)
    for at in range(0, V * bins, V):
        store(sums, at, load(sums, at) + load_lanes(c, at, 0, count))


@kernel
def add_products(c, d, bins, count, sums):
    """Add re and im of conj(X) Y, |X|**2 and |Y|**2 of bins X in c and Y in d, for the first `count` lanes."""
    noinline()
    V = lanes(c)
    size = V * bins
    for at in range(0, size, V):
        a, b = load_lanes(c, 2 * at, 0, count), load_lanes(c, 2 * at + V, 0, count)
        u, v = load_lanes(d, 2 * at, 0, count), load_lanes(d, 2 * at + V, 0, count)
        store(sums, at, load(sums, at) + (a * u + b * v))
        store(sums, at + size, load(sums, at + size) + (a * v - b * u))
        store(sums, at + 2 * size, load(sums, at + 2 * size) + (a * a + b * b))
        store(sums, at + 3 * size, load(sums, at + 3 * size) + (u * u + v * v))


@task("frontends")
def sum_strip(item, worker, record, scratch):
    """Sums over the frames of a strip, bin by bin, at out[item rows bins :]; rows is 1 for powers, else PRODUCTS."""
    noinline()
    first_signals, second_signals = unpack_first(scratch, record), unpack_second(scratch, record)
    tables, args = unpack_tables(scratch, record), unpack_args(scratch, record)
    V = lanes(scratch)
    strip, second_strip, work, bins, second_bins, tile, sums = carve(scratch, worker, scratch_sizes(args, V))
    i, first = item // args.strips, item % args.strips * args.strip_tiles * V
    x0, is_power = args.origin + first * args.hop, args.op == POWER
    rows = 1 if is_power else PRODUCTS
    clear(sums, 0, rows * V * args.bins)
    polyphase(select_signal(first_signals, i), x0, args.hop, args.rows, strip, args.strip_stride, work)
    if not is_power:
        polyphase(select_signal(second_signals, i), x0, args.hop, args.rows, second_strip, args.strip_stride, work)
    for g in range(min(args.strip_tiles, (args.frames - first + V - 1) // V)):
        count = min(V, args.frames - first - g * V)
        transform_tile(strip, g * V, args, tables, work, tile, bins)
        if is_power:
            add_powers(bins, args.bins, count, sums)
        else:
            transform_tile(second_strip, g * V, args, tables, work, tile, second_bins)
            add_products(bins, second_bins, args.bins, count, sums)
    for k in range(rows * args.bins):
        first_signals.out[item * rows * args.bins + k] = lane_sum(load(sums, V * k))
