"""Slow, obvious twins of phase recovery, in complex128: the formulas of the papers on whole spectra."""

from typing import Any

import numpy as np
import twins_forward
import twins_inverse

Array = np.ndarray[Any, np.dtype[Any]]


class Plan:
    """A transform and its inverse, one frame at a time."""

    def __init__(self, n_fft: int, hop: int, length: int, **options: Any) -> None:
        self.n_fft, self.hop, self.length = n_fft, hop, length
        self.options: dict[str, Any] = {"win_length": n_fft, "window": "hann", "center": True, **options}
        self.window = twins_forward.window_of(self.options["window"], self.options["win_length"], n_fft)

    def forward(self, y: Array) -> Array:
        return twins_forward.stft(y, self.n_fft, hop_length=self.hop, **self.options)

    def inverse(self, c: Array) -> Array:
        total, energy, _ = twins_inverse.overlap_add(c, self.n_fft, self.hop, self.window)
        y = total / np.where(energy > 1e-37, energy, 1)
        return twins_inverse.cut(y, self.n_fft // 2 if self.options["center"] else 0, self.length)

    def consistent(self, c: Array) -> Array:
        """P1."""
        return self.forward(self.inverse(c))


def with_magnitudes(c: Array, S: Array) -> Array:
    """P2."""
    size = np.abs(c)
    return np.where(size > 0, S * c / np.where(size > 0, size, 1), 0)


def nearer(c: Array, M: Array, bank: Array, power: float) -> Array:
    """P2 for filtered levels M = bank |c|**power: two multiplicative steps."""
    levels = np.abs(c) ** power
    covered = bank.sum(axis=0) > 0
    for _ in range(2):
        made = bank @ levels
        ratio = np.where(made > 0, M / np.where(made > 0, made, 1), 0)
        levels = levels * np.where(covered, 1 / np.where(covered, bank.sum(axis=0), 1), 0)[:, None] * (bank.T @ ratio)
    return with_magnitudes(c, levels ** (1 / power))


def griffinlim(p: Plan, P2: Any, c: Array, n_iter: int) -> Array:
    for _ in range(n_iter):
        c = p.consistent(P2(c))
    return p.inverse(c)


def fast(p: Plan, P2: Any, c: Array, n_iter: int, momentum: float = 0.99) -> Array:
    t = c
    for _ in range(n_iter):
        before, t = t, p.consistent(P2(c))
        c = t + momentum * (t - before)
    return p.inverse(t)


def accelerated(
    p: Plan, P2: Any, c: Array, n_iter: int, alpha: float = 1.05, beta: float = 1.35, gamma: float = 1.25
) -> Array:
    t = d = c
    for _ in range(n_iter):
        before, t = t, (1 - gamma) * d + gamma * p.consistent(P2(c))
        c = t + alpha * (t - before)
        d = t + beta * (t - before)
    return p.inverse(t)


def admm(p: Plan, P2: Any, c: Array, n_iter: int) -> Array:
    Z, U = c, np.zeros_like(c)
    for _ in range(n_iter):
        X = P2(Z - U)
        Z = p.consistent(X + U)
        U = U + X - Z
    return p.inverse(Z)


def raar(p: Plan, P2: Any, c: Array, n_iter: int, beta: float = 0.75) -> Array:
    c = P2(c) if n_iter else c
    for _ in range(n_iter - 1):
        a = P2(c)
        r = 2 * a - c
        c = beta / 2 * (c + 2 * p.consistent(r) - r) + (1 - beta) * a
    return p.inverse(P2(c)) if n_iter else p.inverse(c)
