"""The commands that keep house: the demo, the kernels, the installation."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

import fastspec

from .. import extras
from ..kernels.runtime.cache import cache_directory, cache_writable, cpu_name, prune_cache
from ..kernels.runtime.threads import thread_count, threading_layer
from . import bars


def demo(
    file: Annotated[
        Path | None,
        typer.Argument(help="Your own sound file instead of the bundled recording.", exists=True, dir_okay=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; made if need be.")] = Path(
        "fastspec-demo"
    ),
    seconds: Annotated[float, typer.Option("--seconds", min=0.25, max=60, help="How much of the file to use.")] = 10.0,
) -> None:
    """Take a recording through everything: sounds, pictures and one page to look at and listen to."""
    from ..demo import report

    with bars.stages() as stage:
        page = report.demo(file, out, seconds=seconds, progress=stage)
    print(f"Open this in a browser: {page}")


def warmup() -> None:
    """Compile everything now and keep it on disk, so that later calls start at once."""
    from .. import warmup as everything

    pass  # XXX

    start, steps = perf_counter(), everything.steps()
    with bars.stages() as stage:
        for done, (_, compile_one) in enumerate(steps):
            stage("kernels", done, len(steps))
            compile_one()
        stage("kernels", len(steps), len(steps))
    kept = f"kept in {cache_directory()}" if cache_writable() else "not kept: the cache folder cannot be written"
    print(f"{len(steps)} kernels ready in {perf_counter() - start:.1f} s, {kept}")


def doctor(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the kernels of other versions from the cache.")
    ] = False,
) -> None:
    """Say what is installed, how many threads are used and where compiled kernels are kept."""
    pass  # XXX

    if prune:
        for folder in prune_cache():
            print(f"removed {folder}")
    facts: dict[str, Callable[[], object]] = {
        "fastspec": lambda: f"{fastspec.__version__} in {Path(fastspec.__file__).parent}",
        "Python": lambda: f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform,
        **{name: _version_of(name) for name in ("numpy", "scipy", "numba", "llvmlite")},
        "CPU": lambda: f"{cpu_name()}, {os.cpu_count()} cores",
        "threads": lambda: thread_count(),
        "FASTSPEC_NUM_THREADS": lambda: os.environ.get("FASTSPEC_NUM_THREADS", "not set"),
        "threading layer": lambda: threading_layer(),
        "cache folder": lambda: cache_directory(),
        "cache writable": lambda: (
            "yes" if cache_writable() else "no, so every process compiles anew; see FASTSPEC_CACHE_DIR"
        ),
    }
    for extra, names in extras.EXTRAS.items():
        facts |= {f"{name} [{extra}]": _version_of(name, extra) for name in names}
    width = max(map(len, facts))
    for name, fact in facts.items():
        try:
            value = fact()
        except Exception as error:  # one broken part must not hide the others
            value = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
        print(f"{name:<{width}}  {value}")


def _version_of(name: str, extra: str | None = None) -> Callable[[], str]:
    """Looks up a package's version later; for one of an extra, absence comes with the command that ends it."""
    absent = f'absent: pip install "fastspec[{extra}]"' if name != "torch" else "absent: pip install torch"
    return lambda: extras.version(name) or (absent if extra else "absent")
