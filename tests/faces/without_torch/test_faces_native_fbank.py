"""The online features of kaldi_native_fbank, for its options and blocks."""

from typing import Any

import kaldi_native_fbank as native
import numpy as np
import pytest
import twins_kaldi
from cases import speech_16k

from fastspec.faces import Unsupported
from fastspec.faces import kaldi as faces

OURS = {"fbank": faces.NativeFbank, "mfcc": faces.NativeMfcc}
THEIRS = {"fbank": native.OnlineFbank, "mfcc": native.OnlineMfcc}
OPTIONS = {"fbank": native.FbankOptions, "mfcc": native.MfccOptions}


def options(kind: str = "fbank", frame: Any = (), mel: Any = (), **own: Any) -> Any:
    """Options without dither."""
    opts = OPTIONS[kind]()
    opts.frame_opts.dither = 0
    for target, values in ((opts.frame_opts, dict(frame)), (opts.mel_opts, dict(mel)), (opts, own)):
        for name, value in values.items():
            setattr(target, name, value)
    return opts


def drawn(rng: np.random.Generator, kind: str) -> Any:
    frame = {
        "snip_edges": bool(rng.integers(2)),
        "remove_dc_offset": bool(rng.integers(2)),
        "preemph_coeff": float(rng.choice([0, 0.97, 0.5])),
        "window_type": str(rng.choice(["povey", "hanning", "hamming", "blackman", "rectangular", "hann", "sine"])),
        "round_to_power_of_two": bool(rng.integers(2)),
        "samp_freq": float(rng.choice([8000, 16000, 44100])),
        "frame_shift_ms": float(rng.choice([10, 5, 7.5, 12.5, 30])),
        "frame_length_ms": float(rng.choice([25, 20, 32])),
    }
    mel = {"num_bins": int(rng.integers(13, 41)), "high_freq": float(rng.choice([0, -400, 3500]))}
    mel["low_freq"] = float(rng.choice([20, 0, 100]))
    own: dict[str, Any] = {"use_energy": bool(rng.integers(2)), "raw_energy": bool(rng.integers(2))}
    own |= {"htk_compat": bool(rng.integers(2)), "energy_floor": float(rng.choice([0, 1, 1e9]))}
    if kind == "fbank":
        own |= {"use_log_fbank": bool(rng.integers(4)), "use_log_floor": bool(rng.integers(2))}
        own |= {"use_power": bool(rng.integers(2)), "eps": float(rng.choice([2.0**-23, 1e-3]))}
    else:
        own |= {"num_ceps": int(rng.integers(2, 14)), "cepstral_lifter": float(rng.choice([0, 22, 10]))}
    return options(kind, frame, mel, **own)


def run(extractor: Any, rate: float, x: Any, sizes: Any) -> tuple[list[int], Any]:
    """(frames ready after each block and at the end, all frames)."""
    ready, a = [], 0
    for size in [*sizes, len(x)]:
        extractor.accept_waveform(rate, x[a : a + size])
        ready.append(extractor.num_frames_ready)
        a += size
    extractor.input_finished()
    ready.append(extractor.num_frames_ready)
    rows = [extractor.get_frame(i) for i in range(ready[-1])]
    return ready, np.array(rows, np.float32).reshape(-1, extractor.dim)


@pytest.mark.parametrize("kind", ["fbank", "mfcc"])
@pytest.mark.parametrize("seed", range(60))
def test_any_options_and_blocks(kind: str, seed: int) -> None:
    rng = np.random.default_rng([seed, kind == "mfcc"])
    opts = drawn(rng, kind)
    try:
        theirs = THEIRS[kind](opts)
    except ValueError:
        with pytest.raises(Unsupported):
            OURS[kind](opts)
        return
    x = (rng.standard_normal(int(rng.integers(0, 20000))) * rng.choice([1000, 0.1])).astype(np.float32)
    ours, rate, sizes = OURS[kind](opts), opts.frame_opts.samp_freq, rng.integers(0, 800, 10)
    assert (ours.dim, ours.frame_shift_in_seconds) == (theirs.dim, theirs.frame_shift_in_seconds)
    (our_ready, our_rows), (their_ready, their_rows) = run(ours, rate, x, sizes), run(theirs, rate, x, sizes)
    assert our_ready == their_ready
    is_log = kind == "mfcc" or opts.use_log_fbank
    if x.size and len(our_rows):
        assert np.abs(our_rows - their_rows).max() < 1e-3 * (1 if is_log else np.abs(their_rows).max())


@pytest.mark.parametrize("name", twins_kaldi.cases(speech_16k()))
def test_never_worse_than_the_original_against_float64(name: str) -> None:
    x = twins_kaldi.cases(speech_16k())[name]
    exact = twins_kaldi.fbank(x, num_mel_bins=80, snip_edges=False)
    opts = options("fbank", {"snip_edges": False}, {"num_bins": 80})
    ours, theirs = (np.abs(run(f(opts), 16000, x, [])[1] - exact) for f in (OURS["fbank"], THEIRS["fbank"]))
    near = twins_kaldi.near_the_loudest(exact)
    assert ours[near].max() <= 1e-4
    assert (ours <= np.maximum(2 * theirs.max(), twins_kaldi.error_bound(exact))).all()


@pytest.mark.parametrize("n", [*range(0, 2001, 57), 119, 120, 121, 399, 400, 401, 559, 560, 561])
@pytest.mark.parametrize("snip_edges", [True, False])
def test_frame_counts(n: int, snip_edges: bool) -> None:
    x = np.random.default_rng(1).standard_normal(2000).astype(np.float32)[:n]
    opts = options("fbank", {"snip_edges": snip_edges, "window_type": "hamming"})
    (our_ready, ours), (their_ready, theirs) = (run(f(opts), 16000, x, []) for f in (OURS["fbank"], THEIRS["fbank"]))
    assert our_ready == their_ready
    assert np.abs(ours - theirs).max(initial=0) < 1e-3


def test_methods_behave_as_the_originals() -> None:
    x = np.random.default_rng(2).standard_normal(4000).astype(np.float32)
    for extractor in (OURS["fbank"](options()), THEIRS["fbank"](options())):
        extractor.accept_waveform(16000, list(map(float, x[:1000])))
        extractor.accept_waveform(16000.0, x[1000:].astype(np.float64))
        assert extractor.num_frames_ready == 23
        assert not extractor.is_last_frame(22)
        extractor.pop(5)
        extractor.pop(-1)
        assert extractor.get_frame(5).shape == (23,)
        for frame, error in ((4, RuntimeError), (-1, RuntimeError), (23, IndexError)):
            with pytest.raises(error):
                extractor.get_frame(frame)
        with pytest.raises(ValueError, match="sampling_rate"):
            extractor.accept_waveform(8000, x)
        extractor.input_finished()
        assert extractor.is_last_frame(22)
        extractor.pop(100)
        assert extractor.num_frames_ready == 23
        with pytest.raises(RuntimeError):
            extractor.accept_waveform(16000, x)


@pytest.mark.parametrize(
    "opts",
    [
        native.FbankOptions(),  # with dither
        options("fbank", {"window_type": "gauss"}),
        options("fbank", {}, {"is_librosa": True}),
        options("fbank", {}, {"htk_mode": True}),
        options("fbank", {}, {"debug_mel": True}),
        options("fbank", {}, {"num_bins": 2}),
        options("fbank", {}, {"num_bins": 200}),  # of which some hold no bin
        options("fbank", {}, {"low_freq": 9000.0}),
        options("fbank", {"preemph_coeff": 2.0}),
        None,
    ],
)
def test_what_the_original_has_to_do_is_refused(opts: Any) -> None:
    with pytest.raises(Unsupported):
        OURS["fbank"](opts)
