"""Compile the kernels of the registry ahead of use, into the cache."""

import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
from numpy.typing import DTypeLike

from . import kernels
from .kernels.runtime import ahead, cache
from .kernels.runtime.tasks import registry

Step = tuple[str, Callable[[], object]]


def register_kernels() -> None:
    """Import all modules of kernels."""
    for module in walk_packages(kernels.__path__, f"{kernels.__name__}."):
        import_module(module.name)


def steps(*dtypes: DTypeLike, needed_by: str | None = None) -> list[Step]:
    """(name, function that compiles or loads the kernel) for each kernel and dtype.

    Parameters
    ----------
    *dtypes : dtype
        float32 and float64 by default.
    needed_by : str
        Only the kernels of these calls: "transform", "features", "recovery" or "notebook"; see
        `kernels.runtime.tasks`.
    """
    register_kernels()
    return [
        (f"{kernel.name}, {dtype}", partial(kernel.compile, dtype))
        for dtype in [np.dtype(dtype) for dtype in dtypes or (np.float32, np.float64)]
        for kernel in registry
        if dtype in kernel.dtypes and (needed_by is None or needed_by in kernel.needed_by)
    ]


def help_a_call(scope: str, dtype: str, *names: str) -> None:
    """Compile kernels into the cache for the process that started this one, if it has the same sources; see `ahead`."""
    register_kernels()
    if scope == cache.scope():
        ahead.fill(names, np.dtype(dtype), int(os.environ["FASTSPEC_HELPS"]))


if __name__ == "__main__":
    help_a_call(*sys.argv[1:])
