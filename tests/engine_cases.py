"""What the engine is asked in its tests: sizes, windows, signals in any memory; and when two results are the same."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

import fastspec

DTYPES = ["float32", "float64"]
ROUNDINGS = 24
"""Errors of a transform are below this many epsilons of its largest value: a few a pass, and twice as many where a
prime size goes through longer transforms."""

PAD_MODES = ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]


def ones_at_the_ends(row: Any, width: tuple[int, int], axis: int, kwargs: Any) -> None:
    row[: width[0]] = 1.0
    row[len(row) - width[1] :] = 1.0


def bump(size: int) -> Any:
    return 0.25 + np.arange(size) / size


WINDOWS = ["hann", "boxcar", "hamming", ("tukey", 0.25), ("kaiser", 4.0), 8.0, bump]


@st.composite
def plans(draw: Any, largest: int = 130) -> dict[str, Any]:
    """Arguments of an STFT: sizes with all kinds of factors, hops shorter and longer than the frame."""
    n_fft = draw(st.integers(2, largest))
    win_length = draw(st.one_of(st.just(n_fft), st.integers(1, n_fft)))
    window = draw(st.sampled_from([*WINDOWS, None]))
    return {
        "n_fft": n_fft,
        "hop_length": draw(st.one_of(st.integers(1, n_fft), st.integers(1, 3 * n_fft))),
        "win_length": win_length,
        "window": draw(st.integers(0, 9).map(lambda s: noise(win_length, s))) if window is None else window,
        "center": draw(st.booleans()),
        "pad_mode": draw(st.sampled_from([*PAD_MODES, ones_at_the_ends])),
    }


def noise(*shape: int | tuple[int, ...], **options: Any) -> Any:
    *size, seed = shape
    return np.random.default_rng(seed).standard_normal(size[0])


@st.composite
def signals(draw: Any, least: int = 1, most: int = 400) -> Any:
    """Signals with any leading axes, in any memory: whole, every other sample, backwards, axes swapped, read-only."""
    n, lead = draw(st.integers(least, max(least, most))), draw(st.sampled_from([(), (), (1,), (3,), (2, 2)]))
    dtype, seed = draw(st.sampled_from(DTYPES)), draw(st.integers(0, 99))
    y = noise((*lead, n), seed).astype(dtype)
    memory = draw(st.sampled_from(["whole", "every other", "backwards", "swapped", "read-only", "big-endian"]))
    if memory == "every other":
        y = np.repeat(y, 2, axis=-1)[..., ::2]
    elif memory == "backwards":
        y = y[..., ::-1]
    elif memory == "swapped":
        y = np.ascontiguousarray(y.T).T
    elif memory == "read-only":
        y.flags.writeable = False
    elif memory == "big-endian":
        y = y.astype(y.dtype.newbyteorder(">"))
    return y


def close(got: Any, want: Any, dtype: str, scale: float = 0.0, times: float = 1.0) -> None:
    """Equal within rounding, relative to the largest value wanted."""
    assert got.shape == want.shape
    limit = times * ROUNDINGS * np.finfo(dtype).eps * max(float(np.abs(want).max(initial=0)), scale)
    assert np.abs(got - want).max(initial=0) <= limit


def enough(arguments: dict[str, Any], y: Any) -> Any:
    """y, repeated until a frame fits where it has to."""
    least = 1 if arguments["center"] else arguments["n_fft"]
    return y if y.shape[-1] >= least else np.resize(y, (*y.shape[:-1], least)).astype(y.dtype)


ALL = ["forward", "power", "mel"]


def run(plan: fastspec.STFT, what: str, y: Any, **options: Any) -> Any:
    """One of the three, the mel one with logarithms and maxima over the signal."""
    if what == "mel":
        return plan.mel(y, fastspec.MelBank(8000, plan.n_fft, 7), log="whisper", **options)
    return getattr(plan, what)(y, **options)
