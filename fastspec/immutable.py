"""Objects whose attributes are set once: by whoever makes them, or by the first thread that needs them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Immutable:
    """Attributes are set once, when the object is made."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self):
            raise AttributeError(f"{name} cannot be changed: make another {type(self).__name__}")
        super().__setattr__(name, value)


class cached_attribute(Generic[T]):
    """An attribute that is computed at its first use and then kept, without a lock: of several threads the first wins.

    All threads get the object that was kept, so addresses taken from it stay valid as long as its owner lives.
    `functools.cached_property` promises neither: since Python 3.12 the last writer wins, before it held a lock of the
    whole class while it computed, which a forked child inherits.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "cached_attribute[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "cached_attribute[T] | T":
        if instance is None:
            return self
        try:
            value: T = vars(instance)[self.name]
        except KeyError:
            value = vars(instance).setdefault(self.name, self.compute(instance))
        return value
