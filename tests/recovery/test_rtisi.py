"""RTISI-LA: against a slow twin, alone and in a batch, in blocks, and its quality."""

from typing import Any

import numpy as np
import pytest
import twins_rtisi as twin
from hypothesis import given
from hypothesis import strategies as st
from recovery_cases import convergence, magnitudes, speech

import fastspec
from fastspec.recovery import rtisi
from fastspec.recovery import segments as recovery_segments
from fastspec.recovery.segments import Segmentation

DTYPES = ["float32", "float64"]
CASES = [  # arguments of the plan, look_ahead, n_iter, frames
    ({"n_fft": 64, "hop_length": 16}, 3, 2, 9),
    ({"n_fft": 64, "hop_length": 16, "center": False}, 2, 3, 7),
    ({"n_fft": 64, "hop_length": 16, "win_length": 50}, 1, 2, 8),
    ({"n_fft": 64, "hop_length": 24}, 0, 3, 8),
    ({"n_fft": 60, "hop_length": 7, "window": "hamming"}, 3, 1, 12),
    ({"n_fft": 60, "hop_length": 25, "window": "boxcar", "center": False}, 3, 2, 6),
    ({"n_fft": 512, "hop_length": 128}, 3, 2, 5),
    ({"n_fft": 64, "hop_length": 64, "window": "hamming"}, 2, 2, 5),
    ({"n_fft": 64, "hop_length": 81, "window": "hamming"}, 2, 2, 5),
    ({"n_fft": 64, "hop_length": 1}, 7, 1, 20),
    ({"n_fft": 300, "hop_length": 100}, 5, 2, 4),  # fewer frames than the buffer holds
    ({"n_fft": 64, "hop_length": 16, "center": False}, 3, 2, 1),
    ({"n_fft": 2, "hop_length": 1, "window": "boxcar"}, 1, 2, 5),
    ({"n_fft": 66, "hop_length": 16}, 3, 2, 9),  # from here on sizes that the kernels lack
    ({"n_fft": 66, "hop_length": 20, "center": False}, 0, 2, 6),
    ({"n_fft": 35, "hop_length": 9, "win_length": 20}, 2, 2, 8),
    ({"n_fft": 35, "hop_length": 40, "window": "hamming"}, 2, 2, 4),
    ({"n_fft": 66, "hop_length": 16}, 5, 2, 3),
]
LANES, SCIPY = CASES[0], CASES[13]
each_case = pytest.mark.parametrize(("arguments", "look_ahead", "n_iter", "frames"), CASES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def whole(plan: fastspec.STFT, S: Any, look_ahead: int, n_iter: int) -> Any:
    """The twin's signals, from the first sample of the plan's on."""
    start = plan.n_fft // 2 if plan.center else 0
    length = plan.n_samples(S.shape[2])
    S = S.astype(np.float64)
    y = [twin.recover(s, plan.window, plan.hop_length, look_ahead, n_iter, str(plan.dtype)) for s in S]
    return np.stack([np.append(row, np.zeros(length))[start : start + length] for row in y])


def sensitivity(plan: fastspec.STFT, S: Any, look_ahead: int, n_iter: int) -> Any:
    """(the twin's signals, their largest change when magnitudes change by the rounding error of a transform).

    The phase of a bin near 0 changes much with the least error, and all later frames with it, so no fixed tolerance
    fits.  The error of a transform of n samples is some log2 n roundings of its largest number.
    """
    expected, worst = whole(plan, S, look_ahead, n_iter), 0.0
    error = np.finfo(plan.dtype).eps * (2 + np.log2(plan.n_fft))
    for seed in range(4):
        noise = np.random.default_rng(seed).standard_normal(S.shape)
        perturbed = whole(plan, np.abs(S + error * noise), look_ahead, n_iter)
        worst = max(worst, float(np.abs(perturbed - expected).max()))
    return expected, worst


@each_dtype
@each_case
def test_it_is_the_slow_twin(arguments: dict[str, Any], look_ahead: int, n_iter: int, frames: int, dtype: str) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 3, frames)
    expected, change = sensitivity(plan, S, look_ahead, n_iter)
    before = S.copy()
    y = rtisi.recover(plan, S, look_ahead=look_ahead, n_iter=n_iter)
    np.testing.assert_array_equal(S, before)
    assert y.dtype == dtype
    assert y.shape == (3, plan.n_samples(frames))
    limit = 16 * change + 8 * np.finfo(dtype).eps * np.abs(expected).max()
    assert limit < {"float32": 2e-2, "float64": 1e-8}[dtype] * np.abs(expected).max(), "the limit is too large"
    assert np.abs(y - expected).max() <= limit


each_kind = pytest.mark.parametrize("arguments", [LANES[0], SCIPY[0]], ids=["lanes", "scipy"])


@each_dtype
@each_kind
@pytest.mark.parametrize("look_ahead", range(4))
def test_a_signal_has_the_same_bits_alone_and_in_a_batch(
    arguments: dict[str, Any], look_ahead: int, dtype: str
) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 19, 8)
    y = rtisi.recover(plan, S, look_ahead=look_ahead)
    for b in (0, 1, 7, 18):
        np.testing.assert_array_equal(rtisi.recover(plan, S[b : b + 1], look_ahead=look_ahead), y[b : b + 1])
    changed = S.copy()
    changed[np.arange(19) != 7] *= 0.5
    np.testing.assert_array_equal(rtisi.recover(plan, changed, look_ahead=look_ahead)[7], y[7])


def test_nan_in_one_signal_changes_no_other() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = magnitudes(plan, 9, 8)
    y = rtisi.recover(plan, S)
    S[4, 10, 3] = np.nan
    spoiled = rtisi.recover(plan, S)
    assert np.isnan(spoiled[4]).any()
    rest = np.arange(9) != 4
    np.testing.assert_array_equal(spoiled[rest], y[rest])


def test_more_signals_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = magnitudes(plan, 40, 6)
    y = rtisi.recover(plan, S)
    monkeypatch.setattr(recovery_segments, "BATCH_BYTES", 1)
    np.testing.assert_array_equal(rtisi.recover(plan, S), y)


@each_dtype
def test_threads_and_short_calls_change_no_bits(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = fastspec.STFT(512, hop_length=128, dtype=dtype)
    S = magnitudes(plan, 12, 30)
    results = []
    for count in (1, 2):
        with fastspec.threads(count):
            results.append(rtisi.recover(plan, S, n_iter=2))
    monkeypatch.setattr(rtisi, "CALL_OPERATIONS", 1)
    results.append(rtisi.recover(plan, S, n_iter=2))
    for y in results[1:]:
        np.testing.assert_array_equal(y, results[0])


@each_kind
def test_any_memory_gives_the_same_bits(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 3, 10)
    y = rtisi.recover(plan, S)
    wide = np.zeros((3, plan.n_bins, 20), np.float32)
    wide[:, :, ::2] = S
    odd = np.empty(S.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(S.shape)
    odd[...] = S
    backwards = np.ascontiguousarray(S[:, ::-1])[:, ::-1]
    frozen = np.ascontiguousarray(S)
    frozen.flags.writeable = False
    for same in (wide[:, :, ::2], odd, backwards, frozen, np.asfortranarray(S)):
        np.testing.assert_array_equal(rtisi.recover(plan, same), y)


@each_dtype
@each_kind
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("cuts", [[1] * 11, [4, 7], [0, 2, 9, 0], [11]])
def test_blocks_give_the_bits_of_the_whole(
    arguments: dict[str, Any], center: bool, cuts: list[int], dtype: str
) -> None:
    plan = fastspec.STFT(**arguments, center=center, dtype=dtype)
    S = magnitudes(plan, 5, 11)
    engine, blocks, at = rtisi.RtisiEngine(plan, 5, n_iter=2), [], 0
    for count in cuts:
        blocks.append(engine.push(S[:, :, at : at + count]))
        at += count
    n_final = sum(y.shape[1] for y in blocks)
    assert n_final == (11 - 3) * plan.hop_length - (plan.n_fft // 2 if center else 0)
    y = np.concatenate([*blocks, engine.finish()], axis=1)
    np.testing.assert_array_equal(y, rtisi.recover(plan, S, n_iter=2))


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_engines_of_few_frames(frames: int) -> None:
    for look_ahead in (0, 3, 7):
        for center in (True, False):
            plan = fastspec.STFT(64, hop_length=16, center=center)
            S = magnitudes(plan, 2, frames)
            engine = rtisi.RtisiEngine(plan, 2, look_ahead=look_ahead)
            y = np.concatenate([engine.push(S), engine.finish()], axis=1)
            np.testing.assert_array_equal(y, rtisi.recover(plan, S, look_ahead=look_ahead))
    assert rtisi.RtisiEngine(plan).finish().shape == (1, 0)


@each_kind
def test_any_length_can_be_asked_for(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 5, 9)
    y = rtisi.recover(plan, S, length=400)  # 9 frames reach as far as 8 * 16 + n_fft / 2
    end = 128 + plan.n_fft // 2
    assert y[:, end - 10 : end].any()
    assert not y[:, end:].any()
    for length in (0, 1, 50, plan.n_samples(9)):
        np.testing.assert_array_equal(rtisi.recover(plan, S, length=length), y[:, :length])
    assert rtisi.recover(plan, S[:, :, :0], length=7).shape == (5, 7)
    assert rtisi.recover(plan, S[:0]).shape == (0, 128)


@each_dtype
@each_kind
def test_silence_is_silent_and_sound_begins_after_it(arguments: dict[str, Any], dtype: str) -> None:
    plan = fastspec.STFT(**arguments, dtype=dtype)
    S = magnitudes(plan, 2, 40)
    S[0] = 0
    S[1, :, :20] = 0
    y = rtisi.recover(plan, S)
    assert not y[0].any()
    edge = 20 * plan.hop_length - plan.n_fft // 2
    assert not y[1, :edge].any()
    reached = plan.power(y[1], power=1.0)[:, 22:36]
    assert np.linalg.norm(reached - S[1, :, 22:36]) < 0.5 * np.linalg.norm(S[1, :, 22:36])


@each_dtype
def test_each_dtype_limits_the_look_ahead(dtype: str) -> None:
    plan = fastspec.STFT(64, hop_length=16, dtype=dtype)
    largest = {"float32": 15, "float64": 7}[dtype]
    S = magnitudes(plan, 2, 20)
    assert np.isfinite(rtisi.recover(plan, S, look_ahead=largest)).all()
    with pytest.raises(ValueError, match=f"look_ahead must be at most {largest} in {dtype}, got {largest + 1}"):
        rtisi.recover(plan, S, look_ahead=largest + 1)
    for bad, error in ((-1, ValueError), (1.5, ValueError), ("3", TypeError)):
        with pytest.raises(error, match="look_ahead"):
            rtisi.recover(plan, S, look_ahead=bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_iter"):
        rtisi.recover(plan, S, n_iter=0)
    with pytest.raises(ValueError, match="n_bins = 33"):
        rtisi.recover(plan, S[:, 1:])
    with pytest.raises(ValueError, match="n_bins = 33"):
        rtisi.recover(plan, S[0])
    with pytest.raises(TypeError, match="float16"):
        rtisi.recover(plan, S.astype(np.float16))
    with pytest.raises(ValueError, match="2 signals"):
        rtisi.RtisiEngine(plan, 2).push(S[:1])


@pytest.mark.parametrize(
    ("look_ahead", "n_iter", "reached"), [(3, 5, -25), (3, 2, -20.3), (0, 5, -20.6), (0, 10, -22.7)]
)
def test_speech_converges_as_published(look_ahead: int, n_iter: int, reached: float) -> None:
    """Decibels of a plain prototype on these 1.6 s, Hann, 512/128; the kernels have momentum, too."""
    plan = fastspec.STFT(512, hop_length=128)
    y = speech().astype(np.float32)
    S = plan.power(y, power=1.0)
    peak = S.max()
    z = rtisi.recover(plan, (S / peak)[None], look_ahead=look_ahead, n_iter=n_iter, length=len(y))
    assert convergence(plan, S, z[0] * peak) < reached


def test_more_rounds_and_more_look_ahead_converge_further() -> None:
    plan = fastspec.STFT(512, hop_length=128)
    S = plan.power(speech().astype(np.float32), power=1.0)
    S /= S.max()
    results = [
        convergence(plan, S, rtisi.recover(plan, S[None], look_ahead=a, n_iter=r)[0, : 128 * (S.shape[1] - 1)])
        for a, r in ((0, 2), (3, 2), (3, 5), (3, 20))
    ]
    assert results == sorted(results, reverse=True)


@given(
    n_fft=st.integers(2, 300), hop=st.integers(1, 400), total=st.integers(1, 5000), look_ahead=st.integers(0, 7),
    segments=st.one_of(st.just("auto"), st.integers(1, 100)),
)  # fmt: skip
def test_segments_reach_from_end_to_end_and_overlap_where_they_are_joined(
    n_fft: int, hop: int, total: int, look_ahead: int, segments: Any
) -> None:
    plan = fastspec.STFT(n_fft, hop_length=hop, window="hamming")
    cut = Segmentation.split(plan, total, look_ahead, segments)
    assert len(cut.first_frames) == cut.n_segments <= (16 * 8 if segments == "auto" else segments)
    assert cut.first_frames[0] == 0
    assert cut.first_frames[-1] + cut.n_frames == total
    low, high = cut.first_frames[1:] + cut.head_frames, cut.first_frames[:-1] + cut.n_frames - cut.tail_frames
    assert ((high - low) * hop >= n_fft).all()
    assert (low[1:] >= high[:-1]).all()


@pytest.mark.parametrize("start", [0, 32])
def test_segments_of_any_sign_are_joined_to_the_signal(start: int) -> None:
    plan = fastspec.STFT(64, hop_length=16)
    cut = Segmentation.split(plan, 900, 3, 6)
    assert cut.n_segments == 6
    y = np.random.default_rng(0).standard_normal(899 * 16 + 64)
    size, signs = (cut.n_frames - 1) * 16 + 64, np.array([1, -1, -1, 1, -1, 1])
    segments = np.stack([y[f * 16 :][:size] * sign for f, sign in zip(cut.first_frames, signs, strict=True)])
    out = np.zeros(len(y))
    cut.join(segments, start, out)
    whole = np.append(y[start:], np.zeros(start))
    np.testing.assert_allclose(out, whole, rtol=0, atol=8 * np.finfo(float).eps * np.abs(y).max())


@each_kind
def test_segments_have_the_same_bits_alone_and_in_a_batch(arguments: dict[str, Any]) -> None:
    plan = fastspec.STFT(**arguments)
    S = magnitudes(plan, 5, 300)
    for segments in (2, "auto"):
        y = rtisi.recover(plan, S, segments=segments, n_iter=2)
        np.testing.assert_array_equal(rtisi.recover(plan, S[3:4], segments=segments, n_iter=2)[0], y[3])
        with fastspec.threads(1):
            np.testing.assert_array_equal(rtisi.recover(plan, S, segments=segments, n_iter=2), y)


def test_signals_too_short_for_segments_are_not_divided() -> None:
    plan = fastspec.STFT(64, hop_length=16)
    S = magnitudes(plan, 1, 120)
    y = rtisi.recover(plan, S)
    np.testing.assert_array_equal(rtisi.recover(plan, S, segments="auto"), y)
    np.testing.assert_array_equal(rtisi.recover(plan, S[:, :, :30], segments=50), rtisi.recover(plan, S[:, :, :30]))
    assert not np.array_equal(rtisi.recover(plan, S, segments=50), y)
    for bad, error in ((0, ValueError), (1.5, ValueError), ("all", ValueError)):
        with pytest.raises(error, match="segments must be"):
            rtisi.recover(plan, S, segments=bad)  # type: ignore[arg-type]


def test_segments_cost_a_decibel_at_most() -> None:
    """Cross-fades take about one frame of each segment of a hundred frames."""
    plan = fastspec.STFT(512, hop_length=128)
    y = np.concatenate([speech(), -0.7 * speech()]).astype(np.float32)
    S = plan.power(y, power=1.0)
    S /= S.max()
    whole_signal, segmented = (
        convergence(plan, S, rtisi.recover(plan, S[None], segments=k, length=len(y))[0]) for k in (1, 4)
    )
    assert segmented < whole_signal + 1
