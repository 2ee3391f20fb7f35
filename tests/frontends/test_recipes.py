"""Recipes against formulas in plain NumPy and float64: values, counts, batches, streams, inverses, levels."""

import pickle
import warnings

import numpy as np
import pytest
from cases import noise, speech_16k
from twins_recipes import TWINS, Array, Expected

import fastspec
from fastspec.frontends.recipe_table import TABLE

NAMES = fastspec.recipes()
NORMALIZED = {"nemo-64", "nemo-80", "nemo-128", "wespeaker-80", "seamless-80"}
RELATIVE = {"whisper-80", "whisper-128", "speechbrain-40", "speechbrain-80"}
SIXTEEN_BITS = {"kaldi-23", "kaldi-mfcc-13"}
KALDI = {name for name in NAMES if TWINS[name].__qualname__.startswith(("kaldi", "ast"))}

SIGNALS = {
    "speech": lambda: speech_16k()[4000:24000],
    "noise": lambda: 0.1 * noise(12345),
    "click": lambda: 0.5 * (np.arange(9000) == 5000),
    "silence": lambda: np.zeros(7000),
    "sine": lambda: np.sin(0.1234 * np.arange(10000)),
}
each_recipe = pytest.mark.parametrize("name", NAMES)


def signal_for(name: str, kind: str = "noise") -> Array:
    """A signal at the level that a recipe expects."""
    y: Array = SIGNALS[kind]() * fastspec.recipe(name).full_scale
    return y


def call(name: str, y: Array, dtype: str = "float32") -> Array:
    """The features, without the warning of a click or of silence in numbers of 16 bits."""
    L: Array = fastspec.recipe(name, dtype=dtype)(y.astype(dtype))
    return L


def errors(got: Array, expected: Expected) -> Array:
    """Differences in nepers of the levels, or in the features where there is no logarithm."""
    assert got.shape == expected.L.shape
    return np.asarray(np.abs(got.astype(np.float64) - expected.L) / expected.slope)


def test_every_recipe_has_a_twin() -> None:
    assert set(NAMES) == set(TWINS)
    assert len(set(NAMES)) == len(TABLE)


@each_recipe
@pytest.mark.parametrize("kind", SIGNALS)
def test_float64_follows_the_formulas(name: str, kind: str) -> None:
    y = signal_for(name, kind)
    with np.errstate(invalid="ignore"):
        expected = TWINS[name](y)
    largest = 1e-9 if kind != "sine" else 1e-6  # of a sine, some levels are 150 dB below the largest
    if kind == "silence" and name in NORMALIZED:
        assert np.abs(call(name, y, "float64")).max() < 1e-8  # the mean of equal numbers, rounded, over its deviation
    else:
        assert errors(call(name, y, "float64"), expected).max() < largest


@each_recipe
@pytest.mark.parametrize("kind", ["speech", "noise", "click"])
def test_float32_follows_the_formulas(name: str, kind: str) -> None:
    """1e-5 within 40 dB of the loudest level and ten times above the floor, 1e-4 within 60 dB, 1e-3 everywhere.

    Rounding errors of a transform are 1e-7 of the frame's amplitude, so those of a level that is d dB below it are
    10**(d / 20) times as much; where features follow pre-emphasis, or are numbers up to 26, twice 1e-5.
    """
    y = signal_for(name, kind).astype(np.float32).astype(np.float64)
    expected = TWINS[name](y)
    error = errors(call(name, y), expected)
    if expected.levels is None:
        assert error.max() < 1e-5
        return
    power = fastspec.recipe(name).frontend.power
    below = -20 / power * np.log10(np.maximum(expected.levels, 1e-30) / expected.levels.max())  # dB
    is_above_floor = expected.levels > 10 * expected.floor
    assert error[is_above_floor & (below < 40)].max() < (2e-5 if name in KALDI | NORMALIZED else 1e-5)
    assert error[is_above_floor & (below < 60)].max() < 1e-4
    assert error.max() < (5e-3 if name == "tacotron-20k-linear" else 1e-3)  # of single bins, some are nearly 0


@each_recipe
def test_frames_are_counted_as_the_program_does(name: str) -> None:
    recipe = fastspec.recipe(name)
    plan, row = recipe.frontend.plan, next(row for row in TABLE if row.name == name)
    hop, n_fft = plan.hop_length, plan.n_fft
    for n in range(0, 2 * n_fft + 3 * hop):
        if name == "lhotse-80":
            expected = (n + hop // 2) // hop
        elif name in KALDI:
            expected = 0 if n < 400 else 1 + (n - 400) // hop
        elif row.options.get("drop_last") or row.plan.get("pad"):
            expected = n // hop  # of odd rests, too: n_fft - hop is even
        else:
            expected = 1 + n // hop
        assert recipe.n_frames(n) == expected
    for n in (n_fft + hop, n_fft + 2 * hop - 1, 2 * n_fft + hop):
        y = recipe.full_scale * noise(n).astype(np.float32)
        assert recipe(y).shape == (recipe.frontend.n_rows, recipe.n_frames(n)) == TWINS[name](y.astype(float)).L.shape


@each_recipe
def test_a_batch_has_the_bits_of_each_signal(name: str) -> None:
    recipe, y = fastspec.recipe(name), signal_for(name).astype(np.float32)
    signals = [y[:9000], y[1000:6000], y[:12000]]
    L, n_frames = recipe.batch(signals, fill=-7)
    for signal, row, frames in zip(signals, L, n_frames, strict=True):
        assert np.array_equal(row[:, :frames], recipe(signal))
        assert (row[:, frames:] == -7).all()
    both = np.stack([y[:6000], y[6000:12000]])
    assert np.array_equal(recipe(both), np.stack([recipe(both[0]), recipe(both[1])]))


@each_recipe
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stream_has_the_bits_of_the_call_or_says_why_not(name: str, dtype: str) -> None:
    recipe, y = fastspec.recipe(name, dtype=dtype), signal_for(name).astype(dtype)
    if name in NORMALIZED | RELATIVE:
        with pytest.raises(ValueError, match="needs the whole signal"):
            recipe.stream()
        return
    stream, samples = recipe.stream(), np.split(y, [1, 700, 701, 5000, 5160])
    frames = [stream.push(block) for block in samples] + [stream.flush()]
    assert np.array_equal(np.concatenate(frames, axis=-1), recipe(y))


@each_recipe
def test_an_inverse_has_levels_near_those_of_the_recipe(name: str) -> None:
    recipe, y = fastspec.recipe(name), signal_for(name, "speech").astype(np.float32)
    L = recipe(y)
    if name in NORMALIZED:
        with pytest.raises(ValueError, match="rows were normalized"):
            recipe.inverse(L)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of bounds, see below
        x = recipe.inverse(L, length=len(y), rng=0)
        assert (x.shape, x.dtype) == (y.shape, np.float32)
        reached = recipe(x)
    frontend = recipe.frontend
    if frontend.log is None or frontend.n_cepstra:
        return
    M, N = (
        np.exp(levels.astype(np.float64) * np.log(10) / frontend.log_gain / frontend.gain) for levels in (L, reached)
    )
    assert 20 * np.log10(np.linalg.norm(N - M) / np.linalg.norm(M)) < -15
    level = np.linalg.norm(x) / np.linalg.norm(y)
    assert 0.4 < level < 2.5


@pytest.mark.parametrize(
    ("name", "cause"),
    [("whisper-80", "dynamic_range"), ("speechbrain-40", "dynamic_range"), ("tacotron-20k-linear", "high")],
)
def test_an_inverse_warns_of_what_is_lost(name: str, cause: str) -> None:
    recipe = fastspec.recipe(name)
    L = recipe(signal_for(name, "sine").astype(np.float32))
    with pytest.warns(UserWarning, match=cause):
        recipe.inverse(L, n_iter=1)
    L = recipe(signal_for(name).astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of noise, nothing is at a bound
        recipe.inverse(0.9 * L, n_iter=1)


def test_a_recipe_is_created_once() -> None:
    recipe = fastspec.recipe("hifigan-22k")
    assert fastspec.recipe("hifigan-22k") is recipe is fastspec.recipe("hifigan-22k", dtype=np.float32)
    assert fastspec.recipe("hifigan-22k", dtype="float64").dtype == np.float64
    assert pickle.loads(pickle.dumps(recipe)) is recipe
    with pytest.raises(AttributeError, match="cannot be changed"):
        recipe.sr = 8000


def test_an_unknown_name_is_answered_with_those_near_it() -> None:
    with pytest.raises(ValueError, match=r"got 'hifigan': near it are hifigan-22k"):
        fastspec.recipe("hifigan")
    with pytest.raises(ValueError, match=r"got 'Whisper_80': near it are whisper-80"):
        fastspec.recipe("Whisper_80")
    with pytest.raises(ValueError, match=r"got 'xyz': fastspec.recipes\(\) lists them"):
        fastspec.recipe("xyz")
    with pytest.raises(ValueError, match="got 80"):
        fastspec.recipe(80)


@each_recipe
def test_a_recipe_says_what_it_is_and_where_it_is_from(name: str) -> None:
    recipe = fastspec.recipe(name)
    text = repr(recipe)
    for part in (name, str(recipe.sr), str(recipe.source.year), recipe.source.project, recipe.source.licence):
        assert part in text
    assert recipe.source.file.count(", ") == 1
    assert recipe.source.licence in {"MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0"}


# ---- levels ----
@each_recipe
def test_samples_at_another_level_are_warned_of(name: str) -> None:
    recipe, y = fastspec.recipe(name), noise(8000).astype(np.float32)
    with pytest.warns(UserWarning, match=f"recipe {name!r} expects samples"):
        recipe(0.2 * y if name in SIXTEEN_BITS else 3000 * y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe(recipe.full_scale * 0.2 * y)
        recipe(recipe.full_scale * y)  # a little beyond full scale
        recipe.frontend(recipe.full_scale * y)
        if name not in NORMALIZED:
            recipe(0 * y)
        if name not in NORMALIZED | RELATIVE:
            recipe.stream().push(recipe.full_scale * 1e-5 * y)
    if name not in NORMALIZED | RELATIVE | SIXTEEN_BITS:
        with pytest.warns(UserWarning, match=f"block goes up to .* recipe {name!r} expects samples within ±1"):
            recipe.stream().push(3000 * y)


def test_quiet_samples_of_16_bits_are_not_warned_of() -> None:
    y = np.zeros(100_000, np.float32)
    y[54_321] = 2  # one sample shows that these are no samples within 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fastspec.recipe("kaldi-23")(y)


@each_recipe
def test_integers_are_brought_to_the_level_of_the_recipe(name: str) -> None:
    recipe = fastspec.recipe(name)
    pcm = (3000 * noise(9000)).astype(np.int16)
    expected = recipe(pcm.astype(np.float32) * np.float32(recipe.full_scale / 32768))
    assert np.array_equal(recipe(pcm), expected)
    assert np.array_equal(recipe(pcm.astype(np.int32) << 16), expected)
    assert np.array_equal(recipe.batch([pcm])[0][0], expected)
    if name not in NORMALIZED | RELATIVE:
        for samples in (pcm, pcm.astype(np.int32) << 16):
            stream = recipe.stream()
            frames = [stream.push(samples[:5000]), stream.push(samples[5000:]), stream.flush()]
            assert np.array_equal(np.concatenate(frames, axis=-1), expected)
        with pytest.raises(ValueError, match="block must hold floating-point numbers, or integers of 8"):
            recipe.stream().push(pcm.astype(np.int64))
    with pytest.raises(ValueError, match="integers of 8, 16 or 32 bits"):
        recipe(pcm.astype(np.int64))


def test_what_is_no_sound_is_refused() -> None:
    recipe = fastspec.recipe("whisper-80")
    with pytest.raises(TypeError, match="real numbers"):
        recipe(np.zeros(1000, complex))
    with pytest.raises(ValueError, match="at least one sample"):
        recipe(np.zeros(0, np.float32))
    with pytest.raises(ValueError, match="second frame"):
        recipe(np.zeros(100, np.float32))


def test_options_that_recipes_brought_are_checked() -> None:
    plan = fastspec.STFT(512)
    with pytest.raises(ValueError, match="least must be 0 unless power is 1, got 1e-05"):
        fastspec.FrontEnd(plan, least=1e-5)
    with pytest.raises(ValueError, match="variance_floor must be at least 0, got -1"):
        fastspec.FrontEnd(plan, variance_floor=-1)
    y = 1e-4 * noise(3000)
    frontend = fastspec.FrontEnd(fastspec.STFT(512, dtype="float64"), power=1, least=1e-3)
    assert np.allclose(frontend(y), np.maximum(frontend.plan.power(y, power=1), 1e-3), rtol=1e-12, atol=0)
