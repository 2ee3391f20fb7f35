"""What is patched now: the patches of each library, and the replacements of its functions."""

from __future__ import annotations

import inspect
import sys
import threading
from importlib import import_module
from typing import Any, Protocol

from .. import extras, forks
from ..librosa._precision import Precision
from .imports import HOOK
from .references import attribute_of, names_of, rebind
from .replacement import LOGGER, Replacement, parameters, replacements_of
from .table import LIBRARIES, Entry

LOCK = threading.RLock()
"""Held while names are rebound."""


class HasPrecision(Protocol):
    """A patch."""

    precision: Precision | None


class State:
    """The patches of a library, and the replacements of its functions.

    Replacements are kept when the last patch ends, so that references to them work again with the next patch.
    """

    def __init__(self, library: str) -> None:
        self.library, self.row = library, LIBRARIES[library]
        self.patches: list[HasPrecision] = []
        self.replacements: dict[int, Replacement] = {}  # by the identity of the original
        self._refused: set[Entry] = set()

    def add(self, patch: HasPrecision) -> None:
        """Add a patch; the first one puts the replacements in."""
        if not self.patches:
            if self.row.counterpart:
                library = extras.load(self.library, self.library, f'fastspec.patch("{self.library}")')
                for replacement in replacements_of(library, import_module(self.row.counterpart)):
                    self.replacements.setdefault(id(replacement.original), replacement)
            for name in {entry.ours.partition(":")[0] for entry in self.row.entries}:
                forks.import_module(name)  # now, not amid the import of a library
            self.patches.append(patch)
            if self.row.entries:
                HOOK.add({entry.module for entry in self.row.entries}, self._imported)
                self._look_up()
            self.activate()
        else:
            self.patches.append(patch)
        self.choose_precision()

    def remove(self, patch: HasPrecision) -> None:
        """Remove a patch, if `unpatch` has not; the last one restores the originals."""
        if patch in self.patches:
            self.patches.remove(patch)
            self.choose_precision()
            if not self.patches:
                self.deactivate()

    def clear(self) -> None:
        """Remove all patches and restore the originals."""
        if self.patches:
            self.patches.clear()
            self.choose_precision()
            self.deactivate()

    def choose_precision(self) -> None:
        """Let the precision of the last patch that has one hold."""
        if self.row.precision:
            set_precision = _ours(self.row.precision)
            set_precision(next((p.precision for p in reversed(self.patches) if p.precision), None))

    def activate(self) -> None:
        """Rebind the names of the originals to their replacements."""
        for replacement in self.replacements.values():
            replacement.active = True
        rebind({id(old): new for r in self.replacements.values() for old, new in r.bindings}, self._owners())

    def deactivate(self) -> None:
        """Rebind the names of the replacements to their originals."""
        HOOK.remove(self._imported)
        for replacement in self.replacements.values():
            replacement.active = False
        rebind({id(new): old for r in self.replacements.values() for old, new in r.bindings}, self._owners())

    def names(self) -> list[str]:
        """The names that refer to replacements now."""
        if not self.patches:
            return []
        return names_of({id(new) for r in self.replacements.values() for _, new in r.bindings}, self._owners())

    def _owners(self) -> list[type]:
        """The classes that have replaced methods."""
        return [r.owner for r in self.replacements.values() if r.owner is not None]

    # ---- entries ----
    def _imported(self, module: str) -> None:
        """Put the replacements into a module that has been imported."""
        with LOCK:
            if not self.patches:
                return
            try:
                if self._look_up(module):
                    self.activate()
            except Exception as error:  # the program asked for an import
                LOGGER.warning("%s is not patched: %s", module, error)

    def _look_up(self, module: str | None = None) -> bool:
        """Add replacements for what the loaded modules, or one of them, have now; whether there are new ones."""
        before = len(self.replacements)
        for entry in self.row.entries:
            if module in (None, entry.module):
                self._add_entry(entry)
        return len(self.replacements) > before

    def _add_entry(self, entry: Entry) -> None:
        """Add a replacement, if the library has what the entry names."""
        owner, original = attribute_of(entry.module, entry.name)
        function = original.__func__ if isinstance(original, staticmethod | classmethod) else original
        if not callable(function) or hasattr(function, "__fastspec__") or id(original) in self.replacements:
            return
        name, ours = f"{entry.module}.{entry.name}", _ours(entry.ours)
        refusal = _ours(f"{entry.ours.partition(':')[0]}:Unsupported")
        reason = version_refusal(entry) or argument_refusal(function, ours)
        if not reason:
            self.replacements[id(original)] = Replacement(name, original, ours, refusal, owner)
        elif entry not in self._refused:
            self._refused.add(entry)
            LOGGER.warning("%s is not patched: %s", name, reason)


def _ours(name: str) -> Any:
    """Our object called ``"module:name"``, of a module that is imported."""
    module, _, attribute = name.partition(":")
    return getattr(sys.modules[module], attribute)


def version_refusal(entry: Entry) -> str:
    """Why the installed version of the library is not one that the entry is for; empty if it is."""
    package = entry.module.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None) or extras.version(package) or ""
    numbers = version_numbers(version)
    if numbers and entry.since and numbers < version_numbers(entry.since):
        return f"version {version} is older than {entry.since}"
    if numbers and entry.before and numbers >= version_numbers(entry.before):
        return f"version {version} is not older than {entry.before}"
    return ""


def version_numbers(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (1, 2) of "1.2rc1"."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def argument_refusal(original: object, ours: object) -> str:
    """Why ours does not take the arguments of a function as the original does; empty if it does.

    Names of arguments that both have must stand in the same order.  What only the original has runs the original.
    """
    if isinstance(original, type) or isinstance(ours, type):
        return ""
    variable = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    theirs, names = (
        [name for name, parameter in parameters(function).items() if parameter.kind not in variable]  # type: ignore[arg-type]
        for function in (original, ours)
    )
    if theirs and names and any(a != b for a, b in zip(theirs, names, strict=False)):
        return f"it takes the arguments {', '.join(theirs)}, not {', '.join(names)}"
    return ""
