"""Which factors and kernels a size has, for every size."""

import math

import numpy as np
import pytest

import fastspec
from fastspec.kernels.fft import realfft, sizes
from fastspec.kernels.fft import tables as fft_tables
from fastspec.kernels.runtime import tasks
from fastspec.transform.framing import LARGEST_N_FFT


def largest_prime(n: int) -> int:
    return max((p for p in range(2, n + 1) if n % p == 0 and all(p % d for d in range(2, p))), default=1)


def test_every_size_has_factors() -> None:
    for n_fft in range(1, 3000):
        n1, n2, radices, has_chirp = fft_tables.factors_of(n_fft)
        points = n_fft // 2 if n_fft % 2 == 0 else n_fft
        assert math.prod(radices) == n2, n_fft
        if has_chirp:
            results = points if n_fft % 2 == 0 else n_fft // 2 + 1
            live = fft_tables.EVEN_LIVE if n_fft % 2 == 0 else fft_tables.ODD_LIVE
            assert n1 * n2 >= points + results - 1, n_fft
            assert live * n2 >= points, n_fft
            assert fft_tables.EVEN_LIVE * n2 >= results, n_fft
            assert largest_prime(n1 * n2) <= 7, n_fft
        else:
            assert n1 * n2 == points, n_fft


def test_a_convolution_is_for_sums_of_large_primes_alone() -> None:
    for n_fft in range(2, 3000, 2):
        primes, rest = [], n_fft
        while rest > 1:
            primes.append(largest_prime(rest))
            rest //= primes[-1]
        large = sum(p for p in primes if p > 7)  # sevens are few up to this size
        assert fft_tables.factors_of(n_fft)[3] == (large > fft_tables.LARGEST_PRIME_SUM), n_fft


@pytest.mark.parametrize("n_fft", [10, 400, 401, 45, 1022, 2018, 2039])
def test_kernels_of_a_size_are_registered_for_warm_up(n_fft: int) -> None:
    kernels = sizes.kernels_of(n_fft)
    assert all(kernel in tasks.registry and {"transform", "sizes"} & set(kernel.needed_by) for kernel in kernels)
    usual = {kernel.name for kernel in sizes.kernels_of(400)}
    assert set(sizes.names_instead(n_fft)) <= usual
    assert {sizes.names_instead(n_fft).get(name, name) for name in usual} == {kernel.name for kernel in kernels}


def test_warm_up_of_usual_calls_leaves_other_sizes_out() -> None:
    others = {kernel for n_fft in (45, 1022, 2018) for kernel in sizes.kernels_of(n_fft)} - set(sizes.kernels_of(400))
    assert {kernel.needed_by for kernel in others if kernel is not realfft.forward_odd} == {("sizes",)}


def test_the_largest_size_is_said() -> None:
    with pytest.raises(ValueError, match=rf"^n_fft must be .*{LARGEST_N_FFT}"):
        fastspec.STFT(LARGEST_N_FFT + 1)


@pytest.mark.parametrize("n_fft", [1 << 17, 131_074, 100_003])
def test_large_sizes_come_back(n_fft: int) -> None:
    y = np.random.default_rng(0).standard_normal(3 * n_fft).astype(np.float32)
    plan = fastspec.STFT(n_fft, hop_length=n_fft // 2)
    z = plan.inverse(plan.forward(y), length=len(y))
    assert np.abs(z - y).max() < 1e-4
