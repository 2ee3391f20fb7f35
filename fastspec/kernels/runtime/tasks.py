"""The registry of kernels that are compiled once for each dtype, and the driver that calls them on threads.

``@task(...)``                (item, worker, record, scratch): works on one item; `run_items` calls it on threads
``@callee(...)``              annotated; kernels call it by its address, see `calls.call`
``@called_from_python(...)``  annotated; Python calls it directly

The arguments of the decorators name the calls of the library that need the kernel: "transform" (STFT, streams,
librosa's face), "features" (decibels, cepstra, the inverse of filter banks), "recovery" (recover, recover_mel),
"notebook" (its fifteen functions, for even sizes above 64), "frontends" (front ends), "sizes" (any of them, with prime
factors from 11 on, and odd sizes on the way back).  `warmup` compiles what is registered.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .calls import aligned
from .jit import compile_entry, files_of, from_dtype, int64, kernel, types
from .layout import signature_of
from .prepared import run_alone, set_addresses
from .team import lead_team, serve_team, work_alone
from .threads import run_task, start_team, team_size

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))

registry: list[Any] = []
"""All kernels to compile: objects with name, needed_by, dtypes, compile(dtype) and files(dtype)."""


class Callee:
    """A kernel with an address for each dtype.

    Parameters
    ----------
    function : callable
        Annotated with the types of `layout`.
    needed_by : tuple of str
    dtypes : tuple
        Those it is compiled for.
    """

    def __init__(self, function: Callable[..., Any], needed_by: tuple[str, ...], dtypes: tuple[Any, ...]) -> None:
        self.function, self.needed_by, self.dtypes = function, needed_by, tuple(map(np.dtype, dtypes))
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._addresses: dict[str, int] = {}
        registry.append(self)

    def signature(self, real: Any) -> tuple[Any, ...]:
        """Numba's types of the arguments."""
        return signature_of(self.function, real)

    def address(self, dtype: np.dtype[Any]) -> int:
        """The address of the kernel for this dtype; compiles it at the first call."""
        address = self._addresses.get(dtype.char)  # np.dtype hashes in a microsecond
        if address is None:
            address = compile_entry(self.function, *self.signature(from_dtype(dtype))).address
            self._addresses[dtype.char] = address
        return address

    compile = address

    def files(self, dtype: np.dtype[Any]) -> list[Path]:
        """The files of the cache that hold it."""
        return files_of(self.function, *self.signature(from_dtype(dtype)))


class Task(Callee):
    """A kernel of (item, worker, record, scratch)."""

    def signature(self, real: Any) -> tuple[Any, ...]:
        """Numba's types of the arguments."""
        return int64, int64, types.Array(int64, 1, "C"), types.Array(real, 1, "C")


class CalledFromPython:
    """A kernel that Python calls with the annotated arguments."""

    def __init__(self, function: Callable[..., Any], needed_by: tuple[str, ...], dtypes: tuple[Any, ...]) -> None:
        self.dispatcher, self.needed_by, self.dtypes = kernel(function), needed_by, tuple(map(np.dtype, dtypes))
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__call__ = self.dispatcher
        registry.append(self)

    def compile(self, dtype: np.dtype[Any]) -> None:
        """Compile it, or load it from the cache."""
        self.dispatcher.compile(signature_of(self.dispatcher.py_func, from_dtype(dtype)))

    def files(self, dtype: np.dtype[Any]) -> list[Path]:
        """The files of the cache that hold it."""
        return files_of(self.dispatcher, *signature_of(self.dispatcher.py_func, from_dtype(dtype)))


def task(*needed_by: str, dtypes: tuple[Any, ...] = DTYPES) -> Callable[[Callable[..., Any]], Task]:
    """Register a kernel of (item, worker, record, scratch)."""
    return lambda function: Task(function, needed_by, dtypes)


def callee(*needed_by: str, dtypes: tuple[Any, ...] = DTYPES) -> Callable[[Callable[..., Any]], Callee]:
    """Register an annotated kernel that kernels call by its address."""
    return lambda function: Callee(function, needed_by, dtypes)


def called_from_python(*needed_by: str, dtypes: tuple[Any, ...] = DTYPES) -> Callable[[Callable[..., Any]], Any]:
    """Register an annotated kernel that Python calls."""
    return lambda function: CalledFromPython(function, needed_by, dtypes).dispatcher


# ---- calls ----
class Driver:
    """What calls tasks, as an entry of the registry: the same for each dtype."""

    name, needed_by, dtypes = "team", ("transform", "features", "recovery", "notebook"), DTYPES
    functions = work_alone, lead_team, serve_team, run_alone, set_addresses

    @staticmethod
    def compile(dtype: Any) -> None:
        """Compile it, or load it from the cache."""
        for function in Driver.functions:
            function.compile()

    @staticmethod
    def files(dtype: Any) -> list[Path]:
        """The files of the cache that hold it."""
        return [path for function in Driver.functions for path in function.files()]


registry.append(Driver)


def prepare_team(dtype: np.dtype[Any]) -> None:
    """Compile, or load, what calls tasks, and start the helpers."""
    Driver.compile(dtype)
    start_team()


def run_items(
    task: Task,
    dtype: np.dtype[Any],
    items: int,
    record: NDArray[np.int64],
    *,
    work: int,
    scratch: int = 0,
    memory: NDArray[Any] | None = None,
) -> None:
    """Call a task for items 0 .. items - 1, on as many threads as are free.

    Parameters
    ----------
    task : Task
    dtype : np.dtype
        Of its real numbers.
    items : int
    record : np.ndarray [dtype=int64]
        See `layout.Layout.pack`; the caller keeps the packed arrays alive.
    work : int
        Approximate operations of all items together, of which a thread does some 80,000 in a microsecond: small calls
        take this thread alone.
    scratch : int
        Real numbers of scratch of a worker; see `layout.scratch_size`.
    memory : np.ndarray
        Scratch for `team_size()` workers, to reuse it from call to call.
    """
    workers = min(team_size(), max(items, 1))
    if memory is None:
        memory = aligned(scratch * workers, dtype)
    run_task(task.address(dtype), items, workers, record, memory, work=work)
