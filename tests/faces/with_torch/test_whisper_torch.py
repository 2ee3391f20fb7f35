"""openai-whisper, whisperx and transformers with torch, patched and not: features, tensors, what torch transforms."""

import io
import logging
import shutil
import subprocess
import sys
import warnings
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
import whisper
import whisper.audio
import whisper.transcribe
import whisperx.audio
from torch._subclasses.fake_tensor import FakeTensorMode
from twins_whisper import RATE, SPEECH, assert_features, whisper_signals, whisper_twin

import fastspec
import fastspec.patch
from fastspec.faces import Unsupported
from fastspec.faces.tensors import array_of, tensor_of
from fastspec.patch.replacement import Replacement

ROOT = Path(__file__).parents[3]
SIGNALS = whisper_signals()
OPENAI, X = "whisper.audio.log_mel_spectrogram", "whisperx.audio.log_mel_spectrogram"
MODEL = "transformers.models.whisper.feature_extraction_whisper.WhisperFeatureExtractor"
TENSORS, ARRAYS = f"{MODEL}._torch_extract_fbank_features", f"{MODEL}._np_extract_fbank_features"


@pytest.fixture(autouse=True)
def _unpatched_after() -> Iterator[None]:
    yield
    fastspec.unpatch("whisper")


def count(name: str) -> int:
    return fastspec.patch.calls("whisper").get(name, 0)


def ours(name: str, call: Any, precision: str | None = None) -> Any:
    """The result of a call while patched, which fastspec computes."""
    with fastspec.patch("whisper", precision=precision):
        before = count(name)
        result = call()
        assert count(name) == before + 1
    return result


def originals(name: str, call: Any) -> Any:
    """The result of a call while patched, which the original computes."""
    with fastspec.patch("whisper"):
        before = count(name)
        result = call()
        assert count(name) == before
    return result


def weights(n_mels: int) -> Any:
    return whisper.audio.mel_filters("cpu", n_mels).numpy()


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("name", SIGNALS)
def test_openai_whisper(name: str, n_mels: int) -> None:
    x, twin = SIGNALS[name], whisper_twin(SIGNALS[name], weights(n_mels))
    plain = whisper.log_mel_spectrogram(x, n_mels)
    for y in (x, torch.from_numpy(x)):
        result = ours(OPENAI, lambda y=y: whisper.log_mel_spectrogram(y, n_mels))
        assert type(result) is torch.Tensor
        assert (result.dtype, result.stride()) == (plain.dtype, plain.stride())
        assert_features(result, plain, twin)
        exact = ours(OPENAI, lambda y=y: whisper.log_mel_spectrogram(y, n_mels, device="cpu"), "double")
        assert_features(exact, plain, twin, single=False)


@pytest.mark.parametrize("n_mels", [80, 128])
def test_whisperx(n_mels: int) -> None:
    for x in SIGNALS.values():
        twin = whisper_twin(x, weights(n_mels), append=5000)
        call = lambda x=x: whisperx.audio.log_mel_spectrogram(x, n_mels, padding=5000)  # noqa: E731
        assert_features(ours(X, call), call(), twin)
    with fastspec.patch("whisper"), pytest.raises(TypeError, match="n_mels"):
        whisperx.audio.log_mel_spectrogram(x)


@pytest.mark.parametrize("n", [201, 319, 320, 321, 399, 400, 401, 2000])
@pytest.mark.parametrize("padding", [0, 1, 160, 480000])
def test_lengths_and_paddings_of_openai_whisper(n: int, padding: int) -> None:
    x = SIGNALS["speech"][8000 : 8000 + n]
    twin = whisper_twin(x, weights(80), append=padding)
    call = lambda: whisper.log_mel_spectrogram(x, padding=padding)  # noqa: E731
    assert_features(ours(OPENAI, call), call(), twin)
    assert_features(ours(OPENAI, call, "double"), call(), twin, single=False)


def test_frame_counts_are_the_originals() -> None:
    for n in range(201, 2001, 7):
        call = lambda n=n: whisper.log_mel_spectrogram(SIGNALS["noise"][:n])  # noqa: E731
        assert ours(OPENAI, call).shape == call().shape


def test_a_batch_of_openai_whisper_shares_its_largest_level() -> None:
    x = np.stack([SIGNALS["speech"], 1e-4 * SIGNALS["noise"]])
    twin = whisper_twin(x, weights(80), batch=True)
    call = lambda: whisper.log_mel_spectrogram(torch.from_numpy(x))  # noqa: E731
    assert_features(ours(OPENAI, call), call(), twin)
    assert_features(ours(OPENAI, call, "double"), call(), twin, single=False)


def test_strided_tensors_and_read_only_arrays() -> None:
    x = SIGNALS["speech"]
    pairs = torch.from_numpy(np.stack([x, x], axis=1))
    call = lambda: whisper.log_mel_spectrogram(pairs[:, 1])  # noqa: E731
    assert_features(ours(OPENAI, call), call(), whisper_twin(x, weights(80)))
    y = x.copy()
    y.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, of memory that is not writable
        plain = whisper.log_mel_spectrogram(y)
    assert_features(ours(OPENAI, lambda: whisper.log_mel_spectrogram(y)), plain, whisper_twin(x, weights(80)))


def test_all_names_are_replaced() -> None:
    assert transformers.WhisperFeatureExtractor is not None  # imports its module
    with fastspec.patch("whisper") as patch:
        assert whisper.log_mel_spectrogram is whisper.audio.log_mel_spectrogram
        assert whisper.log_mel_spectrogram is sys.modules["whisper.transcribe"].log_mel_spectrogram
        assert {OPENAI, X, TENSORS, ARRAYS, "whisper.transcribe.log_mel_spectrogram"} <= set(patch.places)
    assert not hasattr(whisper.log_mel_spectrogram, "__fastspec__")


def test_a_path_is_read_by_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `ffmpeg` of the test's own answers with the samples of the file, as the real one does for this format."""
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport sys, wave\nname = sys.argv[sys.argv.index('-i') + 1]\n"
        "with wave.open(name) as sound:\n    sys.stdout.buffer.write(sound.readframes(sound.getnframes()))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert shutil.which("ffmpeg") == str(program)
    with wave.open(str(SPEECH)) as sound:
        x = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).astype(np.float32) / 32768
    for name, function in ((OPENAI, whisper.log_mel_spectrogram), (X, whisperx.audio.log_mel_spectrogram)):
        call = lambda: sys.modules[name.rpartition(".")[0]].log_mel_spectrogram(str(SPEECH), 80)  # noqa: B023, E731
        assert function is not None
        assert_features(ours(name, call), call(), whisper_twin(x, weights(80)))


# ---- tensors that the original takes ----
def on_grad() -> Any:
    x = torch.from_numpy(SIGNALS["noise"]).clone().requires_grad_()
    whisper.log_mel_spectrogram(x).sum().backward()
    assert x.grad is not None
    return x.grad


def under_vmap() -> Any:
    return torch.vmap(whisper.log_mel_spectrogram)(torch.from_numpy(SIGNALS["noise"]).reshape(2, -1))


def under_func_grad() -> Any:
    return torch.func.grad(lambda x: whisper.log_mel_spectrogram(x).sum())(torch.from_numpy(SIGNALS["noise"]))


def under_jvp() -> Any:
    x = torch.from_numpy(SIGNALS["noise"])
    return torch.func.jvp(whisper.log_mel_spectrogram, (x,), (torch.ones_like(x),))[1]


def under_forward_ad() -> Any:
    x = torch.from_numpy(SIGNALS["noise"])
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        return torch.autograd.forward_ad.unpack_dual(whisper.log_mel_spectrogram(dual)).tangent


def traced() -> Any:
    x = torch.from_numpy(SIGNALS["noise"])
    function = torch.jit.trace(whisper.log_mel_spectrogram, x, check_trace=False)
    return function(2 * x)


def compiled() -> Any:
    torch.compiler.reset()
    function = torch.compile(whisper.log_mel_spectrogram, backend="eager")
    return function(torch.from_numpy(SIGNALS["noise"]))


def fake() -> Any:
    x = torch.from_numpy(SIGNALS["noise"])
    whisper.log_mel_spectrogram(x.requires_grad_())  # whose filters are kept, and are no fakes
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        result = whisper.log_mel_spectrogram(mode.from_tensor(x.detach()))
        return type(result).__name__, result.shape


def meta() -> Any:
    result = whisper.log_mel_spectrogram(torch.empty(16000, device="meta"))
    return str(result.device), result.shape


def half() -> Any:
    with pytest.raises(RuntimeError):
        whisper.log_mel_spectrogram(torch.ones(16000, dtype=torch.float64))
    with pytest.raises(RuntimeError):
        whisper.log_mel_spectrogram(torch.ones(16000, dtype=torch.int16))


def heir() -> Any:
    class Tensor(torch.Tensor):
        pass

    return torch.Tensor(whisper.log_mel_spectrogram(torch.from_numpy(SIGNALS["noise"]).as_subclass(Tensor)))


def negative() -> Any:
    return whisper.log_mel_spectrogram(torch._neg_view(torch.from_numpy(SIGNALS["noise"])))


def too_short() -> Any:
    with pytest.raises(RuntimeError):
        whisper.log_mel_spectrogram(np.zeros(200, np.float32))
    with pytest.raises(RuntimeError):
        whisper.log_mel_spectrogram(np.zeros(0, np.float32))


def backwards() -> Any:
    with pytest.raises(ValueError, match="stride"):
        whisper.log_mel_spectrogram(SIGNALS["noise"][::-1])


def wrong_mels() -> Any:
    with pytest.raises(AssertionError, match="Unsupported n_mels"):
        whisper.log_mel_spectrogram(SIGNALS["noise"], 81)


def not_a_number() -> Any:
    x = SIGNALS["noise"].copy()
    x[5000] = np.nan
    return whisper.log_mel_spectrogram(x)


def saved_by_mode() -> Any:
    with torch.device("cpu"):
        return whisper.log_mel_spectrogram(SIGNALS["noise"])


ORIGINALS: list[Callable[[], Any]] = [
    *(on_grad, under_vmap, under_func_grad, under_jvp, under_forward_ad, traced, compiled, fake, meta, half, heir),
    *(negative, too_short, backwards, wrong_mels, not_a_number, saved_by_mode),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("call", ORIGINALS)
def test_the_original_computes(call: Callable[[], Any]) -> None:
    plain = call()
    patched = originals(OPENAI, call)
    if isinstance(plain, torch.Tensor):
        torch.testing.assert_close(patched, plain, rtol=0, atol=0, equal_nan=True)
    else:
        assert patched == plain


def test_a_compiled_graph_holds_the_original() -> None:
    def double(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    def ours_of_double(x: torch.Tensor) -> torch.Tensor:
        return tensor_of(3 * array_of(x))

    replacement = Replacement("library.double", double, ours_of_double, Unsupported)
    replacement.active = True
    function, x = replacement.function, torch.ones(5)
    assert torch.equal(function(x), 3 * x)
    assert torch.equal(torch.compile(function, backend="eager", fullgraph=True)(x), 2 * x)


def test_a_scripted_caller_has_the_original() -> None:
    """`torch.jit.script` compiles what it calls: the source of the original."""

    def power(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    replacement = Replacement("library.power", power, power, Unsupported)
    replacement.active = True
    assert torch.equal(torch.jit.script(replacement.function)(torch.ones(2)), 2 * torch.ones(2))
    assert replacement.calls == 0


def test_a_tensor_that_needs_no_gradient_now_is_taken() -> None:
    x = torch.from_numpy(SIGNALS["noise"]).clone().requires_grad_()
    with torch.no_grad():
        plain = whisper.log_mel_spectrogram(x)
        result = ours(OPENAI, lambda: whisper.log_mel_spectrogram(x))
    assert not result.requires_grad
    assert_features(result, plain, whisper_twin(SIGNALS["noise"], weights(80)))
    twin = whisper_twin(SIGNALS["noise"], weights(80))
    with torch.inference_mode():
        assert_features(ours(OPENAI, lambda: whisper.log_mel_spectrogram(x)), plain, twin)


def test_what_runs_the_original_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    x = torch.from_numpy(SIGNALS["noise"]).clone().requires_grad_()
    fastspec.patch._STATES.pop("whisper")  # what others have logged
    with caplog.at_level(logging.WARNING, "fastspec"), fastspec.patch("whisper"):
        for _ in range(3):
            whisper.log_mel_spectrogram(x)
    assert [record.getMessage() for record in caplog.records] == [
        f"{OPENAI} runs the original code: a tensor that needs a gradient"
    ]


# ---- transformers ----
@pytest.mark.parametrize("name", SIGNALS)
def test_transformers(name: str) -> None:
    extractor = transformers.WhisperFeatureExtractor(feature_size=128)
    x = np.stack([SIGNALS[name], 0.01 * SIGNALS["noise"]])
    for y in (x, x[0], x.astype(np.float64)):
        twin = whisper_twin(y, extractor.mel_filters.T)
        call = lambda y=y: extractor._torch_extract_fbank_features(y)  # noqa: E731
        assert_features(ours(TENSORS, call), call(), twin)
        assert_features(ours(TENSORS, call, "double"), call(), twin, single=False)


def test_the_whole_call_of_transformers() -> None:
    extractor = transformers.WhisperFeatureExtractor()
    sounds = [SIGNALS["speech"], SIGNALS["noise"][:20000], SIGNALS["click"]]
    options: dict[str, Any] = {"sampling_rate": RATE, "return_attention_mask": True, "return_tensors": "pt"}
    plain, patched = extractor(sounds, **options), ours(TENSORS, lambda: extractor(sounds, **options))
    assert plain["input_features"].dtype == patched["input_features"].dtype
    torch.testing.assert_close(patched["input_features"], plain["input_features"], rtol=0, atol=5e-5)
    assert torch.equal(patched["attention_mask"], plain["attention_mask"])


def test_dither_of_transformers_is_the_originals() -> None:
    extractor, x = transformers.WhisperFeatureExtractor(dither=1e-4), SIGNALS["noise"][None]

    def call() -> Any:
        torch.manual_seed(5)
        return extractor._torch_extract_fbank_features(x.copy())

    np.testing.assert_array_equal(originals(TENSORS, call), call())


HOUR = """
import resource, sys
import numpy as np, torch
import fastspec, fastspec.patch

fastspec.patch("whisper")
import whisper, transformers

def call(x):
    if sys.argv[1] == "whisper":
        return whisper.log_mel_spectrogram(torch.from_numpy(x), padding=480000)
    return transformers.WhisperFeatureExtractor()._torch_extract_fbank_features(x[None])

x = np.random.default_rng(0).standard_normal(3600 * 16000, dtype=np.float32)
call(x[: 30 * 16000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
M = call(x)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(fastspec.patch.calls("whisper").values()) == 2
print(M.nbytes, (after - before) * 1024)
"""


@pytest.mark.parametrize("library", ["whisper", "transformers"])
def test_an_hour_takes_the_memory_of_its_result_and_60_mb(library: str) -> None:
    ran = subprocess.run([sys.executable, "-c", HOUR, library], capture_output=True, text=True, check=True, cwd=ROOT)
    result, used = map(int, ran.stdout.split())
    assert result == 80 * (360000 + 3000 * (library == "whisper")) * 4
    assert used <= result + 60e6


WORKERS = """
import numpy as np, torch
import fastspec, fastspec.patch
import whisper

class Sounds(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        x = np.random.default_rng(i).standard_normal(16000).astype(np.float32)
        features = whisper.log_mel_spectrogram(x)
        assert fastspec.patch.calls("whisper")["whisper.audio.log_mel_spectrogram"] > 0
        return features

fastspec.patch("whisper")
plain = torch.stack([Sounds()[i] for i in range(6)])
loaded = torch.cat(list(torch.utils.data.DataLoader(Sounds(), batch_size=2, num_workers=2)))
print(torch.equal(plain, loaded))
"""


def test_workers_that_are_forked_after_a_call_have_the_same_bits() -> None:
    ran = subprocess.run([sys.executable, "-c", WORKERS], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout == "True\n", ran.stderr


def test_transformers_is_patched_when_it_is_imported_and_torch_is_not_imported_by_us() -> None:
    code = """
import sys, fastspec
fastspec.patch("whisper")
assert not {"torch", "transformers", "whisper"} & {*sys.modules}
import transformers
assert not fastspec.patched("whisper")
transformers.WhisperFeatureExtractor
print(fastspec.patched("whisper"))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout == f"{sorted([TENSORS, ARRAYS])}\n", ran.stderr


def test_pictures_of_memory_stay_untouched() -> None:
    x = torch.from_numpy(SIGNALS["speech"].copy())
    stored = io.BytesIO()
    torch.save(x, stored)
    ours(OPENAI, lambda: whisper.log_mel_spectrogram(x, padding=100))
    stored.seek(0)
    assert torch.equal(torch.load(stored), x)
