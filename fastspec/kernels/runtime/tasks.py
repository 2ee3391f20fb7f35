"""The driver of everything that is done strip by strip."""

from .calls import address, call, claim
from .jit import int64, prange
from .threads import parallel_kernel


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


@parallel_kernel
def each_strip_of(serial, lo, hi, workers, board, function, record, x, out, scratch):
    """`each_strip` of `analysis` for a record that is prepared but for the addresses of the signals and the output.

    Streams call it every few milliseconds: here the addresses cost nothing, in Python a microsecond each.
    """
    record[0], record[1], record[6], record[7] = address(x), x.size, address(out), out.size
    if serial:
        for s in range(lo, hi):
            call(function, (s, int64(0), record, scratch))
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                call(function, (s, worker, record, scratch))
                s = claim(board, 0, hi)
