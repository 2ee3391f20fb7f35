"""Metadata of stored levels: the transform, the filters and the logarithm that made them, enough to invert them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..features.banks import BinBank, FilterBank, MelBank, as_bank
from ..features.log import log_scale, pad_mode_for
from ..plan import STFT
from ..transform.framing import window_size
from . import limits

N_MELS = 80
"""Filters by default."""


@dataclass(frozen=True)
class Metadata:
    """Levels |D|**power of a transform D, or filters applied to them, or their logarithms."""

    sr: int  #: Hz
    plan: STFT
    bank: FilterBank | None  #: None for the bins of a spectrogram
    power: float
    log: str | None
    samples: int | None = None  #: of the signal, if known

    def __post_init__(self) -> None:
        if checks.as_finite("power", self.power) <= 0:
            raise ValueError(f"power must be above 0, got {self.power!r}")
        log_scale(self.log, self.power, self.plan.dtype)
        if self.bank is not None and self.bank.shape[1] != self.plan.n_bins:
            raise ValueError(f"bank must have n_bins = {self.plan.n_bins} columns, got shape {self.bank.shape}")
        if isinstance(self.bank, MelBank) and (self.bank.sr, self.bank.n_fft) != (self.sr, self.plan.n_fft):
            raise ValueError(
                f"bank must be for the sound's {self.sr} Hz and n_fft = {self.plan.n_fft}, got one for "
                f"{self.bank.sr:g} Hz and n_fft = {self.bank.n_fft}; sr= resamples the sound"
            )

    @property
    def array_name(self) -> str:
        """Name of the array in a file: "S" for a spectrogram, "M" for filters."""
        return "S" if self.bank is None else "M"

    @property
    def rows(self) -> int:
        """Bins or filters, the values of a frame."""
        return self.plan.n_bins if self.bank is None else len(self.bank)

    @property
    def filters(self) -> FilterBank | None:
        """The bank to compute with: logarithms need one, so a spectrogram's has one filter for each bin."""
        return BinBank(self.plan.n_bins, self.plan.dtype) if self.bank is None and self.log else self.bank

    def to_dict(self) -> dict[str, Any]:
        """As numbers, strings and lists; None becomes an empty string."""
        plan, bank = self.plan, self.bank
        entries: dict[str, Any] = {
            "sr": self.sr, "n_fft": plan.n_fft, "hop_length": plan.hop_length, **_window_entries(plan),
            "center": plan.center, "pad_mode": plan.pad_mode if isinstance(plan.pad_mode, str) else "constant",
            "power": float(self.power), "log": self.log or "",
        }  # fmt: skip
        if self.samples is not None:
            entries["samples"] = self.samples
        if isinstance(bank, MelBank):
            entries |= {"n_mels": len(bank), "fmin": bank.fmin, "fmax": bank.fmax, "htk": bank.htk}
            entries["norm"] = "" if bank.norm is None else bank.norm
        elif bank is not None:
            entries["filters"] = np.asarray(bank).tolist()
        return entries

    @classmethod
    def from_dict(
        cls, entries: Mapping[str, Any], dtype: np.dtype[Any], name: str, rows: int = limits.MAX_ROWS
    ) -> Metadata:
        """The inverse of `to_dict`, for levels of `dtype` and at most so many rows in the file `name`.

        Raises
        ------
        ValueError
            If an entry is absent or out of its range, or there are more bins or filters than rows.
        """
        try:
            sizes = {key: entries[key] for key in ("n_fft", "hop_length", "win_length", "center", "pad_mode")}
            n_fft = limits.as_n_fft("n_fft", entries["n_fft"])
            limits.as_hop_length("hop_length", entries["hop_length"])
            sr = limits.as_rate("sr", entries["sr"])
            if "n_mels" in entries:
                _check_rows(rows, checks.as_int("n_mels", entries["n_mels"], 1), "filters of the bank")
            elif "filters" not in entries:
                _check_rows(rows, n_fft // 2 + 1, "bins of n_fft")
            window = entries["window"] if isinstance(entries["window"], str) else np.array(entries["window"], float)
            plan = STFT(**sizes, window=window, dtype=dtype)
            bank: FilterBank | None = None
            if "n_mels" in entries:
                mel = {key: entries[key] for key in ("n_mels", "fmin", "fmax", "htk")}
                bank = MelBank(sr, plan.n_fft, **mel, norm=entries["norm"] or None, dtype=dtype)
            elif "filters" in entries:
                bank = as_bank(np.array(entries["filters"], dtype))
            samples = entries.get("samples")
            samples = None if samples is None else checks.as_int("samples", samples, 0)
            return cls(sr, plan, bank, checks.as_finite("power", entries["power"]), entries["log"] or None, samples)
        except KeyError as error:
            raise ValueError(f"{name}: its metadata lack {error.args[0]}") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name}: {error}") from None


def _check_rows(rows: int, expected: int, kind: str) -> None:
    """ValueError if the metadata speak of more bins or filters than there are rows."""
    if expected > rows:
        raise ValueError(f"has {rows} rows, but there are {expected} {kind}")


def _window_entries(plan: STFT) -> dict[str, Any]:
    """The window by its name, or else its samples."""
    if isinstance(plan._name, str):
        return {"window": plan._name, "win_length": plan.win_length}
    return {"window": plan.window.tolist(), "win_length": plan.n_fft}


def default_plan(sr: float, log: str | None = None) -> STFT:
    """n_fft is the power of two nearest to 46 ms, hop_length a quarter of it; padded as usual before that logarithm."""
    return STFT(window_size(round(sr)), pad_mode=pad_mode_for(log))
