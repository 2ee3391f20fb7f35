"""The plan of a command: from its options, the sample rate and the shape of the input."""

from __future__ import annotations

from pathlib import Path

import typer

from ..features.banks import MelBank
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
    return STFT(n_fft, hop_length=hop, win_length=frames.win_length, center=frames.center)


def plan_for_npy(source: Path, rate: int, frames: FrameOptions, mel: MelOptions | None) -> tuple[STFT, MelBank | None]:
    """(plan, bank) of a .npy file with as many rows; the bank is None for a spectrogram."""
    with array_readers.open_levels(source) as levels:
        rows = levels.shape[-2]
    if mel is None:
        n_fft = frames.n_fft or max(2, 2 * (rows - 1))
        return STFT(n_fft, hop_length=frames.hop, center=frames.center), None
    if frames.n_fft is None:
        raise typer.BadParameter("the n_fft of a .npy mel spectrogram is unknown: add --n-fft SAMPLES.")
    bank = MelBank(rate, frames.n_fft, rows, fmin=mel.fmin, fmax=mel.fmax, htk=mel.htk)
    return STFT(frames.n_fft, hop_length=frames.hop, center=frames.center), bank


def frame_rate(source: Path, plan: STFT | None, rate: int | None) -> float:
    """Frames per second of stored levels, from the plan or else from their metadata; 0 if unknown."""
    if plan is not None:
        return (rate or 0) / plan.hop_length
    with array_readers.open_levels(source) as levels:
        return float(levels.entries.get("sr", 0)) / max(1, int(levels.entries.get("hop_length", 1)))
