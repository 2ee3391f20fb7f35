"""Driver of one projection: complex numbers onto given magnitudes, after a step of momentum."""

from .calls import claim
from .jit import kernel, parallel_kernel, prange
from .vector import evens, lanes, load, maximum, odds, splat, sqrt, store, zip_high, zip_low


@kernel
def turn(re, im, tiny, minus):
    """(re, im) / |(re, im)|, and 0 for 0; nothing overflows or vanishes on the way."""
    big = maximum(maximum(re, re * minus), maximum(im, im * minus)) + tiny
    re, im = re / big, im / big
    size = sqrt(re * re + im * im) + tiny
    return re / size, im / size


@kernel
def project_run(found, before, S, start, stop, momentum, tiny, out):
    """Bins start .. stop - 1 of `project`; at least a vector of them, `out` other memory than the rest."""
    V = lanes(S)
    m, least, minus = splat(S, momentum), splat(S, tiny), splat(S, S.dtype.type(-1))
    i = start
    while i < stop:
        i = min(i, stop - V)
        a, b = load(found, 2 * i), load(found, 2 * i + V)
        if momentum != 0:
            a, b = a - m * load(before, 2 * i), b - m * load(before, 2 * i + V)
        re, im = turn(evens(a, b), odds(a, b), least, minus)
        size = load(S, i)
        re, im = re * size, im * size
        store(out, 2 * i, zip_low(re, im))
        store(out, 2 * i + V, zip_high(re, im))
        i += V


@parallel_kernel
def project(serial, lo, hi, workers, board, found, before, S, chunk, momentum, tiny, out):
    """out = S t / |t| for t = found - momentum before (0 where t is 0), complex numbers as pairs, in chunks of bins."""
    if serial:
        for s in range(lo, hi):
            start = max(0, min(s * chunk, S.size - lanes(S)))
            project_run(found, before, S, start, min(S.size, (s + 1) * chunk), momentum, tiny, out)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                start = max(0, min(s * chunk, S.size - lanes(S)))
                project_run(found, before, S, start, min(S.size, (s + 1) * chunk), momentum, tiny, out)
                s = claim(board, 0, hi)
