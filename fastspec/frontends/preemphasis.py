"""Pre-emphasis of whole signals, and back."""

from __future__ import annotations

import numpy as np

from .._typing import Real
from ..forks import forks_wait
from ..kernels.framing import preemphasis as kernels
from ..kernels.runtime.tasks import run_items
from ..transform.memory import flatten

ITEM_SAMPLES = 1 << 15


def emphasize(x: Real, coefficient: float) -> Real:
    """x[t] - coefficient x[t - 1] of signals (..., n), x[0] as it is; a new array."""
    flat, offsets = flatten(x, 1)
    out, n = np.empty(x.shape, x.dtype), x.shape[-1]
    args = kernels.EmphasisArgs(
        x=flat, offsets=offsets, out=out.reshape(-1), n=n, item_samples=ITEM_SAMPLES, coefficient=coefficient
    )
    items = len(offsets) * -(-n // ITEM_SAMPLES)
    run_items(kernels.emphasize_block, x.dtype, items, kernels.LAYOUT.pack(args), work=4 * x.size)
    return out


def deemphasize(x: Real, coefficient: float, state: Real | None = None) -> tuple[Real, Real]:
    """(y[t] = x[t] + coefficient y[t - 1], the inverse of `emphasize`; the state before the next samples)."""
    with forks_wait:
        from scipy.signal import lfilter

    before = np.zeros((*x.shape[:-1], 1)) if state is None else state
    if not x.shape[-1]:
        return x, before
    y, after = lfilter([1.0], [1.0, -coefficient], x, axis=-1, zi=before)
    return y.astype(x.dtype, copy=False), after
