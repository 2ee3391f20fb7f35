"""The commands from levels to sound: `invert` and `resynth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ..files import Raw
from . import bars, options, pictures, summaries
from .options import (
    Center,
    Channels,
    Dtype,
    FrameOptions,
    Hop,
    Init,
    IsRaw,
    MelLog,
    MelOptions,
    Method,
    Mono,
    Power,
    Quiet,
    RawDtype,
    RawRate,
    Rounds,
    SoundTarget,
    Source,
    Sr,
    Subtype,
    Threshold,
    WindowSize,
)

_SUBTYPE_OF_RAW = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT"}


def invert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Levels in .npz or .zarr, or in .npy with --rate; a picture of them; or a sound file, as with "
            "`fastspec resynth`.",
            callback=options.check_exists,
        ),
    ],
    target: SoundTarget,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="griffinlim, fast, accelerated, admm, raar, rtisi, rtpghi, best, a chain name:rounds,name:rounds such "
            "as raar:10,griffinlim:1, or notebook, whose .npy is that of `fastspec spectrogram --notebook`.",
        ),
    ] = "accelerated",
    init: Init = "auto",
    n_iter: Rounds = None,
    rate: Annotated[int | None, typer.Option("--rate", min=1, help="Sample rate of .npy levels, in Hz.")] = None,
    sr: Sr = None,
    n_fft: Annotated[
        int | None,
        typer.Option(
            "--n-fft",
            min=2,
            help="FFT size in samples, of .npy or a sound file; by default from the bins, or nearest to 46 ms.",
        ),
    ] = None,
    hop: Hop = None,
    center: Center = True,
    mels: Annotated[bool, typer.Option("--mel", help="The .npy is a mel spectrogram; needs --n-fft.")] = False,
    fmin: options.Fmin = 0.0,
    fmax: options.Fmax = None,
    htk: options.Htk = False,
    power: Power = None,
    log: Annotated[MelLog, typer.Option("--log", help="Logarithm of .npy levels.")] = MelLog.none,
    threshold: Threshold = 4.0,
    colormap: pictures.Colormap = None,
    range_db: pictures.RangeDb = None,
    scale: pictures.RowScale = None,
    duration: pictures.Duration = None,
    subtype: Subtype = None,
    quiet: Quiet = False,
) -> None:
    """Invert a stored spectrogram or mel spectrogram of any length; a sound file is resynthesized from its own.

    A picture of `fastspec spectrogram` or `fastspec mel` needs no options; of any other say what its pixels mean.
    """
    from .. import files
    from ..files.array_readers import SUFFIXES
    from ..picture import pixels
    from . import methods, notebook, plans

    options.check_folder(target)
    reading = pictures.PictureOptions(colormap, range_db, None if scale is None else scale.value, duration)
    if pixels.is_picture(source):
        axes = {"sr": sr, "n_fft": n_fft, "hop_length": hop, "fmin": fmin or None, "fmax": fmax, "htk": htk or None}
        refused = {
            "--method notebook": method == "notebook", "--rate": rate is not None, "--no-center": not center,
            "--mel": mels, "--power": power is not None, "--log": log != MelLog.none, "--threshold": threshold != 4.0,
        }  # fmt: skip
        pictures.check_refused(source, refused)
        keywords = {"subtype": subtype, **methods.parse_method(method, init, n_iter)}
        return pictures.invert(source, target, axes | reading._asdict(), keywords, quiet=quiet)
    pictures.check_not_a_picture(source, reading)
    is_npy = source.suffix.lower() == ".npy"
    if is_npy and rate is None:
        raise typer.BadParameter("the sample rate of a .npy spectrogram is unknown: add --rate HZ.")
    if method == "notebook":
        methods.check_notebook(init)
        rounds = 10 if n_iter is None else n_iter
        notebook_options = notebook.NotebookOptions(sr, n_fft, hop, threshold)
        return notebook.invert(source, target, notebook_options, rounds, npy_rate=rate if is_npy else None, quiet=quiet)
    recovery, frames = methods.parse_method(method, init, n_iter), FrameOptions(n_fft, hop, center=center)
    if source.suffix.lower() not in SUFFIXES:
        return _resynthesize(source, target, _SoundInput(sr), frames, {"subtype": subtype, **recovery}, quiet)
    plan, bank = None, None
    if is_npy:
        plan, bank = plans.plan_for_npy(source, rate or 0, frames, MelOptions(fmin, fmax, htk) if mels else None)
        power = (2.0 if mels else 1.0) if power is None else power
    with bars.source_bar(source, plans.frame_rate(source, plan, rate), quiet=quiet) as progress:
        done = files.invert(
            source,
            target,
            plan,
            bank,
            sr=rate,
            power=power,
            log=options.log_name(log),
            subtype=subtype,
            progress=progress,
            **recovery,
        )
    summaries.print_summary(target, summaries.describe_recovered(done), quiet=quiet)
    return None


def resynth(
    source: Source,
    target: SoundTarget,
    method: Method = "accelerated",
    init: Init = "auto",
    n_iter: Rounds = None,
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    center: Center = True,
    mono: Mono = True,
    subtype: Subtype = None,
    raw: IsRaw = False,
    rate: RawRate = None,
    channels: Channels = 1,
    dtype: RawDtype = Dtype.int16,
    quiet: Quiet = False,
) -> None:
    """Discard the phases of a sound of any length and recover others from its magnitudes."""
    from . import methods

    options.check_folder(target)
    recovery = methods.parse_method(method, init, n_iter)
    sound_input = _SoundInput(sr, mono, options.raw_format(raw, rate, channels, dtype))
    if sound_input.raw is not None and str(target) == "-" and subtype is None:
        subtype = _SUBTYPE_OF_RAW[sound_input.raw.dtype]
    frames = FrameOptions(n_fft, hop, win_length, center)
    _resynthesize(source, target, sound_input, frames, {"subtype": subtype, **recovery}, quiet)


class _SoundInput(NamedTuple):
    """How a sound is read; see `files.open_sound`."""

    sr: int | None
    mono: bool = True
    raw: Raw | None = None


def _resynthesize(
    source: Path,
    target: Path,
    sound_input: _SoundInput,
    frames: FrameOptions,
    keywords: dict[str, Any],
    quiet: bool,
) -> None:
    """`files.resynth` with a progress bar and a summary; `keywords` are those of its arguments that go unchanged."""
    from .. import files
    from ..files import sound_writers
    from .plans import plan_for_sound

    sound_writers.check_format(target, keywords["subtype"])
    with files.open_sound(source, sr=sound_input.sr, mono=sound_input.mono, raw=sound_input.raw) as sound:
        plan = plan_for_sound(sound, frames)
        with bars.source_bar(source, sound.file_rate, quiet=quiet) as progress:
            done = files.resynth(
                sound, target, plan, raw_out=sound_input.raw is not None, progress=progress, **keywords
            )
    summaries.print_summary(target, summaries.describe_recovered(done), quiet=quiet)
