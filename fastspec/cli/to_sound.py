"""The commands from levels to sound: `invert` and `resynth`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from ..files import Raw, limits
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


_ALWAYS = {"source", "target", "method", "init", "n_iter", "subtype", "quiet"}
_FRAMING = {"n_fft", "hop", "win_length", "window", "center", "pad_mode"}
_MEL = {"fmin", "fmax", "htk", "norm"}
_PICTURE = {"sr", "n_fft", "hop", "fmin", "fmax", "htk", "colormap", "range_db", "scale", "duration"}


def invert(
    context: typer.Context,
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
    recipe: options.RecipeName = None,
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
    rate: Annotated[
        int | None,
        typer.Option("--rate", min=1, max=limits.MAX_RATE_HZ, help="Sample rate of .npy levels, in Hz."),
    ] = None,
    sr: Sr = None,
    n_fft: Annotated[
        int | None,
        typer.Option(
            "--n-fft",
            min=2,
            max=limits.MAX_N_FFT,
            help="FFT size in samples, of .npy or a sound file; by default from the bins, or nearest to 46 ms.",
        ),
    ] = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    window: options.Window = None,
    center: Center = True,
    pad_mode: options.PadMode = None,
    mels: Annotated[bool, typer.Option("--mel", help="The .npy is a mel spectrogram; needs --n-fft.")] = False,
    fmin: options.Fmin = 0.0,
    fmax: options.Fmax = None,
    htk: options.Htk = False,
    norm: options.Norm = "slaney",
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
    from ..features.log import pad_mode_for
    from ..files.array_readers import SUFFIXES
    from ..picture import pixels
    from . import methods, notebook, plans

    options.check_folder(target)
    reading = pictures.PictureOptions(colormap, range_db, None if scale is None else scale.value, duration)
    if pixels.is_picture(source):
        options.refuse_unused(context, {*_ALWAYS, *_PICTURE}, f"on {source.name}, a picture,")
        if method == "notebook":
            raise typer.BadParameter(f"--method notebook is not for pictures such as {source.name}.")
        axes = {"sr": sr, "n_fft": n_fft, "hop_length": hop, "fmin": fmin or None, "fmax": fmax, "htk": htk or None}
        keywords = {"subtype": subtype, **methods.parse_method(method, init, n_iter)}
        return pictures.invert(source, target, axes | reading._asdict(), keywords, quiet=quiet)
    is_stored = source.suffix.lower() in SUFFIXES
    metadata = plans.stored_metadata(source) if is_stored else {}
    is_array = is_stored and not metadata
    if recipe is not None:
        if not is_array:
            raise typer.BadParameter("--recipe is for .npy: .npz and .zarr of a recipe say its name.")
        options.refuse_unused(context, {*_ALWAYS, "recipe"}, "with --recipe")
        recovery = methods.parse_method(method, init, n_iter)
        return _invert_stored(source, target, {"recipe": recipe, "subtype": subtype, **recovery}, 0, quiet)
    if is_array and rate is None:
        raise typer.BadParameter(f"the sample rate of {source.name} is unknown: add --rate HZ.")
    if method == "notebook":
        methods.check_notebook(init)
        used = {"rate"} if is_array else {"sr", "threshold"}
        options.refuse_unused(context, {*_ALWAYS - {"subtype"}, "n_fft", "hop", *used}, "with --method notebook")
        rounds = 10 if n_iter is None else n_iter
        notebook_options = notebook.NotebookOptions(sr, n_fft, hop, threshold)
        return notebook.invert(
            source, target, notebook_options, rounds, npy_rate=rate if is_array else None, quiet=quiet
        )
    recovery = methods.parse_method(method, init, n_iter)
    frames = FrameOptions(n_fft, hop, win_length, center, window, pad_mode or pad_mode_for(log.value))
    if not is_stored:
        options.refuse_unused(context, {*_ALWAYS, *_FRAMING, "sr"}, "on a sound file")
        options.check_framing(context, center)
        return _resynthesize(source, target, _SoundInput(sr), frames, {"subtype": subtype, **recovery}, quiet)
    plan, bank = None, None
    if is_array:
        used = {*_ALWAYS, *_FRAMING, "rate", "mels", "power", "log"}
        options.refuse_unused(context, {*used, *_MEL}, "on levels without metadata")
        options.refuse_unused(context, {*used, *(_MEL if mels else ())}, "without --mel")
        options.check_framing(context, center)
        mel_options = MelOptions(fmin, fmax, htk, norm) if mels else None
        plan, bank = plans.plan_for_npy(source, rate or 0, frames, mel_options)
        power = (2.0 if mels else 1.0) if power is None else power
    else:
        used = {*_ALWAYS, "rate", "power", *(() if log is MelLog.none else ("log",))}
        options.refuse_unused(context, used, f"on {source.name}, whose metadata say how it was computed,")
    levels = {"plan": plan, "bank": bank, "sr": rate, "power": power, "log": options.log_name(log)}
    keywords = {**levels, "subtype": subtype, **recovery}
    return _invert_stored(source, target, keywords, plans.frame_rate(metadata, plan, rate), quiet)


def _invert_stored(source: Path, target: Path, keywords: dict[str, Any], frame_rate: float, quiet: bool) -> None:
    """`files.invert` with a progress bar, in frames, and a summary."""
    from .. import files

    with bars.source_bar(source, frame_rate, quiet=quiet) as progress:
        done = files.invert(source, target, progress=progress, **keywords)
    summaries.print_summary(target, summaries.describe_recovered(done), quiet=quiet)


def resynth(
    context: typer.Context,
    source: Source,
    target: SoundTarget,
    method: Method = "accelerated",
    init: Init = "auto",
    n_iter: Rounds = None,
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    window: options.Window = None,
    center: Center = True,
    pad_mode: options.PadMode = None,
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
    options.check_framing(context, center)
    recovery = methods.parse_method(method, init, n_iter)
    sound_input = _SoundInput(sr, mono, options.raw_format(context, raw, rate, channels, dtype))
    if sound_input.raw is not None and str(target) == "-" and subtype is None:
        subtype = _SUBTYPE_OF_RAW[sound_input.raw.dtype]
    frames = FrameOptions(n_fft, hop, win_length, center, window, pad_mode)
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
