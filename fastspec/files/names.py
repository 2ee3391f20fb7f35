"""Names of files as text of one line."""

from __future__ import annotations

import os


def displayable(path: str | os.PathLike[str]) -> str:
    """The last part of a path: white space as single spaces; bytes and characters that cannot be shown as U+FFFD."""
    name = os.fsencode(os.path.basename(os.fspath(path))).decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in name).split())
