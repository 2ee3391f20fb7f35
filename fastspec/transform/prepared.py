"""Calls of the driver that are prepared once, and repeated with other arrays."""

from collections.abc import Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._typing import Integer
from ..kernels.runtime import prepared as compiled
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import Layout, change, data_address, data_addresses
from ..kernels.runtime.tasks import Task
from ..kernels.runtime.threads import SERIAL_OPERATIONS, run_at, team_size

KEPT_CALLS = 256  # of a plan in each direction, at most

Memory = tuple[int, int]
"""An address, and the number of real numbers from it on."""

V = TypeVar("V")


class Prepared(NamedTuple):
    """A call of the driver, for arrays of certain shapes and strides: everything but their addresses.

    The record holds the tables and weights that were packed into it.
    """

    record: Integer  # arguments of the task, see its LAYOUT; a call sets the addresses in a copy
    items: int
    work: int  # approximate operations of all items
    scratch: int  # real numbers of a worker
    shared: int  # real numbers that the items share: the peaks of frames, the tails of strips
    extents: tuple[Memory, ...] = ()  # of arrays with strides of any sign, see `memory.extent`


class ArrayCall:
    """A prepared call for an input and an output in certain places of memory, of which only addresses change.

    Parameters
    ----------
    task : Task
    layout : Layout
        Of its record.
    dtype : np.dtype
        Of its real numbers.
    prepared : Prepared
    inputs, outputs : mapping
        Name of an argument of the task -> (real numbers before the first element, real numbers in all), at most two.
    shared : str, optional
        The argument that is the shared memory.
    """

    def __init__(
        self,
        task: Task,
        layout: Layout,
        dtype: np.dtype[Any],
        prepared: Prepared,
        inputs: Mapping[str, Memory],
        outputs: Mapping[str, Memory],
        shared: str | None = None,
    ) -> None:
        self.task, self.prepared, self.dtype = task, prepared, dtype
        self.items, self.work = prepared.items, prepared.work
        slots, width = prepared.record.size, dtype.itemsize
        shares = {} if shared is None else {shared: (0, prepared.shared)}
        shared_bytes = -(-prepared.shared * width // compiled.ALIGNMENT) * compiled.ALIGNMENT if shares else 0
        header = [task.address(dtype), self.items, slots, shared_bytes, prepared.scratch, width]
        for names in inputs, outputs, shares:
            header += ([layout.slot(name) for name in names] + [slots, slots])[:2]
        numbers: dict[int, int] = {}
        for name, (before, size) in {**inputs, **outputs, **shares}.items():
            slot = layout.slot(name)
            numbers |= {slot: -before * width, slot + 1: size}
        self._call = change(prepared.record, numbers, header=header)
        self._where, self._address, self._slots = data_address(self._call), task.address(dtype), slots
        self._scratch_at = compiled.workspace_offsets(slots, shared_bytes)[1]
        self._reals = (self._scratch_at + compiled.ALIGNMENT) // width  # of a workspace, beside scratch
        self._is_small = self.items == 1 or self.work < SERIAL_OPERATIONS

    def run(self, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Run it for an input and an output."""
        scratch = self.prepared.scratch
        team = 1 if self._is_small else min(team_size(), self.items)
        workspace = new_workspace(self._reals + scratch * team, self.dtype)
        x_at, y_at, where = data_addresses(x, y, workspace)
        if team == 1:
            compiled.run_alone(self._where, x_at, y_at, where)
            return
        compiled.set_addresses(self._where, x_at, y_at, where)
        record = -(-where // compiled.ALIGNMENT) * compiled.ALIGNMENT
        arguments = self._address, record, self._slots, record + self._scratch_at, scratch * team, self.dtype.itemsize
        run_at(self.items, team, self.work, arguments)


def new_workspace(reals: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Memory for one call."""
    return np.empty(reals, dtype)


class Kept(Generic[V]):
    """Values by key, of which those not used lately go: at most `KEPT_CALLS`, and at least half as many."""

    def __init__(self) -> None:
        self._recent: dict[Hashable, V] = {}
        self._older: dict[Hashable, V] = {}

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def get(self, key: Hashable, default: V) -> V:
        """The value of a key, or the default."""
        try:
            return self._recent[key]
        except KeyError:
            value = self._older.get(key, default)
            return default if value is default else self.keep(key, value)

    def keep(self, key: Hashable, value: V) -> V:
        """Keep a value, or return that which another thread has kept."""
        if len(self._recent) >= KEPT_CALLS // 2:
            self._older, self._recent = self._recent, {}
        return self._recent.setdefault(key, value)


class Workspace:
    """Scratch and shared memory, reused from call to call."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.scratch = self.shared = np.empty(0, dtype)

    def reserve(self, prepared: Prepared, team: int) -> None:
        """Reserve the memory of a call with `team` threads."""
        if self.scratch.size < prepared.scratch * team:
            self.scratch = aligned(prepared.scratch * team, self.scratch.dtype)
        if self.shared.size < prepared.shared:
            self.shared = np.empty(prepared.shared, self.shared.dtype)
