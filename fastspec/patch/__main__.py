"""``python -m fastspec.patch script.py``: run a script, a module or code, as Python would, with librosa patched.

Python starts again with the options that it had, and with an environment that patches libraries when they are imported,
in this program and in the processes which it starts (`startup/sitecustomize.py`).  So everything else is as without us.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from .. import extras
from ..librosa._precision import PRECISIONS
from . import apply
from .replacement import LOGGER
from .table import LIBRARIES

LIBRARY = "librosa"  # without --library
USAGE = """\
usage: python -m fastspec.patch [--precision single|double] SCRIPT [ARGUMENTS ...]
       python -m fastspec.patch [--precision single|double] -m MODULE [ARGUMENTS ...]
       python -m fastspec.patch [--precision single|double] -c CODE [ARGUMENTS ...]
       python -m fastspec.patch [--precision single|double] - [ARGUMENTS ...]

Run a script, a module, code, or what standard input holds, unchanged, with librosa's functions replaced by fastspec's,
also in the processes that it starts; float32 is transformed in that precision.  With --library NAME, before or after
it and any number of times, the libraries of these names instead: """
USAGE += f"{', '.join(LIBRARIES)}; see fastspec.patch."
STARTUP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "startup")


def main(arguments: Sequence[str]) -> int:
    """Run the program that the arguments name, as Python would; 1 or 2 if it cannot be started."""
    program, precision, libraries = list(arguments), "", []
    if program[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    while program[:1] in (["--precision"], ["--library"]):
        option, value, program = program[0], "".join(program[1:2]), program[2:]
        choices = PRECISIONS if option == "--precision" else tuple(LIBRARIES)
        if value not in choices:
            return _fail(2, f"{option} must be {' or '.join(choices)}, got {value!r}")
        if option == "--precision":
            precision = value
        else:
            libraries.append(value)
    needs_target = program[:1] in (["-m"], ["-c"])
    is_program = len(program) > needs_target and (needs_target or program[0] == "-" or not program[0].startswith("-"))
    if not is_program:
        print(USAGE, file=sys.stderr)
        return 2
    names = libraries or [LIBRARY]
    if precision and not all(LIBRARIES[name].precision for name in names):
        return _fail(2, f"--precision is none that can be chosen for {' and '.join(names)}")
    if LIBRARY in names and find_spec(LIBRARY) is None:
        return _fail(1, extras.explain(LIBRARY, LIBRARY, "fastspec.patch"))
    if sys.flags.ignore_environment or sys.flags.no_site:
        return _run_in_process(program, names, precision or None)
    return _start(program, names, precision)


def _start(program: list[str], libraries: list[str], precision: str) -> int:
    """Start Python again, in place of this process where the system can."""
    paths = [STARTUP, os.environ.get("PYTHONPATH", "")]
    modules = {name: sorted({entry.module for entry in LIBRARIES[name].entries}) or [name] for name in libraries}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment["FASTSPEC_PATCH"] = ";".join(f"{name}={','.join(modules[name])}" for name in modules)
    environment["FASTSPEC_PATCH_PRECISION"] = precision
    command = [sys.executable, *_python_options(), *program]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(sys.executable, command, environment)
    return subprocess.call(command, env=environment)


def _python_options() -> list[str]:
    """The options of Python itself in the command of this process: those before ``-m fastspec.patch``."""
    command = sys.orig_argv
    name = __package__ or ""
    ends = [i for i in range(1, len(command)) if command[i] == f"-m{name}" or command[i : i + 2] == ["-m", name]]
    return command[1 : ends[0]] if ends else []


def _run_in_process(program: list[str], libraries: list[str], precision: str | None) -> int:
    """Run the program in this process, as Python's -E, -I and -S keep out what `_start` passes on.

    The name of a script becomes absolute in `sys.argv`, and this module is in the stack below the program.
    """
    LOGGER.warning("processes that this program starts are not patched: Python's options -E, -I and -S prevent it")
    for name in libraries:
        apply(name, precision=precision)
    option = program[0] if program[0] in ("-m", "-c", "-") else None
    sys.argv[:] = program[1:] if option == "-m" else program[:1] + program[2:] if option == "-c" else program
    if option == "-m":
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    elif option is None:
        runpy.run_path(os.path.abspath(program[0]), run_name="__main__")
    else:
        code, file = (program[1], "<string>") if option == "-c" else (sys.stdin.read(), "<stdin>")
        exec(compile(code, file, "exec"), vars(sys.modules["__main__"]))
    return 0


def _fail(code: int, message: str) -> int:
    print(f"fastspec.patch: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
