"""librosa's functions swapped for ours, reversibly: ``fastspec.patch("librosa")``.

This module is what the name `fastspec.patch` stands for, and it can be called.  Calling it puts a replacement in the
place of every function that `fastspec.librosa` computes, in every loaded module that holds it; modules that are loaded
later import the replacement.  ``python -m fastspec.patch script.py`` runs a script that way (`__main__.py`).

What is kept elsewhere (in a list, as a method, as a default argument, inside a `functools.partial`) is not found, and
stays what it was.  A process that was started afresh, and not forked, is not patched.
"""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from types import ModuleType, TracebackType

from .. import extras
from .places import places, swap
from .replacement import Replacement, replacements

FACES = {"librosa": "fastspec.librosa"}
"""The libraries that can be patched, and our modules with their names."""


class Patch:
    """One wish that a library run on fastspec; what calling `fastspec.patch` returns.

    As a context manager it ends with its block, and the library is restored with the last of all wishes.

    Attributes
    ----------
    library : str
        The library's name.
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self._state = _state(library)
        self._depth = 0

    def __repr__(self) -> str:
        return f"<fastspec.patch({self.library!r}), {'active' if self in self._state.wishes else 'ended'}>"

    def __enter__(self) -> Patch:
        with _LOCK:
            if self._depth or self not in self._state.wishes:  # the first block is the one of the call itself
                self._state.add(self)
            self._depth += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with _LOCK:
            self._depth -= 1
            self._state.drop(self)

    @property
    def places(self) -> list[str]:
        """Where a replacement stands now, as `fastspec.patched` lists it."""
        return patched(self.library)


class _State:
    """What is known of one library: the wishes that keep it patched, and its replacements.

    Replacements are kept for good, so that one that was left somewhere serves again after the next patch.
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self.wishes: list[Patch] = []
        self.known: dict[int, Replacement] = {}  # by the identity of the original

    def add(self, wish: Patch) -> None:
        """Count a wish; the first one patches."""
        if not self.wishes:
            module = extras.load(self.library, self.library, f'fastspec.patch("{self.library}")')
            for found in replacements(module, import_module(FACES[self.library])):
                self.known.setdefault(id(found.original), found)
            self.switch(True)
        self.wishes.append(wish)

    def drop(self, wish: Patch) -> None:
        """Forget one wish; the last one restores."""
        if wish in self.wishes:  # else `unpatch` came first
            self.wishes.remove(wish)
            if not self.wishes:
                self.switch(False)

    def clear(self) -> None:
        """Forget all wishes and restore, were there any."""
        if self.wishes:
            self.wishes.clear()
            self.switch(False)

    def switch(self, on: bool) -> None:
        """Put the replacements in the originals' places, or the originals back in theirs."""
        for one in self.known.values():
            one.active = on
        if on:
            swap({id(one.original): one.function for one in self.known.values()})
        else:
            swap({id(one.function): one.original for one in self.known.values()})


_LOCK = threading.RLock()
_STATES: dict[str, _State] = {}


def _state(library: str) -> _State:
    """The state of a library, made when it is first asked for."""
    if library not in FACES:
        raise ValueError(f"library must be {' or '.join(map(repr, FACES))}, got {library!r}")
    with _LOCK:
        return _STATES.setdefault(library, _State(library))


def apply(library: str) -> Patch:
    """Let an imported library run on fastspec; ``fastspec.patch(library)`` is this function.

    Every module that holds one of the functions that fastspec computes gets a replacement in its place, the library's
    own modules, the caller's and `__main__` included.  A replacement has the name, signature and documentation of the
    original (its `__wrapped__`), and our function as `__fastspec__`.  Arguments that we do not support run the
    original, which is logged once for a function and a reason (logger ``fastspec``).  Classes, exceptions and constants
    stay as they are.

    Patching twice is patching once.  It holds for the whole process, for all of its threads.

    Parameters
    ----------
    library : str
        ``"librosa"``.

    Returns
    -------
    patch : Patch
        A context manager: ``with fastspec.patch("librosa"):`` restores at the end of the block what the block
        changed.  Without `with`, the library stays patched until `unpatch`.

    Raises
    ------
    ValueError
        For any other name.
    ImportError
        If the library is not installed: the command that installs it.
    """
    patch = Patch(library)
    with _LOCK:
        patch._state.add(patch)
    return patch


def unpatch(library: str) -> None:
    """Put every original back, in modules loaded meanwhile too, whatever contexts are open; patched or not.

    A replacement that was kept elsewhere (say as a default argument) runs the original from now on.

    Raises
    ------
    ValueError
        For a library that `apply` does not know.
    """
    with _LOCK:
        _state(library).clear()


def is_patched(library: str) -> bool:
    """Whether the library runs on fastspec now.

    Raises
    ------
    ValueError
        For a library that `apply` does not know.
    """
    return bool(_state(library).wishes)


def patched(library: str) -> list[str]:
    """Where replacements stand now: ``["librosa.core.spectrum.stft", ..., "my_module.stft"]``, sorted; [] if unpatched.

    Raises
    ------
    ValueError
        For a library that `apply` does not know.
    """
    with _LOCK:
        state = _state(library)
        return places({id(one.function) for one in state.known.values()}) if state.wishes else []


class CallableModule(ModuleType):
    """A module whose call is `apply`."""

    def __call__(self, library: str) -> Patch:
        """Let an imported library run on fastspec: see `fastspec.patch.apply`."""
        return apply(library)


sys.modules[__name__].__class__ = CallableModule
