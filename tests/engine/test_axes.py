"""Signals along another axis than the last are warned of, by shape, before anything is allocated."""

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest

import fastspec
import fastspec.librosa as fl
from fastspec.stream import StreamingMel, StreamingPower, StreamingSTFT

PLAN, BANK = fastspec.STFT(64), fastspec.MelBank(8000, 64, 8)
ENTRIES = {
    "forward": PLAN.forward,
    "power": PLAN.power,
    "mel": lambda y: PLAN.mel(y, BANK),
    "whisper": lambda y: PLAN.mel(y, BANK, log="whisper"),
    "StreamingSTFT": lambda y: StreamingSTFT(PLAN).push(y),
    "StreamingPower": lambda y: StreamingPower(PLAN).push(y),
    "StreamingMel": lambda y: StreamingMel(PLAN, BANK).push(y),
}
each_entry = pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())


@each_entry
@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((2000, 20), r"\(2000, 20\) is 2000 signals of 20 samples, .* if axis 0 is time: np.moveaxis\(\w+, 0, -1\)"),
        ((3, 2000, 20), r"\(3, 2000, 20\) is 6000 signals of 20 samples, .* if axis 1 is time"),
    ],
)
def test_a_long_axis_before_a_short_one_is_named(entry: Any, shape: tuple[int, ...], says: str) -> None:
    with pytest.warns(UserWarning, match=says) as record:
        entry(np.zeros(shape, np.float32))
    assert len(record) == 1


@each_entry
@pytest.mark.parametrize("shape", [(1999, 20), (6400, 64), (20, 2000), (2, 20), (20,), (64, 1000, 20)])
def test_other_shapes_are_taken_without_a_word(entry: Any, shape: tuple[int, ...]) -> None:
    entry(np.zeros(shape, np.float32))


def test_the_numbers_are_those_of_the_last_axis() -> None:
    y = np.random.default_rng(0).standard_normal((3000, 2)).astype(np.float32)
    with pytest.warns(UserWarning, match="3000 signals of 2 samples"):
        S = PLAN.power(y)
    np.testing.assert_array_equal(S[7], PLAN.power(y[7]))


def test_the_warning_comes_before_anything_is_allocated() -> None:
    y, plan = np.zeros((480_000, 2), np.float32), fastspec.STFT(1 << 16)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match=r"y of shape \(480000, 2\) is 480000 signals of 2 samples"):
                plan.forward(y)  # 126 GB
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_plan_without_centring_names_the_axis_and_then_the_length() -> None:
    plan = fastspec.STFT(64, center=False)
    with (
        pytest.warns(UserWarning, match="if axis 0 is time"),
        pytest.raises(ValueError, match="at least n_fft = 64 samples"),
    ):
        plan.forward(np.zeros((2000, 2), np.float32))


def test_a_stream_names_its_first_block_alone() -> None:
    stream = StreamingPower(PLAN)
    with pytest.warns(UserWarning, match=r"block of shape \(300, 2\)"):
        stream.push(np.zeros((300, 2), np.float32))
    stream.push(np.zeros((300, 2), np.float32))
    stream.push(np.zeros((300, 0), np.float32))
    stream.reset()
    stream.push(np.zeros((300, 0), np.float32))  # no samples tell nothing


def test_librosas_face_says_what_librosa_says() -> None:
    y = np.zeros((6400, 2), np.float32)
    for call in (lambda: fl.stft(y, n_fft=64), lambda: fl.feature.melspectrogram(y=y, sr=8000, n_fft=64, n_mels=8)):
        with pytest.warns(UserWarning, match="n_fft=64 is too large for input signal of length=2") as record:
            call()
        assert len(record) == 1
