"""log10 and 10**x of vectors, by range reduction and a short series.

With x = m * 2**e and sqrt(1/2) <= m < sqrt(2), ln m = 2 artanh(s) for s = (m - 1) / (m + 1), |s| <= 0.1716, so

    log10 x = e log10 2 + (2 / ln 10) (s + s**3/3 + s**5/5 + ...);

with n = round(x log2 10) and r = x ln 10 - n ln 2, |r| <= 0.3466,

    10**x = 2**n (1 + r + r**2/2! + ...).

The series end where the next term is below half a unit in the last place (float64: 11 and 13 terms; float32: 5, 7).
Source of both: Abramowitz & Stegun, Handbook of Mathematical Functions, 4.1.27, 4.2.1.
"""

import math
from decimal import Decimal

from ..runtime.jit import FASTMATH, intrinsic, ir, types
from .vector import declare_function, emit_constant

LOG10_2 = Decimal(2).log10()  # to 28 digits


class _Format:
    """Layout of an IEEE number: integer type of its width, stored fraction bits, exponent bias, series lengths."""

    def __init__(self, dtype):
        single = dtype == types.float32
        self.bits, self.fraction, self.bias = (32, 23, 127) if single else (64, 52, 1023)
        self.log_terms, self.exp_terms = (5, 7) if single else (11, 13)  # powers of s**2; highest power of r
        self.tiny = 2.0 ** (1 - self.bias)


def emit_polynomial(builder, x, coefficients):
    """Horner's rule; coefficients from the constant term upwards."""
    value = emit_constant(x.type, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        value = builder.fadd(builder.fmul(value, x, flags=FASTMATH), emit_constant(x.type, c), flags=FASTMATH)
    return value


def emit_fence(builder, value, v):
    """The value unchanged; LLVM may not reassociate its sums with later ones."""
    fence = declare_function(builder, f"llvm.arithmetic.fence.v{v.lanes}f{v.dtype.bitwidth}", v.llvm, v.llvm)
    return builder.call(fence, [value])


@intrinsic
def log10(typingctx, v):
    """log10 of a vector of numbers >= 0; -inf below the smallest normal number; NaN and inf stay."""
    form = _Format(v.dtype)

    def codegen(context, builder, sig, args):
        integer = ir.VectorType(ir.IntType(form.bits), v.lanes)
        real = v.llvm

        def i(value):
            return emit_constant(integer, value)

        # the bit pattern of sqrt(1/2); subtracting it puts the boundary between exponents there
        root_bits = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}[form.bits]
        bits = builder.bitcast(args[0], integer)
        exponent = builder.ashr(builder.sub(bits, i(root_bits)), i(form.fraction))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(exponent, i(form.fraction))), real)
        ones = emit_constant(real, 1.0)
        s = builder.fdiv(builder.fsub(mantissa, ones), builder.fadd(mantissa, ones), flags=("arcp", "contract"))
        square = builder.fmul(s, s, flags=FASTMATH)
        series = emit_polynomial(builder, square, [2 / math.log(10) / (2 * k + 1) for k in range(form.log_terms)])
        scaled = builder.fmul(builder.sitofp(exponent, real), emit_constant(real, math.log10(2)), flags=FASTMATH)
        value = builder.fadd(builder.fmul(s, series, flags=FASTMATH), scaled, flags=FASTMATH)
        value = builder.select(builder.fcmp_ordered("<", args[0], emit_constant(real, math.inf)), value, args[0])
        tiny = builder.fcmp_ordered("<", args[0], emit_constant(real, form.tiny))
        return builder.select(tiny, emit_constant(real, -math.inf), value)

    return v(v), codegen


@intrinsic
def exp10(typingctx, v):
    """10**v of a vector; 0 where that is below the smallest normal number, inf where it is above the largest."""
    form = _Format(v.dtype)

    def codegen(context, builder, sig, args):
        real, integer, x = v.llvm, ir.VectorType(ir.IntType(form.bits), v.lanes), args[0]
        # adding 1.5 * 2**fraction rounds to an integer, in the low bits; fenced, or reassociation undoes it
        magic = emit_constant(real, 1.5 * 2.0**form.fraction)
        shifted = emit_fence(builder, builder.fadd(builder.fmul(x, emit_constant(real, math.log2(10))), magic), v)
        n = builder.fsub(shifted, magic)
        # log10 2 as the sum of two numbers, the first with so few bits that its product with n is exact
        scale = 2.0 ** (form.fraction - 12)
        high = round(math.log10(2) * scale) / scale
        r = emit_fence(builder, builder.fsub(x, builder.fmul(n, emit_constant(real, high))), v)
        r = builder.fsub(r, builder.fmul(n, emit_constant(real, float(LOG10_2 - Decimal(high)))))
        r = builder.fmul(r, emit_constant(real, math.log(10)))
        series = emit_polynomial(builder, r, [1 / math.factorial(k) for k in range(form.exp_terms + 1)])
        exponent = builder.sub(builder.bitcast(shifted, integer), builder.bitcast(magic, integer))
        power = builder.shl(exponent, emit_constant(integer, form.fraction))
        value = builder.bitcast(builder.add(builder.bitcast(series, integer), power), real)
        too_low = builder.fcmp_ordered("<", x, emit_constant(real, math.log10(2) * (1 - form.bias)))
        too_high = builder.fcmp_ordered(">=", x, emit_constant(real, math.log10(2) * (form.bias + 1)))
        value = builder.select(too_low, emit_constant(real, 0.0), value)
        return builder.select(too_high, emit_constant(real, math.inf), value)

    return v(v), codegen
