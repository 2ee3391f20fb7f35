"""Compiling kernels.  Only this folder imports Numba, and only this file offers its names to the other kernels.

``@kernel`` functions do the work of one item and may call each other.  ``compile_entry(function, *types)`` builds
such a function as machine code with an address, which other kernels call without compiling it again.  What only
kernels call is compiled with its callers (`nested`); `cache` keeps compiled code on disk.

Nothing compiles on import.  A kernel may depend on nothing that can change outside the sources of kernels: on no
constants of other folders, on no environment variables.  Functions defined in other folders, inside other functions, or
as lambdas compile anew in each process.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.ma  # noqa: F401  numba does it in its first call, outside its lock: a fork at that moment would hang
from llvmlite import ir
from numba import config, float32, float64, from_dtype, int64, njit, types
from numba.core import cgutils, entrypoints
from numba.core.ccallback import CFunc  # private to numba, as are the next name and the attribute `_cache` set below
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_jitable, register_model

from . import CompilerDisabled, nested
from .apart import compiled_apart
from .cache import Overloads

__all__ = [  # ours, and the names of numba and llvmlite that the other kernel modules need
    "FASTMATH",
    "I32",
    "I64",
    "AbstractTemplate",
    "cgutils",
    "compile_entry",
    "data_pointer",
    "float32",
    "float64",
    "from_dtype",
    "infer_global",
    "int64",
    "intrinsic",
    "ir",
    "kernel",
    "lower_builtin",
    "models",
    "register_jitable",
    "register_model",
    "signature",
    "types",
]

FASTMATH = ("nsz", "arcp", "contract", "afn", "reassoc")  # all of fastmath but what deletes isnan and isinf
_OPTIONS = {"error_model": "numpy", "fastmath": set(FASTMATH)}


class UncompiledKernel:
    """In the place of a dispatcher where NUMBA_DISABLE_JIT is set: modules can be imported, and a call says why not."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, *_: Any) -> Any:
        """Raise CompilerDisabled."""
        raise CompilerDisabled

    compile = __call__


def kernel(function: Callable[..., Any]) -> Any:
    """A kernel, callable from Python and from other kernels, compiled for each signature at its first call."""
    if config.DISABLE_JIT:
        return UncompiledKernel(function)
    dispatcher = njit(function, nogil=True, **_OPTIONS)
    dispatcher._cache = Overloads(function, "serial")
    dispatcher._compilation_chain_init_hook = _load_extensions
    compile_whole = dispatcher.compile = compiled_apart(_releasing(dispatcher.compile, dispatcher._cache))

    def compile_it(signature: Any) -> Any:
        if global_compiler_lock.is_locked():  # by this thread: it compiles a caller of this function
            return nested.compile_nested(dispatcher, signature)
        nested.forget_nested(dispatcher, signature)
        return compile_whole(signature)

    if nested.fits():
        dispatcher.compile = compile_it
    return dispatcher


def _load_extensions() -> None:
    """Import what other packages add to Numba.  Numba does it outside its lock: a child forked meanwhile would hang."""
    with global_compiler_lock:
        entrypoints.init_all()


def _releasing(compiling: Callable[..., Any], overloads: Overloads) -> Callable[..., Any]:
    """A function that compiles and then gives up the claim, also where it fails."""

    def compile_it(*args: Any) -> Any:
        try:
            return compiling(*args)
        finally:
            overloads.release()

    return compile_it


def files_of(function: Any, *argument_types: Any) -> list[Path]:
    """The file that the cache has, or would have, for an entry of these types, or for a kernel called from Python."""
    with global_compiler_lock:
        codegen = cpu_target.target_context.codegen()
        overloads = getattr(function, "_cache", None) or Overloads(function, "entry")
        path = overloads.path(argument_types, codegen)
    return [path] if path else []


_entries: dict[tuple[Any, ...], Any] = {}  # never removed: callers hold their addresses


def compile_entry(function: Callable[..., Any], *argument_types: Any) -> Any:
    """Compile a function now, or load it, for these numba types; its ``.address`` (int) is a C function returning void.

    Calling it again gives the same object.  Callers of the address must pass exactly these types.
    """
    if config.DISABLE_JIT:
        raise CompilerDisabled
    function = getattr(function, "py_func", function)
    return _entries.get((function, argument_types)) or _build_entry(function, argument_types)


@compiled_apart
def _build_entry(function: Callable[..., Any], argument_types: tuple[Any, ...]) -> Any:
    with global_compiler_lock:
        compilation: Any = _entries.get((function, argument_types))
        if compilation is None:
            compilation = CFunc(function, (argument_types, types.void), {}, {"nopython": True, **_OPTIONS})
            compilation._cache = Overloads(function, "entry")
            _releasing(compilation.compile, compilation._cache)()
            _entries[function, argument_types] = compilation
    return compilation


I32, I64 = ir.IntType(32), ir.IntType(64)


def data_pointer(context, builder, array_type, array):
    """The LLVM pointer to element 0 of an array."""
    return context.make_array(array_type)(context, builder, array).data
