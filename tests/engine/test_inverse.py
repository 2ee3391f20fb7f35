"""The inverse transform against its slow twin, and what holds of it whatever the numbers."""

import os
import subprocess
import sys

import numpy as np
import pytest
import twins_inverse as twins
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import fastspec
from fastspec.kernels.fft import tables as fft_tables
from fastspec.transform import inverse
from fastspec.transform.inverse import InverseTransform, window_energy

DTYPES = [np.float32, np.float64]
GUARD = 12345.0


def hann(n):
    """The periodic window of Hann."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def spectra(rng, signals, n_fft, frames, dtype):
    D = rng.standard_normal((signals, n_fft // 2 + 1, frames)) + 1j * rng.standard_normal(
        (signals, n_fft // 2 + 1, frames)
    )
    return D.astype(np.result_type(dtype, np.complex64))


def frame_major(D):
    """The same spectra, each frame's bins neighbours in memory."""
    return np.ascontiguousarray(D.swapaxes(1, 2)).swapaxes(1, 2)


def spaced(D):
    """The same spectra with neither bins nor frames neighbours in memory, and signals backwards."""
    signals, bins, frames = D.shape
    room = np.zeros((signals + 1, 2 * bins, 3 * frames), D.dtype)
    view = room[:0:-1, ::2, 1::3]
    view[...] = D
    return view


def run(plan_, D, length, dtype, **where):
    out = np.full((len(D), length), GUARD, dtype)
    plan_.run(D, out, **where)
    return out


def assert_like_the_twin(got, D, n_fft, hop, window, start, dtype):
    """Errors of a transform are a few units in the last place of its largest value (test_kernels_transform)."""
    total, energy, scale = twins.overlap_add(D, n_fft, hop, window)
    divisor = np.where(energy > np.finfo(dtype).tiny, energy, 1)
    want = twins.cut(total / divisor, start, got.shape[1])
    passes = 4 if fft_tables.factors_of(n_fft)[3] or n_fft % 2 else 2
    bound = twins.cut(passes * 12 * np.finfo(dtype).eps * scale / divisor, start, got.shape[1])
    assert got.dtype == dtype
    assert (np.abs(got - want) <= bound).all(), (n_fft, hop, D.shape, float((np.abs(got - want) / bound.max()).max()))


SIZES = [
    (2, 1), (2, 2), (4, 1), (4, 3), (6, 2), (8, 1), (10, 7), (12, 5), (14, 30), (16, 4), (16, 16), (16, 17), (48, 100),
    (128, 1), (400, 160), (512, 128), (1024, 256), (1200, 300), (2048, 512), (882, 441), (256, 255),
    (1, 1), (3, 1), (5, 7), (11, 3), (34, 9), (101, 50), (1022, 300), (211, 60), (422, 100),
    (2039, 700), (9, 2), (225, 60),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_fft", "hop"), SIZES)
def test_signals_are_those_of_the_twin(n_fft, hop, dtype):
    rng = np.random.default_rng(n_fft * 1000 + hop)
    for frames, signals in [(1, 1), (2, 1), (7, 1), (40, 1), (170, 1), (1, 5), (3, 40), (17, 16), (25, 3), (6, 18)]:
        if frames * signals * n_fft > 1 << 17:
            continue
        window = rng.choice([hann(n_fft), np.ones(n_fft), hann(n_fft) + 0.2, rng.standard_normal(n_fft)])
        D = spectra(rng, signals, n_fft, frames, dtype)
        whole = (frames - 1) * hop + n_fft
        start = int(rng.choice([0, n_fft // 2, rng.integers(0, whole + 1)]))
        length = int(rng.choice([whole - start, max(0, whole - 2 * start), rng.integers(0, whole + 2 * hop + 9)]))
        ready = InverseTransform(n_fft, hop, window, dtype)
        got = run(ready, D, length, dtype, start=start)
        assert_like_the_twin(got, D, n_fft, hop, window, start, dtype)
        for same in (frame_major(D), spaced(D)):
            np.testing.assert_array_equal(run(ready, same, length, dtype, start=start), got)


@settings(max_examples=150, deadline=None)
@given(
    half=st.integers(1, 40),
    hop=st.integers(1, 100),
    frames=st.integers(1, 60),
    signals=st.integers(1, 20),
    start=st.integers(0, 400),
    length=st.integers(0, 3000),
    order=st.sampled_from([np.asarray, frame_major, spaced]),
    dtype=st.sampled_from(DTYPES),
    gap=st.integers(0, 40),
)
def test_any_part_of_any_signals(half, hop, frames, signals, start, length, order, dtype, gap):
    rng = np.random.default_rng(half)
    n_fft = 2 * half
    window, D = hann(n_fft) + 0.1, order(spectra(rng, signals, n_fft, frames, dtype))
    before = D.copy()
    room = np.full(3 + signals * (length + gap) + 3, GUARD, dtype)
    out = room[3 : 3 + signals * (length + gap)].reshape(signals, length + gap)[:, :length]
    InverseTransform(n_fft, hop, window, dtype).run(D, out, start=start)
    assert_like_the_twin(out, D, n_fft, hop, window, start, dtype)
    assert (room == GUARD).sum() == 6 + signals * gap
    np.testing.assert_array_equal(D, before)


@pytest.mark.parametrize("n_fft", [64, 66, 34, 2048])
@pytest.mark.parametrize("dtype", DTYPES)
def test_whatever_the_place_of_the_output_nothing_beside_it_is_written(n_fft, dtype):
    rng, hop, frames, signals = np.random.default_rng(1), n_fft // 4, 9, 5
    D, ready = spectra(rng, signals, n_fft, frames, dtype), InverseTransform(n_fft, hop, hann(n_fft), dtype)
    length = hop * (frames - 1)
    want = run(ready, D, length, dtype, start=n_fft // 2)
    room = np.full((2 * signals + 1, 3 * length + 5), GUARD, dtype)
    for view in (
        room[1::2, 4 : 4 + length],
        room[-2::-2, :length],
        room[:signals, 3 : 3 + 3 * length : 3],
        room[signals::-1, 3 + length : 3 : -1][:signals],
        room.reshape(-1)[: signals * length].reshape(length, signals).T,
    ):
        room[...] = GUARD
        ready.run(D, view, start=n_fft // 2)
        np.testing.assert_array_equal(view, want)
        assert (room == GUARD).sum() == room.size - signals * length


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_output_that_goes_by_blocks_is_the_same_signal(dtype, monkeypatch):
    rng = np.random.default_rng(2)
    D, ready = spectra(rng, 3, 16, 200, dtype), InverseTransform(16, 5, hann(16) + 0.1, dtype)
    want = run(ready, D, 1100, dtype, start=8)
    monkeypatch.setattr(inverse, "BLOCK_SAMPLES", 64)
    out = np.full((3, 2200), GUARD, dtype)[:, ::2]
    ready.run(D, out, start=8)
    np.testing.assert_array_equal(out, want)


RECONSTRUCTED = [
    (2048, 512),
    (1024, 256),
    (400, 160),
    (1200, 300),
    (512, 64),
    (16, 4),
    (1022, 300),
    (255, 64),
    (422, 100),
    (2039, 500),
]


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 1e-6), (np.float64, 1e-13)])
@pytest.mark.parametrize(("n_fft", "hop"), RECONSTRUCTED)
def test_centred_frames_give_back_every_sample(n_fft, hop, dtype, limit):
    rng = np.random.default_rng(5)
    for length in (1, n_fft, 10 * n_fft + 17):
        y, pad = rng.uniform(-1, 1, (2, length)), n_fft // 2
        D = twins.forward(np.pad(y, ((0, 0), (pad, pad + n_fft % 2))), n_fft, hop, hann(n_fft))
        out = np.full((2, length), GUARD, dtype)
        InverseTransform(n_fft, hop, hann(n_fft), dtype).run(
            D.astype(np.result_type(dtype, np.complex64)), out, start=pad
        )
        reached = (D.shape[2] - 1) * hop  # past it the sum of squared windows falls to nothing
        assert np.abs(out - y)[:, : reached + 1].max() <= limit


@pytest.mark.parametrize("dtype", DTYPES)
def test_imaginary_parts_of_the_ends_do_not_count(dtype):
    for n_fft in (2, 16, 34, 512):
        D = spectra(np.random.default_rng(6), 2, n_fft, 20, dtype)
        ready, length = InverseTransform(n_fft, 4, hann(n_fft) + 0.1, dtype), 20 * 4
        want = run(ready, D, length, dtype)
        for end in (0, n_fft // 2):
            D.imag[:, end] = 1e30
        for same in (D, frame_major(D), spaced(D)):
            np.testing.assert_array_equal(run(ready, same, length, dtype), want)


@pytest.mark.parametrize("n_fft", [64, 34])
def test_a_nan_stays_where_its_frame_reaches(n_fft):
    hop, bad = 16, 70
    D = spectra(np.random.default_rng(7), 3, n_fft, 200, np.float32)
    ready = InverseTransform(n_fft, hop, hann(n_fft) + 0.1, np.float32)
    want = run(ready, D, 200 * hop, np.float32)
    D[1, 3, bad] = np.nan
    got = run(ready, D, 200 * hop, np.float32)
    reached = np.zeros(got.shape, bool)
    reached[1, bad * hop : bad * hop + n_fft] = True
    assert np.isnan(got[reached]).all()
    np.testing.assert_array_equal(got[~reached], want[~reached])


@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("hop", [1, 16, 50, 90])
def test_a_part_of_the_frames_gives_the_bits_of_all(n_fft, hop):
    frames, again = 50, -(-n_fft // hop) - 1
    D, ready = (
        spectra(np.random.default_rng(8), 2, n_fft, frames, np.float64),
        InverseTransform(n_fft, hop, hann(n_fft), "f8"),
    )
    whole = (frames - 1) * hop + n_fft
    want, got, done = run(ready, D, whole, np.float64), [], 0
    for g in (1, 2, 9, 30, 31, frames):
        final = g * hop if g < frames else whole
        first = max(0, (done - n_fft) // hop + 1)
        total = frames if g == frames else g + again + 1
        assert first >= done // hop - again
        got.append(run(ready, D[:, :, first:g], final - done, np.float64, start=done, first_frame=first,
                       total_frames=total))  # fmt: skip
        done = final
    np.testing.assert_array_equal(np.concatenate(got, 1), want)


@pytest.mark.parametrize(
    ("signals", "frames", "n_fft", "hop"),
    [(100, 3, 64, 16), (33, 1, 64, 16), (64, 44, 256, 64), (20, 17, 32, 40), (9, 300, 64, 1), (5, 90, 34, 9)],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_signal_of_a_batch_has_the_bits_it_has_alone(signals, frames, n_fft, hop, dtype):
    D = spectra(np.random.default_rng(9), signals, n_fft, frames, dtype)
    ready, length = InverseTransform(n_fft, hop, hann(n_fft), dtype), hop * frames
    together = run(ready, D, length, dtype, start=n_fft // 2)
    for threads in (1, 2, 3):
        with fastspec.threads(threads):
            for same in (D, frame_major(D), spaced(D)):
                np.testing.assert_array_equal(run(ready, same, length, dtype, start=n_fft // 2), together)
            for b in range(0, signals, 7):
                alone = run(ready, D[b : b + 1], length, dtype, start=n_fft // 2)
                np.testing.assert_array_equal(together[b : b + 1], alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hop", [1, 5, 16, 64, 70])
def test_how_frames_are_shared_out_changes_no_bit(hop, dtype, monkeypatch):
    D, ready = spectra(np.random.default_rng(11), 2, 64, 400, dtype), InverseTransform(64, hop, hann(64) + 0.1, dtype)
    length = 400 * hop + 70
    with fastspec.threads(1):
        want = run(ready, D, length, dtype, start=3)
    for shares, least, tiles in ((4, 0, 1), (100, 0, 2), (100, 1, 100), (3, 8, 3)):
        monkeypatch.setattr(inverse, "STRIPS_PER_THREAD", shares)
        monkeypatch.setattr(inverse, "LEAST_STRIP_WARM_UPS", least)
        monkeypatch.setattr(inverse, "SUM_BYTES", tiles << 10)
        again = InverseTransform(64, hop, hann(64) + 0.1, dtype)
        with fastspec.threads(2):
            np.testing.assert_array_equal(run(again, D, length, dtype, start=3), want)


@pytest.mark.parametrize("n_fft", [64, 34])
@pytest.mark.parametrize("dtype", DTYPES)
def test_frames_are_added_from_the_first_to_the_last(n_fft, dtype):
    """The sum can be made in plain NumPy, as windows of powers of two round nothing."""
    rng, hop, frames = np.random.default_rng(12), 3, 70
    D = spectra(rng, 1, n_fft, frames, dtype)
    window = rng.choice([0.5, 1.0, 2.0], n_fft)
    ready = InverseTransform(n_fft, hop, window, dtype)
    whole = (frames - 1) * hop + n_fft
    energy = twins.overlap_add(D, n_fft, hop, window)[1]
    total = np.zeros(whole, dtype)
    for f in range(frames):
        alone = run(ready, D[:, :, f : f + 1], n_fft, dtype)[0]  # w x / w^2, exactly
        total[f * hop : f * hop + n_fft] += alone * (window**2).astype(dtype)
    want = total * (1 / energy).astype(dtype)
    np.testing.assert_array_equal(run(ready, D, whole, dtype)[0], want)


THREADS = """
import hashlib
import numpy as np
import fastspec
from fastspec.transform.inverse import InverseTransform

rng = np.random.default_rng(0)
for n_fft, hop, signals, frames in ((512, 32, 1, 900), (256, 1, 1, 900), (400, 160, 9, 90), (64, 16, 900, 3),
                                    (34, 9, 2, 900)):
    for dtype in (np.float32, np.float64):
        D = rng.standard_normal((signals, n_fft // 2 + 1, 2 * frames)).astype(dtype).view(np.result_type(dtype, "c8"))
        digests = set()
        for n in (1, 2, 4):
            for order in (D, np.ascontiguousarray(D.swapaxes(1, 2)).swapaxes(1, 2)):
                out = np.empty((signals, frames * hop), dtype)
                ready = InverseTransform(n_fft, hop, np.hamming(n_fft), dtype)
                with fastspec.threads(n):
                    ready.run(order, out, start=n_fft // 2)
                    alone = np.empty_like(out[-1:])
                    ready.run(order[-1:], alone, start=n_fft // 2)
                assert (alone == out[-1:]).all(), (n_fft, hop, dtype)
                digests.add(hashlib.sha256(out.tobytes()).hexdigest())
        assert len(digests) == 1, (n_fft, hop, dtype)
print("same")
"""


def test_four_threads_give_the_bits_of_one():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("FASTSPEC_NUM_THREADS", None)
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "same", done.stderr


def test_read_only_and_unaligned_input_is_read_as_it_is():
    D = spectra(np.random.default_rng(10), 2, 64, 30, np.float32)
    ready = InverseTransform(64, 16, hann(64), np.float32)
    want = run(ready, D, 400, np.float32)
    shifted = np.frombuffer(b"x" + D.tobytes(), D.dtype, offset=1).reshape(D.shape)
    assert not shifted.flags.aligned
    assert not shifted.flags.writeable
    np.testing.assert_array_equal(run(ready, shifted, 400, np.float32), want)
    D.flags.writeable = False
    np.testing.assert_array_equal(run(ready, D, 400, np.float32), want)


def test_nothing_comes_of_nothing():
    ready = InverseTransform(16, 4, hann(16), np.float32)
    for shape, length in (((0, 9, 5), 8), ((2, 9, 0), 8), ((2, 9, 5), 0)):
        assert not run(ready, np.ones(shape, np.complex64), length, np.float32).any()
    assert not run(ready, np.ones((1, 9, 5), np.complex64), 8, np.float32, start=1000).any()


def test_what_does_not_fit_together_is_refused():
    ready, D, out = (
        InverseTransform(16, 4, hann(16), np.float32),
        np.ones((2, 9, 5), np.complex64),
        np.empty((2, 8), "f4"),
    )
    for bad in (D[0], D[:1], D[:, :8], np.ones((2, 10, 5), np.complex64)):
        with pytest.raises(ValueError, match="n_fft=16"):
            ready.run(bad, out)
    with pytest.raises(TypeError, match="complex128"):
        ready.run(D.astype(np.complex128), out)
    with pytest.raises(TypeError, match="float64"):
        ready.run(D, out.astype(np.float64))
    for where in ({"start": -1}, {"first_frame": -1}, {"total_frames": 4}, {"first_frame": 1, "total_frames": 5}):
        with pytest.raises(ValueError, match="first_frame"):
            ready.run(D, out, **where)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ready.run(D, out)


def test_the_energy_of_the_windows_tells_what_can_be_had_back():
    assert window_energy(np.ones(12), 4) == 3
    assert window_energy(hann(2048), 512) == pytest.approx(1.5)  # four shifted sin^4
    assert window_energy(hann(16), 8) == pytest.approx(0.5)  # sin^4 + cos^4 = 1 - sin^2(2 x) / 2
    assert window_energy(hann(16), 16) == 0
    assert window_energy(np.ones(16), 17) == 0
    assert window_energy(np.zeros(16), 4) == 0
    assert window_energy(np.ones(10), 4) == 2
    for scale in (2.0**-60, 2.0**60, -1.0):
        assert window_energy(scale * hann(16), 8) == window_energy(hann(16), 8)


NAMED = [
    *("bartlett", "blackman", "blackmanharris", "bohman", "boxcar", "cosine", "exponential", "flattop", "hamming"),
    *("hann", "lanczos", "nuttall", "parzen", "triang", "tukey", ("kaiser", 14.0), ("gaussian", 5.0)),
    *(("exponential", None, tau) for tau in (2.0, 5.0, 20.0)),
]


@pytest.mark.parametrize("window", NAMED, ids=str)
def test_a_plan_is_invertible_where_scipy_says_so(window):
    for n_fft in (63, 64, 127):  # of the odd ones, an exponential at hops of 48 and 119 is just below the bound
        samples = signal.get_window(window, n_fft)
        for hop_length in range(1, n_fft + 1):
            plan = fastspec.STFT(n_fft, hop_length=hop_length, window=window)
            assert plan.invertible == signal.check_NOLA(samples, n_fft, n_fft - hop_length)
