"""librosa's functions replaced by fastspec's, reversibly: ``fastspec.patch("librosa")``.

`fastspec.patch` is this module, and callable.  A call rebinds, in all loaded modules, every name of a function that
`fastspec.librosa` computes to a replacement; modules loaded later import the replacement.
``python -m fastspec.patch script.py`` runs a script that way (`__main__.py`), and the processes that it starts
(`startup/sitecustomize.py`).

References elsewhere (in a list, as a method, as a default argument, inside a `functools.partial`) keep the original.  A
process that is spawned, not forked, by a program that calls `patch` itself is not patched.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from types import ModuleType, TracebackType

from .. import extras
from ..librosa._precision import check_precision, replace_precision
from .references import names_of, rebind
from .replacement import Replacement, replacements_of

COUNTERPARTS = {"librosa": "fastspec.librosa"}
"""Library that can be patched -> our module with the same names."""


class Patch:
    """A patch of a library, as `fastspec.patch` returns it.

    As a context manager it ends with its block; the library is restored when its last patch ends.

    Attributes
    ----------
    library : str
        The library's name.
    precision : "single", "double" or None
        See `apply`.
    """

    def __init__(self, library: str, precision: str | None = None) -> None:
        self.library = library
        self._state = _state(library)
        self._depth = 0
        self.precision = None if precision is None else check_precision(precision)

    def __repr__(self) -> str:
        return f"<fastspec.patch({self.library!r}), {'active' if self in self._state.patches else 'ended'}>"

    def __enter__(self) -> Patch:
        with _LOCK:
            if self._depth or self not in self._state.patches:  # the call itself has added it for the first block
                self._state.add(self)
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _LOCK:
            self._depth -= 1
            self._state.remove(self)

    @property
    def places(self) -> list[str]:
        """The names that refer to a replacement now; see `fastspec.patched`."""
        return patched(self.library)


class _State:
    """The patches of a library, and the replacements of its functions.

    Replacements are kept when the last patch ends, so that references to them work again with the next patch.
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self.patches: list[Patch] = []
        self.replacements: dict[int, Replacement] = {}  # by the identity of the original

    def add(self, patch: Patch) -> None:
        """Add a patch; the first one puts the replacements in."""
        if not self.patches:
            library = extras.load(self.library, self.library, f'fastspec.patch("{self.library}")')
            for replacement in replacements_of(library, import_module(COUNTERPARTS[self.library])):
                self.replacements.setdefault(id(replacement.original), replacement)
            self.activate()
        self.patches.append(patch)
        self.choose_precision()

    def remove(self, patch: Patch) -> None:
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
        replace_precision(next((p.precision for p in reversed(self.patches) if p.precision), None))

    def activate(self) -> None:
        """Rebind the names of the originals to their replacements."""
        for replacement in self.replacements.values():
            replacement.active = True
        rebind({id(r.original): r.function for r in self.replacements.values()})

    def deactivate(self) -> None:
        """Rebind the names of the replacements to their originals."""
        for replacement in self.replacements.values():
            replacement.active = False
        rebind({id(r.function): r.original for r in self.replacements.values()})


_LOCK = threading.RLock()
_STATES: dict[str, _State] = {}


def _state(library: str) -> _State:
    """The state of a library, created at its first use."""
    if library not in COUNTERPARTS:
        raise ValueError(f"library must be {' or '.join(map(repr, COUNTERPARTS))}, got {library!r}")
    with _LOCK:
        return _STATES.setdefault(library, _State(library))


def apply(library: str, *, precision: str | None = None) -> Patch:
    """Replace a library's functions by fastspec's; ``fastspec.patch(library)`` is this function.

    In all loaded modules, those of the library, the caller's and `__main__` included, names of a function that fastspec
    computes are rebound to its replacement.  A replacement has the name, signature and documentation of the original
    (its `__wrapped__`), and our function as `__fastspec__`.  Arguments that fastspec does not support run the original,
    which is logged once per function and reason (logger ``fastspec``).  Classes, exceptions and constants stay as they
    are.

    Patching twice has the effect of patching once.  It applies to all threads of the process.

    Parameters
    ----------
    library : str
        ``"librosa"``.
    precision : "single", "double" or None
        In which precision float32 is transformed as long as this patch lasts, in all threads; see
        `fastspec.librosa.set_precision`, whose setting it replaces.  None leaves that as it is.

    Returns
    -------
    patch : Patch
        A context manager: ``with fastspec.patch("librosa"):`` restores at the end of the block what the block
        changed.  Without `with`, the library stays patched until `unpatch`.

    Raises
    ------
    ValueError
        For any other name or precision.
    ImportError
        If the library is not installed: the command that installs it.
    """
    patch = Patch(library, precision)
    with _LOCK:
        patch._state.add(patch)
    return patch


def unpatch(library: str) -> None:
    """Restore all originals, in modules loaded meanwhile too, and end all open patches; allowed if there are none.

    References to a replacement elsewhere (say as a default argument) call the original from now on.

    Raises
    ------
    ValueError
        For a library that `apply` does not support.
    """
    with _LOCK:
        _state(library).clear()


def is_patched(library: str) -> bool:
    """Whether the library is patched now.

    Raises
    ------
    ValueError
        For a library that `apply` does not support.
    """
    return bool(_state(library).patches)


def patched(library: str) -> list[str]:
    """The names that refer to replacements now: ``["librosa.core.spectrum.stft", ..., "my_module.stft"]``, sorted.

    The list is empty if the library is not patched.

    Raises
    ------
    ValueError
        For a library that `apply` does not support.
    """
    with _LOCK:
        state = _state(library)
        return names_of({id(r.function) for r in state.replacements.values()}) if state.patches else []


class CallableModule(ModuleType):
    """A module that is callable: the call is `apply`."""

    def __call__(self, library: str, *, precision: str | None = None) -> Patch:
        """Replace a library's functions by fastspec's: see `fastspec.patch.apply`."""
        return apply(library, precision=precision)


sys.modules[__name__].__class__ = CallableModule
