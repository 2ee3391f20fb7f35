"""The options of Kaldi's features, and the front end that computes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import checks
from ..features.banks import BinBank, FilterBank
from ..features.kaldi import KaldiMelBank, kaldi_window
from ..frontends.frontend import FrontEnd
from ..plan import STFT

EPSILON = float(np.finfo(np.float32).eps)
"""Floor of levels and energies, 2**-23, whatever the dtype."""


class Settings(NamedTuple):
    """What decides a front end; sizes in samples, frequencies in Hz."""

    kind: str  # "fbank", "mfcc" or "spectrogram"
    rate: float
    frame_length: int
    hop_length: int
    round_to_power_of_two: bool
    snip_edges: bool
    window_type: str
    blackman_coeff: float
    remove_mean: bool
    preemphasis: float
    raw_energy: bool
    energy_floor: float
    use_energy: bool = False
    htk_compat: bool = False
    n_mels: int = 23
    fmin: float = 20.0
    fmax: float = 0.0
    vtln_low: float = 100.0
    vtln_high: float = -500.0
    vtln_warp: float = 1.0
    use_power: bool = True
    use_log: bool = True
    floor: float = EPSILON
    guard: float = 0.0
    n_cepstra: int = 0
    lifter: float = 0.0
    subtract_mean: bool = False
    dither: float = 0.0


def front_end(settings: Settings, dtype: Any, names: Mapping[str, str]) -> FrontEnd:
    """The front end of these settings, the same object for the same ones.

    `names` are those of the caller's arguments, by those of `Settings`, for errors.
    """
    try:
        return _front_end(settings, np.dtype(dtype))
    except (TypeError, ValueError) as error:
        words = re.compile(rf"\b({'|'.join(names)})\b")
        text = words.sub(lambda match: names[match[0]], str(error))
        raise type(error)(text) from None


@lru_cache(64)
def _front_end(settings: Settings, dtype: np.dtype[Any]) -> FrontEnd:
    s = settings
    size = checks.as_int("frame_length", s.frame_length, 2)
    n_fft = 1 << (size - 1).bit_length() if s.round_to_power_of_two else size
    if n_fft % 2:
        raise ValueError(f"frame_length must be even samples if round_to_power_of_two is False, got {size}")
    plan = STFT(
        n_fft,
        hop_length=checks.as_int("hop_length", s.hop_length, 1),
        frame_length=size,
        window=kaldi_window(s.window_type, size, s.blackman_coeff),
        center=False,
        pad=None if s.snip_edges else "same",
        pad_mode="symmetric",
        dtype=dtype,
    )
    log = "ln" if s.use_log else None
    energy = "cepstrum" if s.kind == "mfcc" else "last" if s.htk_compat and s.kind == "fbank" else "first"
    bank = _bank(s, plan)
    if s.kind == "mfcc" and checks.as_int("n_cepstra", s.n_cepstra, 1) > len(bank):
        raise ValueError(f"n_cepstra must be at most n_mels = {len(bank)}, got {s.n_cepstra}")
    if checks.as_finite("energy_floor", s.energy_floor) < 0:
        raise ValueError(f"energy_floor must be at least 0, got {s.energy_floor!r}")
    return FrontEnd(
        plan,
        bank,
        power=2.0 if s.use_power else 1.0,
        dither=s.dither,
        remove_mean=s.remove_mean,
        preemphasis=s.preemphasis,
        log=log,  # type: ignore[arg-type]
        floor=s.floor if s.use_log else 0.0,
        guard=s.guard if s.use_log else 0.0,
        energy=energy if s.use_energy else None,
        energy_of="samples" if s.raw_energy else "windowed",
        energy_floor=max(EPSILON, s.energy_floor),
        n_cepstra=s.n_cepstra,
        lifter=s.lifter if s.n_cepstra else 0.0,
        zeroth_last=bool(s.htk_compat and s.n_cepstra),
        normalize="mean" if s.subtract_mean else None,
    )


def _bank(settings: Settings, plan: STFT) -> FilterBank:
    """Filters; for spectra those of all bins but bin 0, which the energy replaces."""
    s = settings
    if s.kind == "spectrogram":
        return BinBank(plan.n_bins, plan.dtype, start=1)
    return KaldiMelBank(
        s.rate,
        plan.n_fft,
        s.n_mels,
        fmin=s.fmin,
        fmax=s.fmax,
        vtln_low=s.vtln_low,
        vtln_high=s.vtln_high,
        vtln_warp=s.vtln_warp,
        dtype=plan.dtype,
    )
