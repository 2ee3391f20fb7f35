"""How kernels call kernels: by address.

Numba compiles every callee again at every level of its callers.  A kernel built once as a C function and called through
its address is compiled once; `call` checks neither types nor count, so every signature stands in `compiled`.
"""

import os

import numpy as np

from .jit import I64, cgutils, data_pointer, int64, intrinsic, ir, kernel, types


@intrinsic
def call(typingctx, function, arguments):
    """Call the C function at an address with a tuple of arguments."""

    def codegen(context, builder, sig, args):
        kinds = [context.get_value_type(types.unliteral(t)) for t in arguments]
        pointer = ir.FunctionType(ir.VoidType(), kinds).as_pointer()
        values = [builder.extract_value(args[1], k) for k in range(len(kinds))]
        builder.call(builder.inttoptr(args[0], pointer), values)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), codegen


@intrinsic
def noinline(typingctx):
    """First statement of a large kernel: LLVM must call it, not copy it into each caller: it would compile long."""

    def codegen(context, builder, sig, args):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def address(typingctx, a):
    """Address of the array's first element."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(data_pointer(context, builder, a, args[0]), I64)

    return types.int64(a), codegen


def _pointer(context, builder, array_type, array, index):
    return builder.gep(data_pointer(context, builder, array_type, array), [index])


@intrinsic
def compare_exchange(typingctx, a, i, expected, value):
    """a[i] = value if a[i] is what is expected, in one step that no other thread divides; returns what a[i] was."""

    def codegen(context, builder, sig, args):
        at = _pointer(context, builder, a, args[0], args[1])
        result = builder.cmpxchg(at, args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(result, 0)

    return types.int64(a, types.int64, types.int64, types.int64), codegen


@intrinsic
def fetch_add(typingctx, a, i):
    """a[i] += 1 in one step that no other thread divides; returns what a[i] was."""

    def codegen(context, builder, sig, args):
        at = _pointer(context, builder, a, args[0], args[1])
        return builder.atomic_rmw("add", at, ir.Constant(I64, 1), "seq_cst")

    return types.int64(a, types.int64), codegen


@intrinsic
def store_release(typingctx, a, i, value):
    """a[i] = value; a thread that sees it by `load_acquire` sees all that was written before."""

    def codegen(context, builder, sig, args):
        at = _pointer(context, builder, a, args[0], args[1])
        builder.store_atomic(args[2], at, "release", 8)
        return context.get_dummy_value()

    return types.void(a, types.int64, types.int64), codegen


@intrinsic
def load_acquire(typingctx, a, i):
    """a[i] as other threads last published it."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_pointer(context, builder, a, args[0], args[1]), "acquire", 8)

    return types.int64(a, types.int64), codegen


@kernel
def claim(board, place, limit):
    """The next number of a count that threads share, board[place], if it is below the limit; else -1."""
    while True:
        n = load_acquire(board, place)
        if n >= limit:
            return int64(-1)
        if compare_exchange(board, place, n, n + 1) == n:
            return n


@intrinsic
def yield_cpu(typingctx):
    """Lets another thread have the processor, where the system has a call for that."""

    def codegen(context, builder, sig, args):
        if os.name == "posix":
            yielding = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield"
            )
            builder.call(yielding, [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def prefetch(typingctx, a, i):
    """Asks for the cache line of a[i] ahead of its use; any offset will do."""

    def codegen(context, builder, sig, args):
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [ir.IntType(32)] * 3)
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        at = builder.bitcast(_pointer(context, builder, a, args[0], args[1]), byte)
        builder.call(fetch, [at] + [ir.Constant(ir.IntType(32), n) for n in (0, 3, 1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(a, types.int64), codegen


def aligned(count, dtype):
    """A new array of `count` elements that starts on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    raw = np.empty(count + 64 // dtype.itemsize, dtype)
    skip = -raw.__array_interface__["data"][0] % 64 // dtype.itemsize
    return raw[skip : skip + count]


def new_counter():
    """What workers share to agree on who does what: counts from zero, on a cache line of their own."""
    board = aligned(8, np.int64)
    board[:] = 0
    return board
