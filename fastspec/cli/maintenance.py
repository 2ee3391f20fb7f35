"""The commands `demo`, `warmup` and `doctor`."""

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
from . import bars


def demo(
    file: Annotated[
        Path | None,
        typer.Argument(help="A sound file instead of the bundled recording.", exists=True, dir_okay=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; created if it does not exist.")] = Path(
        "fastspec-demo"
    ),
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.25, max=60, help="Use at most this much of the file, in seconds.")
    ] = 10.0,
) -> None:
    """Demonstrate all transforms on a recording: sounds, pictures and a report in HTML."""
    from ..demo import report

    with bars.stage_bars() as update:
        page = report.demo(file, out, seconds=seconds, progress=update)
    print(f"Open this in a browser: {page}")


def warmup(
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="CALLS",
            help="For these only: stft, mel, inverse, recover, notebook, frontends, sizes.",
        ),
    ] = "",
) -> None:
    """Compile all kernels and cache them on disk, so that later calls start without delay."""
    from .. import warmup as kernels
    from ..kernels.runtime import cache

    calls = [call.strip() for call in only.split(",") if call.strip()]
    for call in calls:
        if call not in kernels.CALLS:
            raise ValueError(f"--only must name calls of {', '.join(kernels.CALLS)}, with commas, got {call!r}")
    needed_by = {name for call in calls for name in kernels.CALLS[call]}
    start, steps = perf_counter(), kernels.steps(needed_by=needed_by)
    kernels.start_helpers(needed_by=needed_by)
    with bars.stage_bars() as update:
        for done, (_, compile_kernel) in enumerate(steps):
            update("kernels", done, len(steps))
            compile_kernel()
        update("kernels", len(steps), len(steps))
    folder = cache.cache_directory()
    cached = f"cached in {folder}" if cache.all_is_kept() else f"but each process compiles them anew: {folder}"
    print(f"{len(steps)} kernels ready in {perf_counter() - start:.1f} s, {cached}")


def doctor(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the kernels of other versions from the cache.")
    ] = False,
) -> None:
    """Print the versions of all packages, the number of threads and the folder of compiled kernels."""
    from ..kernels.runtime import cache, threads

    if prune:
        for folder in cache.prune_cache():
            print(f"removed {folder}")
    facts: dict[str, Callable[[], object]] = {
        "fastspec": lambda: f"{fastspec.__version__} in {Path(fastspec.__file__).parent}",
        "Python": lambda: f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform,
        **{package: _version_lookup(package) for package in ("numpy", "scipy", "numba", "llvmlite")},
        "CPU": lambda: f"{cache.cpu_name()}, {os.cpu_count()} cores",
        "threads": lambda: f"{threads.thread_count()} ({threads.thread_limit()})",
        "FASTSPEC_NUM_THREADS": lambda: os.environ.get("FASTSPEC_NUM_THREADS", "not set"),
        "cache folder": lambda: cache.cache_directory(),
        "compiled kernels": lambda: f"{cache.count_kept()} in that folder",
        "cache writable": lambda: "yes" if cache.cache_writable() else _of_unwritable(cache.count_kept()),
    }
    if not cache.compiler_enabled():
        facts["NUMBA_DISABLE_JIT"] = lambda: "set, so every computation is refused: unset it"
    for extra, packages in extras.EXTRAS.items():
        facts |= {f"{package} [{extra}]": _version_lookup(package, extra) for package in packages}
    width = max(map(len, facts))
    for name, look_up in facts.items():
        try:
            value = look_up()
        except Exception as error:  # one broken package must not hide the others
            value = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
        print(f"{name:<{width}}  {value}")


def _of_unwritable(kept: int) -> str:
    """What a cache folder that cannot be written, but holds this many kernels, does."""
    held = "loads the kernels that the folder holds and compiles any others" if kept else "compiles its kernels"
    return f"no, so every process {held}; see FASTSPEC_CACHE_DIR"


def _version_lookup(package: str, extra: str | None = None) -> Callable[[], str]:
    """A function that returns the version of a package, or "absent" with the command that installs its extra."""
    absent = f'absent: pip install "fastspec[{extra}]"' if package != "torch" else "absent: pip install torch"
    return lambda: extras.version(package) or (absent if extra else "absent")
