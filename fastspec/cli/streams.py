"""Standard output and standard error of any encoding: what they cannot show is spelled otherwise, and no error."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SPELLINGS = {"×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "’": "'", "•": "*", "²": "^2"}
_HANDLERS = {"stdout": "fastspec.restore", "stderr": "fastspec.spell"}


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """A character that an encoding lacks in others: like it, or as a backslash and a number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    return _SPELLINGS.get(character, character.encode("ascii", "backslashreplace").decode()), error.start + 1


def _spell_or_restore(error: UnicodeError) -> tuple[str | bytes, int]:
    """The same, but bytes of names that are not in the encoding as they are: other programs find the files by them."""
    if isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":
        return bytes([ord(error.object[error.start]) - 0xDC00]), error.start + 1
    return _spell(error)


codecs.register_error(_HANDLERS["stderr"], _spell)
codecs.register_error(_HANDLERS["stdout"], _spell_or_restore)


@contextmanager
def any_encoding() -> Iterator[None]:
    """Spell what standard output and standard error cannot show."""
    changed = []
    for name, handler in _HANDLERS.items():
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            changed.append((stream, stream.errors))
            stream.reconfigure(errors=handler)
    try:
        yield
    finally:
        for stream, errors in changed:
            if not stream.closed:
                stream.reconfigure(errors=errors)
