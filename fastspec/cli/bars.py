"""Progress bars on standard error: done and total, remaining time, and the real-time factor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .. import status
from ..files.names import displayable

console = Console(stderr=True)
status.is_wanted = False  # it would be written across the bars
_REFRESH_SECONDS = 0.05


class _RealTimeFactor(ProgressColumn):
    """Seconds of sound per second of wall time; before it the duration so far where the total is unknown."""

    def render(self, task: Task) -> Text:
        rate, elapsed = task.fields.get("rate"), task.elapsed
        if not rate or not elapsed or not task.completed:
            return Text("")
        seconds = task.completed / rate
        digits = 0 if seconds >= 10 * elapsed else 1
        factor = f"{seconds / elapsed:,.{digits}f}× real time"
        return Text(factor if task.total else f"{format_duration(seconds)}, {factor}", style="progress.data.speed")


def format_duration(seconds: float) -> str:
    """h:mm:ss, or m:ss, or seconds with two decimals below a minute."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, remainder = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{remainder:02}" if hours else f"{minutes}:{remainder:02}"


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """One bar per stage, shown from the first update on; yields update(stage, done, total)."""
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    bars = Progress(*columns, console=console)

    def update(stage: str, done: int, total: int) -> None:
        bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage)
        bars.update(tasks[stage], completed=done, total=total)

    try:
        yield update
    finally:
        if tasks:
            bars.stop()


@contextmanager
def sound_bar(name: str, rate: float, *, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """One bar for a sound of `rate` samples or frames per second; yields progress(done, total or None)."""
    if quiet:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        _RealTimeFactor(),
    )  # fmt: skip
    bars = Progress(*columns, console=console)
    tasks: list[TaskID] = []
    updated = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal updated
        bars.start()
        if not tasks:
            tasks.append(bars.add_task(name, rate=rate, total=total))
        now = time.monotonic()
        if done == total or now - updated > _REFRESH_SECONDS:  # drawing takes longer than a short block
            bars.update(tasks[0], completed=done, total=total)
            updated = now

    try:
        yield progress
    finally:
        if tasks:
            bars.stop()


def source_bar(source: Path, rate: float, *, quiet: bool) -> AbstractContextManager[Callable[[int, int | None], None]]:
    """A `sound_bar` with the name of an input file, or of standard input."""
    return sound_bar("standard input" if str(source) == "-" else displayable(source), rate, quiet=quiet)
