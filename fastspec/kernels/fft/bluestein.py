"""The transform of the frames of a tile, of sizes with prime factors that the codelets lack: Bluestein's algorithm.

With m k = (m^2 + k^2 - (k - m)^2) / 2, the transform of n complex numbers is a convolution with a chirp,

    Z[k] = c[k] sum over m of (z[m] c[m]) conj(c[k - m]),    c[m] = exp(-pi i m^2 / n)

(Bluestein, IEEE Trans. Audio and Electroacoustics AU-18, 1970, 451-455), which transforms of L = 8 n2 points compute.
Even sizes have n = n_fft / 2 complex numbers and their pairs of bins, as in `realfft`.  Odd sizes have n = n_fft real
samples, of whose bins the first half are computed; their inverse is the real part of the transform of these bins, all
but the first of them doubled, and its samples come in reverse order.

The scratch `work` holds the elements of columns and rows, a block of rows, the scratch of their transform and, from
element `region_start` on, the region of results: Z, bins, or what the inverse transform reads and writes.
"""

from ..runtime.calls import call, noinline
from ..runtime.jit import I64, cgutils, data_pointer, int64, intrinsic, kernel, types
from ..runtime.layout import Number, Reals
from ..runtime.tasks import callee
from ..simd.vector import lanes, load, load_splat, store, vec_of
from .codelets import Emitter, emit_switch
from .realfft import BINS, PHASES, Pairs, merge_pairs, set_magnitudes, split_pairs, store_bin
from .tables import CHIRP_COLUMN, EVEN_LIVE, ODD_LIVE, Tables

i64 = types.int64


def _emit_first_stage(e, element, live, n2, tw, z):
    """Columns p of 8 points, of which `live` are element(p + n2 k), the others 0; bin k goes to element 8 p + k."""
    with cgutils.for_range(e.builder, n2) as loop:
        x = [element(e.add_int(loop.index, e.mul_int(n2, k))) for k in range(live)]
        row = e.mul_int(loop.index, 2 * (CHIRP_COLUMN - 1))
        for k, y in enumerate(e.dft(x + [(None, None)] * (CHIRP_COLUMN - live))):
            e.store_complex(e.twiddle(y, tw, row, k), z, e.add_int(e.mul_int(loop.index, CHIRP_COLUMN), k))


def _load_chirp(e, chirp, m):
    """Complex number m of the chirp, in all lanes."""
    at = e.mul_int(m, 2)
    return e.load_splat(chirp, at), e.load_splat(chirp, e.add_int(at, 1))


@intrinsic
def transform_samples(typingctx, live, n2, tile, base, offsets, window, chirp, z, tw):
    """First stage, n2 columns: window, chirp, 8-point transform, twiddle.

    Column p takes the complex samples m = p + n2 k, k < live, each two real samples j = 2 m and j + 1 at
    tile[base + offsets[j]]; its bin k goes to element 8 p + k of z.
    """
    vec = vec_of(tile)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        live, n2, base = args[0], args[1], args[3]
        pointers = (data_pointer(context, builder, sig.args[j], args[j]) for j in (2, 4, 5, 6, 7, 8))
        tile, offsets, window, chirp, z, tw = pointers

        def sample(j):
            offset = builder.zext(builder.load(builder.gep(offsets, [j])), I64)
            return e.mul(e.load(tile, e.add_int(base, offset)), e.load_splat(window, j))

        def element(m):
            j = e.mul_int(m, 2)
            return e.complex_mul((sample(j), sample(e.add_int(j, 1))), _load_chirp(e, chirp, m))

        emit_switch(builder, live, (EVEN_LIVE, ODD_LIVE), lambda size: _emit_first_stage(e, element, size, n2, tw, z))
        return context.get_dummy_value()

    return types.void(i64, i64, tile, i64, offsets, window, chirp, z, tw), codegen


@intrinsic
def transform_elements(typingctx, n2, x, first, count, chirp, z, tw):
    """`transform_samples` of the complex elements first .. first + count - 1 of x, with EVEN_LIVE live points."""
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        n2, first, last = args[0], args[2], builder.sub(args[3], e.integer(1))
        x, chirp, z, tw = (data_pointer(context, builder, sig.args[j], args[j]) for j in (1, 4, 5, 6))

        def element(m):  # the chirp is zero from `count` on
            inside = builder.select(builder.icmp_signed("<", m, last), m, last)
            return e.complex_mul(e.load_complex(x, e.add_int(first, inside)), _load_chirp(e, chirp, m))

        _emit_first_stage(e, element, EVEN_LIVE, n2, tw, z)
        return context.get_dummy_value()

    return types.void(i64, x, i64, i64, chirp, z, tw), codegen


@intrinsic
def transform_columns_back(typingctx, live, n2, z, tw, chirp, first):
    """Last stage, of rows with re and im swapped: twiddle, 8-point transform, swap, chirp; to elements first .. of z.

    The results m = p + n2 k of column p are computed for k < live.
    """
    vec = vec_of(z)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        live, n2, first = args[0], args[1], args[5]
        z, tw, chirp = (data_pointer(context, builder, sig.args[j], args[j]) for j in (2, 3, 4))

        def emit(size):
            with cgutils.for_range(builder, n2) as loop:
                row, start = e.mul_int(loop.index, 2 * (CHIRP_COLUMN - 1)), e.mul_int(loop.index, CHIRP_COLUMN)
                x = [e.twiddle(e.load_complex(z, e.add_int(start, k)), tw, row, k) for k in range(CHIRP_COLUMN)]
                for k, (im, re) in enumerate(e.dft(x)[:size]):
                    m = e.add_int(loop.index, e.mul_int(n2, k))
                    e.store_complex(e.complex_mul((re, im), _load_chirp(e, chirp, m)), z, e.add_int(first, m))

        emit_switch(builder, live, (EVEN_LIVE, ODD_LIVE), emit)
        return context.get_dummy_value()

    return types.void(i64, i64, z, tw, chirp, i64), codegen


@kernel
def convolve_rows(tables, work, at):
    """Rows -> their transforms, times the spectrum chirp[at:], re and im swapped, transformed back."""
    noinline()
    V, n2 = lanes(work), tables.n2
    a = CHIRP_COLUMN * n2
    tmp = a + tables.block * n2
    for k1 in range(0, CHIRP_COLUMN, tables.block):
        w = min(tables.block, CHIRP_COLUMN - k1)
        call(tables.transform_rows, (work, k1, int64(CHIRP_COLUMN), a, w, tmp, w, n2, tables.radices, tables.row_tw))
        for i in range(2 * V * a, 2 * V * (a + w * n2), 2 * V):
            re, im = load(work, i), load(work, i + V)
            wr, wi = load_splat(tables.chirp, at), load_splat(tables.chirp, at + 1)
            store(work, i, re * wi + im * wr)
            store(work, i + V, re * wr - im * wi)
            at += 2
        call(tables.transform_rows, (work, a, w, k1, int64(CHIRP_COLUMN), tmp, w, n2, tables.radices, tables.row_tw))


@kernel
def region_start(tables):
    """The first element of the region of results: after rows, and the scratch of their transform."""
    return CHIRP_COLUMN * tables.n2 + 3 * tables.block * tables.n2


@kernel
def live_points(tables):
    """Points of a column that hold samples."""
    return EVEN_LIVE if tables.synthesis.size % 2 == 0 else ODD_LIVE


@kernel
def forward_to_region(tile, base, tables, work):
    """Samples of a tile -> the region: Z of even sizes, bins of odd ones."""
    live, n2 = live_points(tables), tables.n2
    transform_samples(live, n2, tile, base, tables.sample_offsets, tables.window, tables.chirp, work, tables.column_tw)
    convolve_rows(tables, work, 2 * (live + EVEN_LIVE) * n2)
    first = region_start(tables)
    transform_columns_back(int64(EVEN_LIVE), n2, work, tables.column_tw, tables.chirp, first)
    if live == ODD_LIVE:  # the first bin of real samples
        V = lanes(work)
        work[2 * V * first + V : 2 * V * (first + 1)] = 0


@callee("sizes")
def forward_bluestein(op: int, tile: Reals, base: int, tables: Tables, work: Reals, out: Reals):
    """`realfft.forward` of sizes with other prime factors, even or odd."""
    noinline()
    zero, unit = int64(0), int64(1)
    n_fft, first = tables.synthesis.size, region_start(tables)
    forward_to_region(tile, base, tables, work)
    if n_fft % 2 == 0:
        h = n_fft // 2
        split_pairs(op, work, Pairs(first, first, zero, unit, unit, unit, unit, h), tables.split_tw, out)
        pairs = Pairs(first + 1, first + h - 1, unit, unit, h // 2, unit, unit, h)
        split_pairs(op, work, pairs, tables.split_tw, out)
    else:
        for k in range(n_fft // 2 + 1):
            store_bin(op, work, first + k, out, k)


@kernel
def write_even_frames(work, first, synthesis, y):
    """Elements of the region, re and im swapped -> samples 2 m and 2 m + 1, times the synthesis window."""
    V = lanes(work)
    for m in range(synthesis.size // 2):
        i, j = 2 * V * (first + m), 2 * m
        store(y, V * j, load(work, i + V) * load_splat(synthesis, j))
        store(y, V * j + V, load(work, i) * load_splat(synthesis, j + 1))


@kernel
def write_odd_frames(work, first, synthesis, y):
    """Real parts of the region, in reverse order -> samples, times the synthesis window."""
    V, n = lanes(work), synthesis.size
    for j in range(n):
        store(y, V * j, load(work, 2 * V * (first + (n - j) % n)) * load_splat(synthesis, j))


@callee("sizes")
def inverse_bluestein(
    source: int,
    tile: Reals,
    base: int,
    tables: Tables,
    work: Reals,
    mag: Reals,
    m: int,
    least: Number,
    bins: Reals,
):
    """`realfft.inverse` of sizes with other prime factors, even or odd."""
    noinline()
    zero, unit = int64(0), int64(1)
    n_fft, live, n2, first = tables.synthesis.size, live_points(tables), tables.n2, region_start(tables)
    if source == PHASES:
        forward_to_region(tile, base, tables, work)
    x, x_first, count = work, first, n_fft // 2
    if n_fft % 2 == 0:
        h = n_fft // 2
        pairs = Pairs(first, first, zero, unit, unit, unit, unit, h)
        m = merge_pairs(source, work, pairs, tables.split_tw, mag, m, least, bins, base)
        pairs = Pairs(first + 1, first + h - 1, unit, unit, h // 2, unit, unit, h)
        merge_pairs(source, work, pairs, tables.split_tw, mag, m, least, bins, base)
    else:
        count = n_fft // 2 + 1
        if source == BINS:
            x, x_first = bins, zero
        else:
            set_magnitudes(source, work, first, mag, m, least, count)
    chirp = tables.chirp[2 * live * n2 :]
    transform_elements(n2, x, x_first, count, chirp, work, tables.column_tw)
    convolve_rows(tables, work, 2 * (live + EVEN_LIVE + CHIRP_COLUMN) * n2)
    transform_columns_back(live, n2, work, tables.column_tw, tables.chirp, first)


@callee("sizes")
def inverse_columns_bluestein(tables: Tables, first: int, count: int, work: Reals, y: Reals):
    """`realfft.inverse_columns`, of all columns."""
    noinline()
    first = region_start(tables)
    if tables.synthesis.size % 2 == 0:
        write_even_frames(work, first, tables.synthesis, y)
    else:
        write_odd_frames(work, first, tables.synthesis, y)
