"""The commands from sound to levels: `mel` and `spectrogram`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..files import Raw, limits
from . import bars, options, summaries
from .options import (
    ArrayTarget,
    Center,
    Channels,
    Dtype,
    FrameOptions,
    Hop,
    IsRaw,
    MelLog,
    MelOptions,
    Mono,
    Power,
    Quiet,
    RawDtype,
    RawRate,
    Source,
    SpectrogramLog,
    Sr,
    Threshold,
    WindowSize,
)

_RECIPE_PARAMETERS = {"source", "target", "recipe", "mono", "raw", "rate", "channels", "dtype", "quiet"}
_NOTEBOOK_PARAMETERS = {"source", "target", "sr", "n_fft", "hop", "threshold", "notebook", "quiet"}


def mel(
    context: typer.Context,
    source: Source,
    target: ArrayTarget,
    recipe: options.RecipeName = None,
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    window: options.Window = None,
    n_mels: Annotated[int, typer.Option("--n-mels", min=1, max=limits.MAX_N_MELS, help="Number of mel filters.")] = 80,
    fmin: options.Fmin = 0.0,
    fmax: options.Fmax = None,
    htk: options.Htk = False,
    norm: options.Norm = "slaney",
    power: Power = None,
    log: Annotated[MelLog, typer.Option("--log", help="Logarithm of the mel spectrogram.")] = MelLog.none,
    center: Center = True,
    pad_mode: options.PadMode = None,
    mono: Mono = True,
    threshold: Threshold = 4.0,
    raw: IsRaw = False,
    rate: RawRate = None,
    channels: Channels = 1,
    dtype: RawDtype = Dtype.int16,
    quiet: Quiet = False,
) -> None:
    """Compute the mel spectrogram of a sound of any length, or the features of a recipe.

    The array is (n_mels, frames); .npz and .zarr also hold the metadata that `fastspec invert` needs.
    """
    from .. import files
    from ..features.log import pad_mode_for
    from .plans import mel_bank, plan_for_sound

    options.check_folder(target)
    _check_options(context, target, center)
    raw_samples = options.raw_format(context, raw, rate, channels, dtype)
    if recipe is not None:
        options.refuse_unused(context, _RECIPE_PARAMETERS, "with --recipe")
        return _write_recipe(recipe, source, target, mono, raw_samples, quiet)
    with files.open_sound(source, sr=sr, mono=mono, raw=raw_samples) as sound:
        frame_options = FrameOptions(n_fft, hop, win_length, center, window, pad_mode or pad_mode_for(log.value))
        plan = plan_for_sound(sound, frame_options)
        bank = mel_bank(sound.rate, plan.n_fft, n_mels, MelOptions(fmin, fmax, htk, norm))
        with bars.source_bar(source, sound.file_rate, quiet=quiet) as progress:
            done = files.mel(
                sound,
                target,
                plan,
                bank,
                power=2.0 if power is None else power,
                log=options.log_name(log),  # type: ignore[arg-type]
                db_range=20 * threshold,
                progress=progress,
            )
    frames = f"{done.frames} frames × {n_mels} mel bands, n_fft {plan.n_fft}, hop {plan.hop_length}"
    summaries.print_summary(target, f"{frames}, {summaries.describe_sound(done)}", quiet=quiet)
    return None


def _write_recipe(name: str, source: Path, target: Path, mono: bool, raw: Raw | None, quiet: bool) -> None:
    """The features of a recipe, of a sound that is resampled to its rate."""
    from .. import files
    from ..frontends import recipe

    features = recipe(name)
    with files.open_sound(source, sr=features.sr, mono=mono, raw=raw) as sound:
        with bars.source_bar(source, sound.file_rate, quiet=quiet) as progress:
            done = files.mel(sound, target, recipe=features, progress=progress)
        origin = "" if sound.file_rate == sound.rate else f", resampled from {sound.file_rate} Hz"
    rows = f"{done.frames} frames × {features.frontend.n_rows} rows of {name}"
    summaries.print_summary(target, f"{rows}, {summaries.describe_sound(done)}{origin}", quiet=quiet)


def spectrogram(
    context: typer.Context,
    source: Source,
    target: ArrayTarget,
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    window: options.Window = None,
    power: Power = None,
    log: Annotated[SpectrogramLog, typer.Option("--log", help="Logarithm of the levels.")] = SpectrogramLog.none,
    center: Center = True,
    pad_mode: options.PadMode = None,
    mono: Mono = True,
    threshold: Threshold = 4.0,
    notebook: Annotated[
        bool,
        typer.Option(
            "--notebook",
            help="The notebook's spectrogram: log10 relative to the peak, hop n_fft / 16; OUT.npy is (frames, bins).",
        ),
    ] = False,
    raw: IsRaw = False,
    rate: RawRate = None,
    channels: Channels = 1,
    dtype: RawDtype = Dtype.int16,
    quiet: Quiet = False,
) -> None:
    """Compute the spectrogram of a sound of any length, or draw it with axes in seconds and Hz.

    The array is (n_bins, frames), of magnitudes; .npz and .zarr also hold the metadata that `fastspec invert` needs.
    """
    from .. import files
    from . import notebook as notebook_commands
    from .plans import plan_for_sound

    options.check_folder(target)
    if notebook:
        options.refuse_unused(context, _NOTEBOOK_PARAMETERS, "with --notebook")
        notebook_options = notebook_commands.NotebookOptions(sr, n_fft, hop, threshold)
        return notebook_commands.spectrogram(source, target, notebook_options, quiet=quiet)
    _check_options(context, target, center)
    raw_samples = options.raw_format(context, raw, rate, channels, dtype)
    with files.open_sound(source, sr=sr, mono=mono, raw=raw_samples) as sound:
        frame_options = FrameOptions(n_fft, hop, win_length, center, window, pad_mode)
        plan = plan_for_sound(sound, frame_options, is_picture=target.suffix.lower() == ".png")
        with bars.source_bar(source, sound.file_rate, quiet=quiet) as progress:
            done = files.spectrogram(
                sound,
                target,
                plan,
                power=1.0 if power is None else power,
                log=options.log_name(log),
                db_range=20 * threshold,
                progress=progress,
            )
    frames = f"{done.frames} frames × {plan.n_bins} bins, n_fft {plan.n_fft}, hop {plan.hop_length}"
    summaries.print_summary(target, f"{frames}, {summaries.describe_sound(done)}", quiet=quiet)
    return None


def _check_options(context: typer.Context, target: Path, center: bool) -> None:
    """Usage error if an option would be ignored."""
    options.check_framing(context, center)
    if target.suffix.lower() != ".png":
        options.refuse_set(context, {"threshold"}, "where OUT is no picture (.png)")
