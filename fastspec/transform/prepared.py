"""Calls of the driver that are prepared once, and repeated with other arrays."""

from typing import Any, NamedTuple

import numpy as np

from .._typing import Integer
from ..kernels.runtime.calls import aligned

Memory = tuple[int, int]
"""An address, and the number of real numbers from it on."""


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
