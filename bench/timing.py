"""How everything here is timed: shuffled rounds, medians, fresh processes, and a note of the machine."""

import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

Call = Callable[[], object]


def medians(
    calls: Mapping[str, tuple[Call, int]], seed: int = 0, warm: bool = False, settle: float = 0.0
) -> dict[str, float]:
    """Median seconds of each call over its number of rounds, all rounds of all calls in one shuffled order.

    With `warm`, each timed call follows an untimed one of the same, so that none pays for what ran before it; with
    `settle` as many as last that many seconds.
    """
    order = [name for name, (_, rounds) in calls.items() for _ in range(rounds)]
    random.Random(seed).shuffle(order)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for name in order:
        call = calls[name][0]
        if warm:
            call()
        end = time.perf_counter() + settle
        while time.perf_counter() < end:
            call()
        start = time.perf_counter()
        call()
        seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def child(program: str, **environment: str) -> list[float]:
    """The numbers printed by `program`, run in a fresh Python with these environment variables added."""
    variables = {**os.environ, **environment}
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
    process = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=600, check=False
    )
    if process.returncode:
        raise RuntimeError(f"a measured program failed:\n{process.stderr}")
    return [float(word) for word in process.stdout.split()]


def busy_cores(seconds: float = 2.0) -> float:
    """How many cores were at work over that time, by Linux's count; 0 on other systems."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0

    def worked() -> int:
        user, nice, system = (int(word) for word in stat.read_text().split(maxsplit=4)[1:4])
        return user + nice + system

    before = worked()
    time.sleep(seconds)
    return (worked() - before) / os.sysconf("SC_CLK_TCK") / seconds


def wait_until_idle(limit: float = 300.0) -> None:
    """Wait until nothing else runs, for `limit` seconds at most: two threads beside a busy core measure that core."""
    end = time.monotonic() + limit
    while (busy := busy_cores()) > 0.1:
        if time.monotonic() > end:
            print(f"warning: {busy:.1f} cores are busy with something else; the figures will suffer", file=sys.stderr)
            return


def cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    widest = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    return ", ".join(
        part for part in (models[0] if models else platform.processor() or platform.machine(), widest) if part
    )


def machine(*packages: str) -> dict[str, Any]:
    """The CPU, its cores, and the versions of Python and of the packages measured."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", "scipy", "numba", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"cpu": cpu_model(), "cores": os.cpu_count(), "versions": versions}


def load(name: str) -> dict[str, Any]:
    """The stored result of a subject."""
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def save(name: str, result: dict[str, Any]) -> None:
    """Store the result of a subject."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{name}: written to {path.relative_to(ROOT)}")
