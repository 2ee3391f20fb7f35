"""The second stage of the transform: interleaved rows, by run-time Stockham passes in the first-level cache."""

from .calls import out_of_line
from .codelets import last_pass, middle_pass


def transform_rows(work, i, ib, o, ob, tmp, b, n, radices, tw):
    """b interleaved rows of n points: element j of row q is read at i + q + ib j and written at o + q + ob j.

    tmp is scratch for 2 b n elements.  i and o may be the same place: the input is read whole before the output is
    written, unless the row is one pass, which then reads each column of it before it writes there.
    """
    out_of_line()
    count = radices.size
    m, u, t, source, step = n, 1, 0, i, ib
    for j in range(count - 1):
        radix = radices[j]
        m //= radix
        target = tmp + (j & 1) * b * n
        if j == 0:
            middle_pass(radix, m, 1, b, work, source, step, target, b, tw, t)
        else:
            middle_pass(radix, m, 1, b * u, work, source, b * u, target, b * u, tw, t)
        t += 2 * (radix - 1) * m
        u *= radix
        source, step = target, b
    if step == b and ob == b:
        last_pass(radices[count - 1], 1, 1, b * u, work, source, b * u, o, b * u, tw, t)
    else:
        last_pass(radices[count - 1], 1, u, b, work, source, step, o, ob, tw, t)
