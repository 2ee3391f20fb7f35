"""The names in loaded modules that refer to given objects."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from types import ModuleType
from typing import Any

_namespace_of = vars(ModuleType)["__dict__"].__get__
"""The namespace of a module, read past its `__getattribute__`, which would execute a lazily loaded module."""


def rebind(replacements: Mapping[int, Any]) -> None:
    """Rebind every name of a module whose object has an identity in `replacements`: identity -> new object.

    Modules of fastspec stay as they are.  The caller keeps the old objects alive, since identities are reused.
    """
    for _, namespace in _namespaces():
        for name, value in namespace.copy().items():  # a copy: other threads may be importing
            if id(value) in replacements:
                namespace[name] = replacements[id(value)]


def names_of(identities: Collection[int]) -> list[str]:
    """The dotted names in modules of the objects with these identities, sorted."""
    return sorted(
        f"{module}.{name}"
        for module, namespace in _namespaces()
        for name, value in namespace.copy().items()
        if id(value) in identities
    )


def _namespaces() -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, namespace) of each loaded module outside fastspec; the first name of a module with several."""
    seen = set()
    for name, module in sys.modules.copy().items():
        if issubclass(type(module), ModuleType) and id(module) not in seen and name.partition(".")[0] != "fastspec":
            seen.add(id(module))
            yield name, _namespace_of(module)
