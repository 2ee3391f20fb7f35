"""Kaldi's features, slowly: plain NumPy in float64, a frame, a filter and a bin at a time; the oracle of the tests.

Written from Kaldi's feat/feature-window.cc, mel-computations.cc, feature-fbank.cc and feature-mfcc.cc.  It checks
nothing and imports nothing of `fastspec`.  Names of options are those of torchaudio.compliance.kaldi.
"""

import math
from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

EPSILON = 2.0**-23
DEFAULTS: dict[str, Any] = {
    "blackman_coeff": 0.42, "cepstral_lifter": 22.0, "energy_floor": 1.0, "frame_length": 25.0, "frame_shift": 10.0,
    "high_freq": 0.0, "htk_compat": False, "low_freq": 20.0, "num_ceps": 13, "num_mel_bins": 23,
    "preemphasis_coefficient": 0.97, "raw_energy": True, "remove_dc_offset": True, "round_to_power_of_two": True,
    "sample_frequency": 16000.0, "snip_edges": True, "subtract_mean": False, "use_energy": False, "use_log_fbank": True,
    "use_power": True, "vtln_high": -500.0, "vtln_low": 100.0, "vtln_warp": 1.0, "window_type": "povey",
}  # fmt: skip


def mel(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)


def hz(mels: float) -> float:
    return 700.0 * (math.exp(mels / 1127.0) - 1.0)


def warp(f: float, low: float, high: float, fmin: float, fmax: float, factor: float) -> float:
    """The frequency that f becomes when the vocal tract length is normalized."""
    a, b = low * max(1.0, factor), high * min(1.0, factor)
    if f < fmin or f > fmax:
        return f
    if f < a:
        return fmin + (a / factor - fmin) / (a - fmin) * (f - fmin)
    if f < b:
        return f / factor
    return fmax + (fmax - b / factor) / (fmax - b) * (f - fmax)


@cache
def filters(
    count: int, n_fft: int, rate: float, fmin: float, fmax: float, low: float = 100.0, high: float = -500.0,
    factor: float = 1.0,
) -> Array:  # fmt: skip
    """(count, n_fft / 2 + 1): triangles in mel; no weight for the last bin."""
    if fmax <= 0:
        fmax += rate / 2
    if high < 0:
        high += rate / 2
    step = (mel(fmax) - mel(fmin)) / (count + 1)
    bank = np.zeros((count, n_fft // 2 + 1))
    for i in range(count):
        corners = [mel(fmin) + (i + j) * step for j in range(3)]
        if factor != 1:
            corners = [mel(warp(hz(m), low, high, fmin, fmax, factor)) for m in corners]
        left, middle, right = corners
        for k in range(n_fft // 2):
            m = mel(k * rate / n_fft)
            if left < m <= middle:
                bank[i, k] = (m - left) / (middle - left)
            elif middle < m < right:
                bank[i, k] = (right - m) / (right - middle)
    return bank


def window(name: str, size: int, coefficient: float = 0.42) -> Array:
    n = np.arange(size)
    t = 2 * np.pi * n / (size - 1)
    return {
        "povey": (0.5 - 0.5 * np.cos(t)) ** 0.85,
        "hanning": 0.5 - 0.5 * np.cos(t),
        "hamming": 0.54 - 0.46 * np.cos(t),
        "blackman": coefficient - 0.5 * np.cos(t) + (0.5 - coefficient) * np.cos(2 * t),
        "rectangular": np.ones(size),
        "hann": 0.5 - 0.5 * np.cos(2 * np.pi * n / size),
        "sine": np.sin(np.pi * n / (size - 1)),
    }[name]


def frame_count(n: int, size: int, shift: int, snip_edges: bool) -> int:
    if not snip_edges:
        return (n + shift // 2) // shift
    return 0 if n < size else 1 + (n - size) // shift


def frame_of(x: Array, f: int, size: int, shift: int, snip_edges: bool) -> Array:
    """The samples of frame f; beyond the ends the signal is reflected, its last samples repeated."""
    n, start = len(x), f * shift if snip_edges else f * shift + shift // 2 - size // 2
    out = np.empty(size)
    for j in range(size):
        t = start + j
        while not 0 <= t < n:
            t = -t - 1 if t < 0 else 2 * n - 1 - t
        out[j] = x[t]
    return out


def spectra(x: Array, options: dict[str, Any]) -> tuple[Array, Array, int]:
    """(powers (frames, n_fft / 2 + 1), energies (frames,), n_fft) of a signal."""
    o, x = DEFAULTS | options, np.asarray(x, np.float64)
    size = int(o["sample_frequency"] * o["frame_length"] * 0.001)
    shift = int(o["sample_frequency"] * o["frame_shift"] * 0.001)
    n_fft = 2 ** math.ceil(math.log2(size)) if o["round_to_power_of_two"] else size
    w = window(o["window_type"], size, o["blackman_coeff"])
    powers, energies = [], []
    for f in range(frame_count(len(x), size, shift, o["snip_edges"])):
        z = frame_of(x, f, size, shift, o["snip_edges"])
        if o["remove_dc_offset"]:
            z = z - z.mean() if np.ptp(z) else np.zeros(size)
        y = z.copy()
        for j in range(size):
            y[j] = z[j] - o["preemphasis_coefficient"] * z[max(0, j - 1)]
        y = y * w
        powers.append(np.abs(np.fft.rfft(y, n_fft)) ** 2)
        energies.append(np.sum((z if o["raw_energy"] else y) ** 2))
    return np.array(powers).reshape(-1, n_fft // 2 + 1), np.array(energies), n_fft


def log_energies(energies: Array, o: dict[str, Any]) -> Array:
    return np.log(np.maximum(energies, max(EPSILON, o["energy_floor"])))


def fbank(x: Array, **options: Any) -> Array:
    o = DEFAULTS | options
    P, energies, n_fft = spectra(x, o)
    bank = filters(
        o["num_mel_bins"], n_fft, o["sample_frequency"], o["low_freq"], o["high_freq"], o["vtln_low"], o["vtln_high"],
        o["vtln_warp"],
    )  # fmt: skip
    L = (P if o["use_power"] else np.sqrt(P)) @ bank.T
    if o["use_log_fbank"]:
        L = np.log(np.maximum(L, EPSILON))
    if o["use_energy"]:
        column = log_energies(energies, o)[:, None]
        L = np.concatenate([L, column] if o["htk_compat"] else [column, L], axis=1)
    return L - L.mean(axis=0) if o["subtract_mean"] else L


def mfcc(x: Array, **options: Any) -> Array:
    o = DEFAULTS | options
    L = fbank(x, **{**options, "use_energy": False, "subtract_mean": False, "use_log_fbank": True, "use_power": True})
    bands = L.shape[1]
    C = np.zeros((len(L), o["num_ceps"]))
    for r in range(o["num_ceps"]):
        scale = math.sqrt((2 if r else 1) / bands)
        C[:, r] = scale * sum(L[:, k] * math.cos(math.pi * r * (k + 0.5) / bands) for k in range(bands))
        if o["cepstral_lifter"]:
            C[:, r] *= 1 + o["cepstral_lifter"] / 2 * math.sin(math.pi * r / o["cepstral_lifter"])
    if o["use_energy"]:
        C[:, 0] = log_energies(spectra(x, o)[1], o)
    elif o["htk_compat"]:
        C[:, 0] *= math.sqrt(2)
    if o["htk_compat"]:
        C = np.concatenate([C[:, 1:], C[:, :1]], axis=1)
    return C - C.mean(axis=0) if o["subtract_mean"] else C


def spectrogram(x: Array, **options: Any) -> Array:
    o = DEFAULTS | options
    P, energies, _ = spectra(x, o)
    L = np.log(np.maximum(P, EPSILON))
    L[:, 0] = log_energies(energies, o)
    return L - L.mean(axis=0) if o["subtract_mean"] else L


FEATURES = {"fbank": fbank, "mfcc": mfcc, "spectrogram": spectrogram}


def near_the_loudest(L: Array, decibels: float = 60.0) -> Array:
    """Where logarithms of powers are within so many decibels of the largest of the utterance."""
    return np.asarray(np.max(L, initial=-np.inf) - decibels / 10 * math.log(10) <= L)


def error_bound(L: Array) -> Array:
    """1e-4 within 60 dB of the loudest, growing below as the amplitude falls: what single precision leaves."""
    below = np.maximum(0, (np.max(L, initial=-np.inf) - L) * 10 / math.log(10) - 60)
    return np.asarray(1e-4 * 10 ** (below / 20))


def cases(speech: Array) -> dict[str, Array]:
    """Signals at 16 kHz, float32: speech, noises, constants, a sine, a click."""
    rng, n = np.random.default_rng(7), 8000
    noise, t = rng.standard_normal(n), np.arange(n) / 16000
    signals = {
        "speech": speech[8000:16000] * 32768,
        "noise": noise * 1000,
        "noise of a bit": noise,
        "noise beside a constant": 1000 + 10 * noise,
        "constant": np.full(n, 1234.0),
        "zeros": np.zeros(n),
        "sine": 32767 * np.sin(2 * np.pi * 1000 * t),
        "sine between bins": 32767 * np.sin(2 * np.pi * 1017.3 * t),
        "click": np.where(np.arange(n) == 4000, 32767.0, 0.0),
        "denormals": np.full(n, 1e-39),
        "a twentieth of full scale": noise * 0.05,
    }
    return {name: x.astype(np.float32) for name, x in signals.items()}
