"""Kaldi's features of torchaudio.compliance.kaldi, for its arguments and tensors.

Both are compared with the formulas in float64 where torchaudio's float32 filters and frames are off themselves.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import twins_kaldi
from cases import speech_16k

from bench.peers import torchaudio_module
from fastspec import kaldi
from fastspec.faces import Unsupported
from fastspec.faces import kaldi as faces

THEIRS = torchaudio_module("torchaudio.compliance.kaldi")
OURS = {kind: getattr(faces, f"torchaudio_{kind}") for kind in ("fbank", "mfcc", "spectrogram")}
SIGNALS = twins_kaldi.cases(speech_16k())
OPTIONS: list[dict[str, Any]] = [
    {},
    {"raw_energy": False},
    {"snip_edges": False},
    *({"window_type": name} for name in ("hanning", "hamming", "blackman", "rectangular")),
    {"remove_dc_offset": False},
    {"preemphasis_coefficient": 0.0},
    {"round_to_power_of_two": False},
    {"subtract_mean": True},
    {"frame_length": 20.0, "frame_shift": 7.5},
    {"frame_length": 20.0, "frame_shift": 30.0, "snip_edges": False},
    {"energy_floor": 0.0},
    {"energy_floor": 1e12},
    {"sample_frequency": 8000.0},
]
MEL_OPTIONS: list[dict[str, Any]] = [
    {"use_energy": True},
    {"use_energy": True, "raw_energy": False},
    {"use_energy": True, "htk_compat": True},
    {"htk_compat": True},
    {"high_freq": -400.0},
    {"low_freq": 100.0, "high_freq": 3800.0},
    {"vtln_warp": 0.9},
    {"vtln_warp": 1.1},
    {"num_mel_bins": 80},
]
FBANK_OPTIONS: list[dict[str, Any]] = [
    {"use_power": False},
    {"use_power": False, "use_energy": True, "raw_energy": False},
    {"use_log_fbank": False},
    {"use_log_fbank": False, "use_energy": True, "htk_compat": True},
]
MFCC_OPTIONS: list[dict[str, Any]] = [
    {"num_ceps": 23, "cepstral_lifter": 0.0},
    {"num_ceps": 5, "cepstral_lifter": 10.0},
]
CALLS = [
    *(("fbank", options) for options in OPTIONS + MEL_OPTIONS + FBANK_OPTIONS),
    *(("mfcc", options) for options in OPTIONS + MEL_OPTIONS + MFCC_OPTIONS),
    *(("spectrogram", options) for options in OPTIONS),
]


@cache
def noise(dtype: Any = torch.float32) -> Any:
    return torch.from_numpy(np.random.default_rng(5).standard_normal((1, 8000)) * 1000).to(dtype)


@pytest.mark.parametrize(("kind", "options"), CALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_option_gives_the_features_of_the_original(kind: str, options: dict[str, Any], dtype: Any) -> None:
    x = noise(dtype)
    theirs, ours = getattr(THEIRS, kind)(x, **options), OURS[kind](x, **options)
    assert (type(ours), ours.dtype, ours.shape) == (torch.Tensor, theirs.dtype, theirs.shape)
    assert ours.is_contiguous()
    scale = 1.0 if options.get("use_log_fbank", True) else float(theirs.abs().max())
    near = np.ones(theirs.shape, bool) if kind == "mfcc" else twins_kaldi.near_the_loudest(theirs.numpy() / scale)
    assert np.abs((ours - theirs).numpy() / scale)[near].max() < 1e-3
    assert torch.equal(x, noise(dtype))


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("window", ["povey", "hamming"])
@pytest.mark.parametrize("snip_edges", [True, False])
def test_never_worse_than_the_original_against_float64(name: str, window: str, snip_edges: bool) -> None:
    """Within 60 dB of the loudest 1e-4; below, where both are noise, what single precision leaves or twice theirs."""
    options: Any = {"num_mel_bins": 80, "window_type": window, "snip_edges": snip_edges}
    x, exact = torch.from_numpy(SIGNALS[name])[None], twins_kaldi.fbank(SIGNALS[name], **options)
    ours, theirs = (np.abs(f(x, **options).numpy() - exact) for f in (OURS["fbank"], THEIRS.fbank))
    near = twins_kaldi.near_the_loudest(exact)
    assert ours[near].max() <= 1e-4
    assert (ours <= np.maximum(2 * theirs.max(), twins_kaldi.error_bound(exact))).all()
    assert np.sqrt((ours[near] ** 2).mean()) <= max(1.2e-5, np.sqrt((theirs[near] ** 2).mean()))


@pytest.mark.parametrize("snip_edges", [True, False])
def test_frame_counts(snip_edges: bool) -> None:
    for n in range(400, 2001):
        x = noise()[:, :n]
        assert OURS["fbank"](x, snip_edges=snip_edges).shape == THEIRS.fbank(x, snip_edges=snip_edges).shape


def test_constants_are_exactly_the_floor_in_both() -> None:
    x = torch.full((1, 1000), 77.0)
    assert torch.equal(OURS["fbank"](x), THEIRS.fbank(x))


def test_strides_channels_and_arguments_by_place() -> None:
    x = torch.stack([noise()[0], noise()[0].flip(0)])
    for tensor in (x, x.T.contiguous().T, x.repeat_interleave(2, 1)[:, ::2]):
        ours = OURS["mfcc"](tensor, 0.42, 22.0, 1)
        assert torch.equal(ours, OURS["mfcc"](x[1:].contiguous()))
        assert (ours - THEIRS.mfcc(tensor, 0.42, 22.0, 1)).abs().max() < 1e-3
    assert torch.equal(OURS["fbank"](waveform=x, channel=1), OURS["fbank"](x[1:].contiguous()))


def test_a_tensor_that_needs_a_gradient_runs_ours_without_gradients() -> None:
    x = noise().clone().requires_grad_()
    with torch.no_grad():
        assert torch.equal(OURS["fbank"](x), OURS["fbank"](noise()))
    with torch.inference_mode():
        assert torch.equal(OURS["fbank"](noise()), kaldi.fbank(noise()))


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (noise(), {"dither": 1.0}),
        (noise(), {"window_type": "hann"}),
        (noise(), {"num_mel_bins": 3}),
        (noise(), {"unknown": 1}),
        (noise(), {"rng": 1}),
        (noise(), {"channel": 1}),
        (noise(), {"min_duration": 1.0}),
        (noise(), {"preemphasis_coefficient": 2.0}),
        (noise(), {"high_freq": 9000.0}),
        (noise(), {"energy_floor": -1.0}),
        (noise()[0], {}),
        (noise()[:, :399], {}),
        (noise().half(), {}),
        (noise().short(), {}),
        (noise().to("meta"), {}),
        (noise().clone().requires_grad_(), {}),
        (torch.nn.Parameter(noise()), {}),
        (noise().numpy(), {}),
        (None, {}),
    ],
)
def test_what_the_original_has_to_do_is_refused(x: Any, options: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        OURS["fbank"](x, **options)


def test_vmap_is_refused() -> None:
    with pytest.raises(Unsupported):
        torch.vmap(OURS["fbank"])(noise()[None])


def test_the_package_takes_tensors_and_says_which() -> None:
    assert torch.equal(kaldi.fbank(noise().short()), torch.from_numpy(kaldi.fbank(noise().short().numpy())))
    assert kaldi.fbank(noise()[:, :10]).shape == (0, 23)
    with pytest.raises(
        ValueError, match=r"waveform must be an array or a tensor on the CPU .*, but it needs a gradient"
    ):
        kaldi.fbank(noise().clone().requires_grad_())
    with pytest.raises(ValueError, match=r"but it is on meta, not on the CPU"):
        kaldi.fbank(noise().to("meta"))
    with pytest.raises(TypeError, match=r"waveform must hold real numbers that NumPy knows, got torch.bfloat16"):
        kaldi.fbank(noise().bfloat16())
    online = kaldi.OnlineFbank()
    online.accept_waveform(16000, noise()[0])
    assert np.array_equal(online.get_frame(3), kaldi.fbank(noise())[3].numpy())
