"""Replacements of a library's functions: they call fastspec's, or the original for arguments that these refuse."""

from __future__ import annotations

import functools
import inspect
import logging
import pkgutil
import types
from collections.abc import Callable, Iterator
from importlib import import_module
from operator import attrgetter
from types import FunctionType, ModuleType
from typing import Any

from ..faces.tensors import is_compiling
from .versions import adapt_to_version

LOGGER = logging.getLogger("fastspec")


class Replacement:
    """One function, method or class of a library and its replacement.

    Attributes
    ----------
    name : str
        The public name, ``"librosa.feature.melspectrogram"``.
    original : object
        The library's own: a function, an object that caches one, a class; of a method, what its class holds, such as a
        `staticmethod`.
    owner : type or None
        The class whose method it is.
    function : object
        Its replacement, of the same kind.
    active : bool
        Whether `function` calls fastspec's; else it calls the original.
    calls : int
        How often fastspec's returned a result, or created an object.
    """

    def __init__(
        self, name: str, original: Any, ours: Callable[..., Any], refusal: type[Exception], owner: type | None = None
    ) -> None:
        self.name, self.original, self.owner, self.active, self.calls = name, original, owner, False, 0
        self._ours, self._refusal = ours, refusal
        self._logged: set[str] = set()
        self._inner: Callable[..., Any] = original  # what is called
        if isinstance(original, staticmethod | classmethod):
            self._inner = original.__func__
            self.function: Any = type(original)(self._wrap())
        elif isinstance(original, type):
            self.function = StandIn.create(self)
        else:
            self.function = self._wrap()

    @property
    def bindings(self) -> list[tuple[Any, Any]]:
        """(original, replacement) of each object that names refer to: of a static method also its function."""
        pairs = [(self.original, self.function)]
        if self._inner is not self.original:
            pairs.append((self._inner, self.function.__func__))
        return pairs

    def _wrap(self) -> Callable[..., Any]:
        """The function of `caller`, which looks like the original."""
        original, function = self._inner, functools.wraps(self._inner)(self.caller())
        function.__fastspec__ = self._ours  # type: ignore[attr-defined]
        function.__prepare_scriptable__ = lambda: original  # type: ignore[attr-defined]  # torch.jit.script asks for it
        return function

    def caller(self) -> Callable[..., Any]:
        """A call of ours, or of the original if ours raises the refusal or has not such arguments."""
        original, ours, refusal = self._inner, self._ours, self._refusal
        unsupported = parameters(original).keys() - parameters(ours).keys()
        most = positional_count(ours)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.active or is_compiling():
                return original(*args, **kwargs)
            if len(args) > most:
                self.log_once(f"fastspec does not support {len(args)} arguments without a name")
                return original(*args, **kwargs)
            if unsupported and not unsupported.isdisjoint(kwargs):
                names = ", ".join(sorted(unsupported & kwargs.keys()))
                self.log_once(f"fastspec does not support the argument {names}")
                return original(*args, **kwargs)
            try:
                result = ours(*args, **kwargs)
                self.calls += 1
                return result
            except refusal as reason:
                self.log_once(str(reason))
            return original(*args, **kwargs)

        return call

    def log_once(self, reason: str) -> None:
        """Log that the original runs, once for each reason."""
        if reason not in self._logged:
            self._logged.add(reason)
            LOGGER.warning("%s runs the original code: %s", self.name, reason)


class StandIn(type):
    """The class of classes that stand for those of a library while it is patched.

    A call creates an object of our class, or of the original.  Objects of both are instances of it, a class that
    inherits from it inherits from the original, and its attributes are those of ours, or of the original when the
    patch has ended.
    """

    _replacement: Replacement
    _create: Callable[..., Any]

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        originals = tuple(base._replacement.original if isinstance(base, StandIn) else base for base in bases)
        if originals == bases:
            return super().__new__(cls, name, bases, namespace)
        return types.new_class(name, originals, options, lambda body: body.update(namespace))

    @classmethod
    def create(cls, replacement: Replacement) -> StandIn:
        """The class that stands for the original of a replacement."""
        original, ours = replacement.original, replacement._ours
        namespace = {name: getattr(original, name, None) for name in ("__module__", "__qualname__", "__doc__")}
        namespace |= {"__fastspec__": ours, "__wrapped__": original, "_replacement": replacement}
        stand_in: StandIn = cls(original.__name__, (), namespace)
        stand_in._create = replacement.caller()
        return stand_in

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._create(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        replacement = type.__getattribute__(cls, "_replacement")
        return getattr(replacement._ours if replacement.active else replacement.original, name)

    def __dir__(cls) -> list[str]:
        return dir(cls._replacement._ours if cls._replacement.active else cls._replacement.original)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._both())

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or issubclass(subclass, cls._both())

    def _both(cls) -> Any:
        """The class of the library and ours."""
        return cls._replacement.original, cls._replacement._ours


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


def parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a function by name; none if it has no signature, as compiled ones may not."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def positional_count(function: Callable[..., Any]) -> float:
    """How many arguments without a name a function takes; infinitely many if it has no signature."""
    kinds = [parameter.kind for parameter in parameters(function).values()]
    if not kinds or inspect.Parameter.VAR_POSITIONAL in kinds:
        return float("inf")
    return sum(kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD) for kind in kinds)
