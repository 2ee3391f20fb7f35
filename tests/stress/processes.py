"""Child processes that run Python on this checkout for a limited time: what is provoked in them may end in a hang."""

import ctypes.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATHS = [ROOT, ROOT / "tests", ROOT / "tests" / "oracles", Path(__file__).parent]

FORKS = """
import os, signal, time

def fork(task):
    child = os.fork()
    if not child:
        code = 99
        try:
            code = 0 if task() else 1
        finally:
            os._exit(code)
    return child

def wait(child, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "stuck"
"""
"""`fork` a child whose exit code says whether its task was right, and `wait` for it."""


def layers() -> list[str]:
    """The threading layers that numba can use here; TBB, where `pip install tbb` has put it into the environment."""
    has_tbb = Path(sys.prefix, "lib", "libtbb.so.12").exists() or ctypes.util.find_library("tbb")
    return ["omp", "workqueue", *(["tbb"] if has_tbb else [])]


def on_layer(layer: str) -> dict[str, str]:
    """The environment in which numba uses a threading layer."""
    libraries = filter(None, [f"{sys.prefix}/lib", os.environ.get("LD_LIBRARY_PATH")])
    found = {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if layer == "tbb" else {}
    return {"NUMBA_THREADING_LAYER": layer, **found}


def start(program: str, *arguments: object, **environment: object) -> "subprocess.Popen[str]":
    """Python on a program, a file's path or its text; arguments by name are environment variables."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("FASTSPEC_NUM", "NUMBA_", "PYTEST_", "COV_"))}
    own |= {"PYTHONPATH": os.pathsep.join(map(str, PATHS)), "PYTHONFAULTHANDLER": "1", "NUMBA_NUM_THREADS": "4"}
    own |= {name: str(value) for name, value in environment.items()}
    told = [program] if program.endswith(".py") else ["-c", program]
    return subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", *told, *map(str, arguments)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=own,
        start_new_session=True,
    )


def finish(child: "subprocess.Popen[str]", seconds: float = 120) -> list[str]:
    """The words that it printed; it must come to a good end in time."""
    try:
        out, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGABRT)  # with all that it forked; says where it was
        out, err = child.communicate()
        raise AssertionError(f"still running after {seconds} s\n{out}\n{err}") from None
    assert child.returncode == 0, f"exit {child.returncode}\n{out}\n{err}"
    return out.split()


def run(program: str, *arguments: object, seconds: float = 120, **environment: Any) -> list[str]:
    """`finish` what is started with these arguments."""
    return finish(start(program, *arguments, **environment), seconds)


def interrupt(child: "subprocess.Popen[str]") -> None:
    """Ctrl-C, as the terminal sends it: to the process and all that it started."""
    os.killpg(child.pid, signal.SIGINT)
