"""The second stage of the transform: interleaved rows, by run-time Stockham passes in the first-level cache."""

from ..runtime.calls import noinline
from ..runtime.layout import Ints, Reals
from ..runtime.tasks import callee
from .codelets import last_pass, middle_pass


@callee("transform", "features", "recovery", "notebook")
def transform_rows(
    work: Reals, i: int, in_stride: int, o: int, out_stride: int, tmp: int, rows: int, n: int, radices: Ints, tw: Reals
):
    """Rows of n points: element j of row q is read at i + q + in_stride j and written at o + q + out_stride j.

    Offsets and strides count complex elements of `work`; the 2 rows n elements from tmp on are scratch.  The transform
    may be in place, i = o: all input is read before any output is written, and rows of a single pass read each column
    before they write it.
    """
    noinline()
    count = radices.size
    m, width, t, source, step = n, rows, 0, i, in_stride  # width: rows times the product of the radices so far
    for j in range(count - 1):
        radix = radices[j]
        m //= radix
        target = tmp + (j & 1) * rows * n
        middle_pass(radix, m, width, work, source, step, target, tw, t)
        t += 2 * (radix - 1) * m
        width *= radix
        source, step = target, width
    outer, inner, out_step = width // rows, rows, out_stride
    if count > 1:
        step = rows
    if step == rows and out_stride == rows:  # input and output are contiguous: one loop instead of two
        outer, inner, step, out_step = 1, width, width, width
    last_pass(radices[count - 1], outer, inner, work, source, step, o, out_step)
