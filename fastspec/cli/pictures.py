"""Pictures as the input of `fastspec invert`: their options, and what they refuse."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from . import bars, summaries


class Scale(StrEnum):
    """Scales of the frequencies of a picture's rows."""

    linear = "linear"
    mel = "mel"
    log = "log"


Colormap = Annotated[
    str | None,
    typer.Option(
        "--colormap",
        help="Colours of a picture, by matplotlib's name (gray_r is black on white); the nearest by default.",
    ),
]
RangeDb = Annotated[
    float | None, typer.Option("--range-db", help="From a picture's darkest level to its brightest; 80 by default.")
]
RowScale = Annotated[
    Scale | None,
    typer.Option("--scale", help="Frequencies of a picture's rows; linear by default."),
]
Duration = Annotated[
    float | None, typer.Option("--duration", help="Seconds of a picture; by default each column is a frame.")
]


class PictureOptions(NamedTuple):
    """How a picture is read; None where the option was left out."""

    colormap: str | None
    range_db: float | None
    scale: str | None
    duration: float | None


def invert(source: Path, target: Path, reading: dict[str, Any], keywords: dict[str, Any], *, quiet: bool) -> None:
    """Invert a picture: `reading` goes to `picture.to_levels`, `keywords` to `files.invert`."""
    from .. import files, picture
    from ..files import sound_writers

    sound_writers.check_format(target, keywords["subtype"])
    levels = picture.to_levels(source, **reading)
    with bars.source_bar(source, levels.sr / levels.plan.hop_length, quiet=quiet) as progress:
        done = files.invert(levels, target, progress=progress, **keywords)
    summaries.print_summary(target, summaries.describe_recovered(done), quiet=quiet)
