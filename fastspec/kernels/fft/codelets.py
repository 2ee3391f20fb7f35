"""Codelets: generated discrete Fourier transforms of small sizes on vectors, and the loops that apply them.

A codelet of size R is straight-line code for X[k] = sum over j of x[j] exp(-2 pi i j k / R): sizes 2, 3, 4, 5 and 7
are written out with real arithmetic, their products are factorised (Cooley & Tukey, Math. Comp. 19, 1965, 297-301),
without twiddles where the factors are coprime (Good, J. R. Statist. Soc. B 20, 1958, 361-372).  Each intrinsic below
emits a `switch` over its sizes, so that the size is a run-time number.  For any other size it does nothing:
`tables.factorise` uses only these.

A complex element in memory is lanes real parts, then lanes imaginary parts; complex offsets count such elements.
"""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.jit import FASTMATH, I64, cgutils, data_pointer, intrinsic, ir, types
from ..simd.vector import declare_function, emit_constant, emit_pointer, emit_splat, vec_of
from .roots import roots

COLUMN_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
"""Sizes n1 of the first stage, over columns."""
MIDDLE_RADICES = (2, 3, 4, 5, 8)
"""Radices of all but the last pass over a row."""
LAST_RADICES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
"""Radices of the last pass over a row."""

i64 = types.int64


class Scaled(NamedTuple):
    """value * factor, not yet multiplied: an addition does it in the same instruction."""

    value: object
    factor: float


class Emitter:
    """Emits LLVM instructions: integers, memory, complex arithmetic, and the transforms composed of them."""

    def __init__(self, builder, vec):
        self.builder, self.vec, self.lanes = builder, vec, vec.lanes

    # integers, Python's or LLVM's
    def integer(self, n):
        return ir.Constant(I64, n) if isinstance(n, int) else n

    def add_int(self, a, b):
        return self.builder.add(self.integer(a), self.integer(b))

    def mul_int(self, a, b):
        return self.builder.mul(self.integer(a), self.integer(b))

    # vectors in memory; offsets count real numbers
    def load(self, data, offset):
        pointer = emit_pointer(self.builder, data, self.integer(offset), self.vec.llvm)
        return self.builder.load(pointer, align=self.vec.align)

    def store(self, value, data, offset):
        pointer = emit_pointer(self.builder, data, self.integer(offset), self.vec.llvm)
        self.builder.store(value, pointer, align=self.vec.align)

    def load_splat(self, data, offset):
        return emit_splat(self.builder, self.builder.load(self.builder.gep(data, [self.integer(offset)])), self.lanes)

    # complex elements in memory; offsets count elements
    def load_complex(self, data, element):
        at = self.mul_int(element, 2 * self.lanes)
        return self.load(data, at), self.load(data, self.add_int(at, self.lanes))

    def store_complex(self, z, data, element):
        at = self.mul_int(element, 2 * self.lanes)
        for k, value in enumerate(z):
            self.store(self.real(0) if value is None else value, data, self.add_int(at, k * self.lanes))

    # arithmetic on vectors; None is zero, and a `Scaled` operand is multiplied as it is added
    def add(self, a, b):
        if a is None or b is None:
            return self.unscaled(b) if a is None else a
        if isinstance(b, Scaled):
            return self.scaled_sum(a, b.value, b.factor)
        return self.builder.fadd(a, b, flags=FASTMATH)

    def sub(self, a, b):
        if a is None or b is None:
            return self.neg(self.unscaled(b)) if a is None else a
        if isinstance(b, Scaled):
            return self.scaled_sum(a, b.value, -b.factor)
        return self.builder.fsub(a, b, flags=FASTMATH)

    def scaled_sum(self, a, value, factor):
        """a + value factor, rounded once if the processor can; Scaled if `a` is."""
        if isinstance(a, Scaled):
            return Scaled((self.add if factor == a.factor else self.sub)(a.value, value), a.factor)
        return self.fma(value, self.real(factor), a)

    def fma(self, a, b, c):
        """a b + c, rounded once if the processor can; a call, which LLVM does not reassociate."""
        name = f"llvm.fmuladd.v{self.lanes}f{self.vec.dtype.bitwidth}"
        return self.builder.call(declare_function(self.builder, name, *[self.vec.llvm] * 4), [a, b, c])

    def fast_two_sum(self, a, b):
        """(a + b, its rounding error): exact if |a| >= |b|, else nearly (Dekker, Numer. Math. 18, 1971, 224-242)."""
        total = self.fma(a, self.real(1), b)
        return total, self.fma(self.fma(a, self.real(-1), total), self.real(-1), b)

    def unscaled(self, a):
        return self.mul(a.value, self.real(a.factor)) if isinstance(a, Scaled) else a

    def mul(self, a, b):
        return None if a is None else self.builder.fmul(a, b, flags=FASTMATH)

    def neg(self, a):
        return None if a is None else self.builder.fneg(a, flags=FASTMATH)

    def real(self, value):
        single = self.vec.dtype == types.float32
        return emit_constant(self.vec.llvm, float(np.float32(value)) if single else float(value))

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
        """a exp(-2 pi i numerator / denominator), as the second operand of an addition or subtraction."""
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
        return self.complex_mul(a, (self.real(w.real), self.real(w.imag)))

    # transforms
    def dft(self, x):
        """The discrete Fourier transform of a list of complex pairs, bins in natural order."""
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
            w = roots(k * np.arange(1, half + 1), size)
            even = tuple(self._weighted_sum(x[0][c], [s[c] for s in sums], w.real) for c in (0, 1))
            odd = tuple(self._weighted_sum(None, [d[c] for d in differences], -w.imag) for c in (0, 1))
            out[k] = self.add(even[0], odd[1]), self.sub(even[1], odd[0])
            out[size - k] = self.sub(even[0], odd[1]), self.add(even[1], odd[0])
        return out

    def _weighted_sum(self, start, values, weights):
        total = start
        for value, weight in zip(values, weights, strict=True):
            if value is not None:
                term = Scaled(value, weight)
                total = term if total is None else self.add(self.unscaled(total), term)
        return total

    def _dft_product(self, x):
        size = len(x)
        r = 2 if size in (6, 8) else next(r for r in (4, 2, 3, 5, 7) if size % r == 0)
        q = size // r
        if math.gcd(r, q) == 1:
            return self._dft_coprime(x, r, q)
        transform_columns = [self.dft([x[r * j + i] for j in range(q)]) for i in range(r)]
        out = [None] * size
        for k in range(q):
            y = self.dft([self.rotate(transform_columns[i][k], i * k, size) for i in range(r)])
            for i in range(r):
                out[k + q * i] = y[i]
        return out

    def _dft_coprime(self, x, r, q):
        """X[k] = sum over a of W_r^(a k) sum over b of W_q^(b k) x[(q a + r b) mod r q]: no twiddles."""
        size = r * q
        inner = [self.dft([x[(q * a + r * b) % size] for b in range(q)]) for a in range(r)]
        outer = [self.dft([inner[a][k] for a in range(r)]) for k in range(q)]
        return [outer[k % q][k % r] for k in range(size)]

    def twiddle(self, z, table, row, k):
        """z times entry k of the row of twiddles at offset `row` (real numbers); entry 0 is 1 and not stored."""
        if k == 0:
            return z
        at = self.add_int(row, 2 * k - 2)
        return self.complex_mul(z, (self.load_splat(table, at), self.load_splat(table, self.add_int(at, 1))))


def emit_switch(builder, value, sizes, emit):
    """Emit code that branches to emit(size) for the size equal to the run-time integer `value`."""
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
def transform_columns(typingctx, n1, n2, tile, base, offsets, window, z, tw):
    """First stage, n2 columns: window, n1-point transform, twiddle.

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
            return e.mul(e.load(tile, e.add_int(base, offset)), e.load_splat(window, j))

        def emit(size):
            with cgutils.for_range(builder, n2) as loop:
                x = []
                for k in range(size):
                    j = e.mul_int(e.add_int(loop.index, e.mul_int(n2, k)), 2)
                    x.append((sample(j), sample(e.add_int(j, 1))))
                row = e.mul_int(loop.index, 2 * (size - 1))
                for k, y in enumerate(e.dft(x)):
                    e.store_complex(e.twiddle(y, tw, row, k), z, e.add_int(e.mul_int(loop.index, n1), k))

        emit_switch(builder, n1, COLUMN_SIZES, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, tile, i64, offsets, window, z, tw), codegen


@intrinsic
def transform_columns_inverse(typingctx, n1, n2, first, count, z, tw, window, y):
    """The inverse of `transform_columns`, of columns first .. first + count - 1: twiddle, n1-point transform, window.

    Real samples 2 (p + n2 k) and the next one of column p go to y[2 (k count + p - first) lanes:]; so, of all columns,
    sample j goes to y[j lanes].

    The inverse of a transform is the transform of the input with re and im swapped, swapped again.
    """
    vec = vec_of(z)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        n1, n2, first, count = args[:4]
        z, tw, window, y = (data_pointer(context, builder, sig.args[j], args[j]) for j in (4, 5, 6, 7))

        def emit(size):
            with cgutils.for_range(builder, count) as loop:
                p = e.add_int(first, loop.index)
                row, start = e.mul_int(p, 2 * (size - 1)), e.mul_int(p, n1)
                x = [e.twiddle(e.load_complex(z, e.add_int(start, k)), tw, row, k) for k in range(size)]
                for k, v in enumerate(e.dft(x)):
                    j = e.mul_int(e.add_int(p, e.mul_int(n2, k)), 2)
                    target = e.mul_int(e.add_int(loop.index, e.mul_int(count, k)), 2 * e.lanes)
                    for c in (0, 1):
                        value = e.mul(v[1 - c], e.load_splat(window, e.add_int(j, c)))
                        e.store(value, y, e.add_int(target, c * e.lanes))

        emit_switch(builder, n1, COLUMN_SIZES, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, i64, i64, z, tw, window, y), codegen


@intrinsic
def middle_pass(typingctx, radix, m, width, x, i, step, o, tw, t):
    """A pass of a self-sorting transform (Stockham's order) over interleaved rows: for q < width, p < m, k < radix,

    x[i + q + step (p + m k)] -> transform over k -> x[o + q + width (radix p + k)],

    times entry k of the twiddles of p, whose rows start at tw[t].
    """
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        radix, m, width, _, i, step, o, _, t = args
        x, tw = (data_pointer(context, builder, sig.args[j], args[j]) for j in (3, 7))

        def emit(size):
            with cgutils.for_range(builder, m) as outer:
                row = e.add_int(t, e.mul_int(outer.index, 2 * (size - 1)))
                source = e.add_int(i, e.mul_int(step, outer.index))
                target = e.add_int(o, e.mul_int(width, e.mul_int(outer.index, size)))
                with cgutils.for_range(builder, width) as inner:
                    a, c = e.add_int(source, inner.index), e.add_int(target, inner.index)
                    stride = e.mul_int(m, step)
                    y = e.dft([e.load_complex(x, e.add_int(a, e.mul_int(stride, k))) for k in range(size)])
                    for k, v in enumerate(y):
                        e.store_complex(e.twiddle(v, tw, row, k), x, e.add_int(c, e.mul_int(width, k)))

        emit_switch(builder, radix, MIDDLE_RADICES, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, i64, x, i64, i64, i64, tw, i64), codegen


@intrinsic
def last_pass(typingctx, radix, m, width, x, i, step, o, out_step):
    """The last pass, whose twiddles are all 1: for q < width, j < m and k < radix,

    x[i + q + step (j + m k)] -> transform over k -> x[o + q + out_step (j + m k)].
    """
    vec = vec_of(x)

    def codegen(context, builder, sig, args):
        e = Emitter(builder, vec)
        radix, m, width, _, i, step, o, out_step = args
        x = data_pointer(context, builder, sig.args[3], args[3])

        def emit(size):
            with cgutils.for_range(builder, m) as outer:
                source = e.add_int(i, e.mul_int(step, outer.index))
                target = e.add_int(o, e.mul_int(out_step, outer.index))
                with cgutils.for_range(builder, width) as inner:
                    a, c = e.add_int(source, inner.index), e.add_int(target, inner.index)
                    stride, out_stride = e.mul_int(m, step), e.mul_int(m, out_step)
                    y = e.dft([e.load_complex(x, e.add_int(a, e.mul_int(stride, k))) for k in range(size)])
                    for k, v in enumerate(y):
                        e.store_complex(v, x, e.add_int(c, e.mul_int(out_stride, k)))

        emit_switch(builder, radix, LAST_RADICES, emit)
        return context.get_dummy_value()

    return types.void(i64, i64, i64, x, i64, i64, i64, i64), codegen
