"""The vector type and the transposes, lane by lane against NumPy."""

import numpy as np
import pytest

from fastspec.kernels.fft.tables import lane_count as lanes_of
from fastspec.kernels.runtime.calls import (
    address,
    aligned,
    compare_exchange,
    exchange,
    fetch_add,
    load_acquire,
    store_release,
)
from fastspec.kernels.runtime.denormals import restore_mode, set_flushing
from fastspec.kernels.runtime.jit import kernel
from fastspec.kernels.simd import transpose, vector
from fastspec.kernels.simd.log import exp10, log10

DTYPES = [np.float32, np.float64]


@kernel
def arithmetic(a, b, out):
    V = vector.lanes(a)
    x, y = vector.load(a, 0), vector.load(b, 0)
    two, three = vector.splat(a, a.dtype.type(2)), vector.load_splat(b, 3)
    vector.store(out, 0, x + y)
    vector.store(out, V, x - y)
    vector.store(out, 2 * V, x * y / three)
    vector.store(out, 3 * V, x * a.dtype.type(3) + a.dtype.type(1) - two)
    vector.store(out, 4 * V, vector.maximum(x, y))
    vector.store(out, 5 * V, vector.sqrt(x * x))
    vector.store(out, 6 * V, vector.reverse_lanes(x))
    vector.store(out, 7 * V, vector.evens(x, y))
    vector.store(out, 8 * V, vector.odds(x, y))
    vector.store(out, 9 * V, vector.zip_low(x, y))
    vector.store(out, 10 * V, vector.zip_high(x, y))
    return vector.lane_sum(x), vector.lane_max(x), vector.mask_at_least(x, b[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_lane_is_computed_alone_and_lanes_move_where_they_should(dtype):
    V = lanes_of(dtype)
    a, b = np.random.default_rng(1).standard_normal((2, V)).astype(dtype)
    out = np.zeros(11 * V, dtype)
    total, peak, hits = arithmetic(a, b, out)
    both = np.concatenate([a, b])
    zipped = np.stack([a, b], 1).ravel()
    want = [a + b, a - b, a * b / b[3], a * 3 + 1 - 2, np.maximum(a, b), np.abs(a), a[::-1], both[::2], both[1::2]]
    np.testing.assert_allclose(out.reshape(11, V), [*want, zipped[:V], zipped[V:]], rtol=1e-6, atol=1e-6)
    assert peak == a.max()
    assert total == pytest.approx(a.sum(dtype=np.float64), abs=1e-5)
    assert hits == sum(1 << k for k in range(V) if a[k] >= b[0])


@kernel
def centred(x, mean, scale, out):
    vector.store(out, 0, vector.load_centred(x, 1, mean, scale))


def test_centred_subtracts_before_it_narrows():
    x = 1e9 + np.arange(17, dtype=np.float64)
    out = np.zeros(16, np.float32)
    centred(x, 1e9, 0.5, out)
    np.testing.assert_array_equal(out, np.arange(1, 17) / 2)


@kernel
def scaled(x, scale, flushes, out):
    mode = set_flushing(flushes)
    for i in range(0, x.size, vector.lanes(x)):
        vector.store(out, i, vector.scale_exactly(vector.load(x, i), scale))
    restore_mode(mode)


@pytest.mark.parametrize("flushes", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_two_scale_denormals_in_either_mode(dtype, flushes):
    """What is in the range after the scale has the bits of NumPy's product, signs of zeros among them."""
    facts = np.finfo(dtype)
    rng = np.random.default_rng(6)
    smallest = rng.integers(0, 1 << facts.nmant, 64).astype(dtype) * facts.smallest_subnormal
    edges = np.array(
        [0, facts.smallest_subnormal, facts.tiny, 1, facts.max / 4, np.inf, np.nan, facts.tiny * 1.5], dtype
    )
    x = np.concatenate([smallest, rng.standard_normal(56).astype(dtype), edges])
    x, out = np.concatenate([x, -x]), np.zeros(256, dtype)
    for exponent in (facts.maxexp - 8, 30, 1, 0):
        scale = dtype(2.0**exponent)
        scaled(x, scale, flushes, out)
        with np.errstate(over="ignore"):
            expected = x * scale
        kept = ~(np.abs(expected) < facts.tiny)  # NaN among them
        np.testing.assert_array_equal(out[kept], expected[kept])
        np.testing.assert_array_equal(np.signbit(out[~np.isnan(x)]), np.signbit(x[~np.isnan(x)]))
        assert np.abs(out[~kept]).max(initial=0) < facts.tiny
    scaled(x, dtype(2.0**-20), flushes, out)
    np.testing.assert_array_equal(out[64:120], x[64:120] * dtype(2.0**-20))


@kernel
def transposed(src, dst, src_stride, dst_stride):
    transpose.transpose_block(src, 3, src_stride, dst, 1, dst_stride)


@kernel
def transposed_past_caches(src, dst, src_stride, dst_stride):
    transpose.transpose_block_streamed(src, 3, src_stride, dst, 0, dst_stride)
    transpose.memory_fence()


@kernel
def centred_block(src, dst, src_stride, dst_stride):
    transpose.transpose_block_centred(src, 3, src_stride, dst, 1, dst_stride, src.dtype.type(2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposes_turn_a_block_on_its_side(dtype):
    V = lanes_of(dtype)
    src = np.random.default_rng(2).standard_normal(3 + (V + 5) * V).astype(dtype)
    block = src[3:].reshape(V, V + 5)[:, :V]
    dst = np.zeros(1 + V * (V + 2), dtype)
    transposed(src, dst, V + 5, V + 2)
    np.testing.assert_array_equal(dst[1:].reshape(V, V + 2)[:, :V], block.T)
    centred_block(src, dst, V + 5, V + 2)
    np.testing.assert_array_equal(dst[1:].reshape(V, V + 2)[:, :V], block.T - dtype(2))
    assert not dst[1:].reshape(V, V + 2)[:, V:].any()
    streamed = aligned(2 * V * V, dtype)
    transposed_past_caches(src, streamed, V + 5, 2 * V)
    np.testing.assert_array_equal(streamed.reshape(V, 2 * V)[:, :V], block.T)


@kernel
def logarithms(x, out):
    for i in range(0, x.size, vector.lanes(x)):
        vector.store(out, i, log10(vector.load(x, i)))


@kernel
def powers(x, out):
    for i in range(0, x.size, vector.lanes(x)):
        vector.store(out, i, exp10(vector.load(x, i)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithm_and_power_of_ten_are_within_a_few_units_in_the_last_place(dtype):
    limit = 37 if dtype == np.float32 else 300
    x = np.linspace(-limit, limit, 4096).astype(dtype)
    out, eps = np.zeros_like(x), np.finfo(dtype).eps
    powers(x, out)
    assert np.abs(out / 10 ** x.astype(np.longdouble) - 1).max() < 4 * eps
    y = (10 ** x.astype(np.float64)).astype(dtype)
    logarithms(y, out)
    exact = np.log10(y.astype(np.longdouble))
    assert (np.abs(out - exact) / np.maximum(np.abs(exact), 0.1)).max() < 4 * eps


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithm_of_nothing_is_minus_infinity_and_powers_saturate(dtype):
    V = lanes_of(dtype)
    x, out = np.zeros(V, dtype), np.zeros(V, dtype)
    x[1] = 1
    logarithms(x, out)
    assert out[0] == -np.inf
    assert out[1] == 0
    x[:4] = -np.inf, -1000, 1000, 0
    powers(x, out)
    assert list(out[:4]) == [0, 0, np.inf, 1]


@kernel
def agree(a):
    first = fetch_add(a, 0, 1)
    refused = compare_exchange(a, 0, 7, 9)
    taken = compare_exchange(a, 0, 1, 5)
    store_release(a, 1, a[0] + 1)
    before = exchange(a, 2, 8)
    return first, refused, taken, load_acquire(a, 1), before, exchange(a, 2, 3), fetch_add(a, 2, -4), address(a) % 64


def test_what_threads_agree_by_is_read_and_written_in_one_step():
    a = aligned(4, np.int64)
    a[:] = 0
    assert agree(a) == (0, 1, 1, 6, 0, 8, 3, 0)
    assert a.tolist() == [5, 6, -1, 0]
