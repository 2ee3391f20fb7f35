"""Arguments of kernels: named tuples, packed one after another into one int64 array, the record.

Numba unpacks each argument of a call, and named tuples field by field: 15 microseconds for those of the inverse
transform.  A call passes one record instead of sixty arguments.  A kernel declares its arguments once, beside itself::

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
annotations.  A number takes one slot of the record, an array two: address and size.

A record holds the arguments that were packed, so that no address in it outlives its array.  A copy of it holds nothing:
it is for one call, which sets the memory of its own arrays in it and keeps these and the record.
"""

import struct
from collections.abc import Callable
from ctypes import addressof, c_char
from functools import cache
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from .jit import I64, cgutils, intrinsic, ir, types

Number = float | np.floating
"""A real number of the dtype that a kernel is compiled for."""
Reals = NDArray[np.floating]
"""An array of them; all arrays of kernels are one-dimensional and contiguous."""
Single = np.float32
Double = float | np.float64
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Int32s = NDArray[np.int32]
UInt32s = NDArray[np.uint32]

GUARD_REALS = 0
"""Real numbers between two arrays of scratch; a build with more of them detects writes out of bounds."""
ALIGNMENT_REALS = 16
"""The scratch of a worker is a multiple of it, so that no two workers share a cache line."""

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
    """Numba's type for an annotation, in kernels whose real numbers are of the type `real`."""
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
@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    """(name, annotation) of each field of a named tuple."""
    return tuple(get_type_hints(kind).items())


def _slot_count(hint: Any) -> int:
    """Slots of a field in a record."""
    return 2 if hint in _ELEMENTS else 1


@cache
def _format(kind: Any) -> tuple[Callable[..., bytes], tuple[bool, ...]]:
    """(the packer of a named tuple's numbers, which of its fields are arrays)."""
    hints = [hint for _, hint in _fields(kind)]
    codes = ["qq" if h in _ELEMENTS else "d" if h in _REALS else "?7x" if h is bool else "q" for h in hints]
    return struct.Struct("<" + "".join(codes)).pack, tuple(h in _ELEMENTS for h in hints)


def data_address(a: NDArray[Any]) -> int:
    """The address of the first element of an array."""
    try:
        return addressof(c_char.from_buffer(a))  # a quarter of the time of __array_interface__
    except (TypeError, ValueError):  # read-only, empty, or not contiguous
        return int(a.__array_interface__["data"][0])


def data_addresses(*arrays: NDArray[Any]) -> list[int]:
    """The addresses of the first elements of arrays."""
    return [data_address(a) for a in arrays]


def locate(record: NDArray[np.int64], scratch: NDArray[Any]) -> tuple[int, int, int, int, int]:
    """(address and size of a record, address, size and size of an item of scratch), for a call of a task."""
    return data_address(record), record.size, data_address(scratch), scratch.size, scratch.itemsize


def _pack(values: Any) -> bytes:
    packer, arrays = _format(type(values))
    numbers: list[Any] = []
    for value, is_array in zip(values, arrays, strict=True):
        if is_array:
            size = value.size
            numbers += data_address(value) if size else 0, size
        else:
            numbers.append(value)
    return packer(*numbers)


class Numbers(bytearray):
    """The numbers of a record, and the arguments that they were packed from.

    Those of a changed copy of a record: this, then what else it points to; the numbers before it; the slots changed.
    """

    __slots__ = ("arguments", "before", "changed")
    arguments: tuple[Any, ...]
    before: int
    changed: tuple[int, ...]


def _record(numbers: bytes, arguments: tuple[Any, ...]) -> NDArray[np.int64]:
    """A record that holds its arguments: named tuples, or records of them."""
    owner = Numbers(numbers)
    owner.arguments = arguments
    return np.frombuffer(owner, np.int64)


def change(record: NDArray[np.int64], numbers: dict[int, int], *owners: Any, header: Any = ()) -> NDArray[np.int64]:
    """A copy of a record behind a header, with other numbers in some slots; it holds the record and the owners."""
    copied = np.concatenate([np.array(header, np.int64), record])
    copied[[len(header) + slot for slot in numbers]] = list(numbers.values())
    owner = Numbers(copied.tobytes())
    owner.arguments, owner.before, owner.changed = (record, *owners), len(header), tuple(numbers)
    return np.frombuffer(owner, np.int64)


def pack(values: Any) -> NDArray[np.int64]:
    """A named tuple of arguments as a part of a record."""
    return _record(_pack(values), (values,))


def join(*records: NDArray[np.int64]) -> NDArray[np.int64]:
    """Parts of a record, one after another, as one."""
    return _record(b"".join(records), records)  # type: ignore[arg-type]  # arrays are buffers


class Layout:
    """The named tuples of a record, in order.

    Attributes
    ----------
    unpackers : tuple
        An intrinsic for each named tuple: ``unpack(array of the kernel's dtype, record)``.
    size : int
        Slots of a record.
    """

    def __init__(self, *kinds: Any) -> None:
        self.kinds, self._slots, start, unpackers = kinds, {}, 0, []
        for k, kind in enumerate(kinds):
            unpackers.append(_unpacker(kind, start))
            for name, hint in _fields(kind):
                # a name that occurs in two tuples has no slot by name alone
                self._slots[name] = start if kinds.count(kind) == 1 and name not in self._slots else -1
                self._slots[k, name] = start
                start += _slot_count(hint)
        self.unpackers, self.size = tuple(unpackers), start

    def pack(self, *arguments: Any) -> NDArray[np.int64]:
        """The record of these named tuples; each may be packed already."""
        assert len(arguments) == len(self.kinds), f"{len(arguments)} tuples for a record of {len(self.kinds)}"
        packed: list[Any] = []
        for values, kind in zip(arguments, self.kinds, strict=True):
            if not isinstance(values, np.ndarray):
                assert type(values) is kind, f"{type(values).__name__} instead of {kind.__name__}"
                values = _pack(values)
            packed.append(values)
        record = _record(b"".join(packed), arguments)
        assert record.size == self.size
        return record

    def slot(self, name: str) -> int:
        """The first slot of the field of this name."""
        slot: int = self._slots[name]
        assert slot >= 0, f"{name} is a field of several tuples"
        return slot

    def set_memory(self, record: NDArray[np.int64], **memory: tuple[int, int]) -> None:
        """Set the (address, size) of arrays by name, in a copy of a record."""
        assert record.base is None, "a record holds the arrays that were packed, no others: set memory in a copy"
        for name, (address, size) in memory.items():
            slot = self._slots[name]
            record[slot], record[slot + 1] = address, size

    def set_numbers(self, record: NDArray[np.int64], **numbers: int) -> None:
        """Set integers of a record by name."""
        for name, number in numbers.items():
            record[self._slots[name]] = number


# ---- inside kernels ----
def _array(context: Any, builder: Any, kind: Any, address: Any, size: Any, itemsize: Any = None) -> Any:
    """A one-dimensional array at an address."""
    array = context.make_array(kind)(context, builder)
    itemsize = ir.Constant(I64, kind.dtype.bitwidth // 8) if itemsize is None else itemsize
    array.data = builder.inttoptr(address, array.data.type)
    array.nitems, array.itemsize = size, itemsize
    array.shape, array.strides = cgutils.pack_array(builder, [size]), cgutils.pack_array(builder, [itemsize])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()


@intrinsic
def array_at(typingctx, address, size, itemsize):
    """An array of `size` items at an address, typed as of integers whatever they are: to be passed on."""
    kind = types.Array(types.int64, 1, "C")

    def codegen(context, builder, sig, args):
        return _array(context, builder, kind, *args)

    return kind(types.int64, types.int64, types.int64), codegen


def _unpacker(kind: Any, offset: int) -> Any:
    """The intrinsic that reads a named tuple from slot `offset` of a record."""

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
    """Real numbers of scratch for a worker whose kernel carves arrays of these sizes; see `carve`."""
    return -(-(sum(sizes) + GUARD_REALS * (len(sizes) + 1)) // ALIGNMENT_REALS) * ALIGNMENT_REALS


@intrinsic
def carve(typingctx, scratch, worker, sizes):
    """Arrays of these sizes, one after another in the scratch of a worker; Python allocates by `scratch_size`."""
    count = len(sizes)

    def codegen(context, builder, sig, args):
        def number(value):
            return ir.Constant(I64, value)

        lengths = [
            context.cast(builder, builder.extract_value(args[2], k), sizes.types[k], types.int64) for k in range(count)
        ]
        total = number(GUARD_REALS * (count + 1) + ALIGNMENT_REALS - 1)
        for length in lengths:
            total = builder.add(total, length)
        total = builder.and_(total, number(-ALIGNMENT_REALS))
        data = builder.ptrtoint(context.make_array(scratch)(context, builder, args[0]).data, I64)
        itemsize = number(scratch.dtype.bitwidth // 8)
        start = builder.add(builder.mul(args[1], total), number(GUARD_REALS))
        arrays = []
        for length in lengths:
            arrays.append(_array(context, builder, scratch, builder.add(data, builder.mul(start, itemsize)), length))
            start = builder.add(builder.add(start, length), number(GUARD_REALS))
        return context.make_tuple(builder, sig.return_type, arrays)

    return types.UniTuple(scratch, count)(scratch, types.int64, sizes), codegen
