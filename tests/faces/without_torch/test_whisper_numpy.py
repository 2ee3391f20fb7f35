"""faster-whisper and transformers, patched and not: features, side effects, memory."""

import logging
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from transformers import WhisperFeatureExtractor
from twins_whisper import RATE, assert_features, whisper_signals, whisper_twin

import fastspec
import fastspec.patch

ROOT = Path(__file__).parents[3]
SIGNALS = whisper_signals()
FASTER = "faster_whisper.feature_extractor.FeatureExtractor.__call__"
ARRAYS = "transformers.models.whisper.feature_extraction_whisper.WhisperFeatureExtractor._np_extract_fbank_features"


@pytest.fixture(autouse=True)
def _unpatched_after() -> Iterator[None]:
    yield
    fastspec.unpatch("whisper")


def ours(name: str, call: Any, precision: str | None = None) -> Any:
    """The result of a call while patched, which fastspec computes."""
    with fastspec.patch("whisper", precision=precision):
        before = fastspec.patch.calls("whisper")[name]
        result = call()
        assert fastspec.patch.calls("whisper")[name] == before + 1
    return result


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("name", SIGNALS)
def test_faster_whisper(name: str, n_mels: int) -> None:
    extractor, x = FeatureExtractor(feature_size=n_mels), SIGNALS[name]
    twin = whisper_twin(x, extractor.mel_filters, append=160)
    plain = extractor(x)
    assert_features(ours(FASTER, lambda: extractor(x)), plain, twin)
    assert_features(ours(FASTER, lambda: extractor(x), "double"), plain, twin, single=False)


@pytest.mark.parametrize("n", [160, 199, 200, 201, 319, 320, 321, 399, 400, 401, 479, 480, 481])
@pytest.mark.parametrize("padding", [0, 160, 3000])
def test_lengths_and_paddings_of_faster_whisper(n: int, padding: int) -> None:
    extractor, x = FeatureExtractor(), SIGNALS["speech"][8000 : 8000 + n]
    twin = whisper_twin(x, extractor.mel_filters, append=padding)
    plain = extractor(x, padding=padding)
    assert_features(ours(FASTER, lambda: extractor(x, padding=padding)), plain, twin)
    assert_features(ours(FASTER, lambda: extractor(x, padding=padding), "double"), plain, twin, single=False)


def test_frame_counts_of_faster_whisper() -> None:
    extractor = FeatureExtractor()
    for n in range(1, 2001, 7):
        x = SIGNALS["noise"][:n]
        assert ours(FASTER, lambda x=x: extractor(x)).shape == extractor(x).shape == (80, (n + 160) // 160)


@pytest.mark.parametrize("kind", ["int16", "float64", ">f4", "strided", "backwards", "read-only", "2-D"])
def test_arrays_of_faster_whisper(kind: str) -> None:
    extractor, x = FeatureExtractor(), SIGNALS["16 bits"]
    y: Any = x.copy()
    if kind in ("int16", "float64", ">f4"):
        y = x.astype(kind)
    elif kind == "strided":
        y = np.stack([x, x], axis=1)[:, 0]
    elif kind == "backwards":
        y = x[::-1]
    elif kind == "2-D":
        y = np.stack([x, SIGNALS["noise"]])
    else:
        y.flags.writeable = False
    before = y.copy()
    twin = whisper_twin(y.astype(np.float32), extractor.mel_filters, batch=True)
    plain = extractor(y, padding=0)
    assert_features(ours(FASTER, lambda: extractor(y, padding=0)), plain, twin)
    assert_features(ours(FASTER, lambda: extractor(y, padding=0), "double"), plain, twin, single=False)
    np.testing.assert_array_equal(y, before)


def test_attributes_of_faster_whisper_change_as_without_us() -> None:
    plain, patched = FeatureExtractor(), FeatureExtractor()
    for length in (None, 10, 20):
        plain(SIGNALS["noise"], chunk_length=length)
        ours(FASTER, lambda length=length: patched(SIGNALS["noise"], chunk_length=length))
        assert {k: v for k, v in vars(plain).items() if k != "mel_filters"} == {
            k: v for k, v in vars(patched).items() if k != "mel_filters"
        }


REFUSED = {
    "a list": lambda x: x.tolist(),
    "no sample": lambda x: x[:0],
    "three axes": lambda x: x[None, None],
    "two axes": lambda x: np.stack([x, x]),
    "NaN": lambda x: np.where(np.arange(len(x)) == 100, np.nan, x),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_unusual_has_the_result_or_the_error_of_the_original(name: str, caplog: Any) -> None:
    extractor, x = FeatureExtractor(), REFUSED[name](SIGNALS["noise"])

    def outcome() -> Any:
        try:
            return extractor(x)
        except Exception as error:
            return type(error), str(error)

    plain = outcome()
    with caplog.at_level(logging.WARNING, "fastspec"), fastspec.patch("whisper"):
        before = fastspec.patch.calls("whisper")[FASTER]
        patched = outcome()
        assert fastspec.patch.calls("whisper")[FASTER] == before
    np.testing.assert_equal(patched, plain)


def test_the_classes_are_as_before() -> None:
    extractor = pickle.loads(pickle.dumps(FeatureExtractor()))  # which keeps a list of slots in the class

    def attributes() -> list[tuple[str, int]]:
        return [
            (name, id(value)) for c in (FeatureExtractor, WhisperFeatureExtractor) for name, value in vars(c).items()
        ]

    before = attributes()
    with fastspec.patch("whisper") as patch:
        assert {FASTER, ARRAYS} <= set(patch.places)
        assert attributes() != before
        assert pickle.loads(pickle.dumps(extractor))(SIGNALS["noise"]).shape == (80, 201)
    assert attributes() == before


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("n_mels", [80, 128])
def test_transformers(name: str, n_mels: int) -> None:
    extractor, x = WhisperFeatureExtractor(feature_size=n_mels), SIGNALS[name]
    batch = np.stack([x, 0.01 * SIGNALS["noise"]])
    twin = whisper_twin(batch, extractor.mel_filters.T)
    plain = extractor._np_extract_fbank_features(batch, "cpu")
    assert_features(ours(ARRAYS, lambda: extractor._np_extract_fbank_features(batch, "cpu")), plain, twin, single=False)


@pytest.mark.parametrize("n", [160, 199, 200, 201, 319, 320, 321, 399, 400, 401])
def test_lengths_of_transformers(n: int) -> None:
    extractor, x = WhisperFeatureExtractor(), SIGNALS["speech"][None, 8000 : 8000 + n]
    twin = whisper_twin(x, extractor.mel_filters.T)
    plain = extractor._np_extract_fbank_features(x, "cpu")
    assert_features(ours(ARRAYS, lambda: extractor._np_extract_fbank_features(x, "cpu")), plain, twin, single=False)


def test_the_whole_call_of_transformers() -> None:
    extractor = WhisperFeatureExtractor()
    sounds = [SIGNALS["speech"], SIGNALS["noise"][:20000], SIGNALS["click"]]
    options: dict[str, Any] = {"sampling_rate": RATE, "return_attention_mask": True, "return_tensors": "np"}
    plain, patched = extractor(sounds, **options), ours(ARRAYS, lambda: extractor(sounds, **options))
    assert plain.keys() == patched.keys()
    assert plain["input_features"].dtype == patched["input_features"].dtype
    np.testing.assert_allclose(patched["input_features"], plain["input_features"], rtol=0, atol=5e-6)
    np.testing.assert_array_equal(patched["attention_mask"], plain["attention_mask"])


def test_dither_and_other_devices_of_transformers_are_the_originals() -> None:
    extractor, x = WhisperFeatureExtractor(dither=1e-4), SIGNALS["noise"][None]
    np.random.seed(3)  # noqa: NPY002  that of the original
    plain = extractor._np_extract_fbank_features(x, "cpu")
    with fastspec.patch("whisper"):
        np.random.seed(3)  # noqa: NPY002
        np.testing.assert_array_equal(extractor._np_extract_fbank_features(x, "cpu"), plain)
        with pytest.raises(ValueError, match="cuda"):
            WhisperFeatureExtractor()._np_extract_fbank_features(x, "cuda")


MEMORY = """
import resource, sys
import numpy as np
import fastspec, fastspec.patch

fastspec.patch("whisper")
from faster_whisper.feature_extractor import FeatureExtractor
from transformers import WhisperFeatureExtractor

def call(x):
    if sys.argv[1] == "faster_whisper":
        return FeatureExtractor()(x)
    return WhisperFeatureExtractor()._np_extract_fbank_features(x[None], "cpu")

x = np.random.default_rng(0).standard_normal(3600 * 16000, dtype=np.float32)
call(x[: 30 * 16000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
M = call(x)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(fastspec.patch.calls("whisper").values()) == 2
print(M.nbytes, (after - before) * 1024, fastspec.kernels.runtime.threads.thread_count())
"""


@pytest.mark.parametrize("library", ["faster_whisper", "transformers"])
def test_an_hour_takes_the_memory_of_its_result_and_60_mb(library: str) -> None:
    ran = subprocess.run([sys.executable, "-c", MEMORY, library], capture_output=True, text=True, check=True, cwd=ROOT)
    result, used, _ = map(int, ran.stdout.split())
    assert result == 80 * 360001 * 4 - (library == "transformers") * 80 * 4
    assert used <= result + 60e6
