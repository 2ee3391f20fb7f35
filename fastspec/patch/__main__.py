"""``python -m fastspec.patch script.py``: run a script, or a module after ``-m``, with librosa patched."""

from __future__ import annotations

import os
import runpy
import sys
import zipfile
from collections.abc import Sequence
from types import TracebackType

from . import apply

USAGE = """\
usage: python -m fastspec.patch SCRIPT [ARGUMENTS ...]
       python -m fastspec.patch -m MODULE [ARGUMENTS ...]

Run a script or a module unchanged, with librosa's functions replaced by fastspec's."""


def main(arguments: Sequence[str]) -> int:
    """Run the script or module that the arguments name, as Python would; 1 or 2 if it cannot be started."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    as_module = arguments[:1] == ["-m"]
    target = list(arguments[as_module:])
    if not target or (not as_module and target[0].startswith("-")):
        print(USAGE, file=sys.stderr)
        return 2
    if not as_module and not os.path.exists(target[0]):
        print(f"fastspec.patch: can't open file {target[0]!r}: no such file", file=sys.stderr)
        return 2
    try:
        apply("librosa")
    except ImportError as error:
        print(f"fastspec: {error}", file=sys.stderr)
        return 1
    sys.argv[:] = target
    sys.excepthook = _print_error
    if as_module:
        runpy.run_module(target[0], run_name="__main__", alter_sys=True)
    else:
        _set_import_path(target[0])
        runpy.run_path(target[0], run_name="__main__")
    return 0


def _set_import_path(script: str) -> None:
    """Put the script's folder first on `sys.path`, as ``python script.py`` does, instead of the current folder."""
    if sys.flags.safe_path:
        return
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        del sys.path[0]  # runpy inserts it
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(script))


def _print_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print an uncaught error without the frames of this module and of runpy."""
    runner_files = {main.__code__.co_filename, runpy.run_path.__code__.co_filename}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in runner_files:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
