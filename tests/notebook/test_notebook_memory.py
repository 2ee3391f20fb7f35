"""The notebook's functions on signals larger than memory: memory maps in and out, any dtype, bounded memory."""

import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec.notebook import blockwise, passes, spectra
from fastspec.notebook import mel as notebook_mel
from fastspec.notebook.mel import resample_columns, resample_time
from fastspec.transform.framing import frame_count

Array = np.ndarray[Any, np.dtype[Any]]
N_FFT, HOP = 128, 16


def noise(n: int = 6000) -> Array:
    """Values that are exact in all dtypes of floats, with exact sums in any order."""
    return np.round(np.random.default_rng(n).standard_normal(n) * 128) / 128


def spectrogram() -> Array:
    return fastspec.pretty_spectrogram(noise(), fft_size=N_FFT, step_size=HOP)


BANK, BACK = (b.astype(np.float64) for b in fastspec.create_mel_filter(N_FFT, 8, 300, 8000, 22050))
CALLS: dict[str, tuple[Any, Any]] = {
    "filter": (partial(fastspec.butter_bandpass_filter, lowcut=500, highcut=5000, fs=16000, order=2), noise),
    "overlap": (partial(fastspec.overlap, window_size=N_FFT, window_step=HOP), noise),
    "overlap far apart": (partial(fastspec.overlap, window_size=16, window_step=50), noise),
    "stft": (partial(fastspec.stft, fftsize=N_FFT, step=HOP), noise),
    "whole circle": (partial(fastspec.stft, fftsize=N_FFT, step=300, compute_onesided=False), noise),
    "logarithms": (partial(fastspec.pretty_spectrogram, fft_size=N_FFT, step_size=HOP), noise),
    "magnitudes": (partial(fastspec.pretty_spectrogram, log=False, thresh=3, fft_size=N_FFT, step_size=HOP), noise),
    "library": (partial(fastspec.pretty_spectrogram, fft_size=118, step_size=HOP), noise),
    "inversion": (partial(fastspec.invert_pretty_spectrogram, fft_size=N_FFT, step_size=HOP, n_iter=2), spectrogram),
    "iteration": (partial(fastspec.iterate_invert_spectrogram, fftsize=64, step=HOP, n_iter=1), spectrogram),
    "one pass": (partial(fastspec.invert_spectrogram, step=HOP), spectrogram),
    "in place": (partial(fastspec.invert_spectrogram, step=HOP, calculate_offset=False), spectrogram),
    "make_mel": (partial(fastspec.make_mel, mel_filter=BANK, shorten_factor=3), spectrogram),
    "mel_to_spectrogram": (
        partial(fastspec.mel_to_spectrogram, mel_inversion_filter=BACK, spec_thresh=4, shorten_factor=3),
        lambda: fastspec.make_mel(spectrogram(), BANK, 3),
    ),
}
each = pytest.mark.parametrize("name", CALLS)
SAME = {"mel_to_spectrogram", "make_mel"}
"""Resampled in blocks, these have the precision of float16."""


def kinds(x: Array) -> list[Array]:
    """x in dtypes and strides that have to be converted."""
    wide = np.zeros(2 * x.size).reshape(*x.shape, 2)
    wide[..., 0] = x
    return [(x * 3000).astype(np.int16), x.astype(">f8"), x.astype(">f4"), x.astype(np.float16), wide[..., 0]]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks, calls and scratch so small that all arrays are divided."""
    monkeypatch.setattr(blockwise, "BLOCK_VALUES", 2048)
    monkeypatch.setattr(spectra, "BLOCK_VALUES", 2048)
    monkeypatch.setattr(spectra, "CALL_VALUES", 5000)
    monkeypatch.setattr(blockwise, "SCRATCH_MEMORY_BYTES", 1000)
    monkeypatch.setattr(passes, "KEPT_BYTES", 0)
    monkeypatch.setattr(passes, "CALL_FRAMES", 64)
    monkeypatch.setattr(notebook_mel, "RESAMPLE_WHOLE_VALUES", 8192)


@each
def test_the_result_goes_to_out(name: str, tmp_path: Path) -> None:
    call, make = CALLS[name]
    x = make()
    want = call(x)
    out = np.memmap(tmp_path / "out", want.dtype, "w+", shape=want.shape)
    assert call(x, out=out) is out
    np.testing.assert_array_equal(out, want)


@each
def test_memory_maps_are_read(name: str, tmp_path: Path) -> None:
    call, make = CALLS[name]
    x = make()
    mapped = np.memmap(tmp_path / "in", x.dtype, "w+", shape=x.shape)
    mapped[:] = x
    mapped.flush()
    np.testing.assert_array_equal(call(np.memmap(tmp_path / "in", x.dtype, "r", shape=x.shape)), call(x))


@each
def test_blocks_change_no_bits(name: str, request: pytest.FixtureRequest) -> None:
    call, make = CALLS[name]
    x = make()
    inputs = [x, x.astype(np.float32), *kinds(np.clip(x, -9, 9))] if x.dtype == np.float64 else [x]
    want = [call(y) for y in inputs]
    request.getfixturevalue("small")
    for y, whole in zip(inputs, want, strict=True):
        got = call(y, out=np.empty(whole.shape, whole.dtype))
        assert got.dtype == whole.dtype
        if name in SAME:
            np.testing.assert_allclose(got, whole, rtol=2e-3, atol=2e-3)
        else:
            np.testing.assert_array_equal(got, whole)


@each
@pytest.mark.parametrize("wrong", ["shape", "dtype", "read-only", "strided", "list", "shared"])
def test_an_unsuitable_out_is_refused(name: str, wrong: str) -> None:
    call, make = CALLS[name]
    x = make()
    want = call(x)
    out: Any = np.empty(want.shape, want.dtype)
    if wrong == "shape":
        out = np.empty((*want.shape[:-1], want.shape[-1] + 1), want.dtype)
    elif wrong == "dtype":
        out = np.empty(want.shape, np.int32)
    elif wrong == "read-only":
        out.flags.writeable = False
    elif wrong == "strided":
        out = np.empty((*want.shape, 2), want.dtype)[..., 0]
    elif wrong == "list":
        out = want.tolist()
    else:
        memory = np.zeros(max(x.nbytes, want.nbytes), np.uint8)
        shared = memory[: x.nbytes].view(x.dtype).reshape(x.shape)
        shared[...] = x
        x, out = shared, memory[: want.nbytes].view(want.dtype).reshape(want.shape)
    with pytest.raises(ValueError, match=r"^out must"):
        call(x, out=out)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["filter", "stft", "logarithms", "inversion", "iteration"])
def test_the_index_of_the_first_bad_value_is_named_in_any_block(name: str, bad: float, small: None) -> None:
    call, make = CALLS[name]
    x = make().astype(">f8")
    index = (x.shape[0] - 7, *(3 for _ in x.shape[1:]))
    x[index] = bad
    text = ", ".join(str(i) for i in index)
    with pytest.raises(ValueError, match=rf"\[{text}\] is {bad}"):
        call(x)


def peak(call: Any) -> int:
    """The largest memory, in bytes, that NumPy allocates at a time in a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["filter", "overlap", "stft", "logarithms", "magnitudes", "inversion", "one pass"])
@pytest.mark.parametrize("kind", ["<f4", "<i2"])
def test_memory_does_not_grow_with_the_signal(name: str, kind: str, small: None, tmp_path: Path) -> None:
    call, _ = CALLS[name]
    used = []
    for n in (160_000, 400_000):  # more frames than are prepared ahead
        shape = (n // HOP, N_FFT // 2) if name in ("inversion", "one pass") else (n,)
        x = np.memmap(tmp_path / f"in{n}", kind, "w+", shape=shape)
        x[:] = np.random.default_rng(0).integers(-3, 3, shape)
        out = np.memmap(tmp_path / f"out{n}", *_result(name, n, x.dtype))
        call(x, out=out)
        used.append(peak(lambda x=x, out=out: call(x, out=out)))  # type: ignore[misc]
    assert used[1] < used[0] + 60_000


def _result(name: str, n: int, kind: Any) -> tuple[Any, str, int, tuple[int, ...]]:
    """Arguments of the memory map for the result of a call on n samples."""
    frames = frame_count(n, N_FFT, HOP)
    real = np.dtype(np.float32 if kind == np.float32 else np.float64)
    shape: tuple[int, ...] = {
        "filter": (n,),
        "overlap": (frames, N_FFT),
        "inversion": (n // HOP * HOP + N_FFT // 2,),
        "one pass": (n // HOP * HOP + N_FFT // 4,),
    }.get(name, (frames, N_FFT // 2))
    return (np.result_type(real, np.complex64) if name == "stft" else real), "w+", 0, shape


FAR = (1 << 31) + 5000
"""Samples of a sparse file, which takes no space."""


@pytest.mark.parametrize("name", ["overlap", "stft", "logarithms", "magnitudes"])
def test_samples_beyond_two_to_the_31_count(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockwise.BlockArray, "mean", lambda _: 0.0)  # reading all zeros takes long
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(FAR,))
    hop = 1 << 27
    call = {
        "overlap": partial(fastspec.overlap, window_size=N_FFT, window_step=hop),
        "stft": partial(fastspec.stft, fftsize=N_FFT, step=hop),
        "logarithms": partial(fastspec.pretty_spectrogram, fft_size=N_FFT, step_size=hop),
        "magnitudes": partial(fastspec.pretty_spectrogram, log=False, thresh=0, fft_size=N_FFT, step_size=hop),
    }[name]
    assert frame_count(FAR, N_FFT, hop) == 16
    x[15 * hop : 15 * hop + N_FFT] = noise(N_FFT)
    got = call(x)
    near = np.zeros(3 * N_FFT, np.float32)
    near[N_FFT : 2 * N_FFT] = x[15 * hop : 15 * hop + N_FFT]
    want = call.func(near, **{**call.keywords, next(k for k in call.keywords if "step" in k): N_FFT})[1]
    np.testing.assert_array_equal(got[15], want)


@pytest.mark.parametrize(("columns", "factor"), [(300, 3.0), (1000, 0.37), (257, 1.0), (90, 10.0)])
def test_splines_in_blocks_are_those_of_the_whole(columns: int, factor: float) -> None:
    M = np.random.default_rng(columns).standard_normal((5, columns))
    want, total = resample_time(M, factor), round(columns * factor)
    blocks = [resample_columns(lambda a, b: M[:, a:b], columns, total, *s) for s in blockwise.chunks(total, 61)]
    got = np.concatenate(blocks, axis=1)
    if not want[:, -1].any():  # SciPy puts the last column outside where its position is rounded up
        got, want = got[:, :-1], want[:, :-1]
    np.testing.assert_allclose(got.astype(np.float16), want, rtol=2e-3, atol=1e-3)
