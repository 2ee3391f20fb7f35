"""The kernels of a size: whole codelets, columns and rows, odd sizes, and those of a convolution with a chirp."""

from . import bluestein, realfft
from .primes import transform_rows_with_primes
from .rows import transform_rows
from .splits import SMALL_HALVES
from .tables import PRIMES, factors_of


def kernels_of(n_fft):
    """(forward, inverse) of transforms of n_fft samples."""
    if factors_of(n_fft)[3]:
        return bluestein.forward_bluestein, bluestein.inverse_bluestein
    if n_fft % 2:
        return realfft.forward_odd, realfft.inverse_odd
    return realfft.forward_small if n_fft // 2 in SMALL_HALVES else realfft.forward, realfft.inverse


def addresses(n_fft, dtype, *, forwards=True, backwards=True):
    """Addresses of the kernels of a size: row transform, forward, inverse; 0 without `forwards` or `backwards`."""
    (forward, inverse), radices = kernels_of(n_fft), factors_of(n_fft)[2]
    rows = transform_rows_with_primes if set(radices) & set(PRIMES) else transform_rows
    return (
        rows.address(dtype),
        forward.address(dtype) if forwards else 0,
        inverse.address(dtype) if backwards else 0,
    )
