"""Generated code for transforms of real samples: the split of a pair of bins, and whole transforms of small sizes."""

from ..runtime.jit import I64, data_pointer, intrinsic, types
from ..simd.vector import vec_of
from .codelets import Emitter, emit_switch

SMALL_HALVES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 24, 32)
"""Halves h of the sizes 2 h that `small_transform` transforms."""

i64 = types.int64


@intrinsic
def split_pair(typingctx, ar, ai, br, bi, wr, wi):
    """Elements a (bin k) and b (bin h - k) of the half-size transform, w = exp(-2 pi i k / n_fft) -> both bins doubled.

    (a + b*) -+ i w (a - b*), the second conjugated.  The rounding errors of the sums of a and b are compensated: they
    would be a fifth of the error of the whole transform.
    """
    kinds = types.UniTuple(ar, 4)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, ar)
        a_re, a_im, b_re, b_im, w_re, w_im = args
        er, er_error = e.fast_two_sum(a_re, b_re)
        ei, ei_error = e.fast_two_sum(a_im, e.neg(b_im))
        dr, dr_error = e.fast_two_sum(a_im, b_im)
        di, di_error = e.fast_two_sum(b_re, e.neg(a_re))
        minus_w_im = e.neg(w_im)
        tr = e.fma(dr, w_re, e.fma(di, minus_w_im, e.fma(dr_error, w_re, e.mul(di_error, minus_w_im))))
        ti = e.fma(dr, w_im, e.fma(di, w_re, e.fma(dr_error, w_im, e.mul(di_error, w_re))))
        ones, minus_ones = e.real(1), e.real(-1)
        bins = (
            e.fma(er, ones, e.fma(er_error, ones, tr)),
            e.fma(ei, ones, e.fma(ei_error, ones, ti)),
            e.fma(er, ones, e.fma(tr, minus_ones, er_error)),
            e.fma(ei, minus_ones, e.fma(ei_error, minus_ones, ti)),
        )
        return context.make_tuple(builder, kinds, bins)

    return kinds(ar, ar, ar, ar, ar, ar), codegen


@intrinsic
def small_transform(typingctx, h, tile, base, offsets, window, out):
    """The transform of 2 h real samples, h in SMALL_HALVES, doubled: bin k to element k of `out`, k <= h.

    An odd h is coprime to 2 (no twiddles); for even h, X[k] = E[k] + w^k O[k] and X[h-k] = (E[k] - w^k O[k])* with
    w = exp(-pi i / h), E and O the transforms of the even and of the odd samples.  Real numbers stay real: fewer sums
    are rounded than in a complex transform and its split.
    """
    vec = vec_of(tile)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        tile, offsets, window, out = (data_pointer(context, builder, sig.args[j], args[j]) for j in (1, 3, 4, 5))

        def sample(j):
            offset = builder.zext(builder.load(builder.gep(offsets, [e.integer(j)])), I64)
            weight = e.load_splat(window, j)
            return e.mul(e.load(tile, e.add_int(args[2], offset)), e.add(weight, weight)), None

        def emit(size):
            if size % 2:
                for k, bin_ in enumerate(e.dft([sample(j) for j in range(2 * size)])[: size + 1]):
                    e.store_complex(bin_, out, k)
                return
            even, odd = (e.dft([sample(2 * j + first) for j in range(size)]) for first in (0, 1))
            for k in range(size // 2 + 1):
                twiddled = e.rotate(odd[k], k, 2 * size)
                e.store_complex(e.complex_add(even[k], twiddled), out, k)
                if 2 * k < size:
                    re, im = e.complex_sub(even[k], twiddled)
                    e.store_complex((re, e.neg(im)), out, size - k)

        emit_switch(builder, args[0], SMALL_HALVES, emit)
        return context.get_dummy_value()

    return types.void(i64, tile, i64, offsets, window, out), codegen
