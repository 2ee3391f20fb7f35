"""One tile of frames of one signal, from what a plan has ready: for short signals, where calling is the work.

numba takes microseconds to pass the many arguments of `analysis.strip`; here they come as one array of whole numbers,
written once, with the addresses of all tables.
"""

from .calls import address, call, out_of_line
from .jit import carray, int64, intrinsic, kernel, types, uint32
from .plan import Job, Last, Signals, Tables
from .vector import lanes

TABLES = 1
JOB = TABLES + 20
LAST = JOB + 22
SIZE = LAST + 11
"""Where in the array these begin; before them stands the address of the compiled strip, after them a zero."""


def _pointer(dtype):
    @intrinsic
    def pointer(typingctx, at):
        kind = types.CPointer(dtype)

        def codegen(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(kind))

        return kind(types.int64), codegen

    return pointer


ints_at, indices_at = _pointer(int64), _pointer(uint32)


@intrinsic
def reals_at(typingctx, like, at):
    """Pointer to numbers like those of an array."""
    kind = types.CPointer(like.dtype)

    def codegen(context, builder, sig, args):
        return builder.inttoptr(args[1], context.get_value_type(kind))

    return kind(like, types.int64), codegen


@kernel
def tables_of(ready, x):
    """plan.Tables."""
    a = TABLES
    return Tables(
        ready[a],
        ready[a + 1],
        ready[a + 2],
        ready[a + 3],
        ready[a + 4],
        ready[a + 5],
        carray(ints_at(ready[a + 6]), ready[a + 7]),
        carray(reals_at(x, ready[a + 8]), ready[a + 9]),
        carray(reals_at(x, ready[a + 10]), ready[a + 11]),
        carray(reals_at(x, ready[a + 12]), ready[a + 13]),
        carray(indices_at(ready[a + 14]), ready[a + 15]),
        carray(reals_at(x, ready[a + 16]), ready[a + 17]),
        carray(reals_at(x, ready[a + 18]), ready[a + 19]),
    )


@kernel
def job_of(ready):
    """plan.Job."""
    a = JOB
    return Job(
        ready[a],
        ready[a + 1],
        ready[a + 2] != 0,
        ready[a + 3] != 0,
        ready[a + 4] != 0,
        ready[a + 5] != 0,
        ready[a + 6] != 0,
        ready[a + 7],
        ready[a + 8],
        ready[a + 9],
        ready[a + 10],
        ready[a + 11],
        ready[a + 12],
        ready[a + 13],
        ready[a + 14],
        ready[a + 15],
        ready[a + 16],
        ready[a + 17],
        ready[a + 18],
        ready[a + 19],
        ready[a + 20],
        ready[a + 21],
    )


@kernel
def last_of(ready, x):
    """plan.Last; its real numbers stand together in memory."""
    a = LAST
    reals = carray(reals_at(x, ready[a + 2]), int64(4))
    return Last(
        ready[a],
        ready[a + 1] != 0,
        reals[0],
        reals[1],
        reals[2],
        reals[3],
        carray(reals_at(x, ready[a + 4]), ready[a + 5]),
        carray(ints_at(ready[a + 6]), ready[a + 7]),
        carray(ints_at(ready[a + 8]), ready[a + 9]),
    )


@kernel
def analyse_tile(ready, x, out, space):
    """The frames of x, no more than a tile, to `out`, as `ready` says; space is scratch, with a cache line to spare."""
    out_of_line()
    zero, V = int64(0), lanes(x)
    job = job_of(ready)
    nowhere = ready[SIZE - 1 : SIZE]  # holds a zero
    one, none = x.dtype.type(1), x.dtype.type(0)
    signals = Signals(x, nowhere, x[:0], x.size, zero, zero, none, one)
    skip = -address(space) % 64 // x.itemsize
    peaks, scratch = space[skip : skip + 2 * V], space[skip + 2 * V :]
    call(
        ready[0],
        (zero, zero, signals, tables_of(ready, x), job, last_of(ready, x), out, nowhere, peaks, scratch),
    )
