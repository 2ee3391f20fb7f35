"""What `fastspec invert` does: the phase of a sound thrown away and found again, or a stored spectrogram made sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastspec

from . import levels, offset
from .framing import hamming
from .recovery.chains import stages_of
from .recovery.recover import begin

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class How:
    """How phases are found."""

    method: str  #: a method of `fastspec.recover`, a chain as name:rounds,name:rounds, or "notebook"
    init: str  #: a start of `fastspec.recover`
    n_iter: int | None  #: rounds; None for those of the method
    threshold: float  #: powers of ten below the loudest that the notebook's spectrogram keeps
    progress: Callable[[int, int], None] = lambda done, rounds: None  #: called as progress(done, rounds)

    def chain(self) -> Any:
        """The method as `fastspec.recover` takes it."""
        if ":" not in self.method:
            return self.method
        entries = [entry.partition(":") for entry in self.method.split(",")]
        if not all(rounds.isdigit() for _, _, rounds in entries):
            raise ValueError(f"--method must be a name or name:rounds,name:rounds, got {self.method}")
        return [(name, int(rounds)) for name, _, rounds in entries]

    def check(self) -> None:
        """Refuse before the work what `recover` or the notebook's chain would refuse."""
        if self.method == "notebook":
            if self.init != "auto":
                raise ValueError(f"--init must be left out with --method notebook, got {self.init}")
            return
        stages = stages_of(self.chain(), "auto" if self.n_iter is None else self.n_iter, {})
        begin("--init", self.init, (), stages)

    def recover(self, S: Array, plan: fastspec.STFT, length: int | None) -> tuple[Array, float]:
        """(signal, its convergence)."""
        n_iter = "auto" if self.n_iter is None else self.n_iter
        self.progress(0, 1)
        y = fastspec.recover(S, plan, method=self.chain(), init=self.init, n_iter=n_iter, rng=0, length=length)
        self.progress(1, 1)
        return y, _convergence(S, y, plan)

    def notebook(self, S: Array, n_fft: int, step: int) -> tuple[Array, float]:
        """The same for a log spectrogram (frames, bins), by the notebook's chain of offsets."""
        rounds = 10 if self.n_iter is None else self.n_iter
        self.progress(0, rounds + 1)
        wave = offset.invert_pretty(
            S, n_fft=n_fft, hop=step, n_iter=rounds, on_iteration=lambda i, _, __: self.progress(i, rounds + 1)
        )
        self.progress(rounds + 1, rounds + 1)
        return wave, levels.convergence(wave, 10.0**S, n_fft, step)


def _convergence(S: Array, y: Array, plan: fastspec.STFT) -> float:
    """20 log10 (|| |STFT(y)| - S || / ||S||)."""
    size = float(np.linalg.norm(S))
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(np.linalg.norm(plan.power(y, power=1) - S) / size)) if size else -np.inf


def sound(y: Array, n_fft: int, step: int, how: How) -> tuple[Array, float]:
    """(signal with the magnitudes of y, its convergence)."""
    if how.method == "notebook":
        S = fastspec.pretty_spectrogram(y, log=True, thresh=how.threshold, fft_size=n_fft, step_size=step)
        return how.notebook(S, n_fft, step)
    plan = fastspec.STFT(n_fft, hop_length=step)
    return how.recover(plan.power(y, power=1), plan, len(y))


def stored(S: Array, n_fft: int, step: int, how: How) -> tuple[Array, float]:
    """(signal of a log10 spectrogram (frames, n_fft / 2) as `fastspec spectrogram` writes it, its convergence)."""
    if how.method == "notebook":
        return how.notebook(S, n_fft, step)
    plan = fastspec.STFT(n_fft, hop_length=step, window=hamming(n_fft), center=False)
    magnitudes = np.zeros((len(S), plan.n_bins), np.float32)
    np.power(10.0, S, out=magnitudes[:, :-1], casting="same_kind")  # the last bin is not stored
    return how.recover(magnitudes.T, plan, None)
