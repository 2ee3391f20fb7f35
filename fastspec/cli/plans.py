"""The plan of a command: from its options, the sample rate and the shape of the input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from ..features.banks import MelBank, Norm
from ..files import Sound, array_readers, picture
from ..plan import STFT
from ..transform.framing import window_size
from .options import FrameOptions, MelOptions

_PICTURE_FRAMES = 2400  # a sound with fewer frames is drawn with a hop of n_fft / 16, if they fit then


def plan_for_sound(sound: Sound, frames: FrameOptions, *, is_picture: bool = False) -> STFT:
    """The plan for a sound; the picture of a short one has four times as many frames by default."""
    n_fft = frames.n_fft or window_size(sound.rate)
    columns = min(4 * _PICTURE_FRAMES, picture.max_columns(n_fft // 2 + 1) - 1)
    is_short = sound.total is not None and sound.total < columns * n_fft // 16
    overlap = 16 if is_picture and is_short else 4
    hop = frames.hop or max(1, (frames.win_length or n_fft) // overlap)
    return _plan(n_fft, hop, frames)


def plan_for_npy(source: Path, rate: int, frames: FrameOptions, mel: MelOptions | None) -> tuple[STFT, MelBank | None]:
    """(plan, bank) of a .npy file with as many rows; the bank is None for a spectrogram."""
    with array_readers.open_levels(source) as levels:
        rows = levels.shape[-2]
    if mel is None:
        n_fft = frames.n_fft or max(2, 2 * (rows - 1))
        return _plan(n_fft, frames.hop, frames), None
    if frames.n_fft is None:
        raise typer.BadParameter("the n_fft of a .npy mel spectrogram is unknown: add --n-fft SAMPLES.")
    return _plan(frames.n_fft, frames.hop, frames), mel_bank(rate, frames.n_fft, rows, mel)


def _plan(n_fft: int, hop: int | None, frames: FrameOptions) -> STFT:
    """The plan with these sizes, and the window and padding of the options."""
    try:
        return STFT(
            n_fft,
            hop_length=hop,
            win_length=frames.win_length,
            window="hann" if frames.window is None else parse_window(frames.window),
            center=frames.center,
            pad_mode=frames.pad_mode or "constant",
        )
    except TypeError as error:  # of a window with the wrong numbers
        raise ValueError(error) from None


def mel_bank(rate: int, n_fft: int, n_mels: int, mel: MelOptions) -> MelBank:
    """The mel filters of the options."""
    return MelBank(rate, n_fft, n_mels, fmin=mel.fmin, fmax=mel.fmax, htk=mel.htk, norm=parse_norm(mel.norm))


def parse_window(text: str) -> str | tuple[Any, ...]:
    """The window as the library takes it: its name, or (name, number, ...) of name:number,number.

    Raises
    ------
    ValueError
        If what follows the colon is not numbers.
    """
    name, colon, numbers = text.partition(":")
    try:
        parameters = [float(n) if "." in n or "e" in n.lower() else int(n) for n in numbers.split(",")] if colon else []
    except ValueError:
        raise ValueError(f"--window must be a name or name:number,number, got {text}") from None
    return (name, *parameters) if colon else name


def parse_norm(text: str) -> Norm:
    """The norm of mel filters as the library takes it.

    Raises
    ------
    ValueError
        If it is none of those.
    """
    norms: dict[str, Norm] = {"slaney": "slaney", "none": None, "1": 1.0, "2": 2.0}
    if text not in norms:
        raise ValueError(f"--norm must be one of {', '.join(norms)}, got {text}")
    return norms[text]


def stored_metadata(source: Path) -> dict[str, Any]:
    """How stored levels were computed, from .npz and .zarr; empty for .npy, which cannot say."""
    with array_readers.open_levels(source) as levels:
        return levels.entries


def frame_rate(metadata: dict[str, Any], plan: STFT | None, rate: int | None) -> float:
    """Frames per second of stored levels, from the plan or else from their metadata; 0 if unknown."""
    if plan is not None:
        return (rate or 0) / plan.hop_length
    try:
        return float(metadata.get("sr", 0)) / max(1, int(metadata.get("hop_length", 1)))
    except (TypeError, ValueError, OverflowError):  # of damaged metadata, which `files.invert` names
        return 0
