"""``python -m fastspec.patch script.py``: a script, or a module after ``-m``, run unchanged on our functions."""

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

Runs a script or a module unchanged, with librosa's functions swapped for fastspec's."""


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments name as Python itself would; an exit code if that could not be begun."""
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
        _find_modules_beside(target[0])
        runpy.run_path(target[0], run_name="__main__")
    return 0


def _find_modules_beside(script: str) -> None:
    """Let imports begin in the script's folder, where ``python script.py`` begins, not in the current one."""
    if sys.flags.safe_path:
        return
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        del sys.path[0]  # runpy puts it there
    else:
        sys.path[0] = os.path.dirname(os.path.realpath(script))


def _print_error(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    """Print an error that nobody caught without the lines above the script."""
    above = {main.__code__.co_filename, runpy.run_path.__code__.co_filename}
    while at is not None and at.tb_frame.f_code.co_filename in above:
        at = at.tb_next
    sys.__excepthook__(kind, error.with_traceback(at), at)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
