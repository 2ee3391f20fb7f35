"""The commands: each reads its arguments, calls the library and says where the result lies."""

from __future__ import annotations

from typing import Annotated

import typer

import fastspec

from . import maintenance, sounds

Abort = typer.Abort
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def fastspec_(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Turn sound into spectrograms, and spectrograms back into sound.

    Start with [bold]fastspec demo[/bold]: it shows and plays everything on a recording that comes with the package.
    """
    if version:
        print(f"fastspec {fastspec.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


for command in (
    maintenance.demo, sounds.mel, sounds.spectrogram, sounds.invert, sounds.resynth, maintenance.warmup,
    maintenance.doctor,
):  # fmt: skip
    app.command()(command)
