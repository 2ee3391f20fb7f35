"""The kernels of a size: whole codelets, columns and rows, odd sizes, and those of a convolution with a chirp."""

from functools import cache

from . import bluestein, realfft
from .primes import transform_rows_with_primes
from .rows import transform_rows
from .splits import SMALL_HALVES
from .tables import factors_of, is_summed


def kernels_of(n_fft):
    """(row transform, forward, inverse, columns of the inverse) of transforms of n_fft samples."""
    _, _, radices, has_chirp = factors_of(n_fft)
    has_sums = any(is_summed(radices, j) for j in range(len(radices)))
    rows = transform_rows_with_primes if has_sums else transform_rows
    if has_chirp:
        return rows, bluestein.forward_bluestein, bluestein.inverse_bluestein, bluestein.inverse_columns_bluestein
    if n_fft % 2:
        return rows, realfft.forward_odd, realfft.inverse_odd, realfft.inverse_columns_odd
    forward = realfft.forward_small if n_fft // 2 in SMALL_HALVES else realfft.forward
    return rows, forward, realfft.inverse, realfft.inverse_columns


@cache
def names_instead(n_fft):
    """By the names of the kernels of usual sizes, those of the kernels of this size, where they differ."""
    usual = transform_rows, realfft.forward, realfft.inverse, realfft.inverse_columns
    return {a.name: b.name for a, b in zip(usual, kernels_of(n_fft), strict=True) if a is not b}


def addresses(n_fft, dtype, *, forwards=True, backwards=True):
    """Addresses of `kernels_of`; 0 without `forwards` or `backwards`."""
    rows, forward, inverse, columns = kernels_of(n_fft)
    return (
        rows.address(dtype),
        forward.address(dtype) if forwards else 0,
        inverse.address(dtype) if backwards else 0,
        columns.address(dtype) if backwards else 0,
    )
