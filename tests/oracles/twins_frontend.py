"""Front ends, slowly: plain NumPy in float64, a frame at a time; the oracle of the tests.

It checks nothing and imports nothing of `fastspec`.
"""

from typing import Any

import numpy as np
import scipy.fft

Array = np.ndarray[Any, np.dtype[Any]]

LOGS = {"ln": np.log, "log10": np.log10, "log2": np.log2}


def padded_frames(
    y: Array, frame_length: int, hop_length: int, pad: Any, pad_mode: str = "constant", append: int = 0
) -> Array:
    """(n_frames, frame_length) of a signal (n,) that zeros follow and that is padded by `pad` = (before, after)."""
    x = np.concatenate([np.asarray(y, np.float64), np.zeros(append)])
    if pad == "same":
        count, first = (len(x) + hop_length // 2) // hop_length, hop_length // 2 - frame_length // 2
        before, after = max(0, -first), max(0, (count - 1) * hop_length + first + frame_length - len(x))
        x, first = np.pad(x, (before, after), pad_mode), first + before  # type: ignore[call-overload]
    else:
        x, first = np.pad(x, pad, pad_mode), 0
        count = 1 + (len(x) - frame_length) // hop_length
    starts = first + hop_length * np.arange(count)
    return np.stack([x[s : s + frame_length] for s in starts])


def prepared(frames: Array, remove_mean: bool, preemphasis: float, first_sample: str) -> tuple[Array, Array]:
    """(frames after their mean and the pre-emphasis, sums of squares before the pre-emphasis)."""
    z = frames - frames.mean(axis=1, keepdims=True) if remove_mean else frames
    before = np.concatenate([z[:, :1] if first_sample == "repeat" else 0 * z[:, :1], z[:, :-1]], axis=1)
    return z - preemphasis * before, (z**2).sum(axis=1)


def features(
    frames: Array,
    window: Array,
    n_fft: int,
    bank: Array,
    *,
    power: float = 2.0,
    scale: float = 1.0,
    remove_mean: bool = False,
    preemphasis: float = 0.0,
    first_sample: str = "repeat",
    eps: float = 0.0,
    log: str | None = None,
    floor: float = 0.0,
    guard: float = 0.0,
    gain: float = 1.0,
    offset: float = 0.0,
    low: float = -np.inf,
    high: float = np.inf,
    energy: str | None = None,
    energy_floor: float | None = None,
    n_cepstra: int = 0,
    lifter: float = 0.0,
) -> Array:
    """(rows, n_frames): what `FrontEnd` says of the frames of a signal."""
    x, energies = prepared(scale * frames, remove_mean, preemphasis, first_sample)
    D = np.fft.rfft(x * window, n_fft)
    levels = np.maximum(bank @ ((np.abs(D) ** 2 + eps) ** (power / 2)).T + guard, floor)

    def logarithm(v: Array) -> Array:
        return 20 / power * np.log10(v) if log == "db" else LOGS[log](v)

    L = gain * (logarithm(levels) if log else levels) + offset
    L = np.clip(L, low, high)
    if n_cepstra:
        r = np.arange(n_cepstra)[:, None]
        L = scipy.fft.dct(L, axis=0, norm="ortho")[:n_cepstra]
        L = L * (1 + lifter / 2 * np.sin(np.pi * r / lifter)) if lifter else L
    if energy:
        row = gain * logarithm(np.maximum(energies, floor if energy_floor is None else energy_floor))
        if energy == "cepstrum":
            L[0] = row
        else:
            L = np.vstack([row, L] if energy == "first" else [L, row])
    return L


def in_range(L: Array, top: Any, dynamic_range: float | None, relative: bool, gain: float, offset: float) -> Array:
    """Values limited to dynamic_range below `top`, relative to it, times gain, plus offset."""
    L = L if dynamic_range is None else np.maximum(L, top - dynamic_range)
    return gain * (L - top if relative else L) + offset


def normalized(L: Array, by_deviation: bool, floor: float) -> Array:
    """Rows without their mean, over their deviation (n - 1) + floor."""
    L = L - L.mean(axis=-1, keepdims=True)
    return L / (np.sqrt((L**2).sum(axis=-1, keepdims=True) / max(1, L.shape[-1] - 1)) + floor) if by_deviation else L


def emphasized(y: Array, coefficient: float) -> Array:
    """y[t] - coefficient y[t - 1], the first sample as it is."""
    return np.concatenate([y[..., :1], y[..., 1:] - coefficient * y[..., :-1]], axis=-1)
