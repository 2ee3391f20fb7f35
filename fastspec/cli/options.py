"""The arguments that commands share."""

from __future__ import annotations

from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated

import typer


def there(path: Path) -> Path:
    """A file or a folder that exists, or standard input."""
    if str(path) != "-" and not path.exists():
        raise typer.BadParameter(f"{path} does not exist.")
    return path


Source = Annotated[
    Path,
    typer.Argument(metavar="IN", help="A sound file; - is standard input, as WAV or with --raw.", callback=there),
]
SoundTarget = Annotated[
    Path, typer.Argument(metavar="OUT", help="The sound file to write, OUT.wav; - is standard output.")
]
Sr = Annotated[int | None, typer.Option("--sr", min=1, help="Resample to this rate, in Hz.")]
WindowSize = Annotated[int | None, typer.Option("--n-fft", min=2, help="Samples in a frame; about 46 ms by default.")]
Hop = Annotated[
    int | None, typer.Option("--hop", "--step", min=1, help="Samples from frame to frame; n_fft / 4 by default.")
]
WinLength = Annotated[int | None, typer.Option("--win-length", min=1, help="Samples in a window; n_fft by default.")]
Center = Annotated[bool, typer.Option("--center/--no-center", help="Whether frame f is centred on sample f × hop.")]
Mono = Annotated[bool, typer.Option("--mono/--all-channels", help="Whether channels are mixed.")]
Power = Annotated[float | None, typer.Option("--power", help="1 for magnitudes, 2 for energies.")]
Fmin = Annotated[float, typer.Option("--fmin", min=0, help="Lowest frequency of the filters, in Hz.")]
Fmax = Annotated[
    float | None, typer.Option("--fmax", help="Highest frequency of the filters; half the rate by default.")
]
Htk = Annotated[bool, typer.Option("--htk", help="HTK's mel scale instead of Slaney's.")]
Threshold = Annotated[
    float,
    typer.Option("--threshold", min=0.1, max=300, help="Powers of ten below the loudest that are shown; 4 is 80 dB."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No bar, and no line at the end.")]
IsRaw = Annotated[bool, typer.Option("--raw", help="IN is samples without a header, and so is OUT if it is -.")]
RawRate = Annotated[int | None, typer.Option("--rate", min=1, help="Of --raw: samples a second.")]
Channels = Annotated[int, typer.Option("--channels", min=1, help="Of --raw: channels.")]


class Dtype(StrEnum):
    """Of raw samples."""

    int16 = "int16"
    int32 = "int32"
    float32 = "float32"


RawDtype = Annotated[Dtype, typer.Option("--dtype", help="Of --raw: the kind of samples, little-endian.")]


class SpectrogramLog(StrEnum):
    """Logarithms of a spectrogram."""

    none = "none"
    db = "db"
    ln = "ln"
    log10 = "log10"


class MelLog(StrEnum):
    """Logarithms of mels."""

    none = "none"
    db = "db"
    ln = "ln"
    log10 = "log10"
    whisper = "whisper"


Method = Annotated[
    str,
    typer.Option(
        "--method",
        help="griffinlim, fast, accelerated, admm, raar, rtisi, rtpghi, best, or a chain such as raar:10,griffinlim:1.",
    ),
]
Init = Annotated[str, typer.Option("--init", help="Phases to begin with: pghi, spsi, offset, random or zero.")]
Rounds = Annotated[
    int | None, typer.Option("--n-iter", min=0, help="Rounds; more take longer. The method's own by default.")
]
Subtype = Annotated[
    str | None,
    typer.Option("--subtype", help="Kind of samples written, such as PCM_24 or FLOAT; PCM_16 by default for a file."),
]


def log_of(value: Enum) -> str | None:
    """As the library takes it."""
    return None if value.value == "none" else str(value.value)


def check_folder(target: Path) -> None:
    """Refuse before the work what could not be written after it."""
    if str(target) != "-" and not target.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder {target.parent} does not exist.")
