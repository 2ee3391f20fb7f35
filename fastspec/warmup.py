"""Compile the kernels of the registry ahead of use, into the cache."""

import os
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import kernels
from .kernels.runtime import ahead, cache
from .kernels.runtime.tasks import registry

Step = tuple[str, Callable[[], object]]


CALLS = {
    "stft": ("transform",),
    "mel": ("transform", "features"),
    "inverse": ("transform",),
    "recover": ("transform", "features", "recovery"),
    "notebook": ("notebook",),
    "frontends": ("transform", "frontends"),
    "sizes": ("sizes",),
}
"""What calls need, by the names in the registry: the choices of ``fastspec warmup --only``."""


def register_kernels() -> None:
    """Import all modules of kernels."""
    for module in walk_packages(kernels.__path__, f"{kernels.__name__}."):
        import_module(module.name)


def steps(*dtypes: DTypeLike, needed_by: Iterable[str] = ()) -> list[Step]:
    """(name, function that compiles or loads the kernel) for each kernel and dtype.

    Parameters
    ----------
    *dtypes : dtype
        float32 and float64 by default.
    needed_by : iterable of str
        Only the kernels of "transform", "features", "recovery", "notebook", "frontends" or "sizes"; see
        `kernels.runtime.tasks`.
    """
    return [
        (f"{kernel.name}, {dtype}", partial(kernel.compile, dtype)) for dtype, kernel in _kernels(dtypes, needed_by)
    ]


def start_helpers(*dtypes: DTypeLike, needed_by: Iterable[str] = ()) -> None:
    """Start processes that compile the last of these `steps`, beside the caller, who begins with the first."""
    chosen = _kernels(dtypes, needed_by)
    if chosen:
        last, _ = chosen[-1]
        ahead.compile_beside([kernel.name for dtype, kernel in chosen if dtype == last], last)


def _kernels(dtypes: tuple[DTypeLike, ...], needed_by: Iterable[str]) -> list[tuple[np.dtype[Any], Any]]:
    register_kernels()
    calls = set(needed_by)
    return [
        (dtype, kernel)
        for dtype in [np.dtype(dtype) for dtype in dtypes or (np.float32, np.float64)]
        for kernel in registry
        if dtype in kernel.dtypes and (not calls or calls & set(kernel.needed_by))
    ]


def help_a_call(scope: str, dtype: str, *names: str) -> None:
    """Compile kernels into the cache for the process that started this one, if it has the same sources; see `ahead`."""
    register_kernels()
    if scope == cache.scope():
        ahead.fill(names, np.dtype(dtype), int(os.environ["FASTSPEC_HELPS"]))


if __name__ == "__main__":
    help_a_call(*sys.argv[1:])
