"""Calls of kernels by address, and atomic operations on counters that threads share.

Numba compiles a callee again inside every caller.  A kernel built as a C function and called through its address is
compiled once.  `call` checks neither the types nor the number of arguments: they must be those of the callee's
annotations (`tasks.callee`).
"""

import os
import sys

import numpy as np

from .denormals import is_x86
from .jit import I64, cgutils, data_pointer, int64, intrinsic, ir, kernel, types
from .layout import data_address

MASK_WORDS = 16
"""Of 64 cores each, of the system's type for the cores of a thread."""


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
    """First statement of a large kernel: keeps LLVM from inlining it into each caller, which would take long."""

    def codegen(context, builder, sig, args):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def address(typingctx, a):
    """The address of the first element of an array."""

    def codegen(context, builder, sig, args):
        return builder.ptrtoint(data_pointer(context, builder, a, args[0]), I64)

    return types.int64(a), codegen


def _pointer(context, builder, array_type, array, index):
    return builder.gep(data_pointer(context, builder, array_type, array), [index])


@intrinsic
def compare_exchange(typingctx, a, i, expected, value):
    """Atomically: a[i] = value if a[i] is the expected value; returns a[i] as it was before."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, a, args[0], args[1])
        result = builder.cmpxchg(pointer, args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(result, 0)

    return types.int64(a, types.int64, types.int64, types.int64), codegen


def _read_modify_write(operation, a):
    """(signature, code) of an atomic operation of LLVM on a[i]."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw(operation, _pointer(context, builder, a, args[0], args[1]), args[2], "seq_cst")

    return types.int64(a, types.int64, types.int64), codegen


@intrinsic
def fetch_add(typingctx, a, i, value):
    """Atomically: a[i] += value; returns a[i] as it was before."""
    return _read_modify_write("add", a)


@intrinsic
def exchange(typingctx, a, i, value):
    """Atomically: a[i] = value; returns a[i] as it was before."""
    return _read_modify_write("xchg", a)


@intrinsic
def store_release(typingctx, a, i, value):
    """a[i] = value; a thread that reads it by `load_acquire` also sees everything written before it."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, a, args[0], args[1])
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(a, types.int64, types.int64), codegen


@intrinsic
def load_acquire(typingctx, a, i):
    """a[i], as the last `store_release` of any thread left it."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_pointer(context, builder, a, args[0], args[1]), "acquire", 8)

    return types.int64(a, types.int64), codegen


@kernel
def claim(counters, i, limit):
    """Increments counters[i] if it is below the limit; returns its old value, or -1 at the limit."""
    while True:
        n = load_acquire(counters, i)
        if n >= limit:
            return int64(-1)
        if compare_exchange(counters, i, n, n + 1) == n:
            return n


@intrinsic
def yield_cpu(typingctx):
    """Let another thread use the processor, where the system has a call for that (POSIX)."""

    def codegen(context, builder, sig, args):
        if os.name == "posix":
            yielding = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.IntType(32), []), "sched_yield"
            )
            builder.call(yielding, [])
        return context.get_dummy_value()

    return types.void(), codegen


def _call_system(builder, name, kinds, values):
    """Call a function of the system's library that returns an int, on Linux; -1 elsewhere."""
    if not sys.platform.startswith("linux"):
        return ir.Constant(I64, -1)
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), kinds), name)
    return builder.sext(builder.call(function, values), I64)


@intrinsic
def current_core(typingctx):
    """The number of the core that this thread runs on; -1 where the system does not say."""
    return types.int64(), lambda context, builder, sig, args: _call_system(builder, "sched_getcpu", [], [])


def _affinity(name, a):
    """(signature, code) of a call that reads or sets the cores of a thread, one bit each, in a[i : i + MASK_WORDS]."""

    def codegen(context, builder, sig, args):
        thread, mask = builder.trunc(args[0], ir.IntType(32)), _pointer(context, builder, a, args[1], args[2])
        values = [thread, ir.Constant(I64, 8 * MASK_WORDS), mask]
        return _call_system(builder, name, [value.type for value in values], values)

    return types.int64(types.int64, a, types.int64), codegen


@intrinsic
def get_affinity(typingctx, thread, a, i):
    """Read the cores that a thread of the system, 0 for this one, may run on; negative if that fails."""
    return _affinity("sched_getaffinity", a)


@intrinsic
def set_affinity(typingctx, thread, a, i):
    """Set the cores that a thread of the system, 0 for this one, may run on; negative if that fails."""
    return _affinity("sched_setaffinity", a)


@intrinsic
def pause(typingctx):
    """Let the processor wait for a moment (some ten nanoseconds), for the sake of its other thread."""

    def codegen(context, builder, sig, args):
        if is_x86(builder):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def cycles(typingctx):
    """The processor's counter of cycles, which all cores share; 0 on other processors than x86."""

    def codegen(context, builder, sig, args):
        if not is_x86(builder):
            return ir.Constant(I64, 0)
        kind = ir.FunctionType(I64, [])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.readcyclecounter"), [])

    return types.int64(), codegen


@intrinsic
def prefetch(typingctx, a, i):
    """Fetch the cache line of a[i] ahead of its use; i may lie outside the array."""

    def codegen(context, builder, sig, args):
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [ir.IntType(32)] * 3)
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        pointer = builder.bitcast(_pointer(context, builder, a, args[0], args[1]), byte)
        builder.call(fetch, [pointer] + [ir.Constant(ir.IntType(32), n) for n in (0, 3, 1)])  # to read, keep, data
        return context.get_dummy_value()

    return types.void(a, types.int64), codegen


def aligned(count, dtype):
    """A new array of `count` elements that starts on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    buffer = np.empty(count + 64 // dtype.itemsize, dtype)
    skip = -data_address(buffer) % 64 // dtype.itemsize
    return buffer[skip : skip + count]
