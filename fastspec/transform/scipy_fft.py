"""SciPy's real transforms along the last axis, for sizes that the kernels lack, on as many threads as a kernel.

Before a fork SciPy shuts its pool of threads down: another thread that hands it work meanwhile gets an error, and a
child forked then may wait for ever.  So a call that uses the pool makes forks wait.  Of calls at the same time one uses
the pool, and the others their own thread alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._typing import Complex, Real
from ..forks import forks_wait
from ..kernels.runtime.threads import thread_count


@contextmanager
def _workers() -> Iterator[tuple[Any, int]]:
    """(scipy.fft, the threads that a call may use)."""
    with forks_wait:
        from scipy import fft
    count = thread_count()
    if count < 2 or not forks_wait.acquire(blocking=False):
        yield fft, 1
        return
    try:
        yield fft, count
    finally:
        forks_wait.release()


def rfft(x: Real) -> Complex:
    """Spectra (..., n // 2 + 1) of samples (..., n)."""
    with _workers() as (fft, workers):
        D: Complex = fft.rfft(x, workers=workers)
    return D


def irfft(D: Complex | Real, n: int) -> Real:
    """Samples (..., n) of spectra (..., n // 2 + 1)."""
    with _workers() as (fft, workers):
        x: Real = fft.irfft(D, n, workers=workers)
    return x
