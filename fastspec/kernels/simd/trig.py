"""Sine and cosine of vectors, by range reduction and short series.

With n = round(x 2 / pi) and r = x - n pi / 2, |r| <= pi / 4 (a little more where x is large),

    sin r = r - r**3/3! + r**5/5! - ...,    cos r = 1 - r**2/2! + r**4/4! - ...,

and n mod 4 says which of the two, and with which sign, are the sine and cosine of x (Abramowitz & Stegun, Handbook of
Mathematical Functions, 4.3.65, 4.3.66).  pi / 2 is taken in three parts, the first two so short that their products
with n are exact (Cody & Waite, Software Manual for the Elementary Functions, 1980): for |x| <= 1e5 the error is below
one unit in the last place of 1 (1.2e-7, 2.2e-16).  NaN and infinities give NaN.
"""

import math
from fractions import Fraction

from ..runtime.jit import FASTMATH, intrinsic, ir, types
from .log import fence, polynomial
from .vector import constant

HALF_PI = Fraction(15707963267948966192313216916397514420985846996876, 10**49)


class _Series:
    """What depends on the dtype: width, stored fraction bits, bits of a part of pi / 2, coefficients in r**2."""

    def __init__(self, dtype):
        single = dtype == types.float32
        self.bits, self.fraction, part = (32, 23, 8) if single else (64, 52, 33)
        sines, cosines = (5, 6) if single else (9, 9)
        self.sine = [(-1) ** k / math.factorial(2 * k + 1) for k in range(sines)]
        self.cosine = [(-1) ** k / math.factorial(2 * k) for k in range(cosines)]
        high = Fraction(round(HALF_PI * 2 ** (part - 1)), 2 ** (part - 1))
        middle = Fraction(round((HALF_PI - high) * 2 ** (2 * part - 1)), 2 ** (2 * part - 1))
        self.parts = [float(high), float(middle), float(HALF_PI - high - middle)]


@intrinsic
def sine_cosine(typingctx, v):
    """(sin v, cos v) of a vector of radians."""
    form = _Series(v.dtype)

    def codegen(context, builder, sig, args):
        real, integer, x = v.llvm, ir.VectorType(ir.IntType(form.bits), v.lanes), args[0]

        def i(value):
            return constant(integer, value)

        # adding 1.5 * 2**fraction rounds to a whole number, left in the low bits
        magic = constant(real, 1.5 * 2.0**form.fraction)
        turned = builder.fmul(x, constant(real, 2 / math.pi))
        shifted = fence(builder, builder.fadd(turned, magic), v)
        n, r = fence(builder, builder.fsub(shifted, magic), v), x
        for part in form.parts:  # fenced, or the sums are reassociated
            r = fence(builder, builder.fsub(r, builder.fmul(n, constant(real, part))), v)
        square = builder.fmul(r, r, flags=FASTMATH)
        sine = builder.fmul(r, polynomial(builder, square, form.sine), flags=FASTMATH)
        cosine = polynomial(builder, square, form.cosine)
        quarter = builder.bitcast(shifted, integer)
        odd = builder.icmp_signed("!=", builder.and_(quarter, i(1)), i(0))

        def signed(value, turns):
            sign = builder.shl(builder.and_(turns, i(2)), i(form.bits - 2))
            return builder.bitcast(builder.xor(builder.bitcast(value, integer), sign), real)

        found = (
            signed(builder.select(odd, cosine, sine), quarter),
            signed(builder.select(odd, sine, cosine), builder.add(quarter, i(1))),
        )
        return context.make_tuple(builder, sig.return_type, found)

    return types.UniTuple(v, 2)(v), codegen
