"""Named tuples as runs of int64 numbers, so that a call of a driver hands over one array and not sixty arguments.

Numba takes each argument of a call apart, and named tuples field by field: 15 microseconds for those of `synthesis`.
A number takes one place, an array two: address and size.  Whoever packs an array must keep it alive.
"""

from functools import cache

import numpy as np

from .jit import I64, cgutils, intrinsic, ir, types

ELEMENTS = {
    "radices": types.int64,
    "offsets": types.uint32,
    "starts": types.int64,
    "stops": types.int64,
    "places": types.int64,
    "first": types.int64,
    "one": types.int64,
    "other": types.int64,
    "order": types.int64,
    "seeds": types.uint32,
}
"""What arrays hold, by the names of their fields, if not real numbers."""


@cache
def _kinds(kind, real):
    """Numba's types of the fields."""
    numbers = {int: types.int64, bool: types.boolean, np.ndarray: None}
    found = [numbers.get(hint, real) for hint in kind.__annotations__.values()]
    names = kind.__annotations__
    arrays = [types.Array(ELEMENTS.get(name, real), 1, "C") for name in names]
    return [array if field is None else field for field, array in zip(found, arrays, strict=True)]


def pack(values):
    """The numbers of a named tuple."""
    found = []
    for value in values:
        if isinstance(value, np.ndarray):
            found += [value.__array_interface__["data"][0], value.size]
        elif isinstance(value, float | np.floating):
            found.append(int(np.float64(value).view(np.int64)))
        else:
            found.append(int(value))
    return np.array(found, np.int64)


def places(kind, before=None):
    """How many numbers a named tuple of this kind takes, or its fields before the one of that name."""
    hints = list(kind.__annotations__.values())
    count = len(hints) if before is None else list(kind.__annotations__).index(before)
    return sum(1 + (hint is np.ndarray) for hint in hints[:count])


def _array(context, builder, kind, address, size):
    """An array of one axis at an address."""
    array = context.make_array(kind)(context, builder)
    itemsize = ir.Constant(I64, kind.dtype.bitwidth // 8)
    array.data = builder.inttoptr(address, array.data.type)
    array.nitems, array.itemsize = size, itemsize
    array.shape, array.strides = cgutils.pack_array(builder, [size]), cgutils.pack_array(builder, [itemsize])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


def _unpacker(kind, offset):
    @intrinsic
    def unpack(typingctx, like, record):
        fields = _kinds(kind, like.dtype)

        def codegen(context, builder, sig, args):
            data = context.make_array(record)(context, builder, args[1]).data
            values, place = [], offset

            def number():
                nonlocal place
                place += 1
                return builder.load(builder.gep(data, [ir.Constant(I64, place - 1)]))

            for field in fields:
                value = number()
                if isinstance(field, types.Array):
                    value = _array(context, builder, field, value, number())
                elif field == types.boolean:
                    value = builder.trunc(value, ir.IntType(1))
                elif field != types.int64:
                    value = builder.bitcast(value, ir.DoubleType())
                    value = value if field == types.float64 else builder.fptrunc(value, ir.FloatType())
                values.append(value)
            return context.make_tuple(builder, sig.return_type, values)

        return types.NamedTuple(fields, kind)(like, record), codegen

    return unpack
