"""Calls that are prepared once, and repeated with other arrays: only the addresses of the arrays are set.

A prepared call is one int64 array, a header and the record of the task (see `layout`)::

    TASK, ITEMS        address of the task, number of items
    SLOTS              of the record
    SHARED             bytes of shared memory, a multiple of 64
    SCRATCH, ITEMSIZE  real numbers of a worker's scratch, and the bytes of one
    INPUTS, OUTPUTS    two slots each, for the address of the input and of the output; SLOTS where there is none
    SHARES             two more, for the address of the shared memory

In these slots the prepared record holds bytes to be added to the address.  The workspace of a call holds, each on a
cache line, a copy of the record, the shared memory and the scratch of the workers.
"""

from .calls import call
from .denormals import restore_mode, set_flushing
from .jit import int64, kernel
from .layout import array_at
from .team import IntegerCall

TASK, ITEMS, SLOTS, SHARED, SCRATCH, ITEMSIZE, INPUTS, OUTPUTS, SHARES, HEADER = 0, 1, 2, 3, 4, 5, 6, 8, 10, 12
ALIGNMENT = 64


def workspace_offsets(slots: int, shared: int) -> tuple[int, int]:
    """Bytes from the record of a workspace to its shared memory, and to its scratch."""
    start = -(-8 * (slots + 1) // ALIGNMENT) * ALIGNMENT
    return start, start + shared


@kernel
def set_record(header, prepared, x, y, workspace):
    """Set the record of a call for the input at x and the output at y; returns the addresses of record and scratch."""
    slots = header[SLOTS]
    source, start = array_at(prepared + 8 * HEADER, slots, int64(8)), (workspace + ALIGNMENT - 1) & -ALIGNMENT
    record = array_at(start, slots + 1, int64(8))  # the last slot is for addresses that no one needs
    for i in range(slots):
        record[i] = source[i]
    shared = start + ((8 * (slots + 1) + ALIGNMENT - 1) & -ALIGNMENT)
    record[slots] = 0
    for k in range(2):
        record[header[INPUTS + k]] += x
        record[header[OUTPUTS + k]] += y
        record[header[SHARES + k]] += shared
    return start, shared + header[SHARED]


def take_prepared(prepared: int, x: int, y: int, workspace: int) -> None:
    """All items of a prepared call, without other threads."""
    header = array_at(prepared, int64(HEADER), int64(8))
    record, scratch = set_record(header, prepared, x, y, workspace)
    arguments, memory = array_at(record, header[SLOTS], int64(8)), array_at(scratch, header[SCRATCH], header[ITEMSIZE])
    task = header[TASK]
    mode = set_flushing(True)
    for item in range(header[ITEMS]):
        call(task, (item, int64(0), arguments, memory))
    restore_mode(mode)


def set_prepared(prepared: int, x: int, y: int, workspace: int) -> None:
    """Set the record at the start of a workspace, for a call on threads."""
    set_record(array_at(prepared, int64(HEADER), int64(8)), prepared, x, y, workspace)


run_alone, set_addresses = IntegerCall(take_prepared), IntegerCall(set_prepared)
