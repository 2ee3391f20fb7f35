"""Where a function is held: the names of all loaded modules."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from types import ModuleType
from typing import Any

_dictionary_of = vars(ModuleType)["__dict__"].__get__
"""The names of a module without asking it, since one that is loaded on its first use would then be loaded."""


def swap(compare_exchange: Mapping[int, Any]) -> None:
    """Put a new object wherever a module holds an old one: `exchange` gives the new one by the identity of the old.

    Our own modules are left as they are.  The caller keeps the old objects alive, or identities mean nothing.
    """
    for _, names in _held():
        for name, value in names.copy().items():  # other threads may be importing
            if id(value) in compare_exchange:
                names[name] = compare_exchange[id(value)]


def places(identities: Collection[int]) -> list[str]:
    """The dotted names under which modules hold objects of these identities, sorted."""
    return sorted(
        f"{module}.{name}"
        for module, names in _held()
        for name, value in names.copy().items()
        if id(value) in identities
    )


def _held() -> Iterator[tuple[str, dict[str, Any]]]:
    """The loaded modules that are not ours, each by its first name, and what they hold."""
    seen = set()
    for name, module in sys.modules.copy().items():
        if issubclass(type(module), ModuleType) and id(module) not in seen and name.partition(".")[0] != "fastspec":
            seen.add(id(module))
            yield name, _dictionary_of(module)
