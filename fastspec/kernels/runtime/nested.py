"""Compiling what only other kernels call.

Numba optimises each callee with all that it calls, generates machine code for it that nobody runs, and optimises it
again inside each caller.  A callee that is compiled here is only translated to LLVM's language; its callers link it
in, and optimise all at once.

The same goes for the cache: what it keeps of an entry is machine code alone, as nobody links it in.

Whatever is private to Numba in this is in this file.  Where it no longer `fits`, callees are compiled, and entries
kept, the ordinary way.
"""

import functools
import inspect
from typing import Any

from llvmlite import binding
from numba.core import compiler, sigutils
from numba.core.base import BaseContext
from numba.core.codegen import CPUCodegen, JITCodeLibrary
from numba.core.dispatcher import Dispatcher
from numba.core.registry import cpu_target

PRIVATE = {
    JITCodeLibrary: (
        *("_get_module_for_linking", "_get_compiled_object", "_ensure_finalized", "_optimize_functions", "finalize"),
        *("_finalized", "_final_module", "_shared_module", "_linking_libraries", "_codegen", "enable_object_caching"),
    ),
    CPUCodegen: ("_create_empty_module", "_data_layout"),
    compiler.CompileResult: ("_replace", "_reduce"),
    Dispatcher: ("compile", "get_call_template", "get_overload", "overloads", "targetoptions", "_compiling_counter"),
    BaseContext: ("insert_user_function",),
}
"""Attributes of Numba's classes that this needs."""


@functools.cache
def fits() -> bool:
    """Whether this version of Numba has what is needed here."""
    has_names = all(_has(owner, name) for owner, names in PRIVATE.items() for name in names)
    takes_library = "library" in inspect.signature(compiler.compile_extra).parameters
    flags = compiler.Flags()
    return has_names and takes_library and all(hasattr(flags, f"no_{it}") for it in ("compile", "cfunc_wrapper"))


def _has(owner: type, name: str) -> bool:
    """Whether a class, or the start of one of its objects, sets an attribute."""
    starts = [getattr(base.__init__, "__code__", None) for base in owner.__mro__]
    return hasattr(owner, name) or any(start and name in start.co_names for start in starts)


class CalleeLibrary(JITCodeLibrary):
    """The code of one function, never optimised nor loaded by itself."""

    def _optimize_functions(self, module: Any) -> None:
        """Leave that to the callers."""
        module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Nothing more is added."""
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """The function and all that it calls, for a caller to link in."""
        if self._shared_module is None:
            module = self._own_module()
            for library in self._callees([]):
                module.link_in(library._own_module(), preserve=False)
            for library in self._numba_libraries():
                module.link_in(library._get_module_for_linking(), preserve=True)
            self._shared_module = module
        return self._shared_module

    def _own_module(self) -> Any:
        """A copy of this function alone, of which several may be linked."""
        module = self._final_module.clone()
        for function in module.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = "linkonce_odr"
        return module

    def _callees(self, listed: list[Any]) -> list[Any]:
        """Those listed, and what this function and its callees call, that was compiled here."""
        for library in self._linking_libraries:
            if isinstance(library, CalleeLibrary) and library not in listed:
                listed.append(library)
                library._callees(listed)
        return listed

    def _numba_libraries(self) -> list[Any]:
        """What this function and its callees call of Numba's own functions."""
        owners = [self, *self._callees([])]
        libraries = [it for owner in owners for it in owner._linking_libraries if not isinstance(it, CalleeLibrary)]
        return list(dict.fromkeys(libraries))


class CalleeEntry:
    """In the place of a function that Python could call: the key under which callers look it up."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


def _is_nested(result: Any) -> bool:
    """Whether a compilation is one that only kernels can call."""
    return result is not None and isinstance(result.entry_point, CalleeEntry)


def forget_nested(dispatcher: Any, signature: Any) -> None:
    """Let a compilation for Python take the place of one that only kernels can call."""
    arguments = tuple(sigutils.normalize_signature(signature)[0])
    if _is_nested(dispatcher.overloads.get(arguments)):
        del dispatcher.overloads[arguments]


def compile_nested(dispatcher: Any, signature: Any) -> Any:
    """Compile a function for its callers; returns its entry point, as `dispatcher.compile` does.

    The caller holds numba's lock.  Where the function was compiled for Python before, Python still finds that.
    """
    arguments, return_type = sigutils.normalize_signature(signature)
    earlier = dispatcher.overloads.get(tuple(arguments))
    if _is_nested(earlier):
        return earlier.entry_point
    context = cpu_target.target_context
    flags = compiler.Flags()
    cpu_target.options.parse_as_flags(flags, dispatcher.targetoptions)
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    library = CalleeLibrary(context.codegen(), dispatcher.py_func.__qualname__)
    library.enable_object_caching()
    with dispatcher._compiling_counter:
        result = compiler.compile_extra(
            cpu_target.typing_context, context, dispatcher.py_func, arguments, return_type, flags, {}, library=library
        )
    entry = CalleeEntry(dispatcher.py_func.__name__)
    result = result._replace(entry_point=entry)
    context.insert_user_function(entry, result.fndesc, [library])
    dispatcher.overloads[tuple(arguments)] = result
    return entry


def machine_code(library: Any) -> tuple[str, str, tuple[bytes, bytes]]:
    """What `library.serialize_using_object_code` gives, without the code that callers would link in.

    In its place is a module with the names of the functions, by which Numba looks up their addresses.
    """
    library._ensure_finalized()
    names = [it.name for it in library._final_module.functions if not it.is_declaration]
    stubs = "".join(f'define void @"{name}"() {{\n ret void\n}}\n' for name in names)
    module = binding.parse_assembly(str(library.codegen._create_empty_module(library.name)) + stubs)
    return library.name, "object", (library._get_compiled_object(), module.as_bitcode())
