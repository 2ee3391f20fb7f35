"""Compiling side by side: a call that finds no compiled kernels starts helpers, processes that fill the cache with it.

Entries do not depend on each other.  A helper compiles those of the call from the last to the first, the call itself
from the first to the last, and `claims` keep both from compiling the same.  A helper that fails, or dies, costs
nothing: whatever is not in the cache the call compiles by itself.
"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from ...forks import forks_wait
from .apart import compiled_apart
from .cache import compiler_enabled, scope
from .claims import is_claimed
from .tasks import registry
from .threads import compile_team_elsewhere, team_size

BACKWARDS = "rows.transform_rows", "realfft.inverse", "realfft.inverse_columns"
RECOVERY = "magnitudes.measure_range", "team", *BACKWARDS, "realfft.forward"
NEEDED = {
    "forward": ("rows.transform_rows", "realfft.forward", "forward.forward_strip", "team"),
    "inverse": (*BACKWARDS, "inverse.inverse_strip", "team"),
    "recover pghi": (
        *RECOVERY, "magnitudes.scale_tile", "pghi.integrate_block", "pghi.join_blocks", "pghi.finish_block",
        "phase.polar_to_complex", "overlap_add.overlap_add_strip", "overlap_add.add_tails", "magnitudes.arrange_tile",
        "griffin_lim.round_strip",
    ),
    "recover rtisi": (*RECOVERY, "magnitudes.scale_tile", "rtisi.run_steps"),
    "recover rtpghi": (*RECOVERY, "magnitudes.scale_tile", "rtpghi.run_steps", "inverse.inverse_strip"),
    "recover random": (*RECOVERY, "magnitudes.arrange_tile", "griffin_lim.round_strip", "overlap_add.add_tails"),
    "notebook": (
        "magnitudes.arrange_tile", "team", *BACKWARDS, "align.align_and_add", "align.prepare_strip",
        "align.worker_loop",
    ),
}  # fmt: skip
"""The kernels that a call compiles for usual sizes and options, in its order."""
NO_CHANGE: Mapping[str, str] = MappingProxyType({})
MOST_HELPERS = 3
FEWEST_KERNELS = 2  # not in the cache: for one a helper would come too late

_announced: set[Any] = set()
_helpers: list[subprocess.Popen[bytes]] = []
_process = os.getpid()


def announce(call: str, dtype: np.dtype[Any], *first: str, instead: Mapping[str, str] = NO_CHANGE) -> None:
    """Say that a call needs its kernels now, after those named `first`: helpers start if the cache lacks them.

    `instead`: by the names of kernels of usual sizes, those of the call; see `fft.sizes.names_instead`.
    """
    key = call, dtype.char, first, *instead.values()
    if key in _announced or call not in NEEDED or _helpers_run():
        return
    _announced.add(key)
    compile_beside([*first, *(instead.get(name, name) for name in NEEDED[call])], dtype)


def _helpers_run() -> bool:
    return any(helper.poll() is None for helper in _helpers)


compile_team_elsewhere(_helpers_run)


def compile_beside(names: list[str], dtype: np.dtype[Any]) -> None:
    """Start helpers for those of the kernels that the cache lacks, beginning with the last, if this process may."""
    if _may_start():
        missing = _missing(names, dtype)
        if len(missing) >= FEWEST_KERNELS:
            # a fork amid `Popen` would inherit its pipe, and keep it waiting
            with forks_wait, contextlib.suppress(OSError):  # no process can be started
                _start(missing, dtype)


def entries(name: str, dtype: np.dtype[Any]) -> list[Any]:
    """The kernels of that name in the registry."""
    return [entry for entry in registry if entry.name == name and dtype in entry.dtypes]


def is_kept(name: str, dtype: np.dtype[Any]) -> bool:
    """Whether the cache holds a kernel; True for one that is not registered, and needs no help."""
    return all(path.exists() for entry in entries(name, dtype) for path in entry.files(dtype))


@compiled_apart
def _missing(names: list[str], dtype: np.dtype[Any]) -> list[str]:
    """Those of the kernels that the cache lacks; looked up as kernels are compiled, since it sets up the compiler."""
    with global_compiler_lock:
        return [name for name in names if not is_kept(name, dtype)]


def _may_start() -> bool:
    """Whether this process may start others: not if it is a worker itself, or its program is no interpreter."""
    process = sys.modules.get("multiprocessing.process")
    is_child = os.getpid() != _process or bool(process and process.parent_process())
    is_interpreter = os.path.basename(sys.executable or "").lower().startswith(("python", "pypy"))
    is_helper = "FASTSPEC_HELPS" in os.environ
    is_worker = is_child or is_helper or getattr(sys, "frozen", False)
    return compiler_enabled() and team_size() > 1 and is_interpreter and not is_worker


def _start(names: list[str], dtype: np.dtype[Any]) -> None:
    """Start the helpers; each begins at another kernel."""
    count = min(team_size() - 1, MOST_HELPERS, len(names) - 1)
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths, "FASTSPEC_HELPS": str(os.getpid())}
    for helper in range(count):
        first = helper * len(names) // count
        order = names[::-1][first:] + names[::-1][:first]
        order.sort(key=lambda name: name == "team")  # last, as the call can do without
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fastspec.warmup", scope(), dtype.name, *order],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the call; a helper ends when its parent is gone
        )
        _helpers.append(process)
        threading.Thread(target=process.wait, name="fastspec-helper", daemon=True).start()


def fill(names: Iterable[str], dtype: np.dtype[Any], parent: int) -> None:
    """Compile kernels that the cache lacks and nobody else compiles, while the parent process lives."""
    for entry in (entry for name in names for entry in entries(name, dtype)):
        if os.name == "posix" and os.getppid() != parent:
            return
        if not all(path.exists() or is_claimed(path) for path in entry.files(dtype)):
            entry.compile(dtype)
