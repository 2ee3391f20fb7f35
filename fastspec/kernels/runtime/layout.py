"""Arguments of kernels: named tuples, laid out one after another as one array of int64 numbers, the record.

Numba takes each argument of a call apart, and named tuples field by field: 15 microseconds for those of the inverse
transform.  A call hands over one record and not sixty arguments.  A kernel says its arguments once, beside itself::

    class GainArgs(NamedTuple):
        x: Reals  # samples, scaled in place
        count: int
        gain: Number

    LAYOUT = Layout(GainArgs)
    (unpack_args,) = LAYOUT.unpackers

    @task
    def scale(item, worker, record, scratch):
        args = unpack_args(scratch, record)

and Python builds the record by ``LAYOUT.pack(GainArgs(x, x.size, 2.0))``.  Types, offsets and sizes all follow from the
annotations.  A number takes one place in the record, an array two: address and size; whoever packs an array must keep
it alive.
"""

import struct
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from .jit import I64, cgutils, intrinsic, ir, types

Number = float | np.floating
"""A real number of the dtype that a kernel is compiled for."""
Reals = NDArray[np.floating]
"""An array of them: one axis, contiguous, as all arrays here."""
Single = np.float32
Double = float | np.float64
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
UInt32s = NDArray[np.uint32]

GUARD = 0
"""Real numbers between the parts of scratch; the tests of memory bounds build the kernels with more."""
LINE = 16
"""Scratch of a worker is a multiple of so many numbers: no two workers share a cache line."""

_SCALARS = {int: types.int64, bool: types.boolean, Number: None, Single: types.float32, Double: types.float64}
_REALS = Number, Single, Double
_ELEMENTS = {
    Reals: None,
    Singles: types.float32,
    Doubles: types.float64,
    Ints: types.int64,
    Int32s: types.int32,
    UInt32s: types.uint32,
}


# ---- types from annotations ----
def numba_type(hint: Any, real: Any) -> Any:
    """Numba's type of what is annotated so, in kernels whose real numbers are of the type `real`."""
    if hint in _SCALARS:
        return _SCALARS[hint] or real
    if hint in _ELEMENTS:
        return types.Array(_ELEMENTS[hint] or real, 1, "C")
    if hasattr(hint, "_fields"):
        return types.NamedTuple([numba_type(field, real) for field in get_type_hints(hint).values()], hint)
    raise TypeError(f"no kernel takes an argument annotated {hint!r}")


@cache
def signature_of(function: Callable[..., Any], real: Any) -> tuple[Any, ...]:
    """Numba's types of the annotated arguments of a function."""
    hints = get_type_hints(function)
    return tuple(
        numba_type(hints[name], real) for name in function.__code__.co_varnames[: function.__code__.co_argcount]
    )


# ---- records ----
_DOUBLE, _LONG = struct.Struct("d"), struct.Struct("q")


def _bits(number: Any) -> int:
    return int(_LONG.unpack(_DOUBLE.pack(number))[0])


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """(name, annotation) of each field of a named tuple."""
    return tuple(get_type_hints(kind).items())


def _width(hint: Any) -> int:
    """Places in a record."""
    return 2 if hint in _ELEMENTS else 1


def pack(values: Any) -> NDArray[np.int64]:
    """A named tuple of arguments as its part of a record."""
    numbers: list[int] = []
    for (_, hint), value in zip(_fields(type(values)), values, strict=True):
        if hint in _ELEMENTS:
            numbers += value.__array_interface__["data"][0], value.size
        elif hint in _REALS:
            numbers.append(_bits(value))
        else:
            numbers.append(int(value))
    return np.array(numbers, np.int64)


class Layout:
    """Named tuples in the order in which they stand in the record of a kernel.

    Attributes
    ----------
    unpackers : tuple
        For each of them what gives it in a kernel: ``unpack(array of the kernel's dtype, record)``.
    size : int
        Numbers of a record.
    """

    def __init__(self, *kinds: Any) -> None:
        self.kinds, self._slots, start, unpackers = kinds, {}, 0, []
        for k, kind in enumerate(kinds):
            unpackers.append(_unpacker(kind, start))
            for name, hint in _fields(kind):
                # a name that several of them have has no slot of its own
                self._slots[name] = start if kinds.count(kind) == 1 and name not in self._slots else -1
                self._slots[k, name] = start
                start += _width(hint)
        self.unpackers, self.size = tuple(unpackers), start

    def pack(self, *parts: Any) -> NDArray[np.int64]:
        """The record of these named tuples, each of which may have been packed before."""
        assert len(parts) == len(self.kinds), f"{len(parts)} parts of a record of {len(self.kinds)}"
        packed = []
        for part, kind in zip(parts, self.kinds, strict=True):
            if not isinstance(part, np.ndarray):
                assert type(part) is kind, f"{type(part).__name__} in the place of {kind.__name__}"
                part = pack(part)
            packed.append(part)
        record = np.concatenate(packed)
        assert record.size == self.size
        return record

    def slot(self, name: str) -> int:
        """Where in a record the field of this name stands."""
        slot: int = self._slots[name]
        assert slot >= 0, f"several arguments are called {name}"
        return slot

    def set_memory(self, record: NDArray[np.int64], **memory: tuple[int, int]) -> None:
        """Set arrays of a record: (address, size) by name."""
        for name, (address, size) in memory.items():
            slot = self._slots[name]
            record[slot], record[slot + 1] = address, size

    def set_numbers(self, record: NDArray[np.int64], **numbers: int) -> None:
        """Set whole numbers of a record by name."""
        for name, number in numbers.items():
            record[self._slots[name]] = number


# ---- inside kernels ----
def _array(context: Any, builder: Any, kind: Any, address: Any, size: Any) -> Any:
    """An array of one axis at an address."""
    array = context.make_array(kind)(context, builder)
    itemsize = ir.Constant(I64, kind.dtype.bitwidth // 8)
    array.data = builder.inttoptr(address, array.data.type)
    array.nitems, array.itemsize = size, itemsize
    array.shape, array.strides = cgutils.pack_array(builder, [size]), cgutils.pack_array(builder, [itemsize])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


def _unpacker(kind: Any, offset: int) -> Any:
    """The intrinsic that reads a named tuple which stands at `offset` in records."""

    @intrinsic
    def unpack(typingctx, like, record):
        result = numba_type(kind, like.dtype)

        def codegen(context, builder, sig, args):
            data = context.make_array(record)(context, builder, args[1]).data
            values, slot = [], offset

            def number():
                nonlocal slot
                slot += 1
                return builder.load(builder.gep(data, [ir.Constant(I64, slot - 1)]))

            for field in result.types:
                value = number()
                if isinstance(field, types.Array):
                    value = _array(context, builder, field, value, number())
                elif field == types.boolean:
                    value = builder.trunc(value, ir.IntType(1))
                elif isinstance(field, types.Float):
                    value = builder.bitcast(value, ir.DoubleType())
                    value = value if field == types.float64 else builder.fptrunc(value, ir.FloatType())
                elif field != types.int64:
                    value = builder.trunc(value, ir.IntType(field.bitwidth))
                values.append(value)
            return context.make_tuple(builder, sig.return_type, values)

        return result(like, record), codegen

    return unpack


# ---- scratch ----
def scratch_size(sizes: tuple[int, ...]) -> int:
    """Real numbers of scratch for a worker whose kernel carves parts of these sizes; see `carve`."""
    return -(-(sum(sizes) + GUARD * (len(sizes) + 1)) // LINE) * LINE


@intrinsic
def carve(typingctx, scratch, worker, sizes):
    """The scratch of a worker as arrays of these sizes, one after another.  Python allocates by `scratch_size`."""
    count = len(sizes)

    def codegen(context, builder, sig, args):
        def number(value):
            return ir.Constant(I64, value)

        lengths = [
            context.cast(builder, builder.extract_value(args[2], k), sizes.types[k], types.int64) for k in range(count)
        ]
        total = number(GUARD * (count + 1) + LINE - 1)
        for length in lengths:
            total = builder.add(total, length)
        total = builder.and_(total, number(-LINE))
        data = builder.ptrtoint(context.make_array(scratch)(context, builder, args[0]).data, I64)
        itemsize = number(scratch.dtype.bitwidth // 8)
        start = builder.add(builder.mul(args[1], total), number(GUARD))
        arrays = []
        for length in lengths:
            arrays.append(_array(context, builder, scratch, builder.add(data, builder.mul(start, itemsize)), length))
            start = builder.add(builder.add(start, length), number(GUARD))
        return context.make_tuple(builder, sig.return_type, arrays)

    return types.UniTuple(scratch, count)(scratch, types.int64, sizes), codegen
