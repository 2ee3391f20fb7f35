"""Objects whose attributes are set once: on creation, or by the first thread that uses them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class Immutable:
    """Attributes can be set, but not changed."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self):
            raise AttributeError(f"{name} cannot be changed: make another {type(self).__name__}")
        super().__setattr__(name, value)


class cached_attribute(Generic[T]):
    """An attribute that is computed at its first use, without a lock: of several threads, the first to finish sets it.

    All threads get the same object, so its addresses stay valid as long as its owner lives.
    `functools.cached_property` guarantees neither: since Python 3.12 the last thread sets it; before, it held a lock of
    the class during the computation, which a forked child inherits.
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
