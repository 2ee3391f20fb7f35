"""Errors of real transforms against a far more exact one: sizes, frames and measure, for the tests and `bench/`."""

from typing import Any

import numpy as np
import scipy.fft

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]

PRIMES = (67, 97, 101, 127, 199, 251, 394, 422, 509, 1009, 1022, 1102, 2017, 2018, 2039, 4093)
"""Sizes with prime factors above 7."""
SIZES = (
    *range(2, 65), 100, 128, 320, 400, 441, 480, 512, 600, 1000, 1024, 1200, 1536, 2000, 2048, 4096, 8192, 16384, 65536,
    *PRIMES,
)  # fmt: skip

WIDER = {"float32": np.float64, "float64": np.longdouble}
"""What the exact transform is computed in. Where long double is no wider than double, float64 cannot be judged."""


def judged(dtype: str) -> bool:
    """Whether there is something more exact than `dtype` here."""
    return bool(np.finfo(WIDER[dtype]).eps < np.finfo(dtype).eps / 100)


def frames(kind: str, n: int, count: int, dtype: str) -> Array:
    """`count` seeded frames of n samples: noise, lone samples, or sines of any frequency and phase."""
    rng = np.random.default_rng([n, count])
    if kind == "noise":
        x = rng.standard_normal((count, n))
    elif kind == "impulses":
        x = np.zeros((count, n))
        x[np.arange(count), rng.integers(n, size=count)] = rng.uniform(-1, 1, count)
    else:
        x = np.sin(np.arange(n) * rng.uniform(0, np.pi, (count, 1)) + rng.uniform(0, 2 * np.pi, (count, 1)))
    return x.astype(dtype)


def ours(x: Array) -> Array:
    """The transform of each row by the engine, with a window of ones, which is exact."""
    n = x.shape[1]
    return fastspec.STFT(n, hop_length=n, window="boxcar", center=False, dtype=x.dtype).forward(x.reshape(-1)).T


def errors(found: Array, x: Array) -> tuple[float, float]:
    """In epsilons of x's dtype: (the norm of all errors relative to that of all bins, the mean over the frames of the
    largest error relative to the largest bin)."""
    exact = scipy.fft.rfft(x.astype(WIDER[x.dtype.name]))
    difference = np.abs(found.astype(exact.dtype) - exact)
    norm = float(np.sqrt((difference**2).sum() / (np.abs(exact) ** 2).sum()))
    largest = float((difference.max(axis=1) / np.abs(exact).max(axis=1)).mean())
    eps = float(np.finfo(x.dtype).eps)
    return norm / eps, largest / eps
