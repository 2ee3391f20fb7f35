"""Options of `OnlineFbank` and `OnlineMfcc`, with the fields of kaldi_native_fbank 1.23."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from ..features.kaldi import KALDI_WINDOWS
from .settings import EPSILON, Settings

NAMES = {
    "frame_length": "frame_opts.frame_length_ms", "hop_length": "frame_opts.frame_shift_ms",
    "preemphasis": "frame_opts.preemph_coeff", "sr": "frame_opts.samp_freq", "n_mels": "mel_opts.num_bins",
    "fmin": "mel_opts.low_freq", "fmax": "mel_opts.high_freq", "n_cepstra": "num_ceps", "lifter": "cepstral_lifter",
    "floor": "eps", "guard": "eps", "window_type": "frame_opts.window_type",
}  # fmt: skip
"""Names of fields by those of the engine, for errors."""


class _Options:
    """Conversion to and from dictionaries."""

    def as_dict(self) -> dict[str, Any]:
        """The fields and their values; options within options are dictionaries, too."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The options with these fields, the others at their defaults.

        Raises
        ------
        TypeError
            For a field that there is not.
        """
        defaults = cls()
        inner = {
            name: type(getattr(defaults, name)).from_dict(value)
            for name, value in values.items()
            if isinstance(value, Mapping) and isinstance(getattr(defaults, name, None), _Options)
        }
        return cls(**{**values, **inner})


@dataclass
class FrameExtractionOptions(_Options):
    """Frames.

    Parameters
    ----------
    samp_freq : float
        Sampling rate in Hz.
    frame_shift_ms, frame_length_ms : float
    dither : float
        0: a stream has none, so that it has the bits of the whole signal.  (kaldi_native_fbank's default is 3e-5.)
    preemph_coeff : float
    remove_dc_offset : bool
        Whether frames lose their mean.
    window_type : str
        "povey", "hanning", "hamming", "blackman", "rectangular", "hann" or "sine".
    round_to_power_of_two : bool
    blackman_coeff : float
    snip_edges : bool
        See `fbank`.
    """

    samp_freq: float = 16000.0
    frame_shift_ms: float = 10.0
    frame_length_ms: float = 25.0
    dither: float = 0.0
    preemph_coeff: float = 0.97
    remove_dc_offset: bool = True
    window_type: str = "povey"
    round_to_power_of_two: bool = True
    blackman_coeff: float = 0.42
    snip_edges: bool = True


@dataclass
class MelBanksOptions(_Options):
    """Filters; `vtln_low` and `vtln_high` have no effect in a stream, whose warp is 1.

    Parameters
    ----------
    num_bins : int
        Number of filters.
    low_freq, high_freq : float
        Lowest and highest corner in Hz; high_freq <= 0 is relative to half the sampling rate.
    vtln_low, vtln_high, debug_mel, norm, use_slaney_mel_scale, floor_to_int_bin
        Without effect.
    htk_mode, is_librosa : bool
        False; True is an error.
    """

    num_bins: int = 25
    low_freq: float = 20.0
    high_freq: float = 0.0
    vtln_low: float = 100.0
    vtln_high: float = -500.0
    debug_mel: bool = False
    htk_mode: bool = False
    is_librosa: bool = False
    norm: str = "slaney"
    use_slaney_mel_scale: bool = True
    floor_to_int_bin: bool = False


def _mel_options() -> MelBanksOptions:
    return MelBanksOptions(num_bins=23)


@dataclass
class FbankOptions(_Options):
    """Options of `OnlineFbank`.

    Parameters
    ----------
    frame_opts : FrameExtractionOptions
    mel_opts : MelBanksOptions
        With 23 filters by default.
    use_energy : bool
        Whether the logarithm of the energy is a feature.
    energy_floor : float
        Least energy.
    raw_energy : bool
        Whether energies are those of frames without their mean; else, of the windowed ones.
    htk_compat : bool
        Whether the energy comes last.
    use_log_fbank : bool
        Whether logarithms are taken,
    use_log_floor : bool
        of max(M, eps); else of M + eps.
    eps : float
    use_power : bool
        Whether powers are filtered; else magnitudes.
    """

    frame_opts: FrameExtractionOptions = field(default_factory=FrameExtractionOptions)
    mel_opts: MelBanksOptions = field(default_factory=_mel_options)
    use_energy: bool = False
    energy_floor: float = 0.0
    raw_energy: bool = True
    htk_compat: bool = False
    use_log_fbank: bool = True
    use_log_floor: bool = True
    eps: float = EPSILON
    use_power: bool = True


@dataclass
class MfccOptions(_Options):
    """Options of `OnlineMfcc`.

    Parameters
    ----------
    frame_opts, mel_opts, energy_floor, raw_energy
        As in `FbankOptions`.
    num_ceps : int
        Number of cepstra.
    use_energy : bool
        Whether the logarithm of the energy is in the place of the cepstrum of order 0.
    cepstral_lifter : float
        Length of the lifter; 0 for none.
    htk_compat : bool
        Whether the cepstrum of order 0, times sqrt 2, or the energy in its place, comes last.
    """

    frame_opts: FrameExtractionOptions = field(default_factory=FrameExtractionOptions)
    mel_opts: MelBanksOptions = field(default_factory=_mel_options)
    num_ceps: int = 13
    use_energy: bool = True
    energy_floor: float = 0.0
    raw_energy: bool = True
    cepstral_lifter: float = 22.0
    htk_compat: bool = False


def settings_of(kind: str, opts: Any) -> Settings:
    """The settings of options of this kind, ours or kaldi_native_fbank's."""
    frame, mel = opts.frame_opts, opts.mel_opts
    if frame.dither:
        raise ValueError(f"frame_opts.dither must be 0, as a stream has the bits of the signal, got {frame.dither!r}")
    for name in ("htk_mode", "is_librosa"):
        if getattr(mel, name, False):
            raise ValueError(f"mel_opts.{name} must be False, got True")
    if frame.window_type not in KALDI_WINDOWS:
        names = ", ".join(map(repr, KALDI_WINDOWS))
        raise ValueError(f"frame_opts.window_type must be one of {names}, got {frame.window_type!r}")
    rate = frame.samp_freq
    is_fbank = kind == "fbank"
    eps = getattr(opts, "eps", EPSILON)
    adds = is_fbank and not getattr(opts, "use_log_floor", True)
    return Settings(
        kind, float(rate), samples_of(rate, frame.frame_length_ms), samples_of(rate, frame.frame_shift_ms),
        bool(frame.round_to_power_of_two), bool(frame.snip_edges), frame.window_type, frame.blackman_coeff,
        bool(frame.remove_dc_offset), frame.preemph_coeff, bool(opts.raw_energy), opts.energy_floor,
        bool(opts.use_energy), bool(opts.htk_compat), mel.num_bins, mel.low_freq, mel.high_freq,
        use_power=bool(opts.use_power) if is_fbank else True, use_log=bool(opts.use_log_fbank) if is_fbank else True,
        floor=0.0 if adds else eps, guard=eps if adds else 0.0,
        n_cepstra=0 if is_fbank else opts.num_ceps, lifter=0.0 if is_fbank else opts.cepstral_lifter,
    )  # fmt: skip


def samples_of(rate: float, milliseconds: float) -> int:
    """The samples of a duration, rounded down in float32 as kaldi_native_fbank does."""
    number = np.float32
    return int(number(rate) * number(0.001) * number(milliseconds))
