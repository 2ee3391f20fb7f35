"""Measure, store the results, and write the generated tables of README.md and docs/.

python -m bench.run                    measure all subjects, each in a process of its own, then write (minutes; the
                                       machine should have nothing else to do)
python -m bench.run engine fft         measure these, then write
python -m bench.run --write            write the tables from the stored results
python -m bench.run --check            say which tables differ from the stored results; exit code 1 if any does
python -m bench.run --goals            say which goals the stored results reach and which they miss
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import (
    accuracy,
    busy,
    charts,
    clips,
    cores,
    ends,
    engine,
    fft,
    first_calls,
    frontends,
    loaders,
    long_sound,
    memory,
    notebook,
    picture,
    quality,
    recovery,
    segments,
    streams,
    summary,
    timing,
)
from .table import between_marks, paragraphs

SUBJECTS: dict[str, Any] = {
    "engine": engine,
    "quality": quality,
    "recovery": recovery,
    "ends": ends,
    "accuracy": accuracy,
    "notebook": notebook,
    "first_calls": first_calls,
    "busy": busy,
    "loaders": loaders,
    "clips": clips,
    "memory": memory,
    "fft": fft,
    "streams": streams,
    "long_sound": long_sound,
    "segments": segments,
    "cores": cores,
    "frontends": frontends,
}
"""Modules with `measure()`, `tables(result)` and, where speed or quality is promised, `goals(result)`."""

DOCUMENTS = {
    "docs/benchmarks.md": (
        "engine", "frontends", "recovery", "notebook", "segments", "streams", "long_sound", "first_calls", "clips",
        "busy", "loaders", "memory", "cores", "fft",
    ),
    "docs/quality.md": ("quality", "ends", "accuracy"),
}  # fmt: skip
"""The subjects whose tables stand in each document, between marks of their names."""


def documents() -> dict[Path, str]:
    """The text that each document should have: as it is, with tables from the stored results."""
    results = {name: timing.load(name) for name in SUBJECTS}
    writers: dict[str, dict[str, Callable[[], str]]] = {
        "README.md": {"speed": lambda: summary.speed(results), "quality": lambda: summary.quality(results["quality"])}
    }

    def block(name: str) -> str:
        return paragraphs(charts.link(name, results[name]), SUBJECTS[name].tables(results[name]))

    for document, names in DOCUMENTS.items():
        writers[document] = {name: partial(block, name) for name in names}
    texts = {}
    for document, blocks in writers.items():
        path = timing.ROOT / document
        text = path.read_text(encoding="utf-8")
        for name, body in blocks.items():
            text = between_marks(text, name, body())
        texts[path] = text
    return texts


def stale() -> list[str]:
    """The documents whose tables differ from the stored results."""
    return [
        str(path.relative_to(timing.ROOT))
        for path, text in documents().items()
        if path.read_text(encoding="utf-8") != text
    ]


def write() -> None:
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(timing.ROOT)}: tables written")
    charts.draw_stale({name: timing.load(name) for name in charts.CHARTS})


def print_goals(names: list[str]) -> None:
    for name in names:
        if hasattr(SUBJECTS[name], "goals"):
            for goal in SUBJECTS[name].goals(timing.load(name)):
                print(goal)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; all by default")
    actions = parser.add_mutually_exclusive_group()
    for name, text in (
        ("write", "write the tables from the stored results"),
        ("check", "exit with 1 if a table differs from the stored results"),
        ("goals", "print which goals the stored results reach"),
    ):
        actions.add_argument(f"--{name}", action="store_true", help=text)
    options = parser.parse_args()
    names = options.subjects or list(SUBJECTS)
    if unknown := set(names) - set(SUBJECTS):
        parser.error(f"unknown subject {', '.join(sorted(unknown))}: choose from {', '.join(SUBJECTS)}")
    if options.check:
        paths = stale()
        for path in paths:
            print(f"{path}: tables differ from bench/results: python -m bench.run --write", file=sys.stderr)
        return int(bool(paths))
    if options.goals:
        print_goals(names)
        return 0
    if not options.write:
        for name in names:
            timing.wait_until_idle()
            subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=timing.ROOT, check=True)
        if "quality" in names:
            picture.draw(timing.load("quality"))
        print_goals(names)
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
