"""The commands: each parses its arguments, calls the library and prints a summary of the result."""

from __future__ import annotations

from typing import Annotated

import typer

import fastspec

from . import maintenance, recipes, to_levels, to_sound

Abort = typer.Abort
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def fastspec_(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Turn sound into spectrograms, and spectrograms back into sound.

    Start with [bold]fastspec demo[/bold]: it makes a report, with sounds and pictures, from a bundled recording.
    """
    if version:
        print(f"fastspec {fastspec.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for command in (
    maintenance.demo, to_levels.mel, to_levels.spectrogram, to_sound.invert, to_sound.resynth, recipes.recipes,
    maintenance.warmup, maintenance.doctor,
):  # fmt: skip
    app.command()(command)
