"""The layers of lhotse.features.kaldi, and the extractors that call them."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
import twins_kaldi
from cases import speech_16k
from lhotse.features.kaldi import extractors, layers

from fastspec.faces import Unsupported, lhotse

KINDS = ("Fbank", "Mfcc", "Spectrogram", "LogSpectrogram")
CASES: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in KINDS),
    *((kind, {"use_fft_mag": True}) for kind in KINDS),
    *((kind, {"snip_edges": True, "window_type": "hamming"}) for kind in KINDS),
    *((kind, {"window_type": "blackman", "remove_dc_offset": False}) for kind in KINDS),
    *((kind, {"sampling_rate": 44100, "round_to_power_of_two": False}) for kind in KINDS),
    *((kind, {"use_energy": True, "raw_energy": raw}) for kind in KINDS if kind != "Mfcc" for raw in (True, False)),
    *((kind, {"torchaudio_compatible_mel_scale": False, "norm_filters": True}) for kind in KINDS[:2]),
    ("Mfcc", {"num_filters": 40, "num_ceps": 20, "cepstral_lifter": 10}),
]
ORIGINAL = layers.Wav2FFT.forward


class Counted:
    """Ours in the place of the layers' forward, and how often it ran."""

    def __init__(self) -> None:
        self.calls = 0

    def forward(self) -> Any:
        def forward(layer: Any, x: Any) -> Any:
            result = lhotse.forward(layer, x)
            self.calls += 1
            return result

        return forward


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    count = Counted()
    monkeypatch.setattr(layers.Wav2FFT, "forward", count.forward())
    return count


def original(extractor: Any, *arguments: Any, method: str = "extract") -> Any:
    """What lhotse computes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers.Wav2FFT, "forward", ORIGINAL)
        return getattr(extractor, method)(*arguments)


def make(kind: str, **options: Any) -> Any:
    return getattr(extractors, kind)(getattr(extractors, f"{kind}Config")(**options))


@pytest.mark.filterwarnings("ignore:.*snip_edges")
@pytest.mark.parametrize(("kind", "options"), CASES)
def test_extractors_give_what_they_gave(kind: str, options: dict[str, Any], counted: Counted) -> None:
    extractor, rate = make(kind, **options), options.get("sampling_rate", 16000)
    for n in (1103, 1200, 16000, 22051):
        y = (np.random.default_rng(n).standard_normal(n) * 0.1).astype(np.float32)
        ours, theirs = extractor.extract(y, rate), original(extractor, y, rate)
        assert (type(ours), ours.dtype, ours.shape) == (np.ndarray, theirs.dtype, theirs.shape)
        if kind == "Spectrogram":
            assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()
        else:
            decibels = 30.0 if "use_fft_mag" in options else 60.0  # of magnitudes, of powers
            near = twins_kaldi.near_the_loudest(theirs, decibels) | (kind == "Mfcc")
            assert np.abs(ours - theirs)[near].max() < 1e-3
    assert counted.calls == 4


@pytest.mark.parametrize("name", twins_kaldi.cases(speech_16k()))
def test_never_worse_than_the_original_against_float64(name: str, counted: Counted) -> None:
    """lhotse's frames of odd lengths begin elsewhere than Kaldi's, but those of 16 kHz do not."""
    x = twins_kaldi.cases(speech_16k())[name]
    extractor = make("Fbank")
    exact = twins_kaldi.fbank(x, num_mel_bins=80, high_freq=-400.0, snip_edges=False)
    ours, theirs = (np.abs(f - exact) for f in (extractor.extract(x, 16000), original(extractor, x, 16000)))
    near = twins_kaldi.near_the_loudest(exact)
    assert ours[near].max() <= max(1e-4, theirs[near].max())
    assert (ours <= np.maximum(2 * theirs.max(), twins_kaldi.error_bound(exact))).all()


def test_batches_and_tensors(counted: Counted) -> None:
    extractor = make("Fbank")
    signals = [np.random.default_rng(n).standard_normal(n).astype(np.float32) for n in (16000, 8000)]
    for samples in (signals, [torch.from_numpy(y) for y in signals]):
        ours, theirs = (
            f(samples, 16000)
            for f in (extractor.extract_batch, lambda *a: original(extractor, *a, method="extract_batch"))
        )
        assert [type(a) for a in ours] == [type(b) for b in theirs]
        assert max(np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in zip(ours, theirs, strict=True)) < 1e-3
    tensor = torch.from_numpy(signals[0])
    assert torch.equal(extractor.extract(tensor, 16000), torch.from_numpy(extractor.extract(signals[0], 16000)))
    assert counted.calls == 4


def test_a_layer_that_changes_has_another_front_end() -> None:
    layer, x = layers.Wav2LogFilterBank(), torch.from_numpy(speech_16k()[None, :8000].astype(np.float32))
    first = lhotse.forward(layer, x)
    twin = copy.deepcopy(layer)
    assert torch.equal(lhotse.forward(twin, x), first)
    twin._fb.data.mul_(2)
    with torch.no_grad():
        twin._fb.mul_(2)
    changed = lhotse.forward(twin, x)
    assert (changed - ORIGINAL(twin, x)).abs().max() < 1e-3
    assert (changed - first).abs().max() > 1
    assert torch.equal(lhotse.forward(layer, x), first)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (layers.Wav2FFT(), torch.zeros(1, 1000)),
        (layers.Wav2LogFilterBank(dither=1.0), torch.zeros(1, 1000)),
        (layers.Wav2MFCC(use_energy=True), torch.zeros(1, 1000)),
        (layers.Wav2LogFilterBank(), torch.zeros(1, 399)),
        (layers.Wav2LogFilterBank(), torch.zeros(1000)),
        (layers.Wav2LogFilterBank(), torch.zeros(0, 1000)),
        (layers.Wav2LogFilterBank(), torch.zeros(1, 1000, dtype=torch.float64)),
        (layers.Wav2LogFilterBank(), torch.zeros(1, 1000, requires_grad=True)),
        (layers.Wav2LogFilterBank(), torch.zeros(1, 1000, device="meta")),
        (layers.Wav2LogFilterBank(), np.zeros((1, 1000), np.float32)),
        (type("Heir", (layers.Wav2LogFilterBank,), {})(), torch.zeros(1, 1000)),
    ],
)
def test_what_the_original_has_to_do_is_refused(layer: Any, x: Any) -> None:
    with pytest.raises(Unsupported):
        lhotse.forward(layer, x)
