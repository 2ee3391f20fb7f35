"""Warnings that point at the line of the user's program, however many calls lie between it and the cause."""

import sys
import warnings
from types import FrameType

PASSED_OVER = ("fastspec", "numba", "importlib", "contextlib")
"""Packages whose frames are not the user's: ours, and what calls us back or imports us."""


def warn(message: str, category: type[Warning] = UserWarning, *, may_raise: bool = True) -> None:
    """Warn at the innermost call from outside this package.

    Parameters
    ----------
    message : str
    category : type
    may_raise : bool
        Whether a filter may turn the warning into an exception; if not, it is then shown.
    """
    frame = _caller()
    module, registry = frame.f_globals.get("__name__"), frame.f_globals.setdefault("__warningregistry__", {})
    path, line = frame.f_code.co_filename, frame.f_lineno
    try:
        warnings.warn_explicit(message, category, path, line, module, registry)
    except Warning as raised:
        if may_raise:
            raise
        warnings.showwarning(raised, category, path, line)


def _caller() -> FrameType:
    """The innermost frame outside this package, or the outermost of all."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_passed_over(frame):
        frame = frame.f_back
    return frame


def _is_passed_over(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package in PASSED_OVER
