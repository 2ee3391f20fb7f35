"""Generated discrete Fourier transforms of small sizes on vectors, and the loops that apply them.

A codelet of size R is straight-line code for X[k] = sum over j of x[j] exp(-2 pi i j k / R): sizes 2, 3, 4, 5 and 7
are written out with real arithmetic, products of them are split once more (Cooley & Tukey, Math. Comp. 19, 1965,
297-301), without twiddles where the factors are coprime (Good, J. R. Statist. Soc. B 20, 1958, 361-372).  Each
intrinsic below emits a `switch` over the sizes it knows, so that the size is a run-time number.  An unknown size falls
through in silence: `plan` only makes known ones.

A complex element in memory is lanes real parts, then lanes imaginary parts; complex offsets count such elements.
"""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import FASTMATH, I64, cgutils, data_pointer, intrinsic, ir, types
from ..simd.vector import constant, llvm_function, pointer_at, splatted, vec_of
from .roots import roots

COLUMN = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
"""Sizes of the first stage, over columns."""
MIDDLE = (2, 3, 4, 5, 8)
"""Radices of all but the last pass over a row."""
LAST = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
"""Radices of the last pass over a row."""

i64 = types.int64


class Scaled(NamedTuple):
    """A vector that is still to be multiplied by a constant: an addition may do it in the same instruction."""

    value: object
    factor: float


class Emitter:
    """Writes vector instructions: integers, memory, complex arithmetic, and the transforms made of them."""

    def __init__(self, builder, vec):
        self.builder, self.vec, self.lanes = builder, vec, vec.lanes

    # whole numbers: Python's or LLVM's
    def whole(self, n):
        return ir.Constant(I64, n) if isinstance(n, int) else n

    def plus(self, a, b):
        return self.builder.add(self.whole(a), self.whole(b))

    def times(self, a, b):
        return self.builder.mul(self.whole(a), self.whole(b))

    # vectors in memory; offsets count real numbers
    def load(self, data, offset):
        at = pointer_at(self.builder, data, self.whole(offset), self.vec.llvm)
        return self.builder.load(at, align=self.vec.align)

    def store(self, value, data, offset):
        at = pointer_at(self.builder, data, self.whole(offset), self.vec.llvm)
        self.builder.store(value, at, align=self.vec.align)

    def load_splat(self, data, offset):
        return splatted(self.builder, self.builder.load(self.builder.gep(data, [self.whole(offset)])), self.lanes)

    # complex elements in memory; offsets count elements
    def load_complex(self, data, element):
        at = self.times(element, 2 * self.lanes)
        return self.load(data, at), self.load(data, self.plus(at, self.lanes))

    def store_complex(self, z, data, element):
        at = self.times(element, 2 * self.lanes)
        for part, value in enumerate(z):
            self.store(self.number(0) if value is None else value, data, self.plus(at, part * self.lanes))

    # arithmetic on vectors; None is zero, and what is `Scaled` is multiplied as it is added
    def add(self, a, b):
        if a is None or b is None:
            return self.plain(b) if a is None else a
        if isinstance(b, Scaled):
            return self.scaled_sum(a, b.value, b.factor)
        return self.builder.fadd(a, b, flags=FASTMATH)

    def sub(self, a, b):
        if a is None or b is None:
            return self.neg(self.plain(b)) if a is None else a
        if isinstance(b, Scaled):
            return self.scaled_sum(a, b.value, -b.factor)
        return self.builder.fsub(a, b, flags=FASTMATH)

    def scaled_sum(self, a, value, factor):
        """a + value factor, rounded once where the processor can; with `a` Scaled the result is, too."""
        if isinstance(a, Scaled):
            return Scaled((self.add if factor == a.factor else self.sub)(a.value, value), a.factor)
        return self.fused(value, self.number(factor), a)

    def fused(self, a, b, c):
        """a b + c, rounded once where the processor can; a call, which no flags let LLVM regroup."""
        name = f"llvm.fmuladd.v{self.lanes}f{self.vec.dtype.bitwidth}"
        return self.builder.call(llvm_function(self.builder, name, *[self.vec.llvm] * 4), [a, b, c])

    def sum_and_rest(self, a, b):
        """a + b, and what rounding left out, or most of it where |a| < |b| (Dekker, Numer. Math. 18, 1971, 224-242)."""
        total = self.fused(a, self.number(1), b)
        return total, self.fused(self.fused(a, self.number(-1), total), self.number(-1), b)

    def plain(self, a):
        return self.mul(a.value, self.number(a.factor)) if isinstance(a, Scaled) else a

    def mul(self, a, b):
        return None if a is None else self.builder.fmul(a, b, flags=FASTMATH)

    def neg(self, a):
        return None if a is None else self.builder.fneg(a, flags=FASTMATH)

    def number(self, value):
        single = self.vec.dtype == types.float32
        return constant(self.vec.llvm, float(np.float32(value)) if single else float(value))

    # arithmetic on complex pairs (re, im)
    def complex_add(self, a, b):
        return self.add(a[0], b[0]), self.add(a[1], b[1])

    def complex_sub(self, a, b):
        return self.sub(a[0], b[0]), self.sub(a[1], b[1])

    def complex_mul(self, a, w):
        return (
            self.sub(self.mul(a[0], w[0]), self.mul(a[1], w[1])),
            self.add(self.mul(a[0], w[1]), self.mul(a[1], w[0])),
        )

    def rotate(self, a, numerator, denominator):
        """a times exp(-2 pi i numerator / denominator), as the second operand of additions and subtractions."""
        half = math.sqrt(0.5)
        eighths = {
            0: lambda: a,
            1: lambda: (Scaled(self.add(*a), half), Scaled(self.sub(a[1], a[0]), half)),
            2: lambda: (a[1], self.neg(a[0])),
            3: lambda: (Scaled(self.sub(a[1], a[0]), half), Scaled(self.add(*a), -half)),
        }
        if 8 * numerator / denominator in eighths:
            return eighths[8 * numerator / denominator]()
        w = roots(numerator, denominator)
        return self.complex_mul(a, (self.number(w.real), self.number(w.imag)))

    # transforms
    def dft(self, x):
        """The transform of a list of complex pairs."""
        size = len(x)
        if size == 1:
            return x
        if size == 2:
            return [self.complex_add(x[0], x[1]), self.complex_sub(x[0], x[1])]
        if size == 4:
            return self._dft4(x)
        if size in (3, 5, 7):
            return self._dft_odd(x)
        return self._dft_product(x)

    def _dft4(self, x):
        a, b = self.complex_add(x[0], x[2]), self.complex_sub(x[0], x[2])
        c, d = self.complex_add(x[1], x[3]), self.complex_sub(x[1], x[3])
        return [
            self.complex_add(a, c),
            (self.add(b[0], d[1]), self.sub(b[1], d[0])),
            self.complex_sub(a, c),
            (self.sub(b[0], d[1]), self.add(b[1], d[0])),
        ]

    def _dft_odd(self, x):
        """X[k], X[R-k] = (x0 + sum cos(jk) (x[j] + x[R-j])) -+ i sum sin(jk) (x[j] - x[R-j]), j, k <= R // 2."""
        size, half = len(x), len(x) // 2
        sums = [self.complex_add(x[j], x[size - j]) for j in range(1, half + 1)]
        differences = [self.complex_sub(x[j], x[size - j]) for j in range(1, half + 1)]
        out = [x[0]] + [None] * (size - 1)
        for s in sums:
            out[0] = self.complex_add(out[0], s)
        for k in range(1, half + 1):
            turns = roots(k * np.arange(1, half + 1), size)
            even = tuple(self._weighted(x[0][c], [s[c] for s in sums], turns.real) for c in (0, 1))
            odd = tuple(self._weighted(None, [d[c] for d in differences], -turns.imag) for c in (0, 1))
            out[k] = self.add(even[0], odd[1]), self.sub(even[1], odd[0])
            out[size - k] = self.sub(even[0], odd[1]), self.add(even[1], odd[0])
        return out

    def _weighted(self, start, values, weights):
        total = start
        for value, weight in zip(values, weights, strict=True):
            if value is not None:
                term = Scaled(value, weight)
                total = term if total is None else self.add(self.plain(total), term)
        return total

    def _dft_product(self, x):
        size = len(x)
        r = 2 if size in (6, 8) else next(r for r in (4, 2, 3, 5, 7) if size % r == 0)
        q = size // r
        if math.gcd(r, q) == 1:
            return self._dft_coprime(x, r, q)
        columns = [self.dft([x[r * j + i] for j in range(q)]) for i in range(r)]
        out = [None] * size
        for k in range(q):
            y = self.dft([self.rotate(columns[i][k], i * k, size) for i in range(r)])
            for i in range(r):
                out[k + q * i] = y[i]
        return out

    def _dft_coprime(self, x, r, q):
        """Without twiddles, for j = q a + r b: X[k] = sum over a of W_r^(a k) sum over b of W_q^(b k) x[j mod r q]."""
        size = r * q
        inner = [self.dft([x[(q * a + r * b) % size] for b in range(q)]) for a in range(r)]
        outer = [self.dft([inner[a][k] for a in range(r)]) for k in range(q)]
        return [outer[k % q][k % r] for k in range(size)]

    def twiddle(self, z, table, row, k):
        """z times entry k of the row of twiddles at real offset `row`; entry 0 is one and not stored."""
        if k == 0:
            return z
        at = self.plus(row, 2 * k - 2)
        return self.complex_mul(z, (self.load_splat(table, at), self.load_splat(table, self.plus(at, 1))))


def emit_switch(builder, value, sizes, emit):
    """emit(size) for the size that the run-time integer `value` turns out to be."""
    end = builder.append_basic_block("switch.end")
    switch = builder.switch(value, end)
    for size in sizes:
        block = builder.append_basic_block(f"size.{size}")
        switch.add_case(ir.Constant(I64, size), block)
        builder.position_at_end(block)
        emit(size)
        builder.branch(end)
    builder.position_at_end(end)


@intrinsic
def columns(typingctx, n1, n2, tile, base, offsets, window, z, tw):
    """First stage: n2 columns; load times window, n1-point transform, twiddle, store.

    Column p takes the complex samples p + n2 k, k < n1, each two neighbouring real samples j = 2 (p + n2 k) and j + 1
    at tile[base + offsets[j]]; its bin k goes to element p n1 + k of z.
    """
    vec = vec_of(tile)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        n1, n2, base = args[0], args[1], args[3]
        tile, offsets, window, z, tw = (data_pointer(context, builder, sig.args[j], args[j]) for j in (2, 4, 5, 6, 7))

        def sample(j):
            offset = builder.zext(builder.load(builder.gep(offsets, [j])), I64)
            return e.mul(e.load(tile, e.plus(base, offset)), e.load_splat(window, j))

        def emit(size):
            with cgutils.for_range(builder, n2) as loop:
                x = []
                for k in range(size):
                    j = e.times(e.plus(loop.index, e.times(n2, k)), 2)
                    x.append((sample(j), sample(e.plus(j, 1))))
                row = e.times(loop.index, 2 * (size - 1))
                for k, y in enumerate(e.dft(x)):
                    e.store_complex(e.twiddle(y, tw, row, k), z, e.plus(e.times(loop.index, n1), k))

        emit_switch(builder, n1, COLUMN, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, tile, i64, offsets, window, z, tw), codegen


@intrinsic
def columns_inverse(typingctx, n1, n2, z, tw, window, y):
    """The mirror of `columns`: twiddle, n1-point transform, window; real sample j goes to y[j lanes].

    The inverse of a transform is the transform of the input with re and im swapped, swapped again.
    """
    vec = vec_of(z)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        n1, n2 = args[0], args[1]
        z, tw, window, y = (data_pointer(context, builder, sig.args[j], args[j]) for j in (2, 3, 4, 5))

        def emit(size):
            with cgutils.for_range(builder, n2) as loop:
                row = e.times(loop.index, 2 * (size - 1))
                first = e.times(loop.index, n1)
                x = [e.twiddle(e.load_complex(z, e.plus(first, k)), tw, row, k) for k in range(size)]
                for k, v in enumerate(e.dft(x)):
                    j = e.times(e.plus(loop.index, e.times(n2, k)), 2)
                    for part in (0, 1):
                        at = e.plus(j, part)
                        e.store(e.mul(v[1 - part], e.load_splat(window, at)), y, e.times(at, e.lanes))

        emit_switch(builder, n1, COLUMN, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, z, tw, window, y), codegen


@intrinsic
def middle_pass(typingctx, radix, m, width, x, i, step, o, tw, t):
    """One pass of a self-sorting transform (Stockham's order) over interleaved rows: for q < width, p < m, k < radix,

    x[i + q + step (p + m k)] -> transform over k -> x[o + q + width (radix p + k)],

    times entry k of the twiddle row p at real offset t.
    """
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        radix, m, width, _, i, step, o, _, t = args
        x, tw = (data_pointer(context, builder, sig.args[j], args[j]) for j in (3, 7))

        def emit(size):
            with cgutils.for_range(builder, m) as outer:
                row = e.plus(t, e.times(outer.index, 2 * (size - 1)))
                source = e.plus(i, e.times(step, outer.index))
                target = e.plus(o, e.times(width, e.times(outer.index, size)))
                with cgutils.for_range(builder, width) as inner:
                    a, c = e.plus(source, inner.index), e.plus(target, inner.index)
                    jump = e.times(m, step)
                    y = e.dft([e.load_complex(x, e.plus(a, e.times(jump, k))) for k in range(size)])
                    for k, v in enumerate(y):
                        e.store_complex(e.twiddle(v, tw, row, k), x, e.plus(c, e.times(width, k)))

        emit_switch(builder, radix, MIDDLE, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, i64, x, i64, i64, i64, tw, i64), codegen


@intrinsic
def last_pass(typingctx, radix, apart, width, x, i, step, o, out_step):
    """The last pass, whose twiddles are all one: for q < width, j < apart and k < radix,

    x[i + q + step (j + apart k)] -> transform over k -> x[o + q + out_step (j + apart k)].
    """
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        radix, apart, width, _, i, step, o, out_step = args
        x = data_pointer(context, builder, sig.args[3], args[3])

        def emit(size):
            with cgutils.for_range(builder, apart) as outer:
                source, target = e.plus(i, e.times(step, outer.index)), e.plus(o, e.times(out_step, outer.index))
                with cgutils.for_range(builder, width) as inner:
                    a, c = e.plus(source, inner.index), e.plus(target, inner.index)
                    jump, out_jump = e.times(apart, step), e.times(apart, out_step)
                    y = e.dft([e.load_complex(x, e.plus(a, e.times(jump, k))) for k in range(size)])
                    for k, v in enumerate(y):
                        e.store_complex(v, x, e.plus(c, e.times(out_jump, k)))

        emit_switch(builder, radix, LAST, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, i64, x, i64, i64, i64, i64), codegen
