"""The recipes in plain NumPy and float64: formulas written out from the programs that the recipes are named after."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Expected(NamedTuple):
    """Features, the levels that their logarithm takes, its floor, and the slope of the features over ln of a level."""

    L: Array
    levels: Array | None = None  # None where there is no logarithm
    floor: float = 0.0
    slope: Any = 1.0


# ---- frames and spectra ----
def frames_of(y: Array, size: int, hop: int, left: int, right: int, mode: str = "reflect") -> Array:
    """(size, frames)."""
    padded = np.pad(y, (left, right), mode) if left or right else y
    starts = range(0, len(padded) - size + 1, hop)
    return np.stack([padded[a : a + size] for a in starts], axis=1) if len(starts) else np.zeros((size, 0))


def hann(n: int, symmetric: bool = False) -> Array:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n - symmetric))


def hamming(n: int, symmetric: bool = False) -> Array:
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - symmetric))


def middle(window: Array, n: int) -> Array:
    before = (n - len(window)) // 2
    return np.pad(window, (before, n - len(window) - before))


def power_spectrum(frames: Array, window: Array, n_fft: int) -> Array:
    return np.abs(np.fft.rfft(frames * window[:, None], n_fft, axis=0)) ** 2


def centred_power(y: Array, n_fft: int, hop: int, window: Array, mode: str = "reflect") -> Array:
    return power_spectrum(frames_of(y, n_fft, hop, n_fft // 2, n_fft // 2, mode), middle(window, n_fft), n_fft)


# ---- filters ----
def slaney_hz(mel: Array) -> Array:
    """Slaney's scale to Hz: linear to 1000 Hz = 15 mel, then 27 steps to 6400 Hz."""
    return np.where(mel < 15, 200 / 3 * mel, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))


def slaney_mel(hz: float) -> float:
    return float(3 * hz / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4))


def triangles(sr: float, n_fft: int, corners: Array) -> Array:
    f = np.arange(n_fft // 2 + 1) * sr / n_fft
    rows = [
        np.maximum(0, np.minimum((f - a) / (b - a), (c - f) / (c - b)))
        for a, b, c in zip(corners[:-2], corners[1:-1], corners[2:], strict=True)
    ]
    return np.stack(rows)


def slaney(sr: float, n_fft: int, n: int, low: float = 0, high: float | None = None) -> Array:
    """librosa.filters.mel: triangles in Hz of equal areas."""
    corners = slaney_hz(np.linspace(slaney_mel(low), slaney_mel(sr / 2 if high is None else high), n + 2))
    return triangles(sr, n_fft, corners) * (2 / (corners[2:] - corners[:-2]))[:, None]


def htk_corners(n: int, low: float, high: float) -> Array:
    mel = np.linspace(2595 * np.log10(1 + low / 700), 2595 * np.log10(1 + high / 700), n + 2)
    return 700 * (10 ** (mel / 2595) - 1)


def htk(sr: float, n_fft: int, n: int) -> Array:
    """torchaudio's melscale_fbanks with its defaults."""
    return triangles(sr, n_fft, htk_corners(n, 0, sr / 2))


def speechbrain(sr: float, n_fft: int, n: int) -> Array:
    """Triangles around the corners, as wide on both sides as the distance to the corner below."""
    corners, f = htk_corners(n, 0, sr / 2), np.arange(n_fft // 2 + 1) * sr / n_fft
    return np.stack([np.maximum(0, 1 - abs(f - corners[i + 1]) / (corners[i + 1] - corners[i])) for i in range(n)])


def kaldi(sr: float, n_fft: int, n: int, low: float = 20, high: float = 0) -> Array:
    """Triangles in mel; none of them holds the bin at sr / 2."""
    mel = lambda hz: 1127 * np.log(1 + hz / 700)  # noqa: E731
    high = high if high > 0 else sr / 2 + high
    step = (mel(high) - mel(low)) / (n + 1)
    bank = np.zeros((n, n_fft // 2 + 1))
    for i in range(n):
        left, centre, right = (mel(low) + step * (i + k) for k in range(3))
        for k in range(n_fft // 2):
            m = mel(k * sr / n_fft)
            if left < m < right:
                bank[i, k] = (m - left) / (centre - left) if m <= centre else (right - m) / (right - centre)
    return bank


# ---- programs ----
def whisper(n: int) -> Callable[[Array], Expected]:
    def compute(y: Array) -> Expected:
        M = slaney(16000, 400, n) @ centred_power(y, 400, 160, hann(400))[:, :-1]
        L = np.log10(np.maximum(M, 1e-10))
        L = np.maximum(L, L.max() - 8)
        return Expected((L + 4) / 4, M, max(1e-10, M.max() * 1e-8), 0.25 / np.log(10))

    return compute


def hifigan(
    sr: int, n_fft: int, hop: int, n: int, high: float | None = None, eps: float = 1e-9
) -> Callable[[Array], Expected]:
    def compute(y: Array) -> Expected:
        pad = (n_fft - hop) // 2
        P = power_spectrum(frames_of(y, n_fft, hop, pad, pad), hann(n_fft), n_fft)
        M = slaney(sr, n_fft, n, 0, high) @ np.sqrt(P + eps)
        return Expected(np.log(np.maximum(M, 1e-5)), M, 1e-5)

    return compute


def vits_linear(y: Array) -> Expected:
    return Expected(np.sqrt(power_spectrum(frames_of(y, 1024, 256, 384, 384), hann(1024), 1024) + 1e-6))


def of_magnitudes(
    bank: Array, n_fft: int, hop: int, floor: float, win: int | None = None, base: float = 1.0, least: float = 0.0
) -> Callable[[Array], Expected]:
    """ln, or log10 with base = ln 10, of filtered magnitudes of centred frames."""

    def compute(y: Array) -> Expected:
        M = bank @ np.maximum(np.sqrt(centred_power(y, n_fft, hop, hann(win or n_fft))), least)
        return Expected(np.log(np.maximum(M, floor)) / base, M, floor, 1 / base)

    return compute


def of_powers(bank: Array, n_fft: int, hop: int, gain: float) -> Callable[[Array], Expected]:
    """gain ln of filtered powers of centred frames, from 1e-10 up."""

    def compute(y: Array) -> Expected:
        M = bank @ centred_power(y, n_fft, hop, hann(n_fft))
        return Expected(gain * np.log(np.maximum(M, 1e-10)), M, 1e-10, gain)

    return compute


def styletts2(y: Array) -> Expected:
    M = htk(16000, 2048, 80) @ centred_power(y, 2048, 300, hann(1200)) + 1e-5
    return Expected((np.log(M) - -4) / 4, M, 0.0, 0.25)


def tacotron(sr: int, sizes: tuple[int, int, int], bank: Array | None, ref: float, symmetric: bool) -> Any:
    n_fft, hop, win = sizes

    def compute(y: Array) -> Expected:
        x = np.concatenate([y[:1], y[1:] - 0.97 * y[:-1]])
        S = np.sqrt(centred_power(x, n_fft, hop, hann(win)))
        M = S if bank is None else bank @ S
        unit = (20 * np.log10(np.maximum(1e-5, M)) - ref + 100) / 100
        slope = 20 / np.log(10) / 100
        if symmetric:
            return Expected(np.clip(2 * 4 * unit - 4, -4, 4), M, 1e-5, 8 * slope)
        return Expected(np.clip(unit, 0, 1), M, 1e-5, slope)

    return compute


def nemo(n: int, win: int) -> Callable[[Array], Expected]:
    def compute(y: Array) -> Expected:
        x = np.concatenate([y[:1], y[1:] - 0.97 * y[:-1]])
        P = centred_power(x, 512, 160, hann(win, symmetric=True), "constant")[:, : len(y) // 160]
        M = slaney(16000, 512, n) @ P + 2.0**-24
        L = np.log(M)
        deviation = L.std(axis=1, ddof=1, keepdims=True) + 1e-5
        return Expected((L - L.mean(axis=1, keepdims=True)) / deviation, M, 0.0, 1 / deviation)

    return compute


def speechbrain_fbank(n: int) -> Callable[[Array], Expected]:
    def compute(y: Array) -> Expected:
        M = speechbrain(16000, 400, n) @ centred_power(y, 400, 160, hamming(400), "constant")
        L = 10 * np.log10(np.maximum(M, 1e-10))
        return Expected(np.maximum(L, L.max() - 80), M, max(1e-10, M.max() * 1e-8), 10 / np.log(10))

    return compute


EPS = 2.0**-23


def kaldi_frames(y: Array, snip_edges: bool = True) -> tuple[Array, Array]:
    """(frames less their means, the same with pre-emphasis), both (400, frames)."""
    frames = frames_of(y, 400, 160, 0, 0)
    if not snip_edges:
        count, padded = (len(y) + 80) // 160, np.pad(y, (120, 400), "symmetric")
        frames = np.stack([padded[160 * f : 160 * f + 400] for f in range(count)], axis=1)
    frames = frames - frames.mean(axis=0)
    before = np.concatenate([frames[:1], frames[:-1]])
    return frames, frames - 0.97 * before


def kaldi_fbank(
    n: int, window: Array, scale: float = 1.0, snip_edges: bool = True, high: float = 0, normalize: str = ""
) -> Callable[[Array], Expected]:
    def compute(y: Array) -> Expected:
        _, frames = kaldi_frames(scale * y, snip_edges)
        M = kaldi(16000, 512, n, 20, high) @ power_spectrum(frames, window, 512)
        L, slope = np.log(np.maximum(M, EPS)), np.ones((n, 1))
        if normalize:
            L = L - L.mean(axis=1, keepdims=True)
        if normalize == "seamless":
            slope = 1 / np.sqrt(L.var(axis=1, ddof=1, keepdims=True) + 1e-7)
        return Expected(L * slope, M, EPS, slope)

    return compute


def kaldi_mfcc(y: Array) -> Expected:
    frames, emphasized = kaldi_frames(y)
    M = kaldi(16000, 512, 23) @ power_spectrum(emphasized, POVEY, 512)
    k, r = np.arange(23), np.arange(13)[:, None]
    dct = np.sqrt(2 / 23) * np.cos(np.pi / 23 * (k + 0.5) * r)
    dct[0] = np.sqrt(1 / 23)
    C = (1 + 11 * np.sin(np.pi * r / 22)) * (dct @ np.log(np.maximum(M, EPS)))
    C[0] = np.log(np.maximum((frames**2).sum(axis=0), EPS))
    return Expected(C, None, 0.0, (1 + 11 * np.sin(np.pi * r / 22)) * np.sqrt(23))


def ast(y: Array) -> Expected:
    fbank = kaldi_fbank(128, hann(400, symmetric=True))(y)
    return fbank._replace(L=(fbank.L - -4.2677393) / (2 * 4.5689974), slope=1 / (2 * 4.5689974))


POVEY = hann(400, symmetric=True) ** 0.85
HAMMING = hamming(400, symmetric=True)
LN_10 = np.log(10)
TWINS: dict[str, Callable[[Array], Expected]] = {
    "whisper-80": whisper(80),
    "whisper-128": whisper(128),
    "hifigan-22k": hifigan(22050, 1024, 256, 80, 8000),
    "bigvgan-22k": hifigan(22050, 1024, 256, 80, 8000),
    "bigvgan-24k": hifigan(24000, 1024, 256, 100),
    "bigvgan-44k": hifigan(44100, 2048, 512, 128),
    "vocos-24k": of_magnitudes(htk(24000, 1024, 100), 1024, 256, 1e-7),
    "f5-vocos": of_magnitudes(htk(24000, 1024, 100), 1024, 256, 1e-5),
    "f5-bigvgan": hifigan(24000, 1024, 256, 100),
    "matcha-22k": hifigan(22050, 1024, 256, 80, 8000),
    "cosyvoice-24k": hifigan(24000, 1920, 480, 80, 8000),
    "vits-22k": hifigan(22050, 1024, 256, 80, eps=1e-6),
    "vits-22k-linear": vits_linear,
    "tacotron2-22k": of_magnitudes(slaney(22050, 1024, 80, 0, 8000), 1024, 256, 1e-5),
    "styletts2-24k": styletts2,
    "espnet-tts-22k": of_magnitudes(slaney(22050, 1024, 80, 80, 7600), 1024, 256, 1e-10, base=LN_10, least=1e-5),
    "parallel-wavegan-22k": of_magnitudes(slaney(22050, 1024, 80, 80, 7600), 1024, 256, 1e-10, base=LN_10),
    "parallel-wavegan-24k": of_magnitudes(slaney(24000, 2048, 80, 80, 7600), 2048, 300, 1e-10, 1200, LN_10),
    "tacotron-20k": tacotron(20000, (2048, 250, 1000), slaney(20000, 2048, 80), 0, False),
    "tacotron-20k-linear": tacotron(20000, (2048, 250, 1000), None, 20, False),
    "wav2lip-16k": tacotron(16000, (800, 200, 800), slaney(16000, 800, 80, 55, 7600), 20, True),
    "espnet-asr-16k": of_powers(slaney(16000, 512, 80), 512, 128, 1.0),
    "nemo-64": nemo(64, 320),
    "nemo-80": nemo(80, 400),
    "nemo-128": nemo(128, 400),
    "speechbrain-40": speechbrain_fbank(40),
    "speechbrain-80": speechbrain_fbank(80),
    "panns-32k": of_powers(slaney(32000, 1024, 64, 50, 14000), 1024, 320, 10 / LN_10),
    "clap-48k": of_powers(slaney(48000, 1024, 64, 50, 14000), 1024, 480, 10 / LN_10),
    "kaldi-23": kaldi_fbank(23, POVEY),
    "kaldi-mfcc-13": kaldi_mfcc,
    "lhotse-80": kaldi_fbank(80, POVEY, snip_edges=False, high=-400),
    "funasr-80": kaldi_fbank(80, HAMMING, 32768),
    "wespeaker-80": kaldi_fbank(80, HAMMING, 32768, normalize="mean"),
    "ast-128": ast,
    "seamless-80": kaldi_fbank(80, POVEY, 32768, normalize="seamless"),
    "speech2text-80": kaldi_fbank(80, POVEY, 32768),
}
"""The twin of each recipe, a function of a signal at the recipe's level."""
