"""What an array of levels is of, kept beside it in the file, so that it can be turned into sound without being told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..features.banks import BinBank, FilterBank, MelBank, as_bank
from ..features.log import log_scale
from ..plan import STFT
from ..transform.framing import window_size

Real = NDArray[np.floating[Any]]

N_MELS = 80
"""Filters by default."""


@dataclass(frozen=True)
class About:
    """Levels |D|**power of a transform, or filters over them, or their logarithms."""

    sr: int  #: Hz
    plan: STFT
    bank: FilterBank | None  #: None for the bins of a spectrogram
    power: float
    log: str | None
    samples: int | None = None  #: of the signal that they are of, if it is known

    def __post_init__(self) -> None:
        if checks.as_finite("power", self.power) <= 0:
            raise ValueError(f"power must be above 0, got {self.power!r}")
        log_scale(self.log, self.power, self.plan.dtype)
        if self.bank is not None and self.bank.shape[1] != self.plan.n_bins:
            raise ValueError(f"bank must have n_bins = {self.plan.n_bins} columns, got shape {self.bank.shape}")
        if isinstance(self.bank, MelBank) and (self.bank.sr, self.bank.n_fft) != (self.sr, self.plan.n_fft):
            raise ValueError(
                f"bank must be for the sound's {self.sr} Hz and n_fft = {self.plan.n_fft}, got one for "
                f"{self.bank.sr:g} Hz and {self.bank.n_fft}; sr= resamples the sound"
            )

    @property
    def name(self) -> str:
        """What the array is called."""
        return "S" if self.bank is None else "M"

    @property
    def rows(self) -> int:
        """Numbers in a frame."""
        return self.plan.n_bins if self.bank is None else len(self.bank)

    @property
    def filters(self) -> FilterBank | None:
        """What the levels go through: logarithms need filters, if only one for each bin."""
        return BinBank(self.plan.n_bins, self.plan.dtype) if self.bank is None and self.log else self.bank

    def facts(self) -> dict[str, Any]:
        """As numbers, words and lists; None is an empty word."""
        plan, bank = self.plan, self.bank
        facts: dict[str, Any] = {
            "sr": self.sr, "n_fft": plan.n_fft, "hop_length": plan.hop_length, **_window(plan), "center": plan.center,
            "pad_mode": plan.pad_mode if isinstance(plan.pad_mode, str) else "constant",
            "power": float(self.power), "log": self.log or "",
        }  # fmt: skip
        if self.samples is not None:
            facts["samples"] = self.samples
        if isinstance(bank, MelBank):
            facts |= {"n_mels": len(bank), "fmin": bank.fmin, "fmax": bank.fmax, "htk": bank.htk}
            facts["norm"] = "" if bank.norm is None else bank.norm
        elif bank is not None:
            facts["filters"] = np.asarray(bank).tolist()
        return facts

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any], dtype: np.dtype[Any], name: str) -> About:
        """From what `facts` has kept; ValueError if something is missing or out of its range."""
        try:
            size = {key: facts[key] for key in ("n_fft", "hop_length", "win_length", "center", "pad_mode")}
            window = facts["window"] if isinstance(facts["window"], str) else np.array(facts["window"], np.float64)
            plan = STFT(**size, window=window, dtype=dtype)
            bank: FilterBank | None = None
            if "n_mels" in facts:
                mels = {key: facts[key] for key in ("n_mels", "fmin", "fmax", "htk")}
                bank = MelBank(facts["sr"], plan.n_fft, **mels, norm=facts["norm"] or None, dtype=dtype)
            elif "filters" in facts:
                bank = as_bank(np.array(facts["filters"], dtype))
            sr = checks.as_int("sr", facts["sr"], 1)
            return cls(sr, plan, bank, facts["power"], facts["log"] or None, facts.get("samples"))
        except KeyError as error:
            raise ValueError(f"{name}: does not say its {error.args[0]}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from None


def _window(plan: STFT) -> dict[str, Any]:
    """The window by its name, or else as the numbers."""
    if isinstance(plan._name, str):
        return {"window": plan._name, "win_length": plan.win_length}
    return {"window": plan.window.tolist(), "win_length": plan.n_fft}


def default_plan(sr: float) -> STFT:
    """The power of two nearest to 46 ms, a quarter of it from frame to frame."""
    return STFT(window_size(round(sr)))
