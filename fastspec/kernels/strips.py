"""The driver of everything that is done strip by strip."""

from .calls import call, claim
from .jit import int64, parallel_kernel, prange


@parallel_kernel
def each_strip(serial, lo, hi, workers, board, function, record, scratch):
    """function(s, slot, record, scratch) for strips s = lo .. hi - 1, each by whichever worker is free.

    Processors are not equally fast, or not equally idle.  `function` is the address of a kernel, `record` holds what it
    unpacks (see `records`), and row `slot` of the scratch is the worker's own.
    """
    if serial:
        for s in range(lo, hi):
            call(function, (s, int64(0), record, scratch))
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                call(function, (s, worker, record, scratch))
                s = claim(board, 0, hi)
