"""How many threads a process should use: its processors, the quota of its container, variables that limit it."""

import functools
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


@functools.cache  # at the first call: while a process is spawned, its modules are imported before it has a parent
def default_threads() -> tuple[int, str]:
    """(the number of threads of a parallel call, what decided it).

    `NUMBA_NUM_THREADS` decides alone if it is set, also above the number of processors.  Else it is the smallest of the
    processors that this process may run on, the quota of its control groups (version 1 or 2), and `OMP_NUM_THREADS`;
    a process that multiprocessing started takes one thread, as its parent starts others for the other processors.
    """
    number = positive(os.environ.get("NUMBA_NUM_THREADS", ""))
    if number:
        return number, "NUMBA_NUM_THREADS"
    process = sys.modules.get("multiprocessing.process")
    if process and process.parent_process():
        return 1, "started by multiprocessing"
    limits = [(_affinity(), "processors"), (_quota(), "quota of the container")]
    limits.append((positive(os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]), "OMP_NUM_THREADS"))
    return min(((n, name) for n, name in limits if n), key=lambda limit: limit[0])


def positive(text: str) -> int | None:
    """A whole number from 1 up; None for any other text."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if number > 0 else None


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on this system
        return os.cpu_count() or 1


def _quota() -> int | None:
    """Processors that the control groups of this process allow on average, rounded up; None without a limit."""
    try:
        membership = Path("/proc/self/cgroup").read_text()
    except OSError:
        return None
    quotas = list(quotas_of(membership, CGROUPS))
    return max(1, math.ceil(min(quotas))) if quotas else None


def quotas_of(membership: str, root: Path) -> Iterator[float]:
    """The quotas, in processors, of the groups in /proc/self/cgroup and of those above them.

    Version 1: ``cpu.cfs_quota_us`` over ``cpu.cfs_period_us``; version 2: both in ``cpu.max``
    (Linux, Documentation/scheduler/sched-bwc.rst, Documentation/admin-guide/cgroup-v2.rst).
    """
    for line in membership.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and "cpu" not in controllers.split(","):
            continue
        for mount in (root, root / "unified") if number == "0" else (root / controllers, root / "cpu"):
            group = mount / path.strip("/")
            for folder in [group, *group.parents]:
                quota = _quota_in(folder)
                if quota:
                    yield quota
                if folder == mount:
                    break


def _quota_in(folder: Path) -> float | None:
    try:
        if (both := folder / "cpu.max").is_file():
            quota, period = both.read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 < int(period) else None
    except (OSError, ValueError):  # none here, or "max"
        return None
