"""Bars on standard error: how much is done, how long it will take, and how many times faster than real time it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

console = Console(stderr=True)


class _Factor(ProgressColumn):
    """Seconds of sound a second, and how much sound there has been where nobody knows how much there is."""

    def render(self, task: Task) -> Text:
        rate, took = task.fields.get("rate"), task.elapsed
        if not rate or not took or not task.completed:
            return Text("")
        seconds = task.completed / rate
        said = f"{seconds / took:,.0f}× real time" if seconds >= 10 * took else f"{seconds / took:.1f}× real time"
        return Text(said if task.total else f"{clock(seconds)}, {said}", style="progress.data.speed")


def clock(seconds: float) -> str:
    """h:mm:ss, or m:ss, or seconds with two digits below a minute."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a stage, from the first stage on; yields what moves them, stage(name, done, total)."""
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    bars = Progress(*columns, console=console)

    def stage(name: str, done: int, total: int) -> None:
        bars.start()
        if name not in tasks:
            tasks[name] = bars.add_task(name)
        bars.update(tasks[name], completed=done, total=total)

    try:
        yield stage
    finally:
        if tasks:
            bars.stop()


@contextmanager
def sound(name: str, rate: float, *, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """One bar for a sound of `rate` steps a second; yields what moves it, progress(done, total or None)."""
    if quiet:
        yield lambda done, total: None
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), _Factor()
    )  # fmt: skip
    bars = Progress(*columns, console=console)
    tasks: list[TaskID] = []
    shown = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal shown
        bars.start()
        if not tasks:
            tasks.append(bars.add_task(name, rate=rate, total=total))
        now = time.monotonic()
        if done == total or now - shown > 0.05:  # a short block takes less than to tell of it
            bars.update(tasks[0], completed=done, total=total)
            shown = now

    try:
        yield progress
    finally:
        if tasks:
            bars.stop()
