"""Functions of other libraries replaced by fastspec's, reversibly: ``fastspec.patch("librosa")``.

`fastspec.patch` is this module, and callable.  A call rebinds, in all loaded modules, every name of a function that
fastspec computes to a replacement; modules loaded later import the replacement.  `table.py` lists the libraries.
``python -m fastspec.patch script.py`` runs a script that way (`__main__.py`), and the processes that it starts
(`startup/sitecustomize.py`).

References elsewhere (in a list, as a default argument, inside a `functools.partial`) keep the original.  A process that
is spawned, not forked, by a program that calls `patch` itself is not patched.
"""

from __future__ import annotations

import sys
from types import ModuleType, TracebackType

from ..librosa._precision import check_precision
from .states import LOCK, State
from .table import LIBRARIES


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
        if precision is not None and not self._state.row.precision:
            raise ValueError(f"precision must be None for {library!r}, got {precision!r}")

    def __repr__(self) -> str:
        return f"<fastspec.patch({self.library!r}), {'active' if self in self._state.patches else 'ended'}>"

    def __enter__(self) -> Patch:
        with LOCK:
            if self._depth or self not in self._state.patches:  # the call itself has added it for the first block
                self._state.add(self)
            self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with LOCK:
            self._depth -= 1
            self._state.remove(self)

    @property
    def places(self) -> list[str]:
        """The names that refer to a replacement now; see `fastspec.patched`."""
        return patched(self.library)


_STATES: dict[str, State] = {}


def _state(library: str) -> State:
    """The state of a library, created at its first use."""
    if library not in LIBRARIES:
        raise ValueError(f"library must be {' or '.join(map(repr, LIBRARIES))}, got {library!r}")
    with LOCK:
        return _STATES.setdefault(library, State(library))


def apply(library: str, *, precision: str | None = None) -> Patch:
    """Replace a library's functions by fastspec's; ``fastspec.patch(library)`` is this function.

    In all loaded modules, those of the library, the caller's and `__main__` included, names of a function that fastspec
    computes are rebound to its replacement, and so are methods in their class and in those that inherit from it.  A
    replacement has the name, signature and documentation of the original (its `__wrapped__`), and our function as
    `__fastspec__`.  Arguments that fastspec does not support run the original, which is logged once per function and
    reason (logger ``fastspec``).

    Patching twice has the effect of patching once.  It applies to all threads of the process.

    Parameters
    ----------
    library : str
        ``"librosa"``     all functions of `fastspec.librosa`; librosa is imported.  Classes, exceptions and constants
                          stay as they are.
        ``"whisper"``     Whisper's features: `whisper.log_mel_spectrogram` of openai-whisper and of whisperx,
                          `faster_whisper.feature_extractor.FeatureExtractor`, and `WhisperFeatureExtractor` of
                          transformers.  Nothing is imported: what is not imported yet is patched when it is.
                          Tensors on the CPU of float32 that need no gradient are taken, and results returned, without
                          a copy; any other runs the original, and so does whatever torch compiles, traces or
                          transforms.
    precision : "single", "double" or None
        In which precision float32 is transformed as long as this patch lasts, in all threads.  For librosa see
        `fastspec.librosa.set_precision`, whose setting it replaces; None leaves that as it is.  Whisper's features are
        transformed in single precision, where levels more than 50 dB below the loudest of their frame have errors of
        some 1e-5; "double" has none above 5e-6, in about twice the time.

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
        If librosa is not installed: the command that installs it.
    """
    patch = Patch(library, precision)
    with LOCK:
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
    with LOCK:
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
    with LOCK:
        return _state(library).names()


def calls(library: str) -> dict[str, int]:
    """How often fastspec computed a result in place of each function of the library: a program can see that it is used.

    Returns
    -------
    calls : dict
        ``{"faster_whisper.feature_extractor.FeatureExtractor.__call__": 3, ...}``, of this process, for all functions
        that have been replaced; calls that ran the original do not count.

    Raises
    ------
    ValueError
        For a library that `apply` does not support.
    """
    counts: dict[str, int] = {}
    with LOCK:
        for replacement in _state(library).replacements.values():
            counts[replacement.name] = counts.get(replacement.name, 0) + replacement.calls
    return counts


class CallableModule(ModuleType):
    """A module that is callable: the call is `apply`."""

    def __call__(self, library: str, *, precision: str | None = None) -> Patch:
        """Replace a library's functions by fastspec's: see `fastspec.patch.apply`."""
        return apply(library, precision=precision)


sys.modules[__name__].__class__ = CallableModule
