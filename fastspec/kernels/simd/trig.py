"""Sine and cosine of vectors, by range reduction and short series.

With n = round(x 2 / pi) and r = x - n pi / 2, |r| <= pi / 4 (a little more where x is large),

    sin r = r - r**3/3! + r**5/5! - ...,    cos r = 1 - r**2/2! + r**4/4! - ...,

and n mod 4 says which of the two, and with which sign, are the sine and cosine of x (Abramowitz & Stegun, Handbook of
Mathematical Functions, 4.3.65, 4.3.66).  pi / 2 is the sum of three numbers, the first two with so few bits that
their products with n are exact (Cody & Waite, Software Manual for the Elementary Functions, 1980): for |x| <= 1e5 the
error is below one unit in the last place of 1 (1.2e-7, 2.2e-16).  NaN and infinities give NaN.
"""

import math
from fractions import Fraction

from ..runtime.jit import FASTMATH, intrinsic, ir, types
from .log import emit_fence, emit_polynomial
from .vector import emit_constant

HALF_PI = Fraction(15707963267948966192313216916397514420985846996876, 10**49)


class _Series:
    """Constants of a dtype: width, stored fraction bits, pi / 2 as a sum of three numbers, coefficients in r**2."""

    def __init__(self, dtype):
        single = dtype == types.float32
        self.bits, self.fraction, term_bits = (32, 23, 8) if single else (64, 52, 33)
        sines, cosines = (5, 6) if single else (9, 9)
        self.sine = [(-1) ** k / math.factorial(2 * k + 1) for k in range(sines)]
        self.cosine = [(-1) ** k / math.factorial(2 * k) for k in range(cosines)]
        high = Fraction(round(HALF_PI * 2 ** (term_bits - 1)), 2 ** (term_bits - 1))
        middle = Fraction(round((HALF_PI - high) * 2 ** (2 * term_bits - 1)), 2 ** (2 * term_bits - 1))
        self.half_pi_terms = [float(high), float(middle), float(HALF_PI - high - middle)]


@intrinsic
def sine_cosine(typingctx, v):
    """(sin v, cos v) of a vector of radians."""
    form = _Series(v.dtype)

    def codegen(context, builder, sig, args):
        real, integer, x = v.llvm, ir.VectorType(ir.IntType(form.bits), v.lanes), args[0]

        def i(value):
            return emit_constant(integer, value)

        # adding 1.5 * 2**fraction rounds to an integer, in the low bits
        magic = emit_constant(real, 1.5 * 2.0**form.fraction)
        quarters = builder.fmul(x, emit_constant(real, 2 / math.pi))
        shifted = emit_fence(builder, builder.fadd(quarters, magic), v)
        n, r = emit_fence(builder, builder.fsub(shifted, magic), v), x
        for term in form.half_pi_terms:  # fenced, or the sums are reassociated
            r = emit_fence(builder, builder.fsub(r, builder.fmul(n, emit_constant(real, term))), v)
        square = builder.fmul(r, r, flags=FASTMATH)
        sine = builder.fmul(r, emit_polynomial(builder, square, form.sine), flags=FASTMATH)
        cosine = emit_polynomial(builder, square, form.cosine)
        quadrant = builder.bitcast(shifted, integer)
        odd = builder.icmp_signed("!=", builder.and_(quadrant, i(1)), i(0))

        def signed(value, quadrant):
            sign = builder.shl(builder.and_(quadrant, i(2)), i(form.bits - 2))
            return builder.bitcast(builder.xor(builder.bitcast(value, integer), sign), real)

        sine_of_v = signed(builder.select(odd, cosine, sine), quadrant)
        cosine_of_v = signed(builder.select(odd, sine, cosine), builder.add(quadrant, i(1)))
        return context.make_tuple(builder, sig.return_type, (sine_of_v, cosine_of_v))

    return types.UniTuple(v, 2)(v), codegen
