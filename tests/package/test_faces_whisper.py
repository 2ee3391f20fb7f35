"""Whisper's features against the formula, with libraries of the shapes of faster-whisper and transformers.

The libraries themselves: tests/faces, by `make test-faces`.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins_whisper import RATE, whisper_signals, whisper_twin, whisper_weights

import fastspec
import fastspec.patch

LIBRARY = """
import numpy as np

class {name}:
    def __init__(self, weights, n_fft=400, hop_length=160, dither=0.0):
        self.mel_filters, self.n_fft, self.hop_length, self.dither = weights, n_fft, hop_length, dither
        self.sampling_rate = 16000
        self.n_samples = self.nb_max_frames = 0

    @staticmethod
    def stft(x):
        return x

    def {method}:
        return "original"
"""
LIBRARIES = {
    "faster_whisper.feature_extractor": LIBRARY.format(
        name="FeatureExtractor", method="__call__(self, waveform, padding=160, chunk_length=None)"
    ),
    "transformers.models.whisper.feature_extraction_whisper": LIBRARY.format(
        name="WhisperFeatureExtractor", method="_np_extract_fbank_features(self, waveform_batch, device)"
    )
    + "\n    def _torch_extract_fbank_features(self, waveform, device='cpu'):\n        return 'original'\n",
}
SIGNALS = whisper_signals()
WEIGHTS = {n_mels: whisper_weights(n_mels).astype(np.float32) for n_mels in (80, 128)}


@pytest.fixture(autouse=True)
def _patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    roots = {name.partition(".")[0] for name in LIBRARIES}
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in roots}
    for name in kept:
        del sys.modules[name]
    for name, text in LIBRARIES.items():
        *packages, module = name.split(".")
        folder = tmp_path
        for package in packages:
            folder /= package
            folder.mkdir()
            (folder / "__init__.py").write_text("__version__ = '9.0'\n" if package in roots else "")
        (folder / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with fastspec.patch("whisper"):
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
        del sys.modules[name]
    sys.modules.update(kept)
    fastspec.patch._STATES.pop("whisper")


def faster(weights: Any = WEIGHTS[80], **sizes: Any) -> Any:
    return importlib.import_module("faster_whisper.feature_extractor").FeatureExtractor(weights, **sizes)


def extractor(weights: Any = None, **sizes: Any) -> Any:
    module = importlib.import_module("transformers.models.whisper.feature_extraction_whisper")
    return module.WhisperFeatureExtractor(whisper_weights(80).T if weights is None else weights, **sizes)


def assert_near(ours: Any, twin: Any, limit: float) -> None:
    """Within 5e-6 where a level is within 50 dB of the loudest of its frame; quieter ones within `limit`."""
    assert isinstance(ours, np.ndarray)
    assert (ours.shape, ours.dtype) == (twin.shape, np.float32)
    error = np.abs(ours - twin)
    assert error[twin >= twin.max(axis=-2, keepdims=True) - 50 / 10 / 4].max() <= 5e-6
    assert error.max() <= limit


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("n_mels", [80, 128])
def test_faster_whisper_has_the_formulas_values(name: str, n_mels: int) -> None:
    weights, x = WEIGHTS[n_mels], SIGNALS[name]
    assert_near(faster(weights)(x), whisper_twin(x, weights, append=160), 5e-5)
    assert [*fastspec.patch.calls("whisper").values()] == [1]


@pytest.mark.parametrize("name", SIGNALS)
def test_transformers_has_the_formulas_values(name: str) -> None:
    weights, x = whisper_weights(80), np.stack([SIGNALS[name], 0.01 * SIGNALS["noise"]])
    twin = whisper_twin(x, weights)
    assert_near(extractor()._np_extract_fbank_features(x, "cpu"), twin, 5e-6)
    assert_near(extractor()._torch_extract_fbank_features(x), twin, 5e-5)
    assert_near(extractor()._torch_extract_fbank_features(x[0]), twin[0], 5e-5)
    assert sorted(fastspec.patch.calls("whisper").values()) == [1, 2]


@pytest.mark.parametrize("n", [160, 199, 200, 201, 319, 320, 321, 399, 400, 401, 1599, 1600, 1601])
def test_short_signals(n: int) -> None:
    x = SIGNALS["noise"][:n]
    for padding in (0, 160, 480):
        twin = whisper_twin(x, WEIGHTS[80], append=padding)
        assert_near(faster()(x, padding=padding), twin, 5e-6)
    assert_near(
        extractor()._np_extract_fbank_features(x[None], "cpu"), whisper_twin(x[None], whisper_weights(80)), 5e-6
    )


@pytest.mark.parametrize("sizes", [{"n_fft": 512, "hop_length": 128}, {"n_fft": 401, "hop_length": 100}])
def test_other_sizes(sizes: dict[str, int]) -> None:
    n_fft, hop = sizes["n_fft"], sizes["hop_length"]
    weights, x = whisper_weights(80, n_fft).astype(np.float32), SIGNALS["speech"]
    assert_near(faster(weights, **sizes)(x), whisper_twin(x, weights, n_fft=n_fft, hop=hop, append=160), 5e-5)
    twin = whisper_twin(x[None], weights, n_fft=n_fft, hop=hop)
    assert_near(extractor(weights.T, **sizes)._np_extract_fbank_features(x[None], "cpu"), twin, 5e-6)


def test_blocks_of_a_long_signal_in_float64_join() -> None:
    from fastspec.faces.whisper import BLOCK_FRAMES

    x = np.random.default_rng(1).standard_normal((1, 160 * (BLOCK_FRAMES + 1) + 7)).astype(np.float32)
    assert_near(extractor()._np_extract_fbank_features(x, "cpu"), whisper_twin(x, whisper_weights(80)), 5e-6)


@pytest.mark.parametrize("name", SIGNALS)
def test_double_precision_is_exact(name: str) -> None:
    x = SIGNALS[name]
    batch = np.stack([x, 0.01 * SIGNALS["noise"]])
    with fastspec.patch("whisper", precision="double"):
        for padding in (0, 160, 50000):
            assert_near(faster()(x, padding=padding), whisper_twin(x, WEIGHTS[80], append=padding), 5e-6)
        assert_near(faster()(batch, padding=0), whisper_twin(batch, WEIGHTS[80], batch=True), 5e-6)
        assert_near(extractor()._torch_extract_fbank_features(batch), whisper_twin(batch, whisper_weights(80)), 5e-6)
    assert np.abs(faster()(SIGNALS["speech"]) - whisper_twin(SIGNALS["speech"], WEIGHTS[80], append=160)).max() > 5e-6


def test_several_signals_of_faster_whisper_share_their_largest_level() -> None:
    x = np.stack([SIGNALS["speech"], 1e-3 * SIGNALS["noise"]])
    twin = whisper_twin(x, WEIGHTS[80], batch=True)
    assert_near(faster()(x, padding=0), twin, 5e-5)
    assert faster()(x) == "original"  # which pads the other axis, too


def arrays() -> dict[str, Any]:
    """Arrays of other kinds of memory and dtypes, whose samples are integers."""
    x = np.random.default_rng(2).integers(-3000, 3000, 9000).astype(np.float32)
    readonly = x.copy()
    readonly.flags.writeable = False
    unaligned = np.frombuffer(b"-" + x.tobytes(), np.float32, offset=1)
    strided = np.zeros((9000, 2), np.float32)
    strided[:, 0] = x
    return {
        "int16": x.astype(np.int16),
        "int64": x.astype(np.int64),
        "float64": x.astype(np.float64),
        "swapped": x.astype(">f4"),
        "read-only": readonly,
        "unaligned": unaligned,
        "strided": strided[:, 0],
        "backwards": x[::-1].copy()[::-1],
    }


@pytest.mark.parametrize("name", arrays())
def test_arrays_of_any_kind_are_taken_and_not_changed(name: str) -> None:
    y = arrays()[name]
    before = y.copy()
    for padding in (0, 160):
        twin = whisper_twin(y.astype(np.float32), WEIGHTS[80], append=padding)
        assert_near(faster()(y, padding=padding), twin, 5e-5)
    twin = whisper_twin(y[None].astype(np.float32), whisper_weights(80))
    assert_near(extractor()._np_extract_fbank_features(y[None], "cpu"), twin, 5e-6)
    np.testing.assert_array_equal(y, before)


def test_the_state_of_the_extractor_changes_as_it_does_in_the_original() -> None:
    one = faster()
    one(SIGNALS["noise"])
    assert (one.n_samples, one.nb_max_frames) == (0, 0)
    one(SIGNALS["noise"], chunk_length=7)
    assert (one.n_samples, one.nb_max_frames) == (7 * RATE, 700)


def test_filters_are_compared_at_each_call() -> None:
    weights = WEIGHTS[80].copy()
    one, x = faster(weights), SIGNALS["noise"]
    first = one(x)
    np.testing.assert_array_equal(faster(weights.copy())(x), first)
    weights *= 4
    assert_near(one(x), whisper_twin(x, weights, append=160), 5e-6)
    assert np.abs(one(x) - first).max() > 0.1


def refused() -> dict[str, Any]:
    """Calls that the original is to answer."""
    x = SIGNALS["noise"]
    nan, large = x.copy(), 1e19 * x
    nan[1000] = np.nan
    return {
        "a list": lambda: faster()(x.tolist()),
        "complex": lambda: faster()(x.astype(complex)),
        "three axes": lambda: faster()(x[None, None]),
        "no sample": lambda: faster()(x[:0]),
        "no frame": lambda: faster()(x[:159], padding=0),
        "NaN": lambda: faster()(nan),
        "an infinity": lambda: faster()(np.where(np.isnan(nan), np.inf, nan)),
        "powers that overflow": lambda: faster()(large),
        "NaN in float64": lambda: extractor()._np_extract_fbank_features(nan[None], "cpu"),
        "a pair of paddings": lambda: faster()(x, padding=(1, 2)),
        "no padding but a sign": lambda: faster()(x, padding=-1),
        "filters of float64": lambda: faster(whisper_weights(80))(x),
        "filters of another size": lambda: faster(WEIGHTS[80][:, :200])(x),
        "a size that is none": lambda: faster(n_fft=400.5)(x),
        "another device": lambda: extractor()._np_extract_fbank_features(x[None], "cuda"),
        "dither": lambda: extractor(dither=1e-5)._np_extract_fbank_features(x[None], "cpu"),
        "a list of signals": lambda: extractor()._np_extract_fbank_features([x], "cpu"),
        "dither in float32": lambda: extractor(dither=1e-5)._torch_extract_fbank_features(x),
        "shorter than its padding": lambda: extractor()._torch_extract_fbank_features(x[:200]),
        "backwards": lambda: extractor()._torch_extract_fbank_features(x[::-1]),
    }


@pytest.mark.parametrize("name", refused())
def test_the_original_answers_what_is_unusual(name: str) -> None:
    with np.errstate(all="ignore"):
        assert isinstance(refused()[name](), str)
    assert not any(fastspec.patch.calls("whisper").values())


def test_a_subclass_with_a_transform_of_its_own_keeps_it() -> None:
    class Own(type(faster())):  # type: ignore[misc]
        @staticmethod
        def stft(x: Any) -> Any:
            return 2 * x

    assert Own(WEIGHTS[80])(SIGNALS["noise"]) == "original"


def test_torch_is_not_imported() -> None:
    imported = "torch" in sys.modules
    faster()(SIGNALS["noise"])
    extractor()._torch_extract_fbank_features(SIGNALS["noise"])
    assert ("torch" in sys.modules) == imported
