"""Replacements of a library's functions: they call fastspec's, or the original for arguments that these refuse."""

from __future__ import annotations

import functools
import inspect
import logging
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from operator import attrgetter
from types import FunctionType, ModuleType
from typing import Any

from .versions import adapt_to_version

LOGGER = logging.getLogger("fastspec")


class Replacement:
    """One function of a library and its replacement.

    Attributes
    ----------
    name : str
        The function's public name, ``"librosa.feature.melspectrogram"``.
    original : callable
        The library's own: a function, or an object that caches one.
    function : callable
        Its replacement.
    active : bool
        Whether `function` calls fastspec's; else it calls the original.
    """

    def __init__(
        self, name: str, original: Callable[..., Any], ours: Callable[..., Any], refusal: type[Exception]
    ) -> None:
        self.name, self.original, self.active = name, original, False
        self._logged: set[str] = set()
        self.function = self._wrap(ours, refusal, _parameters(original) - _parameters(ours))

    def _wrap(self, ours: Callable[..., Any], refusal: type[Exception], unsupported: set[str]) -> Callable[..., Any]:
        """The replacement: `ours`, unless it raises `refusal` or an argument is unsupported."""
        original = self.original

        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if not self.active:
                return original(*args, **kwargs)
            if unsupported and not unsupported.isdisjoint(kwargs):
                names = ", ".join(sorted(unsupported & kwargs.keys()))
                self._log_once(f"fastspec does not support the argument {names}")
                return original(*args, **kwargs)
            try:
                return ours(*args, **kwargs)
            except refusal as reason:
                self._log_once(str(reason))
            return original(*args, **kwargs)

        function.__fastspec__ = ours  # type: ignore[attr-defined]
        return function

    def _log_once(self, reason: str) -> None:
        """Log that the original runs, once for each reason."""
        if reason not in self._logged:
            self._logged.add(reason)
            LOGGER.warning("%s runs the original code: %s", self.name, reason)


def replacements_of(library: ModuleType, counterpart: ModuleType) -> Iterator[Replacement]:
    """A replacement for each function of the imported `library` that our module `counterpart` has under the same name.

    The names are those in ``__all__`` of `counterpart` and its public modules.  Names that the library does not have
    are omitted, and so are all but functions of fastspec: classes, constants, what is re-exported from the library.
    """
    seen = set()
    for name, ours in _public_functions(counterpart, ""):
        try:
            original = attrgetter(name)(library)
        except AttributeError:
            continue  # of another version
        is_function = callable(original) and not isinstance(original, type)
        if is_function and not hasattr(original, "__fastspec__") and id(original) not in seen:
            seen.add(id(original))
            ours = adapt_to_version(library, name, ours, counterpart.Unsupported)
            yield Replacement(f"{library.__name__}.{name}", original, ours, counterpart.Unsupported)


def _public_functions(module: ModuleType, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """(dotted name, function) of fastspec's functions in a module and its public modules."""
    for name in module.__all__:
        value = getattr(module, name, None)  # a module of ours may not be imported yet
        if isinstance(value, FunctionType) and value.__module__.startswith("fastspec."):
            yield prefix + name, value
    for info in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not info.name.startswith("_"):
            submodule = import_module(f"{module.__name__}.{info.name}")
            if hasattr(submodule, "__all__"):
                yield from _public_functions(submodule, f"{prefix}{info.name}.")


def _parameters(function: Callable[..., Any]) -> set[str]:
    """The names of a function's parameters; none if it has no signature, as compiled ones may not."""
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()
