"""The names in loaded modules, and the attributes of classes, that refer to given objects."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

_namespace_of = vars(ModuleType)["__dict__"].__get__
"""The namespace of a module, read past its `__getattribute__`, which would execute a lazily loaded module."""


def rebind(replacements: Mapping[int, Any], classes: Iterable[type] = ()) -> None:
    """Rebind every name of a module whose object has an identity in `replacements`: identity -> new object.

    Attributes of these classes, and of all that inherit from them, are rebound, too.  Modules of fastspec stay as they
    are.  The caller keeps the old objects alive, since identities are reused.
    """
    for _, namespace in _namespaces():
        for name, value in namespace.copy().items():  # a copy: other threads may be importing
            if id(value) in replacements:
                namespace[name] = replacements[id(value)]
    for owner in _with_subclasses(classes):
        for name, value in vars(owner).copy().items():
            if id(value) in replacements:
                type.__setattr__(owner, name, replacements[id(value)])


def names_of(identities: Collection[int], classes: Iterable[type] = ()) -> list[str]:
    """The dotted names of the objects with these identities, in modules, these classes and their heirs; sorted."""
    names = {
        f"{module}.{name}"
        for module, namespace in _namespaces()
        for name, value in namespace.copy().items()
        if id(value) in identities
    }
    names |= {
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls in _with_subclasses(classes)
        for name, value in vars(cls).copy().items()
        if id(value) in identities
    }
    return sorted(names)


def attribute_of(module: str, name: str) -> tuple[type | None, Any]:
    """(class that holds it, object) of a dotted name in a loaded module; the object is None if there is none.

    An attribute of a class is what its namespace holds, such as a `staticmethod`.  Nothing is executed.
    """
    loaded, parts = sys.modules.get(module), name.split(".")
    if not isinstance(loaded, ModuleType):
        return None, None
    owner: type | None = None
    value = _namespace_of(loaded).get(parts[0])
    for part in parts[1:]:
        if not isinstance(value, type):
            return None, None
        owner, value = value, vars(value).get(part)
    return owner, value


def _namespaces() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, namespace) of each loaded module outside fastspec; the first name of a module with several."""
    seen = set()
    for name, module in sys.modules.copy().items():
        if issubclass(type(module), ModuleType) and id(module) not in seen and name.partition(".")[0] != "fastspec":
            seen.add(id(module))
            yield name, _namespace_of(module)


def _with_subclasses(classes: Iterable[type]) -> list[type]:
    """The classes, and all that inherit from them."""
    waiting = list(classes)
    reached: dict[type, None] = dict.fromkeys(waiting)
    while waiting:
        heirs: list[type] = type.__subclasses__(waiting.pop())
        new = [heir for heir in heirs if heir not in reached]
        reached |= dict.fromkeys(new)
        waiting += new
    return list(reached)
