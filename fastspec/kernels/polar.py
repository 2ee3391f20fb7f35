"""Driver of complex numbers from magnitudes and phases."""

from .calls import claim
from .jit import kernel, parallel_kernel, prange
from .turns import sine_cosine
from .vector import lanes, load, load_part, store, store_part, zip_high, zip_low


@kernel
def turn_chunk(s, S, phase, chunk, out):
    """Item s: numbers s chunk ... (s + 1) chunk - 1; out holds real and imaginary parts in turn."""
    V = lanes(S)
    i, stop = s * chunk, min(S.size, (s + 1) * chunk)
    while i + V <= stop:
        sine, cosine = sine_cosine(load(phase, i))
        size = load(S, i)
        re, im = size * cosine, size * sine
        store(out, 2 * i, zip_low(re, im))
        store(out, 2 * i + V, zip_high(re, im))
        i += V
    if i < stop:
        count = stop - i
        sine, cosine = sine_cosine(load_part(phase, i, count))
        size = load_part(S, i, count)
        re, im = size * cosine, size * sine
        store_part(out, 2 * i, zip_low(re, im), 2 * count)
        store_part(out, 2 * i + V, zip_high(re, im), 2 * count - V)


@parallel_kernel
def turn(serial, lo, hi, workers, board, S, phase, chunk, out):
    """out = S exp(i phase), complex numbers as pairs, in chunks."""
    if serial:
        for s in range(lo, hi):
            turn_chunk(s, S, phase, chunk, out)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                turn_chunk(s, S, phase, chunk, out)
                s = claim(board, 0, hi)
