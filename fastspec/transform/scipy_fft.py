"""SciPy's real transforms along the last axis, for sizes that the kernels lack, on as many threads as a kernel."""

from .._typing import Complex, Real
from ..forks import forks_wait, while_none_forks
from ..kernels.runtime.threads import thread_count


def rfft(x: Real) -> Complex:
    """Spectra (..., n // 2 + 1) of samples (..., n)."""
    with forks_wait:
        from scipy import fft
    workers = thread_count()
    with while_none_forks():
        D: Complex = fft.rfft(x, workers=workers)
    return D


def irfft(D: Complex | Real, n: int) -> Real:
    """Samples (..., n) of spectra (..., n // 2 + 1)."""
    with forks_wait:
        from scipy import fft
    workers = thread_count()
    with while_none_forks():
        x: Real = fft.irfft(D, n, workers=workers)
    return x
