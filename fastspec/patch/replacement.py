"""What stands in a function's place: ours, with the original behind it for what ours does not do."""

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

from .versions import as_in

LOGGER = logging.getLogger("fastspec")


class Replacement:
    """One function of a library and what stands in its place.

    Attributes
    ----------
    name : str
        The function's public name, ``"librosa.feature.melspectrogram"``.
    original : callable
        What stood there: a function, or an object that caches one.
    function : callable
        What stands there instead.
    active : bool
        Whether `function` runs ours; else it runs the original.
    """

    def __init__(
        self, name: str, original: Callable[..., Any], ours: Callable[..., Any], refusal: type[Exception]
    ) -> None:
        self.name, self.original, self.active = name, original, False
        self._told: set[str] = set()
        self.function = self._function(ours, refusal, _parameters(original) - _parameters(ours))

    def _function(self, ours: Callable[..., Any], refusal: type[Exception], unknown: set[str]) -> Callable[..., Any]:
        original = self.original

        @functools.wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if not self.active:
                return original(*args, **kwargs)
            if unknown and not unknown.isdisjoint(kwargs):
                self._tell(f"{', '.join(sorted(unknown & kwargs.keys()))} is not known here")
                return original(*args, **kwargs)
            try:
                return ours(*args, **kwargs)
            except refusal as reason:
                self._tell(str(reason))
            return original(*args, **kwargs)

        function.__fastspec__ = ours  # type: ignore[attr-defined]
        return function

    def _tell(self, reason: str) -> None:
        """Log that the original runs, once for each reason."""
        if reason not in self._told:
            self._told.add(reason)
            LOGGER.warning("%s runs the original code: %s", self.name, reason)


def replacements(library: ModuleType, face: ModuleType) -> Iterator[Replacement]:
    """One replacement for each function that our module `face` computes and the library, imported, has by its name.

    The names are those in ``__all__`` of `face` and its public modules.  A name that the library does not have is left
    out, and so is what is no function of ours: a class, a constant, something handed on from the library.
    """
    seen = set()
    for name, ours in _functions(face, ""):
        try:
            original = attrgetter(name)(library)
        except AttributeError:
            continue  # of another version
        is_function = callable(original) and not isinstance(original, type)
        if is_function and not hasattr(original, "__fastspec__") and id(original) not in seen:
            seen.add(id(original))
            ours = as_in(library, name, ours, face.Unsupported)
            yield Replacement(f"{library.__name__}.{name}", original, ours, face.Unsupported)


def _functions(module: ModuleType, prefix: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of ours that a module and its public modules offer, by their dotted names."""
    for name in module.__all__:
        value = getattr(module, name, None)  # a module of ours may not be imported yet
        if isinstance(value, FunctionType) and value.__module__.startswith("fastspec."):
            yield prefix + name, value
    for part in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not part.name.startswith("_"):
            below = import_module(f"{module.__name__}.{part.name}")
            if hasattr(below, "__all__"):
                yield from _functions(below, f"{prefix}{part.name}.")


def _parameters(function: Callable[..., Any]) -> set[str]:
    """The names of a function's parameters; none if it keeps them to itself, as compiled ones may."""
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()
