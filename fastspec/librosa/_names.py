"""Where the face's names are defined: in this package, loaded on first use, or else in the real librosa."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from .. import forks
from ..warning import warn as warn

P = ParamSpec("P")
R = TypeVar("R")

ROOT = "fastspec.librosa"

REFERENCE_VERSION = "1.0.0"
"""The version of librosa whose names and defaults this face has."""


def is_installed() -> bool:
    """Whether the real librosa can be imported (looked up without importing it)."""
    return sys.modules.get("librosa") is not None or find_spec("librosa") is not None


def librosa_version() -> str:
    """The version of the real librosa, or REFERENCE_VERSION if it is not installed."""
    if not is_installed():
        return REFERENCE_VERSION
    if "librosa" in sys.modules:
        return sys.modules["librosa"].__version__
    from importlib.metadata import version  # slow to import

    return version("librosa")


@cache
def is_before_1() -> bool:
    """Whether the installed librosa is older than 1.0: where the two differ, functions that ask follow it."""
    return int(librosa_version().partition(".")[0]) < 1


def resolve(module: str, name: str, sources: Mapping[str, str] | None = None) -> Any:
    """The attribute `name` of `module`: this package's, from the module in `sources`, or the real librosa's.

    Raises
    ------
    AttributeError
        If neither has it; where librosa is not installed, with the command that installs it.
    """
    source = (sources or {}).get(name)
    if source is not None:
        defining_module = forks.import_module(source)
        value = defining_module if source == f"{module}.{name}" else getattr(defining_module, name)
        setattr(sys.modules[module], name, value)
        return value
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if not is_installed():
        raise AttributeError(f"module {module!r} has no attribute {name!r}, and {_NOT_INSTALLED}")
    try:
        return getattr(import_module("librosa" + module.removeprefix(ROOT)), name)
    except AttributeError:
        raise AttributeError(f"neither {module!r} nor librosa has an attribute {name!r}") from None


def list_names(module: str, own_names: Iterable[str]) -> list[str]:
    """The names for `dir(module)`: this package's, and librosa's if it has been imported."""
    real = sys.modules.get("librosa" + module.removeprefix(ROOT))
    return sorted({*vars(sys.modules[module]), *own_names, *(dir(real) if real else ())})


_NOT_INSTALLED = "the real librosa, which may have it, is not installed: pip install librosa"


class Unsupported(NotImplementedError):
    """Arguments that librosa supports and this library does not; `fastspec.patch` passes such calls on to librosa.

    It is raised before anything has been drawn, written or warned about, for a reason that names no values.
    """


def parameter_error_class() -> type[Exception]:
    """`ParameterError`: librosa's own class where librosa can be imported; else ours, the class that is raised."""
    return (*_librosas_error_class(), raised_error_class())[0]


@cache
def _librosas_error_class() -> tuple[type[Exception], ...]:
    with contextlib.suppress(ImportError):
        return (import_module("librosa.util.exceptions").ParameterError,)
    return ()


@cache
def raised_error_class() -> type[ValueError]:
    """The class of errors about arguments: a ValueError, and librosa's ParameterError where librosa can be imported."""
    namespace = {
        "__module__": f"{ROOT}.util.exceptions",
        "__doc__": "An invalid argument: a ValueError, and librosa's error of this name if it is installed.",
        "__reduce__": lambda error: (parameter_error, error.args),  # its public name may be that of librosa's class
    }
    return type("ParameterError", (*_librosas_error_class(), ValueError), namespace)


def parameter_error(*args: str) -> ValueError:
    """A ParameterError to raise."""
    return raised_error_class()(*args)


_ERRORS_OF_ARGUMENTS = (
    ValueError, TypeError, AttributeError, IndexError, OverflowError, ZeroDivisionError,
)  # fmt: skip


def raise_parameter_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a public function so that each of its ValueErrors is a ParameterError, too, and names an argument.

    Of errors of other classes, too, that NumPy raises where it meets a wrong argument, only TypeErrors keep theirs.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _ERRORS_OF_ARGUMENTS as error:
            with forks.forks_wait:
                from ._arguments import explain

            text, is_type = explain(function, args, kwargs, error), isinstance(error, TypeError | AttributeError)
            if text == str(error) and isinstance(error, TypeError | parameter_error_class()):
                raise
            raise (TypeError(text) if is_type else parameter_error(text)) from error

    return wrapper


class _LibrosaLoader:
    """Loads the real librosa's module of the same name in place of one that this package lacks."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        sys.modules[name] = import_module("librosa" + name.removeprefix(ROOT))


class _LibrosaFinder:
    """Lets `import fastspec.librosa.beat` import librosa.beat; asked last, so this package's modules come first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{ROOT}."):
            return None
        if not is_installed():
            raise ModuleNotFoundError(f"No module named {fullname!r}; {_NOT_INSTALLED}", name="librosa")
        loader: Any = _LibrosaLoader()
        return ModuleSpec(fullname, loader) if find_spec("librosa" + fullname.removeprefix(ROOT)) else None


def install_finder() -> None:
    """Append the finder to `sys.meta_path`, once."""
    if not any(isinstance(finder, _LibrosaFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LibrosaFinder())
