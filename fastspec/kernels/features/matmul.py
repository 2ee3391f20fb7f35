"""Driver of a product of a small matrix and many columns, a strip of columns at a time."""

from ..runtime.calls import claim
from ..runtime.jit import kernel, prange
from ..runtime.threads import parallel_kernel
from ..simd.vector import lanes, load, load_splat, splat, store


@kernel
def strip(A, S, s, o, rows, inner, ld, start, stop, out):
    """out[o + r ld + t] = sum over k of A[r inner + k] S[s + k ld + t] for start <= t < stop, at least a vector."""
    V = lanes(S)
    for r in range(rows):
        t = start
        while t + 2 * V <= stop:
            a = b = splat(S, S.dtype.type(0))
            for k in range(inner):
                w = load_splat(A, r * inner + k)
                a, b = a + w * load(S, s + k * ld + t), b + w * load(S, s + k * ld + t + V)
            store(out, o + r * ld + t, a)
            store(out, o + r * ld + t + V, b)
            t += 2 * V
        while t < stop:
            t = min(t, stop - V)
            a = splat(S, S.dtype.type(0))
            for k in range(inner):
                a = a + load_splat(A, r * inner + k) * load(S, s + k * ld + t)
            store(out, o + r * ld + t, a)
            t += V


@kernel
def item(n, A, S, rows, inner, ld, chunk, out):
    """Item n: one strip of one matrix."""
    per = (ld + chunk - 1) // chunk
    matrix, start = n // per, n % per * chunk
    stop = min(ld, start + chunk)
    strip(A, S, matrix * inner * ld, matrix * rows * ld, rows, inner, ld, min(start, stop - lanes(S)), stop, out)


@parallel_kernel
def products(serial, lo, hi, workers, board, A, S, rows, inner, ld, chunk, out):
    """out[i] = A @ S[i], A (rows, inner), S (matrices, inner, ld), ld at least a vector; all flat."""
    if serial:
        for n in range(lo, hi):
            item(n, A, S, rows, inner, ld, chunk, out)
    else:
        for _worker in prange(workers):
            n = claim(board, 0, hi)
            while n >= 0:
                item(n, A, S, rows, inner, ld, chunk, out)
                n = claim(board, 0, hi)
