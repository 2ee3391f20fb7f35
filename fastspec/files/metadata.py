"""Metadata of stored levels: transform, filters and logarithm, or front end; enough to invert them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import checks
from ..features.banks import BinBank, FilterBank, MelBank, as_bank
from ..features.log import log_scale, normalize_whisper, pad_mode_for
from ..frontends import FrontEnd, Recipe
from ..frontends import recipe as recipe_of
from ..frontends.normalize import ChangeAll
from ..plan import STFT
from ..transform.framing import window_size
from . import limits

N_MELS = 80
"""Filters by default."""


@dataclass(frozen=True)
class Metadata:
    """Levels |D|**power of a transform D, filters applied to them, their logarithms; or features of a front end."""

    sr: int  #: Hz
    plan: STFT
    bank: FilterBank | None  #: None for the bins of a spectrogram
    power: float
    log: str | None
    samples: int | None = None  #: of the signal, if known
    frontend: FrontEnd | None = None
    recipe: Recipe | None = None  #: whose front end it is

    @classmethod
    def of_features(cls, features: FrontEnd | Recipe, sr: int, samples: int | None = None) -> Metadata:
        """The metadata of the features of a front end, at a rate in Hz, or of a recipe, at its own."""
        recipe = features if isinstance(features, Recipe) else None
        frontend = features.frontend if isinstance(features, Recipe) else features
        bank = frontend.bank if frontend.has_bank else None
        return cls(recipe.sr if recipe else sr, frontend.plan, bank, frontend.power, None, samples, frontend, recipe)

    def __post_init__(self) -> None:
        if checks.as_finite("power", self.power) <= 0:
            raise ValueError(f"power must be above 0, got {self.power!r}")
        log_scale(self.log, self.power, self.plan.dtype)
        if self.bank is not None and self.bank.shape[1] != self.plan.n_bins:
            raise ValueError(f"bank must have n_bins = {self.plan.n_bins} columns, got shape {self.bank.shape}")
        if (
            self.frontend is None
            and isinstance(self.bank, MelBank)
            and (self.bank.sr, self.bank.n_fft) != (self.sr, self.plan.n_fft)
        ):
            raise ValueError(
                f"bank must be for the sound's {self.sr} Hz and n_fft = {self.plan.n_fft}, got one for "
                f"{self.bank.sr:g} Hz and n_fft = {self.bank.n_fft}; sr= resamples the sound"
            )

    @property
    def array_name(self) -> str:
        """Name of the array in a file: "S" for a spectrogram, "M" for filters."""
        return "S" if self.bank is None and self.frontend is None else "M"

    @property
    def rows(self) -> int:
        """Bins, filters or features, the values of a frame."""
        if self.frontend is not None:
            return self.frontend.n_rows
        return self.plan.n_bins if self.bank is None else len(self.bank)

    @property
    def filters(self) -> FilterBank | None:
        """The bank to compute with: logarithms need one, so a spectrogram's has one filter for each bin."""
        return BinBank(self.plan.n_bins, self.plan.dtype) if self.bank is None and self.log else self.bank

    @property
    def full_scale(self) -> float:
        """The largest sample that the front end expects."""
        return 1.0 if self.recipe is None else self.recipe.full_scale

    @property
    def drops_last(self) -> bool:
        """Whether the last of all frames is computed, but not stored."""
        return self.log == "whisper"

    @property
    def finish(self) -> Callable[[ChangeAll, int, Any], None] | None:
        """What needs all frames, as `FrontEnd.finish`; None if nothing does."""
        if self.log == "whisper":
            return lambda change_all, _, tops: change_all(lambda L: normalize_whisper(L, tops))  # type: ignore[return-value]
        if self.frontend is None or self.frontend.local() is self.frontend:
            return None
        return self.frontend.finish

    def n_frames(self, n_samples: int) -> int:
        """Frames that are stored of n_samples samples; 0 if there are too few for one."""
        if self.frontend is not None:
            return self.frontend.n_frames(n_samples)
        return max(0, self.plan.geometry.count_frames(n_samples) - self.drops_last) if n_samples else 0

    def to_dict(self) -> dict[str, Any]:
        """As numbers, strings and lists; None becomes an empty string."""
        plan, bank = self.plan, self.bank
        entries: dict[str, Any] = {"sr": self.sr, "n_fft": plan.n_fft, "hop_length": plan.hop_length}
        if self.recipe is not None:
            samples = {} if self.samples is None else {"samples": self.samples}
            return {**entries, "recipe": self.recipe.name, **samples}
        entries |= {
            **_window_entries(plan), **_framing_entries(plan), "center": plan.center,
            "pad_mode": plan.pad_mode if isinstance(plan.pad_mode, str) else "constant",
            "power": float(self.power), "log": self.log or "",
        }  # fmt: skip
        if self.frontend is not None:
            entries["frontend"] = json.dumps(self.frontend.options)
        if self.samples is not None:
            entries["samples"] = self.samples
        if isinstance(bank, MelBank):
            entries |= {"n_mels": len(bank), "fmin": bank.fmin, "fmax": bank.fmax, "htk": bank.htk}
            entries["norm"] = "" if bank.norm is None else bank.norm
            if bank.sr != self.sr:
                entries["bank_sr"] = bank.sr
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
            if entries.get("recipe"):
                return cls.of_features(recipe_of(entries["recipe"], dtype=dtype), 0, _samples_in(entries))
            return cls._of_entries(entries, dtype, limits.MAX_ROWS if entries.get("frontend") else rows)
        except KeyError as error:
            raise ValueError(f"{name}: its metadata lack {error.args[0]}") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{name}: {error}") from None

    @classmethod
    def _of_entries(cls, entries: Mapping[str, Any], dtype: np.dtype[Any], rows: int) -> Metadata:
        """The metadata of entries that describe the transform and the filters."""
        sizes = {key: entries[key] for key in ("n_fft", "hop_length", "win_length", "center", "pad_mode")}
        sizes |= {key: entries[key] for key in ("frame_length", "pad") if key in entries}
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
            rate = entries.get("bank_sr", sr)
            bank = MelBank(rate, plan.n_fft, **mel, norm=entries["norm"] or None, dtype=dtype)
        elif "filters" in entries:
            bank = as_bank(np.array(entries["filters"], dtype))
        samples = _samples_in(entries)
        if entries.get("frontend"):
            return cls.of_features(FrontEnd(plan, bank, **json.loads(entries["frontend"])), sr, samples)
        return cls(sr, plan, bank, checks.as_finite("power", entries["power"]), entries["log"] or None, samples)


def _samples_in(entries: Mapping[str, Any]) -> int | None:
    """The number of samples that the entries tell."""
    return checks.as_int("samples", entries["samples"], 0) if "samples" in entries else None


def _check_rows(rows: int, expected: int, kind: str) -> None:
    """ValueError if the metadata speak of more bins or filters than there are rows."""
    if expected > rows:
        raise ValueError(f"has {rows} rows, but there are {expected} {kind}")


def _window_entries(plan: STFT) -> dict[str, Any]:
    """The window by its name, or else its samples."""
    if isinstance(plan._name, str):
        return {"window": plan._name, "win_length": plan.win_length}
    return {"window": plan.window[: plan.frame_length].tolist(), "win_length": plan.frame_length}


def _framing_entries(plan: STFT) -> dict[str, Any]:
    """The arguments of framing that are not those of most plans."""
    entries: dict[str, Any] = {} if plan.frame_length == plan.n_fft else {"frame_length": plan.frame_length}
    if plan.pad is not None:
        entries["pad"] = plan.pad if isinstance(plan.pad, str) else list(plan.pad)
    return entries


def default_plan(sr: float, log: str | None = None) -> STFT:
    """n_fft is the power of two nearest to 46 ms, hop_length a quarter of it; padded as usual before that logarithm."""
    return STFT(window_size(round(sr)), pad_mode=pad_mode_for(log))


def as_features(value: str | Recipe | FrontEnd) -> Recipe | FrontEnd:
    """A recipe by its name; a recipe or another front end unchanged."""
    if isinstance(value, str):
        return recipe_of(value)
    if not isinstance(value, Recipe | FrontEnd):
        raise TypeError(f"recipe must be the name of a recipe, a Recipe or a FrontEnd, got {checks.shown(value)}")
    return value
