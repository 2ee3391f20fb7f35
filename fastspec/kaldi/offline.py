"""`fbank`, `mfcc` and `spectrogram` of whole signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import checks
from . import tensors
from .settings import Settings, front_end

NAMES = {
    "frame_length": "frame_length", "hop_length": "frame_shift", "preemphasis": "preemphasis_coefficient",
    "sr": "sample_frequency", "n_mels": "num_mel_bins", "fmin": "low_freq", "fmax": "high_freq",
    "n_cepstra": "num_ceps", "lifter": "cepstral_lifter",
}  # fmt: skip
"""Names of arguments by those of the engine."""


def fbank(
    waveform: Any,
    blackman_coeff: float = 0.42,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    high_freq: float = 0.0,
    htk_compat: bool = False,
    low_freq: float = 20.0,
    min_duration: float = 0.0,
    num_mel_bins: int = 23,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    use_energy: bool = False,
    use_log_fbank: bool = True,
    use_power: bool = True,
    vtln_high: float = -500.0,
    vtln_low: float = 100.0,
    vtln_warp: float = 1.0,
    window_type: str = "povey",
    *,
    rng: Any = None,
) -> Any:
    """Kaldi's filter bank features, ln max(M, 2**-23).

    Of each frame x (with dither) the mean is subtracted, x'[j] = x[j] - c x[j - 1] with x[-1] = x[0], and, with w the
    window and N the frame's samples or the next power of two, M = bank @ |DFT_N(w x')|**2; bank is `KaldiMelBank`.

    Names and defaults are those of torchaudio.compliance.kaldi.fbank (2.11); arrays are taken as well, and n shorter
    than a frame, or than `min_duration`, gives no frames instead of an error or a result without columns.

    Parameters
    ----------
    waveform : np.ndarray or torch.Tensor [shape=(c, n) or (n,)]
        Samples as they are: Kaldi's own are numbers of 16 bits.  float64 is computed in float64, all else in float32.
    blackman_coeff : float
        Coefficient of the window "blackman".
    channel : int
        The channel; the first for a negative number.
    dither : float
        Standard deviation of Gaussian noise that is added to the samples of each frame.
    energy_floor : float
        Least energy, beside 2**-23.
    frame_length, frame_shift : float
        Length of a frame, and from it to the next, in ms; rounded down to samples.
    high_freq, low_freq : float
        Lowest and highest corner of the filters in Hz; high_freq <= 0 is relative to half the sampling rate.
    htk_compat : bool
        Whether the energy comes last.
    min_duration : float
        Seconds; a shorter signal has no frames.
    num_mel_bins : int
        Number of filters.
    preemphasis_coefficient : float
        c, from 0 to 1.
    raw_energy : bool
        Whether energies are those of frames without their mean; else, of w x'.
    remove_dc_offset : bool
        Whether frames lose their mean.
    round_to_power_of_two : bool
        Whether N is the next power of two.
    sample_frequency : float
        In Hz.
    snip_edges : bool
        Whether frames lie within the signal, 1 + (n - N) // shift of them; else frame f is around sample
        (f + 1/2) shift, (n + shift // 2) // shift of them, and the signal is reflected with its last samples repeated.
    subtract_mean : bool
        Whether each feature loses its mean over the frames.
    use_energy : bool
        Whether ln max(energy, energy_floor) is a feature, the first.
    use_log_fbank : bool
        Whether the logarithm is taken; else M is returned.
    use_power : bool
        Whether the power of the spectrum is filtered; else its magnitude.
    vtln_high, vtln_low, vtln_warp : float
        See `KaldiMelBank`.
    window_type : str
        "povey", "hanning", "hamming", "blackman", "rectangular", "hann" or "sine"; see `features.kaldi.kaldi_window`.
    rng : np.random.Generator or seed
        Of the dither.

    Returns
    -------
    L : np.ndarray or torch.Tensor [shape=(frames, num_mel_bins + use_energy)]
        A tensor for a tensor.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or a tensor is not on the CPU or needs a gradient.
    """
    settings = settings_of("fbank", locals())
    return compute(waveform, settings, channel, min_duration, rng)


def mfcc(
    waveform: Any,
    blackman_coeff: float = 0.42,
    cepstral_lifter: float = 22.0,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    high_freq: float = 0.0,
    htk_compat: bool = False,
    low_freq: float = 20.0,
    num_ceps: int = 13,
    min_duration: float = 0.0,
    num_mel_bins: int = 23,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    use_energy: bool = False,
    vtln_high: float = -500.0,
    vtln_low: float = 100.0,
    vtln_warp: float = 1.0,
    window_type: str = "povey",
    *,
    rng: Any = None,
) -> Any:
    """Kaldi's mel-frequency cepstral coefficients.

    C[r] = (1 + l / 2 sin(pi r / l)) DCT(L)[r] for r < num_ceps, with L of `fbank`, l = cepstral_lifter and the
    orthonormal DCT-II.  Names and defaults are those of torchaudio.compliance.kaldi.mfcc (2.11).

    Parameters
    ----------
    waveform, blackman_coeff, channel, dither, energy_floor, frame_length, frame_shift, high_freq, low_freq
        As in `fbank`.
    cepstral_lifter : float
        l; 0 for none.
    htk_compat : bool
        Whether C[0] comes last: times sqrt 2, or the energy in its place.
    num_ceps : int
        Coefficients, at most num_mel_bins.
    min_duration, num_mel_bins, preemphasis_coefficient, raw_energy, remove_dc_offset, round_to_power_of_two
        As in `fbank`.
    sample_frequency, snip_edges, subtract_mean, vtln_high, vtln_low, vtln_warp, window_type, rng
        As in `fbank`.
    use_energy : bool
        Whether ln max(energy, energy_floor) is in the place of C[0].

    Returns
    -------
    C : np.ndarray or torch.Tensor [shape=(frames, num_ceps)]

    Raises
    ------
    TypeError, ValueError
        As in `fbank`.
    """
    settings = settings_of("mfcc", locals())
    return compute(waveform, settings, channel, min_duration, rng)


def spectrogram(
    waveform: Any,
    blackman_coeff: float = 0.42,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    min_duration: float = 0.0,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    window_type: str = "povey",
    *,
    rng: Any = None,
) -> Any:
    """Kaldi's spectrogram, ln max(P, 2**-23) with the logarithm of the energy in the place of bin 0.

    P = |DFT(w x')|**2 of frames as in `fbank`.  Names and defaults are those of torchaudio.compliance.kaldi.spectrogram
    (2.11).

    Parameters
    ----------
    waveform, blackman_coeff, channel, dither, energy_floor, frame_length, frame_shift, min_duration
        As in `fbank`.
    preemphasis_coefficient, raw_energy, remove_dc_offset, round_to_power_of_two, sample_frequency, snip_edges
        As in `fbank`.
    subtract_mean, window_type, rng
        As in `fbank`.

    Returns
    -------
    L : np.ndarray or torch.Tensor [shape=(frames, N / 2 + 1)]

    Raises
    ------
    TypeError, ValueError
        As in `fbank`.
    """
    settings = settings_of("spectrogram", locals())
    return compute(waveform, settings, channel, min_duration, rng)


def settings_of(kind: str, options: Mapping[str, Any]) -> Settings:
    """The settings of torchaudio's options, by name."""
    o, rate = options, options["sample_frequency"]
    settings = Settings(
        kind, rate, _samples("frame_length", o["frame_length"], rate), _samples("frame_shift", o["frame_shift"], rate),
        bool(o["round_to_power_of_two"]), bool(o["snip_edges"]), o["window_type"], o["blackman_coeff"],
        bool(o["remove_dc_offset"]), o["preemphasis_coefficient"], bool(o["raw_energy"]), o["energy_floor"],
        subtract_mean=bool(o["subtract_mean"]), dither=o["dither"],
    )  # fmt: skip
    if kind == "spectrogram":
        return settings._replace(use_energy=True)
    settings = settings._replace(
        use_energy=bool(o["use_energy"]), htk_compat=bool(o["htk_compat"]), n_mels=o["num_mel_bins"],
        fmin=o["low_freq"], fmax=o["high_freq"], vtln_low=o["vtln_low"], vtln_high=o["vtln_high"],
        vtln_warp=o["vtln_warp"],
    )  # fmt: skip
    if kind == "mfcc":
        return settings._replace(n_cepstra=o["num_ceps"], lifter=o["cepstral_lifter"])
    return settings._replace(use_power=bool(o["use_power"]), use_log=bool(o["use_log_fbank"]))


def compute(waveform: Any, settings: Settings, channel: int, min_duration: float, rng: Any) -> Any:
    """The features (frames, rows) of a channel of waveform (c, n) or (n,), of the same kind."""
    x = tensors.as_array("waveform", waveform)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"waveform must hold real numbers, got dtype {x.dtype}")
    if x.ndim == 2:
        index = max(channel, 0)
        if index >= len(x):
            raise ValueError(f"channel must be below {len(x)}, the channels of waveform, got {channel!r}")
        x = x[index]
    elif x.ndim != 1:
        raise ValueError(f"waveform must have shape (channels, n) or (n,), got {x.shape}")
    frontend = front_end(settings, np.float64 if x.dtype == np.float64 else np.float32, NAMES)
    n, rate = len(x), settings.rate
    if n < min_duration * rate or not frontend.n_frames(n):
        return tensors.like(np.empty((0, frontend.n_rows), frontend.dtype), waveform)
    return tensors.like(frontend(x, order="F", rng=rng).T, waveform)


def _samples(name: str, milliseconds: float, rate: float) -> int:
    """The samples of a duration, rounded down as in torchaudio."""
    if checks.as_finite("sample_frequency", rate) <= 0:
        raise ValueError(f"sample_frequency must be above 0, got {rate!r}")
    least = 2 if name == "frame_length" else 1
    samples = int(rate * checks.as_finite(name, milliseconds) * 0.001)
    if samples < least:
        raise ValueError(f"{name} must be at least {least} samples, got {milliseconds!r} ms at {rate!r} Hz")
    return samples
