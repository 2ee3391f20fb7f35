"""The transform of a tile and its parts against numpy.fft in float64."""

import numpy as np
import pytest

from fastspec.kernels.fft import codelets, factors, realfft, sizes
from fastspec.kernels.fft import tables as fft_tables
from fastspec.kernels.fft.rows import transform_rows
from fastspec.kernels.framing import memory, polyphase
from fastspec.kernels.framing.polyphase import Signal
from fastspec.kernels.runtime.calls import aligned, call
from fastspec.kernels.runtime.jit import int64, kernel
from fastspec.notebook import spectra
from fastspec.transform import forward
from fastspec.transform.framing import hamming

DTYPES = [np.float32, np.float64]
HALVES = sorted({2**a * 3**b * 5**c * 7**d for a in range(8) for b in range(4) for c in range(3) for d in range(3)})
HALVES = [h for h in HALVES if h <= 400] + [441, 512, 600, 882, 1024, 2048, 4096]


def bound(dtype):
    """Largest error of a transform, as a share of its largest value: a few units in the last place per pass."""
    return 12 * np.finfo(dtype).eps


@kernel
def rows(function, work, i, ib, o, ob, tmp, b, n, radices, tw):
    call(function, (work, i, ib, o, ob, tmp, b, n, radices, tw))


def in_lanes(z, dtype):
    """(elements, lanes) complex -> re lanes, im lanes."""
    return np.stack([z.real, z.imag], 1).astype(dtype).ravel()


def from_lanes(work, dtype):
    V = fft_tables.lane_count(dtype)
    parts = work.reshape(-1, 2, V)
    return parts[:, 0] + 1j * parts[:, 1].astype(np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("b", [1, 3])
def test_interleaved_rows_are_transformed_each_alone(dtype, b):
    V, rng = fft_tables.lane_count(dtype), np.random.default_rng(3)
    for n in (1, 2, 6, 7, 8, 10, 12, 16, 20, 30, 48, 60, 64, 100, 126, 256):
        radices = fft_tables.row_radices(n)
        z = rng.standard_normal((b * n, V)) + 1j * rng.standard_normal((b * n, V))
        work = np.concatenate([in_lanes(z, dtype), np.zeros(2 * V * 3 * b * n, dtype)])
        tw = fft_tables.pass_twiddles(n, radices, dtype)
        rows(transform_rows.address(np.dtype(dtype)), work, 0, b, b * n, b, 2 * b * n, b, n,
             np.array(radices, np.int64), tw)  # fmt: skip
        got = from_lanes(work, dtype)[b * n : 2 * b * n].reshape(n, b, V)
        want = np.fft.fft(z.reshape(n, b, V), axis=0)
        assert np.abs(got - want).max() < bound(dtype) * np.abs(want).max(), (n, radices)


@pytest.mark.parametrize("size", [r for r in codelets.LAST_RADICES if r > 1])
def test_every_codelet_is_a_discrete_fourier_transform(size):
    dtype, rng = np.float64, np.random.default_rng(size)
    z = rng.standard_normal((size, 8)) + 1j * rng.standard_normal((size, 8))
    work = np.concatenate([in_lanes(z, dtype), np.zeros(3 * size * 16)])
    one = np.array([size], np.int64)
    address = transform_rows.address(np.dtype(dtype))
    rows(address, work, 0, 1, size, 1, 2 * size, 1, size, one, np.zeros(2))
    np.testing.assert_allclose(from_lanes(work, dtype)[size : 2 * size], np.fft.fft(z, axis=0), atol=1e-13)


def frames_of(x, n_fft, hop, count):
    padded = np.concatenate([x.astype(np.float64), np.zeros(n_fft + hop * count)])
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop][:count] * hamming(n_fft)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_half_size_of_the_codelets_primes_is_transformed(dtype):
    rng = np.random.default_rng(4)
    for half in HALVES:
        n_fft, count = 2 * half, int(rng.integers(1, 40))
        assert not fft_tables.factors_of(n_fft)[3], half
        hop = int(rng.integers(1, n_fft + 3))
        x = rng.standard_normal(int(rng.integers(1, count * hop + n_fft))).astype(dtype)
        want = np.fft.fft(frames_of(x, n_fft, hop, count))
        got = spectra.complex_spectrum(x, n_fft, hop, count, bins=n_fft)
        assert np.abs(got - want).max() <= bound(dtype) * np.abs(want).max(), (n_fft, hop, count)
        level = spectra.magnitude(x, n_fft, hop, count)
        assert np.abs(level - np.abs(want[:, :half])).max() <= bound(dtype) * np.abs(want).max(), (n_fft, hop, count)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_odd_size_of_the_codelets_primes_is_analysed(dtype):
    rng = np.random.default_rng(14)
    for n_fft in sorted({3**a * 5**b * 7**c for a in range(6) for b in range(4) for c in range(3)}):
        if not 3 <= n_fft <= 3000:
            continue
        assert not fft_tables.factors_of(n_fft)[3], n_fft
        count, hop = int(rng.integers(1, 40)), int(rng.integers(1, n_fft + 3))
        x = rng.standard_normal(int(rng.integers(1, count * hop + n_fft))).astype(dtype)
        want = np.fft.fft(frames_of(x, n_fft, hop, count))
        got = spectra.complex_spectrum(x, n_fft, hop, count, bins=n_fft)
        assert np.abs(got - want).max() <= bound(dtype) * np.abs(want).max(), (n_fft, hop, count)
        level = spectra.magnitude(x, n_fft, hop, count)
        assert np.abs(level - np.abs(want[:, : n_fft // 2])).max() <= bound(dtype) * np.abs(want).max(), n_fft


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [11, 13, 22, 26, 34, 101, 199, 506, 1022, 1102, 11 * 13, 6 * 197, 4093 * 2, 1 << 17])
def test_prime_radices_are_transformed(dtype, n_fft):
    check_transform(dtype, n_fft)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [211, 422, 223 * 3, 446 * 5, 2018, 2039, 4093, 113 * 127, 2 * 113 * 127, 65537])
def test_sizes_with_larger_primes_are_a_convolution_with_a_chirp(dtype, n_fft):
    assert fft_tables.factors_of(n_fft)[3]
    check_transform(dtype, n_fft)


def check_transform(dtype, n_fft):
    """Complex spectra of frames against NumPy's, whole and the first half."""
    x = np.random.default_rng(5).standard_normal(500).astype(dtype)
    hop, count = max(1, n_fft // 3), 7
    want = np.fft.fft(frames_of(x, n_fft, hop, count))
    got = spectra.complex_spectrum(x, n_fft, hop, count, bins=n_fft)
    assert got.dtype == np.result_type(dtype, np.complex64)
    assert np.abs(got - want).max() <= 2 * bound(dtype) * np.abs(want).max()
    half = spectra.complex_spectrum(x, n_fft, hop, count, bins=n_fft // 2 + 1)
    np.testing.assert_array_equal(half, got[:, : n_fft // 2 + 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_outputs_past_the_caches_hold_the_same_bits(dtype, monkeypatch):
    x = np.random.default_rng(6).standard_normal(9000).astype(dtype)
    near = spectra.complex_spectrum(x, 512, 100, 80, bins=256), spectra.magnitude(x, 512, 100, 80)
    monkeypatch.setattr(forward, "STREAM_BYTES", 0)
    far = spectra.complex_spectrum(x, 512, 100, 80, bins=256), spectra.magnitude(x, 512, 100, 80)
    for a, b in zip(near, far, strict=True):
        np.testing.assert_array_equal(a, b)


@kernel
def round_trip(tile, p, work, mag, least, bins, y):
    call(p.forward, (int64(realfft.COMPLEX), tile, int64(0), p, work, bins))
    realfft.synthesize(int64(realfft.BINS), tile, int64(0), p, work, mag, int64(0), least, bins, y)


@kernel
def with_magnitudes(source, tile, p, work, mag, least, bins, y):
    realfft.synthesize(source, tile, int64(0), p, work, mag, int64(0), least, bins, y)


def tile_of(dtype, n_fft, hop, rng):
    """(signal, its strip, tables, scratch) of one tile of frames."""
    dtype = np.dtype(dtype)
    V, stride = fft_tables.lane_count(dtype), fft_tables.strip_stride(n_fft, hop, 1, dtype)
    addresses = sizes.addresses(n_fft, dtype)
    p = fft_tables.transform_tables(n_fft, hop, stride, np.ones(n_fft), np.ones(n_fft), dtype, addresses)
    x = rng.standard_normal(n_fft + hop * (V - 1)).astype(dtype)
    strip = aligned(hop * stride, dtype)
    work = aligned(fft_tables.scratch_elements(n_fft) * 2 * V, dtype)
    line = Signal(x, 0, x, 0, x.size, 0, 0, dtype.type(0), dtype.type(1), False)
    polyphase.polyphase(line, 0, hop, min(hop, n_fft), strip, stride, work)
    return x, strip, p, work


@pytest.mark.parametrize("dtype", DTYPES)
def test_inverse_gives_back_the_frames_or_their_phases_with_other_magnitudes(dtype):
    rng, V = np.random.default_rng(7), fft_tables.lane_count(dtype)
    least = np.dtype(dtype).type(1e-20)
    for n_fft in (2, 4, 6, 10, 14, 16, 20, 32, 48, 98, 100, 256, 400, 882, 1024, 1, 9, 45, 22, 101, 211, 422, 418):
        hop, half = max(1, n_fft // 3), n_fft // 2
        x, strip, p, work = tile_of(dtype, n_fft, hop, rng)
        framed = np.lib.stride_tricks.sliding_window_view(x.astype(float), n_fft)[::hop][:V]
        bins, y = aligned((half + 1) * 2 * V, dtype), aligned(n_fft * V, dtype)
        order = fft_tables.bin_order(n_fft)
        assert set(order) == set(range(half + 1))
        A = rng.random((V, half + 1))
        mag = np.ascontiguousarray(A.T[order]).astype(dtype).ravel()
        round_trip(strip, p, work, mag, least, bins, y)
        limit = bound(dtype) * np.abs(framed).max()
        assert np.abs(y.reshape(n_fft, V).T - framed).max() < limit, n_fft
        D = np.fft.rfft(framed)
        for source, want in ((realfft.PHASES, A * D / np.abs(D)), (realfft.ZERO, A)):
            with_magnitudes(source, strip, p, work, mag, least, bins, y)
            wanted = np.fft.irfft(want, n_fft)
            # a bin's phase is as uncertain as its noise is large against it
            blur = 1 if source == realfft.ZERO else np.abs(D).max() / np.abs(D).min()
            error = np.abs(y.reshape(n_fft, V).T - wanted).max()
            assert error < blur * bound(dtype) * np.abs(wanted).max(), (n_fft, source)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("hop", "size"), [(1, 5), (3, 40), (7, 7), (24, 100), (33, 20), (16, 64)])
def test_overlap_add_undoes_polyphase(dtype, hop, size):
    rng, V = np.random.default_rng(8), fft_tables.lane_count(dtype)
    stride, rows = fft_tables.strip_stride(size, hop, 1, dtype), min(hop, size)
    y = rng.standard_normal((size, V)).astype(dtype)
    o = np.zeros(rows * stride, dtype)
    polyphase.overlap_add(y.ravel(), 0, V, size, o, 0, hop, stride)
    out = np.zeros(stride * hop + size, dtype)
    for r in range(rows):
        out[r::hop][:stride] = o[r * stride : (r + 1) * stride]
    want = np.zeros_like(out)
    for f in range(V):
        want[f * hop : f * hop + size] += y[:, f]
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bins", [1, 3, 8, 20, 65])
def test_frames_go_to_lanes_and_back(dtype, bins):
    V = fft_tables.lane_count(dtype)
    D = np.random.default_rng(9).standard_normal((V, 2 * bins)).astype(dtype)
    c, back = np.zeros(2 * V * bins, dtype), np.zeros_like(D)
    memory.gather_complex(D.ravel(), 0, 2 * bins, bins, c)
    np.testing.assert_array_equal(c.reshape(bins, 2, V), D.reshape(V, bins, 2).transpose(1, 2, 0))
    memory.scatter_complex(c, bins, back.reshape(-1), 0, 2 * bins, False)
    np.testing.assert_array_equal(back, D)


def test_measured_plans_are_plans():
    for half, (n1, radices) in factors.PLANS.items():
        assert n1 * np.prod(radices) == half
        assert n1 in codelets.COLUMN_SIZES
        assert radices[-1] in codelets.LAST_RADICES
        assert all(r in codelets.MIDDLE_RADICES for r in radices[:-1])
    for n, radices in factors.ROWS.items():
        assert np.prod(radices) == n
        assert radices[-1] in codelets.LAST_RADICES
        assert all(r in codelets.MIDDLE_RADICES for r in radices[:-1])
