"""Front ends against the libraries whose features they compute: the same calls, without and with `fastspec.patch`.

    python -m bench.frontends [--rounds N] [--only whisper kaldi vocoders online faces]

It needs the peers: make test-faces says how to install them.  Peers that are not installed are left out.  Everything
runs in one process; results are compared before anything is timed, and a timed call follows untimed ones of the same.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

import fastspec

from . import peers, timing
from .engine import speech
from .table import Goal, duration, machine_line, milliseconds, paragraphs, speedup, table

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Any]

RATE = 16_000
THREADS = (1, 2)
SETTLE = 5e-3
WITHIN = 6 * np.log(10)
"""Natural logarithms of powers are compared within 60 dB of the loudest."""
WHISPER_TOLERANCE, KALDI_TOLERANCE, LN_TOLERANCE = 1e-4, 1e-3, 1e-4
"""Largest differences, in the units of the features.

Of Whisper's, bands 80 dB below the loudest are compared, which show its rounding: in 30 s of this sound those of
openai-whisper differ by 2.5e-5 from those in float64, ours by 1.4e-5, those of faster-whisper by 5e-6.
"""
FASTER_WHISPER, OPENAI, TRANSFORMERS = "faster-whisper", "openai-whisper", "transformers"
NATIVE, SPEECH_FEATURES, TORCHAUDIO, LHOTSE = "kaldi-native-fbank", "python_speech_features", "torchaudio", "lhotse"

SPEEDUPS = {FASTER_WHISPER: 15.0, OPENAI: 15.0, TRANSFORMERS: 15.0, NATIVE: 50.0, SPEECH_FEATURES: 20.0}
SPEEDUPS |= {TORCHAUDIO: 12.0, LHOTSE: 7.0, "asrfront": 1.5}
VOCODER_SPEEDUPS = {"10 s": 12.0, "8192 samples": 3.0}
ONLINE_SHARES = {"10 ms": 0.5, "1 s": 0.05}
OVERHEAD_SECONDS = 50e-6
"""Promised on one thread: times faster than each peer; shares of its time for a push; a face over its engine."""


@dataclass
class Work:
    """A library's call, and ours: with `fastspec.patch` the same call of the library."""

    name: str
    input: str
    peer: str
    theirs: Call
    ours: Call
    tolerance: float
    within: float = np.inf
    """Values are compared that are at most this below the largest."""


# ---- what is compared ----
def whispers() -> Iterator[Work]:
    """Whisper's log-mel features, of which the whole file is the input of a transcription."""
    for seconds in (30, 300):
        y = speech(RATE, seconds)
        if peers.installed("faster_whisper"):
            extractor = import_module("faster_whisper.feature_extractor").FeatureExtractor()
            yield patched("log-mel", f"{seconds} s", FASTER_WHISPER, partial(extractor, y), "whisper")
        if peers.installed("whisper"):
            audio = import_module("whisper.audio")
            call = lambda audio=audio, y=y: audio.log_mel_spectrogram(y)  # noqa: E731
            yield patched("log-mel", f"{seconds} s", OPENAI, call, "whisper")
    if peers.installed("torchaudio"):
        peers.torchaudio_transforms()  # transformers imports torchaudio, whose compiled part may not fit
    if peers.installed("transformers") and peers.installed("torch"):
        extractor = import_module("transformers").WhisperFeatureExtractor()
        clips = list(speech(RATE, 240).reshape(8, -1))
        call = partial(extractor, clips, sampling_rate=RATE, return_tensors="np")
        yield patched("log-mel, the whole call", "8 × 30 s", TRANSFORMERS, lambda: call()["input_features"], "whisper")


def kaldis() -> Iterator[Work]:
    """Kaldi's mel spectrogram of 80 bands."""
    y = speech(RATE, 30)
    loud = (32768 * y).astype(np.float32)
    if peers.installed("kaldi_native_fbank"):
        import_module("kaldi_native_fbank")
        yield patched("fbank 80", "30 s", NATIVE, partial(native_fbank, loud), "kaldi")
    if peers.installed("python_speech_features"):
        module = import_module("python_speech_features")
        call = lambda: module.logfbank(loud, RATE, nfilt=80)  # noqa: E731
        yield patched("fbank 80", "30 s", SPEECH_FEATURES, call, "kaldi")
    if peers.installed("torchaudio") and peers.installed("torch"):
        peers.torchaudio_transforms()
        compliance, tensor = import_module("torchaudio.compliance.kaldi"), peers.torch().from_numpy(loud)[None]
        yield patched("fbank 80", "30 s", TORCHAUDIO, lambda: compliance.fbank(tensor, num_mel_bins=80), "kaldi")
    if peers.installed("lhotse"):
        module = import_module("lhotse.features.kaldi.extractors")
        extractor = module.Fbank(module.FbankConfig(num_filters=80))
        yield patched("fbank 80", "30 s", LHOTSE, lambda: extractor.extract(y, RATE), "kaldi")
    if peers.installed("asrfront"):
        yield from asrfront_fbank(y)


def asrfront_fbank(y: Array) -> Iterator[Work]:
    """asrfront's Kaldi features, in C, beside `fastspec.kaldi.fbank` with its options."""
    front, loud = import_module("asrfront.sensevoice"), (32768 * y)[None].astype(np.float32)
    ours = partial(fastspec.kaldi.fbank, loud, num_mel_bins=80, window_type="hamming")
    yield Work("fbank 80", "30 s", "asrfront", lambda: front.fbank_raw(y), ours, KALDI_TOLERANCE, WITHIN)


def native_fbank(samples: Array) -> list[Array]:
    """All frames of kaldi_native_fbank, whose class `fastspec.patch` replaces."""
    kaldi = import_module("kaldi_native_fbank")
    stream = kaldi.OnlineFbank(native_options())
    stream.accept_waveform(RATE, samples)
    stream.input_finished()
    return [stream.get_frame(i) for i in range(stream.num_frames_ready)]


def native_options() -> Any:
    options = import_module("kaldi_native_fbank").FbankOptions()
    options.frame_opts.dither, options.mel_opts.num_bins = 0.0, 80
    return options


def vocoders() -> Iterator[Work]:
    """HiFi-GAN's mel spectrogram by its formula in torch, of a sound and of a segment as in training."""
    if not peers.installed("torch"):
        return
    recipe, torch = fastspec.recipe("hifigan-22k"), peers.torch()
    bank, window = torch.from_numpy(np.asarray(recipe.frontend.bank)), torch.hann_window(1024)
    for label, n in (("10 s", 220_500), ("8192 samples", 8192)):
        y = speech(22_050, 10)[:n]

        tensor = torch.from_numpy(y)[None]

        def formula(tensor: Any = tensor) -> Any:
            padded = torch.nn.functional.pad(tensor, (384, 384), mode="reflect")
            D = torch.stft(padded, 1024, 256, window=window, center=False, return_complex=True)
            S = torch.sqrt(torch.view_as_real(D).square().sum(-1) + 1e-9)
            return torch.log(torch.clamp(bank @ S, min=1e-5))[0]

        yield Work("mel of HiFi-GAN", label, "torch", formula, partial(recipe, y), LN_TOLERANCE, WITHIN)


def replacements_of(library: str) -> list[Any]:
    """The replacements of a library, which is patched from now on."""
    return list(fastspec.patch(library)._state.replacements.values())


def patched(name: str, label: str, peer: str, call: Call, library: str) -> Work:
    """The library's own call, and the same call while `fastspec.patch(library)` is active."""
    replacements = replacements_of(library)

    def run(active: bool) -> Any:
        for replacement in replacements:
            replacement.active = active
        return call()

    tolerance = WHISPER_TOLERANCE if library == "whisper" else KALDI_TOLERANCE
    return Work(
        name, label, peer, partial(run, False), partial(run, True), tolerance,
        np.inf if library == "whisper" else WITHIN,
    )  # fmt: skip


GROUPS: dict[str, Callable[[], Iterator[Work]]] = {"whisper": whispers, "kaldi": kaldis, "vocoders": vocoders}


# ---- timing ----
def differ(work: Work) -> float:
    """The largest difference of values that count; an error where it exceeds the tolerance."""
    theirs, ours = (peers.numpy_of(call()).astype(np.float64) for call in (work.theirs, work.ours))
    if theirs.shape != ours.shape:
        raise AssertionError(f"{work.name}, {work.peer}: its shape is {theirs.shape}, ours {ours.shape}")
    counts = theirs >= theirs.max() - work.within
    difference = float(np.abs(theirs - ours)[counts].max())
    if not difference <= work.tolerance:
        raise AssertionError(f"{work.name}, {work.peer}: differs by {difference:.1e}")
    return difference


def row_of(work: Work, rounds: int) -> dict[str, Any]:
    """One row: median seconds of both on each number of threads."""
    seconds: dict[str, dict[str, float]] = {}
    for count in THREADS:
        peers.set_threads(count)
        with fastspec.threads(count):
            calls = {"theirs": (work.theirs, rounds), "fastspec": (work.ours, rounds)}
            seconds[str(count)] = timing.medians(calls, settle=SETTLE)
    row = {"work": work.name, "input": work.input, "peer": work.peer, "seconds": seconds, "difference": differ(work)}
    texts = (f"{k}: {milliseconds(v['theirs'])} and {milliseconds(v['fastspec'])} ms" for k, v in seconds.items())
    print(f"{work.name}, {work.input}, {work.peer}: {'; '.join(texts)}; difference {row['difference']:.0e}", flush=True)
    return row


def online(rounds: int) -> list[dict[str, Any]]:
    """Seconds of a push of `OnlineFbank` on one thread, all new frames fetched."""
    if not peers.installed("kaldi_native_fbank"):
        return []
    native, rows = import_module("kaldi_native_fbank").OnlineFbank, []
    native = getattr(native, "__wrapped__", native)  # that of the library, if it is patched
    y = (32768 * speech(RATE, 20)).astype(np.float32)
    for label, size in (("10 ms", 160), ("1 s", RATE)):
        blocks = np.split(y, range(size, len(y), size))

        def pushes(kind: Any, blocks: list[Array] = blocks) -> list[Array]:
            stream, frames = kind(native_options()), []
            for block in blocks:
                stream.accept_waveform(RATE, block)
                frames += [stream.get_frame(i) for i in range(len(frames), stream.num_frames_ready)]
            return frames

        calls = {"theirs": partial(pushes, native), "fastspec": partial(pushes, fastspec.kaldi.OnlineFbank)}
        theirs, ours = (np.stack(call()) for call in calls.values())
        counts = theirs >= theirs.max() - WITHIN
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours)[counts].max() <= KALDI_TOLERANCE
        with fastspec.threads(1):
            seconds = timing.medians({name: (call, rounds) for name, call in calls.items()}, warm=True)
        rows.append({"push": label, "seconds": {name: s / len(blocks) for name, s in seconds.items()}})
        print(f"OnlineFbank, {label}: {rows[-1]['seconds']}", flush=True)
    return rows


def faces(rounds: int) -> list[dict[str, Any]]:
    """Seconds of a call by a face and by its front end, of a tenth of a second on one thread."""
    y, rows = speech(RATE, 1)[:1600], []
    frontend = fastspec.recipe("whisper-80").frontend
    pairs: dict[str, tuple[Call, Call]] = {}
    if peers.installed("faster_whisper"):
        extractor = import_module("faster_whisper.feature_extractor").FeatureExtractor()
        pairs["faster-whisper's FeatureExtractor"] = (partial(extractor, y, padding=0), partial(frontend, y))
    plan = fastspec.STFT(512, hop_length=160, frame_length=400, center=False, window=np.hanning(400) ** 0.85)
    bank = fastspec.KaldiMelBank(RATE, 512, 80)
    kaldi_frontend = fastspec.FrontEnd(plan, bank, remove_mean=True, preemphasis=0.97, log="ln", floor=1.1920929e-07)
    waveform = y[None]
    pairs["fastspec.kaldi.fbank"] = (
        partial(fastspec.kaldi.fbank, waveform, num_mel_bins=80, dither=0.0),
        partial(kaldi_frontend, y, order="F"),
    )
    for replacement in replacements_of("whisper"):
        replacement.active = True
    with fastspec.threads(1):
        for name, (face, engine) in pairs.items():
            seconds = timing.medians({"face": (face, 20 * rounds), "front end": (engine, 20 * rounds)}, warm=True)
            rows.append({"face": name, "seconds": seconds})
            print(f"{name}: {seconds}", flush=True)
    return rows


def measure(rounds: int = 15, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """All rows, or those of some groups."""
    warnings.filterwarnings("ignore")
    chosen = only or (*GROUPS, "online", "faces")
    rows = [row_of(work, rounds) for name in chosen if name in GROUPS for work in GROUPS[name]()]
    result: dict[str, Any] = {"rows": rows}
    result["online"] = online(rounds) if "online" in chosen else []
    result["faces"] = faces(rounds) if "faces" in chosen else []
    packages = (FASTER_WHISPER, OPENAI, TRANSFORMERS, "torch", NATIVE, SPEECH_FEATURES, TORCHAUDIO, LHOTSE, "asrfront")
    return {**timing.machine(*packages), **result}


def goals(result: dict[str, Any]) -> list[Goal]:
    """Speedups on one thread, pushes, and the overhead of faces."""
    reached = []
    for row in result["rows"]:
        least = VOCODER_SPEEDUPS[row["input"]] if row["peer"] == "torch" else SPEEDUPS[row["peer"]]
        seconds, name = row["seconds"]["1"], f"{row['work']}, {row['input']}, times faster than {row['peer']}"
        reached.append(Goal(name, seconds["theirs"] / seconds["fastspec"], least=least))
    for row in result["online"]:
        share = row["seconds"]["fastspec"] / row["seconds"]["theirs"]
        reached.append(
            Goal(f"OnlineFbank, {row['push']}, share of its peer's time", share, most=ONLINE_SHARES[row["push"]])
        )
    for row in result["faces"]:
        overhead = row["seconds"]["face"] - row["seconds"]["front end"]
        reached.append(Goal(f"{row['face']} over its front end, s", overhead, most=OVERHEAD_SECONDS))
    return reached


def tables(result: dict[str, Any]) -> str:
    """Front ends against their peers, pushes, and faces over their engine."""
    compared = []
    for row in result["rows"]:
        cells = [milliseconds(row["seconds"][str(n)][who]) for n in THREADS for who in ("theirs", "fastspec")]
        ratios = [speedup(row["seconds"][str(n)]["theirs"], row["seconds"][str(n)]["fastspec"]) for n in THREADS]
        named = [f"{row['work']}, {row['input']}", row["peer"], *cells[:2], ratios[0], *cells[2:], ratios[1]]
        compared.append([*named, f"{row['difference']:.0e}"])
    heads = ["work", "peer", "1 thread: theirs", "fastspec", "", "2 threads: theirs", "fastspec", "", "difference"]
    pushes = [[row["push"], *(duration(s) for s in row["seconds"].values())] for row in result["online"]]
    overheads = [[row["face"], *(duration(s) for s in row["seconds"].values())] for row in result["faces"]]
    return paragraphs(
        "Milliseconds, medians of one process, shuffled, warm, speech at 16 kHz (HiFi-GAN's at 22.05 kHz). Theirs is "
        "the library's own call; fastspec's is the same call while `fastspec.patch` holds (HiFi-GAN: "
        '`fastspec.recipe("hifigan-22k")`; asrfront: `fastspec.kaldi.fbank`). *difference*: the largest in the unit '
        "of "
        "the features, Kaldi's of bands within 60 dB of the loudest.",
        table(heads, compared),
        "`OnlineFbank` of kaldi-native-fbank and of `fastspec.kaldi`, a push with `get_frame` of each new frame:",
        table(["push", "kaldi-native-fbank", "fastspec"], pushes),
        "A tenth of a second by a face, and by the front end that it calls:",
        table(["face", "face", "front end"], overheads),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of each call (default 15)")
    groups = [*GROUPS, "online", "faces"]
    parser.add_argument("--only", nargs="+", choices=groups, default=(), help="time only these, and store nothing")
    options = parser.parse_args()
    result = measure(options.rounds, tuple(options.only))
    for goal in goals(result):
        print(goal)
    if not options.only:
        timing.save("frontends", result)


if __name__ == "__main__":
    main()
