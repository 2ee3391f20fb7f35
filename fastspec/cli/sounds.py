"""The commands from sound to levels and from levels to sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import bars, options
from .options import (
    Center,
    Channels,
    Dtype,
    Hop,
    Init,
    IsRaw,
    MelLog,
    Method,
    Mono,
    Power,
    Quiet,
    RawDtype,
    RawRate,
    Rounds,
    SoundTarget,
    Source,
    SpectrogramLog,
    Sr,
    Subtype,
    Threshold,
    WindowSize,
)

if TYPE_CHECKING:
    from ..files import Done, Raw, Sound
    from ..plan import STFT

STORED = (".npy", ".npz", ".zarr")
ARRAY = "OUT.npy, OUT.npz or OUT.zarr for the numbers, OUT.png for a picture; - is standard output, as .npy."
_FINE = 2400  # columns of a picture; a shorter sound is drawn with more frames


def mel(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="OUT", help=ARRAY)],
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    n_mels: Annotated[int, typer.Option("--n-mels", min=1, help="Filters.")] = 80,
    fmin: options.Fmin = 0.0,
    fmax: options.Fmax = None,
    htk: options.Htk = False,
    power: Power = None,
    log: Annotated[MelLog, typer.Option("--log", help="Logarithm of the mels.")] = MelLog.none,
    center: Center = True,
    mono: Mono = True,
    threshold: Threshold = 4.0,
    raw: IsRaw = False,
    rate: RawRate = None,
    channels: Channels = 1,
    dtype: RawDtype = Dtype.int16,
    quiet: Quiet = False,
) -> None:
    """The mel spectrogram of a sound of any length.

    The array is (n_mels, frames); .npz and .zarr hold all that `fastspec invert` has to know.
    """
    from .. import files
    from ..features.banks import MelBank

    options.check_folder(target)
    with files.open_sound(source, sr=sr, mono=mono, raw=_raw(raw, rate, channels, dtype)) as sound:
        plan = _plan(sound, n_fft, hop, win_length, center)
        bank = MelBank(sound.rate, plan.n_fft, n_mels, fmin=fmin, fmax=fmax, htk=htk)
        with _bar(source, sound, quiet) as progress:
            done = files.mel(
                sound, target, plan, bank, power=2.0 if power is None else power, log=options.log_of(log),  # type: ignore[arg-type]
                db_range=20 * threshold, progress=progress,
            )  # fmt: skip
    _say(
        target,
        f"{done.frames} frames × {n_mels} mels, n_fft {plan.n_fft}, hop {plan.hop_length}, {_sound(done)}",
        quiet,
    )


def spectrogram(
    source: Source,
    target: Annotated[Path, typer.Argument(metavar="OUT", help=ARRAY)],
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    win_length: options.WinLength = None,
    power: Power = None,
    log: Annotated[SpectrogramLog, typer.Option("--log", help="Logarithm of the levels.")] = SpectrogramLog.none,
    center: Center = True,
    mono: Mono = True,
    threshold: Threshold = 4.0,
    notebook: Annotated[
        bool,
        typer.Option(
            "--notebook", help="The notebook's: OUT.npy is (frames, bins), log10, 0 at the loudest; hop n_fft / 16."
        ),
    ] = False,
    raw: IsRaw = False,
    rate: RawRate = None,
    channels: Channels = 1,
    dtype: RawDtype = Dtype.int16,
    quiet: Quiet = False,
) -> None:
    """The spectrogram of a sound of any length, or its picture in seconds, Hz and dB.

    The array is (n_bins, frames), of magnitudes; .npz and .zarr hold all that `fastspec invert` has to know.
    """
    from .. import files

    options.check_folder(target)
    if notebook:
        return _notebook_spectrogram(source, target, sr, n_fft, hop, threshold, quiet)
    with files.open_sound(source, sr=sr, mono=mono, raw=_raw(raw, rate, channels, dtype)) as sound:
        plan = _plan(sound, n_fft, hop, win_length, center, picture=target.suffix.lower() == ".png")
        with _bar(source, sound, quiet) as progress:
            done = files.spectrogram(
                sound, target, plan, power=1.0 if power is None else power, log=options.log_of(log),
                db_range=20 * threshold, progress=progress,
            )  # fmt: skip
    _say(
        target,
        f"{done.frames} frames × {plan.n_bins} bins, n_fft {plan.n_fft}, hop {plan.hop_length}, {_sound(done)}",
        quiet,
    )
    return None


def invert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="Levels as .npz or .zarr, or as .npy with --rate; or a sound file, as with `fastspec resynth`.",
            callback=options.there,
        ),
    ],
    target: SoundTarget,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="griffinlim, fast, accelerated, admm, raar, rtisi, rtpghi, best, a chain such as "
            "raar:10,griffinlim:1, or notebook, for which .npy is what --notebook wrote.",
        ),
    ] = "accelerated",
    init: Init = "auto",
    n_iter: Rounds = None,
    rate: Annotated[int | None, typer.Option("--rate", min=1, help="Sample rate in Hz: required for .npy.")] = None,
    sr: Sr = None,
    n_fft: WindowSize = None,
    hop: Hop = None,
    center: Center = True,
    mels: Annotated[bool, typer.Option("--mel", help="Of .npy: it is mels; add --n-fft.")] = False,
    fmin: options.Fmin = 0.0,
    fmax: options.Fmax = None,
    htk: options.Htk = False,
    power: Power = None,
    log: Annotated[MelLog, typer.Option("--log", help="Of .npy: the logarithm that was taken.")] = MelLog.none,
    threshold: Threshold = 4.0,
    subtype: Subtype = None,
    quiet: Quiet = False,
) -> None:
    """Turn a stored spectrogram or mel spectrogram of any length into sound, or give a sound other phases."""
    from .. import files
    from . import methods

    options.check_folder(target)
    stored, numbers = source.suffix.lower() in STORED, source.suffix.lower() == ".npy"
    if numbers and rate is None:
        raise typer.BadParameter("a .npy spectrogram does not know its sample rate: add --rate HZ.")
    if method == "notebook":
        methods.check_notebook(init)
        return _notebook_invert(source, target, numbers, rate, sr, n_fft, hop, n_iter, threshold, quiet)
    how = methods.how(method, init, n_iter)
    if not stored:
        return _resynth(source, target, sr, n_fft, hop, None, center, True, None, subtype, how, quiet)
    plan, bank = _described(source, rate, n_fft, hop, center, mels, (fmin, fmax, htk)) if numbers else (None, None)
    known: dict[str, Any] = {"sr": rate, "log": options.log_of(log), "power": power}
    if numbers and power is None:
        known["power"] = 2.0 if mels else 1.0
    with bars.sound(source.name, _frames_a_second(source, plan, rate), quiet=quiet) as progress:
        done = files.invert(source, target, plan, bank, subtype=subtype, progress=progress, **known, **how)
    _say(target, _recovered(done), quiet)
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
    """Throw the phases of a sound of any length away and find others that fit."""
    from . import methods

    options.check_folder(target)
    how, samples = methods.how(method, init, n_iter), _raw(raw, rate, channels, dtype)
    if samples is not None and str(target) == "-" and subtype is None:
        subtype = {"int16": "PCM_16", "int32": "PCM_32", "float32": "FLOAT"}[samples.dtype]
    _resynth(source, target, sr, n_fft, hop, win_length, center, mono, samples, subtype, how, quiet)


def _resynth(
    source: Path,
    target: Path,
    sr: int | None,
    n_fft: int | None,
    hop: int | None,
    win_length: int | None,
    center: bool,
    mono: bool,
    raw: Raw | None,
    subtype: str | None,
    how: dict[str, Any],
    quiet: bool,
) -> None:
    """From sound to sound."""
    from .. import files
    from ..files import sound_writers

    sound_writers.check(target, subtype)
    with files.open_sound(source, sr=sr, mono=mono, raw=raw) as sound:
        plan = _plan(sound, n_fft, hop, win_length, center)
        with _bar(source, sound, quiet) as progress:
            done = files.resynth(
                sound, target, plan, subtype=subtype, raw_out=raw is not None, progress=progress, **how
            )
    _say(target, _recovered(done), quiet)


def _plan(
    sound: Sound, n_fft: int | None, hop: int | None, win_length: int | None, center: bool, *, picture: bool = False
) -> STFT:
    """What is asked for, else by the rate; the picture of a short sound has more frames."""
    from ..plan import STFT
    from ..transform.framing import window_size

    size = n_fft or window_size(sound.rate)
    short = picture and sound.total is not None and sound.total < _FINE * size // 4
    step = hop or max(1, (win_length or size) // (16 if short else 4))
    return STFT(size, hop_length=step, win_length=win_length, center=center)


def _described(
    source: Path, rate: int | None, n_fft: int | None, hop: int | None, center: bool, mels: bool, edges: tuple[Any, ...]
) -> tuple[STFT, Any]:
    """(plan, bank) of a .npy."""
    from ..features.banks import MelBank
    from ..files import array_readers
    from ..plan import STFT

    with array_readers.opened(source) as levels:
        rows = levels.shape[-2]
    if mels and n_fft is None:
        raise typer.BadParameter("a .npy of mels does not know its transform: add --n-fft.")
    size = n_fft or max(2, 2 * (rows - 1))
    fmin, fmax, htk = edges
    bank = MelBank(rate or 0, size, rows, fmin=fmin, fmax=fmax, htk=htk) if mels else None
    return STFT(size, hop_length=hop, center=center), bank


def _frames_a_second(source: Path, plan: STFT | None, rate: int | None) -> float:
    """Of stored levels, for the bar; 0 if it is not known."""
    if plan is not None:
        return (rate or 0) / plan.hop_length
    from ..files import array_readers

    with array_readers.opened(source) as levels:
        facts = levels.facts
    return float(facts.get("sr", 0)) / max(1, int(facts.get("hop_length", 1)))


def _raw(raw: bool, rate: int | None, channels: int, dtype: Dtype) -> Raw | None:
    """What the samples are, if nothing in the file says so."""
    from ..files import Raw

    if raw and rate is None:
        raise typer.BadParameter("--raw needs --rate HZ.")
    if not raw and rate is not None:
        raise typer.BadParameter("--rate is for --raw: --sr resamples.")
    return Raw(rate, channels, dtype.value) if raw and rate is not None else None


def _bar(source: Path, sound: Sound, quiet: bool) -> Any:
    name = "standard input" if str(source) == "-" else source.name
    return bars.sound(name, sound.file_rate, quiet=quiet)


def _sound(done: Done) -> str:
    return f"{bars.clock(done.samples / done.sr)} at {done.sr} Hz, {done.speed:,.0f}× real time"


def _recovered(done: Done) -> str:
    from math import log10

    softer = f", softer by {-20 * log10(done.gain):.1f} dB so as not to clip" if done.gain < 1 else ""
    return f"{_sound(done)}{softer}, spectral convergence {done.convergence:.2f} dB"


def _say(target: Path, text: str, quiet: bool) -> None:
    """Where the result lies, on standard output unless that is the result."""
    if quiet:
        return
    if str(target) == "-":
        bars.console.print(text, highlight=False, soft_wrap=True)
    else:
        print(f"{target}: {text}")


def _notebook_spectrogram(
    source: Path, target: Path, sr: int | None, n_fft: int | None, hop: int | None, threshold: float, quiet: bool
) -> None:
    """All in memory, as the notebook does it."""
    from .. import atomic, pretty_spectrogram
    from ..files import audio
    from ..plot import figures
    from ..transform.framing import window_size

    if target.suffix.lower() not in (".npy", ".png"):
        raise typer.BadParameter(f"OUT must end in .npy or .png with --notebook, got {target.name}.")
    y, rate = audio.read(source, rate=sr)
    size = n_fft or window_size(rate)
    step = hop or max(1, size // 16)
    S = pretty_spectrogram(y, log=True, thresh=threshold, fft_size=size, step_size=step)
    if target.suffix.lower() == ".png":
        about: dict[str, Any] = {"rate": rate, "n_fft": size, "hop": step, "seconds": len(y) / rate}
        figures.save(figures.spectrogram(S, title=source.name, db_range=20 * threshold, **about), target)
    else:
        atomic.save_array(target, S)
    _say(target, f"{S.shape[0]} frames × {S.shape[1]} bins, n_fft {size}, hop {step}, {rate} Hz", quiet)


def _notebook_invert(
    source: Path,
    target: Path,
    numbers: bool,
    rate: int | None,
    sr: int | None,
    n_fft: int | None,
    hop: int | None,
    n_iter: int | None,
    threshold: float,
    quiet: bool,
) -> None:
    """All in memory, by the notebook's chain of offsets."""
    from .. import pretty_spectrogram
    from ..files import audio
    from ..transform.framing import window_size
    from . import methods

    audio.check_format(target)
    y = None
    if numbers:
        S, rate = methods.load(source), rate or 0
        size = n_fft or 2 * S.shape[1]
        if size != 2 * S.shape[1]:
            raise ValueError(f"{source}: has {S.shape[1]} bins, so --n-fft must be {2 * S.shape[1]}, got {n_fft}")
        step = hop or max(1, size // 16)
    else:
        y, rate = audio.read(source, rate=sr)
        size = n_fft or window_size(rate)
        step = hop or max(1, size // 16)
        S = pretty_spectrogram(y, log=True, thresh=threshold, fft_size=size, step_size=step)
    with bars.stages() as stage:
        tell = (lambda done, total: None) if quiet else (lambda done, total: stage("inversion", done, total))
        wave, reached = methods.notebook(S, size, step, 10 if n_iter is None else n_iter, tell)
    audio.write(target, audio.level(wave, like=y), rate)
    _say(target, f"{len(wave) / rate:.2f} s at {rate} Hz, spectral convergence {reached:.2f} dB", quiet)
