"""Where names come from: ours are loaded when they are first used, all others are the real librosa's if it is there."""

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

ROOT = "fastspec.librosa"
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep

FOLLOWED = "1.0.0"
"""The version whose names and defaults these are."""


def installed() -> bool:
    """Whether the real librosa can be imported (looked up without importing it)."""
    return sys.modules.get("librosa") is not None or find_spec("librosa") is not None


def librosa_version() -> str:
    """The version of the real librosa, else of the one that is followed."""
    if not installed():
        return FOLLOWED
    from importlib.metadata import version  # slow to import

    return version("librosa")


def find(module: str, name: str, homes: Mapping[str, str] | None = None) -> Any:
    """The attribute `name` of `module`: ours, from the module that `homes` names, or the real librosa's.

    Raises
    ------
    AttributeError
        If neither has it; where librosa is absent, with the command that installs it.
    """
    home = (homes or {}).get(name)
    if home is not None:
        found = import_module(home)
        value = found if home == f"{module}.{name}" else getattr(found, name)
        setattr(sys.modules[module], name, value)
        return value
    if name.startswith("__"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    if not installed():
        raise AttributeError(f"module {module!r} has no attribute {name!r} of its own; {_ABSENT}")
    try:
        return getattr(import_module("librosa" + module.removeprefix(ROOT)), name)
    except AttributeError:
        raise AttributeError(f"neither {module!r} nor librosa has an attribute {name!r}") from None


def listed(module: str, ours: Iterable[str]) -> list[str]:
    """What `dir` shows: our names, and librosa's if it has been imported."""
    real = sys.modules.get("librosa" + module.removeprefix(ROOT))
    return sorted({*vars(sys.modules[module]), *ours, *(dir(real) if real else ())})


_ABSENT = "the real librosa, which may have it, is not installed: pip install librosa"


class Unsupported(NotImplementedError):
    """Arguments that librosa knows what to do with and this library does not; `fastspec.patch` leaves them to librosa.

    It is raised before anything has been drawn, written or warned about, for a reason that names no values.
    """


@cache
def parameter_error() -> type[ValueError]:
    """The class of errors about arguments: a ValueError, and librosa's ParameterError where librosa can be imported."""
    bases: tuple[type, ...] = (ValueError,)
    with contextlib.suppress(ImportError):
        bases = (import_module("librosa.util.exceptions").ParameterError, ValueError)
    text = "An argument that makes no sense: a ValueError, and librosa's error of this name if it is installed."
    return type("ParameterError", bases, {"__module__": f"{ROOT}.util.exceptions", "__doc__": text})


def face(function: Callable[P, R]) -> Callable[P, R]:
    """Let every ValueError of a public function be a ParameterError too."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            kind = parameter_error()
            if isinstance(error, kind):
                raise
            raise kind(str(error)) from error

    return called


def warn(message: str) -> None:
    """Warn of `message` where the first function that is not of this package called it, however many are in between."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)


class _Real:
    """Loads the real librosa's module in place of one that we lack."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        sys.modules[name] = import_module("librosa" + name.removeprefix(ROOT))


class _Finder:
    """Lets `import fastspec.librosa.beat` find librosa.beat; asked last, so our own modules come first."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{ROOT}."):
            return None
        if not installed():
            raise ModuleNotFoundError(f"No module named {fullname!r}; {_ABSENT}", name="librosa")
        loader: Any = _Real()
        return ModuleSpec(fullname, loader) if find_spec("librosa" + fullname.removeprefix(ROOT)) else None


def install_finder() -> None:
    """Put the finder at the end of Python's list, once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
