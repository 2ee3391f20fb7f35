"""How kernels call kernels: by address.

Numba compiles every callee again at every level of its callers.  A kernel built once as a C function and called through
its address is compiled once; `call` checks neither types nor count, so every signature stands in `compiled`.
"""

import numpy as np

from .jit import intrinsic, ir, types
from .vector import I64, data_pointer


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
def out_of_line(typingctx):
    """First statement of a large kernel: LLVM must call it, not copy it into each caller, which takes long to compile."""

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


@intrinsic
def take_ticket(typingctx, counter):
    """counter[0], which is one higher for whoever asks next, in whatever thread."""

    def codegen(context, builder, sig, args):
        data = data_pointer(context, builder, counter, args[0])
        return builder.atomic_rmw("add", data, ir.Constant(I64, 1), "seq_cst")

    return types.int64(counter), codegen


def aligned(count, dtype):
    """A new array of `count` elements that starts on a cache line (64 bytes)."""
    dtype = np.dtype(dtype)
    raw = np.empty(count * dtype.itemsize + 64, np.uint8)
    skip = -raw.ctypes.data % 64
    return raw[skip : skip + count * dtype.itemsize].view(dtype)


