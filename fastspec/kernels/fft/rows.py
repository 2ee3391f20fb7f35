"""The second stage of the transform: interleaved rows, by run-time Stockham passes in the first-level cache."""

from ..runtime.calls import noinline
from ..runtime.layout import Ints, Reals
from ..runtime.tasks import callee
from .codelets import last_pass, middle_pass


@callee("transform", "features", "recovery", "notebook")
def transform_rows(work: Reals, i: int, ib: int, o: int, ob: int, tmp: int, b: int, n: int, radices: Ints, tw: Reals):
    """b interleaved rows of n points: element j of row q is read at i + q + ib j and written at o + q + ob j.

    tmp is scratch for 2 b n elements.  i and o may be the same place: the input is read whole before the output is
    written, unless the row is one pass, which then reads each column of it before it writes there.
    """
    noinline()
    count = radices.size
    m, width, t, source, step = n, b, 0, i, ib  # width: rows times what is sorted already
    for j in range(count - 1):
        radix = radices[j]
        m //= radix
        target = tmp + (j & 1) * b * n
        middle_pass(radix, m, width, work, source, step, target, tw, t)
        t += 2 * (radix - 1) * m
        width *= radix
        source, step = target, width
    apart, inner, out_step = width // b, b, ob
    if count > 1:
        step = b
    if step == b and ob == b:  # all is contiguous: the rows need not be told apart
        apart, inner, step, out_step = 1, width, width, width
    last_pass(radices[count - 1], apart, inner, work, source, step, o, out_step)
