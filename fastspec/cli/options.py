"""The arguments and options that commands share."""

from __future__ import annotations

import logging
from collections.abc import Collection
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ..files import Raw, limits


def check_exists(path: Path) -> Path:
    """The path of an existing file or folder, or "-" for standard input."""
    if str(path) != "-" and not path.exists():
        raise typer.BadParameter(f"{path} does not exist.")
    return path


def silence_notes(quiet: bool) -> bool:
    """Where `quiet`, let the package log warnings only; `__main__` resets the level after the command."""
    if quiet:
        logging.getLogger("fastspec").setLevel(logging.WARNING)
    return quiet


Source = Annotated[
    Path,
    typer.Argument(
        metavar="IN", help="A sound file; - is standard input, in WAV or with --raw.", callback=check_exists
    ),
]
ArrayTarget = Annotated[
    Path,
    typer.Argument(
        metavar="OUT", help="OUT.npy, OUT.npz or OUT.zarr: an array; OUT.png: a picture; -: standard output, as .npy."
    ),
]
SoundTarget = Annotated[
    Path, typer.Argument(metavar="OUT", help="The sound file to write, OUT.wav; - is standard output.")
]
Sr = Annotated[int | None, typer.Option("--sr", min=1, max=limits.MAX_RATE_HZ, help="Resample to this rate, in Hz.")]
WindowSize = Annotated[
    int | None,
    typer.Option(
        "--n-fft",
        min=2,
        max=limits.MAX_N_FFT,
        help="FFT size in samples; by default the power of two nearest to 46 ms.",
    ),
]
Hop = Annotated[
    int | None,
    typer.Option(
        "--hop",
        "--step",
        min=1,
        max=limits.MAX_HOP_LENGTH,
        help="Hop between frames in samples; n_fft / 4 by default.",
    ),
]
WinLength = Annotated[
    int | None, typer.Option("--win-length", min=1, help="Window length in samples; n_fft by default.")
]
Window = Annotated[
    str | None,
    typer.Option(
        "--window", help="A window that SciPy knows: hamming, or with its numbers, kaiser:14; hann by default."
    ),
]
PadMode = Annotated[
    str | None,
    typer.Option(
        "--pad-mode",
        help="Padding of centred frames: constant (zeros), reflect, symmetric, edge or linear_ramp; constant by "
        "default, reflect with --log whisper.",
    ),
]
Norm = Annotated[
    str,
    typer.Option(
        "--norm", help="Norm of the mel filters: slaney (unit area), none (unit peak), or 1 or 2 (an L norm)."
    ),
]
Center = Annotated[bool, typer.Option("--center/--no-center", help="Whether frame f is centred on sample f × hop.")]
Mono = Annotated[bool, typer.Option("--mono/--all-channels", help="Whether channels are mixed down to their mean.")]
Power = Annotated[
    float | None,
    typer.Option("--power", help="Exponent of the magnitudes; 1 by default for spectrograms, 2 for mel spectrograms."),
]
Fmin = Annotated[float, typer.Option("--fmin", min=0, help="Lowest frequency of the mel filters, in Hz.")]
Fmax = Annotated[
    float | None, typer.Option("--fmax", help="Highest frequency of the mel filters, in Hz; sr / 2 by default.")
]
Htk = Annotated[bool, typer.Option("--htk", help="HTK's mel scale instead of Slaney's.")]
Threshold = Annotated[
    float,
    typer.Option(
        "--threshold", min=0.1, max=300, help="Dynamic range below the peak, in powers of ten of magnitude: 4 is 80 dB."
    ),
]


def check_recipe(name: str | None) -> str | None:
    """The name of a recipe; a usage error names those near it."""
    if name is not None:
        from ..frontends import recipe

        try:
            recipe(name)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
    return name


RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="The features of a program, such as whisper-80 or hifigan-22k, in place of all options of the transform; "
        "[bold]fastspec recipes[/bold] lists them.",
        callback=check_recipe,
    ),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress bar, no notes and no summary.", callback=silence_notes)
]
IsRaw = Annotated[bool, typer.Option("--raw", help="IN is samples without a header, and so is OUT on standard output.")]
RawRate = Annotated[
    int | None,
    typer.Option("--rate", min=1, max=limits.MAX_RATE_HZ, help="Sample rate of --raw samples, in Hz."),
]
Channels = Annotated[int, typer.Option("--channels", min=1, max=65535, help="Number of channels of --raw samples.")]


class Dtype(StrEnum):
    """Types of raw samples."""

    int16 = "int16"
    int32 = "int32"
    float32 = "float32"


RawDtype = Annotated[Dtype, typer.Option("--dtype", help="Type of --raw samples, little-endian.")]


class SpectrogramLog(StrEnum):
    """Logarithms of a spectrogram."""

    none = "none"
    db = "db"
    ln = "ln"
    log10 = "log10"


class MelLog(StrEnum):
    """Logarithms of a mel spectrogram."""

    none = "none"
    db = "db"
    ln = "ln"
    log10 = "log10"
    whisper = "whisper"


Method = Annotated[
    str,
    typer.Option(
        "--method",
        help="griffinlim, fast, accelerated, admm, raar, rtisi, rtpghi, best, or a chain name:rounds,name:rounds such "
        "as raar:10,griffinlim:1.",
    ),
]
Init = Annotated[str, typer.Option("--init", help="Initial phases: pghi, spsi, offset, random or zero.")]
Rounds = Annotated[
    int | None, typer.Option("--n-iter", min=0, help="Number of rounds (iterations); the method's own by default.")
]
Subtype = Annotated[
    str | None,
    typer.Option("--subtype", help="Sample format of OUT, such as PCM_24 or FLOAT; PCM_16 by default for a file."),
]


class FrameOptions(NamedTuple):
    """The framing that the command line asks for."""

    n_fft: int | None
    hop: int | None
    win_length: int | None = None
    center: bool = True
    window: str | None = None  #: name or name:number,number
    pad_mode: str | None = None


class MelOptions(NamedTuple):
    """The mel scale, its edges in Hz, and the norm of the filters."""

    fmin: float
    fmax: float | None
    htk: bool
    norm: str = "slaney"


def log_name(log: Enum) -> str | None:
    """The logarithm as the library names it: None for "none"."""
    return None if log.value == "none" else str(log.value)


def refuse_unused(context: typer.Context, used: Collection[str | None], reason: str) -> None:
    """Usage error if the command line sets a parameter that is not among those `used`, and so would be ignored."""
    unused = [
        "/".join((parameter.opts[0], *parameter.secondary_opts))
        for parameter in context.command.params
        if parameter.name and parameter.name not in used and is_set(context, parameter.name)
    ]
    if unused:
        verb = "has" if len(unused) == 1 else "have"
        raise typer.BadParameter(f"{', '.join(unused)} {verb} no effect {reason} and must be left out.")


def refuse_set(context: typer.Context, names: Collection[str], reason: str) -> None:
    """Usage error if the command line sets one of the parameters `names`."""
    refuse_unused(
        context, {parameter.name for parameter in context.command.params if parameter.name not in names}, reason
    )


def is_set(context: typer.Context, name: str) -> bool:
    """Whether the command line sets a parameter."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def check_framing(context: typer.Context, center: bool) -> None:
    """Usage error if --pad-mode is set although nothing is padded."""
    if not center:
        refuse_set(context, {"pad_mode"}, "with --no-center")


def raw_format(context: typer.Context, is_raw: bool, rate: int | None, channels: int, dtype: Dtype) -> Raw | None:
    """The format of raw samples, None without --raw."""
    if not is_raw:
        if rate is not None:
            raise typer.BadParameter("--rate is the rate of --raw samples: use --sr to resample.")
        refuse_set(context, {"channels", "dtype"}, "without --raw")
        return None
    if rate is None:
        raise typer.BadParameter("--raw needs --rate HZ.")
    return Raw(rate, channels, dtype.value)


def check_folder(target: Path) -> None:
    """Usage error if the folder of the target does not exist, before any work."""
    if str(target) != "-" and not target.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder {target.parent} does not exist.")
