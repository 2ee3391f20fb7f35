"""Generated code between complex transforms and real ones: the split of a pair of bins, and small sizes as a whole."""

from ..runtime.jit import I64, data_pointer, intrinsic, types
from ..simd.vector import vec_of
from .codelets import Emitter, emit_switch

SMALL = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 24, 32)
"""Halves h of the sizes 2 h that `small_transform` transforms."""

i64 = types.int64


@intrinsic
def split_pair(typingctx, ar, ai, br, bi, wr, wi):
    """Elements a (bin k) and b (bin h - k) of the half-size transform, w = exp(-2 pi i k / n_fft) -> both bins doubled.

    (a + b*) -+ i w (a - b*), the second conjugated.  What the sums of a and b lose to rounding is carried on: it would
    be a fifth of the error of the whole transform.
    """
    kinds = types.UniTuple(ar, 4)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, ar)
        ar_, ai, br, bi, wr, wi = args
        er, er_rest = e.sum_and_rest(ar_, br)
        ei, ei_rest = e.sum_and_rest(ai, e.neg(bi))
        dr, dr_rest = e.sum_and_rest(ai, bi)
        di, di_rest = e.sum_and_rest(br, e.neg(ar_))
        minus = e.neg(wi)
        tr = e.fused(dr, wr, e.fused(di, minus, e.fused(dr_rest, wr, e.mul(di_rest, minus))))
        ti = e.fused(dr, wi, e.fused(di, wr, e.fused(dr_rest, wi, e.mul(di_rest, wr))))
        one, negative = e.number(1), e.number(-1)
        bins = (
            e.fused(er, one, e.fused(er_rest, one, tr)),
            e.fused(ei, one, e.fused(ei_rest, one, ti)),
            e.fused(er, one, e.fused(tr, negative, er_rest)),
            e.fused(ei, negative, e.fused(ei_rest, negative, ti)),
        )
        return context.make_tuple(builder, kinds, bins)

    return kinds(ar, ar, ar, ar, ar, ar), codegen


@intrinsic
def small_transform(typingctx, h, tile, base, offsets, window, out):
    """The transform of 2 h real samples, h in SMALL, doubled: bin k to element k of `out`, k <= h.

    An odd h makes a product of coprime factors; for an even one X[k] = E[k] + w^k O[k] and X[h-k] = (E[k] - w^k O[k])*
    with w = exp(-pi i / h), E and O the transforms of the even and of the odd samples.  Numbers stay real as long as
    they are: fewer sums are rounded than in a complex transform and its split.
    """
    vec = vec_of(tile)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        tile, offsets, window, out = (data_pointer(context, builder, sig.args[j], args[j]) for j in (1, 3, 4, 5))

        def sample(j):
            offset = builder.zext(builder.load(builder.gep(offsets, [e.whole(j)])), I64)
            weight = e.load_splat(window, j)
            return e.mul(e.load(tile, e.plus(args[2], offset)), e.add(weight, weight)), None

        def emit(size):
            if size % 2:
                for k, bin_ in enumerate(e.dft([sample(j) for j in range(2 * size)])[: size + 1]):
                    e.store_complex(bin_, out, k)
                return
            even, odd = (e.dft([sample(2 * j + first) for j in range(size)]) for first in (0, 1))
            for k in range(size // 2 + 1):
                turned = e.rotate(odd[k], k, 2 * size)
                e.store_complex(e.complex_add(even[k], turned), out, k)
                if 2 * k < size:
                    re, im = e.complex_sub(even[k], turned)
                    e.store_complex((re, e.neg(im)), out, size - k)

        emit_switch(builder, args[0], SMALL, emit)
        return context.get_dummy_value()

    return types.void(i64, tile, i64, offsets, window, out), codegen
