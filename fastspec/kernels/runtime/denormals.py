"""Numbers too small for the exponent of their dtype (denormals): on x86 they make arithmetic up to fifty times as slow.

Kernels that the driver calls take them for zero, and write zero in their place.  Where such numbers matter, a kernel
restores the mode that they are kept in, or is called with numbers that a power of two has brought into the range.
"""

from .jit import I32, I64, cgutils, int64, intrinsic, ir, types

FLUSH_BITS = 0x8040  # of the register MXCSR: flush to zero, denormals are zero


def is_x86(builder):
    """Whether LLVM compiles for an x86 processor."""
    return builder.module.triple.startswith(("x86_64", "i386", "i686"))


def _access_mode(builder, name, pointer):
    """Call the instruction `name`, which loads or stores MXCSR."""
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    instruction = cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")
    builder.call(instruction, [builder.bitcast(pointer, ir.IntType(8).as_pointer())])


@intrinsic
def set_flushing(typingctx, flushes):
    """Whether this thread takes denormals for zero from now on; returns the mode until now, for `restore_mode`.

    Without effect on other processors than x86.
    """

    def codegen(context, builder, sig, args):
        if not is_x86(builder):
            return ir.Constant(I64, 0)
        pointer = cgutils.alloca_once(builder, I32)
        _access_mode(builder, "stmxcsr", pointer)
        mode = builder.load(pointer)
        cleared = builder.and_(mode, ir.Constant(I32, 0xFFFFFFFF ^ FLUSH_BITS))
        bits = builder.select(args[0], ir.Constant(I32, FLUSH_BITS), ir.Constant(I32, 0))
        builder.store(builder.or_(cleared, bits), pointer)
        _access_mode(builder, "ldmxcsr", pointer)
        return builder.zext(mode, I64)

    return int64(types.boolean), codegen


@intrinsic
def restore_mode(typingctx, mode):
    """Set the mode that `set_flushing` returned."""

    def codegen(context, builder, sig, args):
        if is_x86(builder):
            pointer = cgutils.alloca_once(builder, I32)
            builder.store(builder.trunc(args[0], I32), pointer)
            _access_mode(builder, "ldmxcsr", pointer)
        return context.get_dummy_value()

    return types.void(types.int64), codegen
