"""The engine against the best peers on the same work, and against the least that the work can take.

    python -m bench.engine [--rounds N] [--only stft inverse ...]

Everything runs in one process on two threads, in shuffled order; results are compared before anything is timed.
A timed call follows five milliseconds of untimed calls of the same: the idle threads of another library's OpenMP go on
spinning for a while, and would slow down the next call.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cases
import numpy as np
import scipy.signal

import fastspec

from . import limits, peers, timing
from .table import Goal, duration, machine_line, milliseconds, paragraphs, speedup, table

Array = np.ndarray[Any, np.dtype[Any]]

THREADS = 2
SR, SECONDS = 22_050, 60
SIZES = [(2048, 512), (1024, 256), (400, 160), (1200, 300)]
MELS = 80
SETTLE = 5e-3  # seconds of untimed calls before a timed one
SLOW_ROUNDS = 5  # of librosa, which takes much longer

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
"""Largest difference from a peer, relative to the largest value: both round, and float32 filter banks do, too."""

OURS = ("fastspec", "out=")
MEL = f"mel, {MELS} bands"

SPEEDUPS = {
    "STFT": {"torch": 1.4},
    "STFT, (bins, frames) contiguous": {"torch": 2.5},
    "STFT, float64": {"torch": 2.5},
    "inverse STFT": {"torch": 6.0, "librosa": 14.0},
    MEL: {"torchaudio": 5.0, "librosa": 10.0},
    "Whisper log-mel": {"asrfront": 2.5},
}
"""How many times faster than its peers each work has to be."""
MEGABYTES_OF_MEL = 64.0
"""The most that the mel spectrogram of an hour may take beside its input and output."""

Calls = dict[str, Callable[[], Any]]


@dataclass
class Work:
    """A task for all libraries: its calls by library (ours are "fastspec" and "out=")."""

    name: str
    size: str
    input: str
    calls: Calls
    tolerance: float = TOLERANCE["float32"]


def speech(rate: int, seconds: int, dtype: str = "float32") -> Array:
    """Recorded speech at `rate`, over and over; the last bits differ from second to second."""
    once = scipy.signal.resample_poly(cases.speech_16k()[2000:], rate, 16_000)
    y = np.resize(once, rate * seconds)
    return (y + 1e-4 * cases.noise(y.size)).astype(dtype)


def inputs(dtype: str = "float32") -> Iterator[tuple[str, Array]]:
    """A minute, and a batch of 64 seconds."""
    yield f"{SECONDS} s", speech(SR, SECONDS, dtype)
    yield "64 × 1 s", speech(SR, 64, dtype).reshape(64, SR)


def ours(call: Callable[..., Any]) -> Calls:
    """The call that returns a new array, and the call that fills `out`."""
    return {"fastspec": call, "out=": partial(call, out=call())}


def spectra(contiguous: bool, dtype: str = "float32", sizes: list[tuple[int, int]] = SIZES) -> Iterator[Work]:
    """y -> D in the order of memory the peers return, or as a C-contiguous (bins, frames) array."""
    name = "STFT, (bins, frames) contiguous" if contiguous else "STFT"
    for n_fft, hop in sizes:
        plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
        for label, y in inputs(dtype):
            calls = ours(partial(plan.forward, y, order="C" if contiguous else "F"))
            calls |= peers.stft(y, n_fft, hop, contiguous=contiguous)
            title = name if dtype == "float32" else f"{name}, {dtype}"
            yield Work(title, f"{n_fft}/{hop}", label, calls, TOLERANCE[dtype])


def inverses() -> Iterator[Work]:
    """D -> y."""
    for n_fft, hop in SIZES:
        plan = fastspec.STFT(n_fft, hop_length=hop)
        for label, y in inputs():
            n, D = y.shape[-1], plan.forward(y)
            calls = ours(partial(plan.inverse, D, length=n)) | peers.istft(D, n_fft, hop, n)
            yield Work("inverse STFT", f"{n_fft}/{hop}", label, calls)


def mels() -> Iterator[Work]:
    """y -> M."""
    for n_fft, hop in SIZES:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(SR, n_fft, MELS)
        for label, y in inputs():
            calls = ours(partial(plan.mel, y, bank)) | peers.mel(y, SR, n_fft, hop, MELS)
            yield Work(MEL, f"{n_fft}/{hop}", label, calls)


def whispers() -> Iterator[Work]:
    """Clips of 30 s at 16 kHz -> the input of a Whisper model."""
    plan, bank = fastspec.STFT(400, hop_length=160, pad_mode="reflect"), fastspec.MelBank(16_000, 400, 80)
    clips = speech(16_000, 240).reshape(8, 480_000)
    for label, y in (("30 s at 16 kHz", clips[0]), ("8 × 30 s at 16 kHz", clips)):
        calls = ours(partial(plan.mel, y, bank, log="whisper")) | peers.whisper(y, np.asarray(bank), THREADS)
        # the logarithm of the weakest bands, eight decades below the strongest, shows the rounding of the strongest
        yield Work("Whisper log-mel", "400/160", label, calls, 2e-4)


def kaldi_mels() -> Iterator[Work]:
    """Kaldi's mels, whose frames have 400 samples at the start of 512; our window has them in the middle."""
    y, rate = speech(16_000, 30), 16_000
    bank = fastspec.FilterBank(peers.kaldi_filters(rate, 512, MELS).astype(np.float32))
    plan = fastspec.STFT(512, hop_length=160, win_length=400, window=np.hanning(400), center=False)
    calls = ours(partial(plan.mel, np.pad(y, 56), bank)) | peers.kaldi_mel(y, rate, MELS)
    yield Work(f"Kaldi's mel, {MELS} bands", "400/160", "30 s at 16 kHz", calls)


GROUPS: dict[str, Callable[[], Iterator[Work]]] = {
    "stft": partial(spectra, False),
    "contiguous": partial(spectra, True),
    "inverse": inverses,
    "mel": mels,
    "whisper": whispers,
    "kaldi": kaldi_mels,
    "float64": partial(spectra, False, "float64", SIZES[:2]),
}


def differences(work: Work) -> dict[str, float]:
    """Largest difference from each peer, relative to the largest value; an error where it exceeds the tolerance."""
    ours_, relative = np.asarray(work.calls["fastspec"]()), {}
    for name in work.calls.keys() - OURS:
        theirs = peers.numpy_of(work.calls[name]())
        if theirs.shape != ours_.shape:
            raise AssertionError(f"{work.name} {work.size}, {work.input}: {name}'s shape is {theirs.shape}")
        relative[name] = float(np.abs(ours_ - theirs).max() / np.abs(theirs).max())
        if not relative[name] <= work.tolerance:
            raise AssertionError(f"{work.name} {work.size}, {work.input}: {name} differs by {relative[name]:.1e}")
    return relative


def row_of(work: Work, rounds: int) -> dict[str, Any]:
    """One row: median seconds of each library, differences from ours."""
    difference = differences(work)
    timed = {name: (call, SLOW_ROUNDS if name == "librosa" else rounds) for name, call in work.calls.items()}
    seconds = timing.medians(timed, settle=SETTLE)
    text = ", ".join(f"{name} {milliseconds(value)} ms" for name, value in seconds.items())
    largest = max(difference.values(), default=0.0)
    print(f"{work.name} {work.size}, {work.input}: {text}; largest difference {largest:.0e}", flush=True)
    return {"work": work.name, "size": work.size, "input": work.input, "seconds": seconds, "difference": difference}


def one_frame(rounds: int, calls: int = 200) -> list[dict[str, Any]]:
    """Seconds of a call on 20 ms by a plan that has been used, and of NumPy's transform of the windowed frame."""
    rows = []
    for rate in (16_000, 22_050, 24_000, 48_000):
        n = rate // 50
        plan = fastspec.STFT(n, hop_length=n, center=False)
        frame, window = speech(rate, 1)[:n], plan.window.astype(np.float32)
        out = plan.forward(frame)
        work: Calls = {
            "fastspec": lambda: plan.forward(frame),  # noqa: B023
            "out=": lambda: plan.forward(frame, out=out),  # noqa: B023
            "numpy": lambda: np.fft.rfft(frame * window),  # noqa: B023
        }
        difference = float(np.abs(out[:, 0] - work["numpy"]()).max() / np.abs(out).max())
        if difference > TOLERANCE["float32"]:
            raise AssertionError(f"one frame of {n}: differs by {difference:.1e}")

        def often(call: Callable[[], Any]) -> None:
            for _ in range(calls):
                call()

        seconds = timing.medians({name: (partial(often, call), rounds) for name, call in work.items()}, warm=True)
        rows.append({"rate": rate, "samples": n, "seconds": {name: s / calls for name, s in seconds.items()}})
        print(f"one frame of {n} samples: " + ", ".join(f"{k} {1e6 * v / calls:.2f} µs" for k, v in seconds.items()))
    return rows


def scaling(rounds: int) -> list[dict[str, Any]]:
    """Seconds on one thread, two, four ... as far as there are cores."""
    counts = [count for count in (1, 2, 4, 8, 16) if count <= (timing.machine()["cores"] or 1)]
    y, rows = speech(SR, SECONDS), []
    for n_fft, hop in SIZES[:2]:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(SR, n_fft, MELS)
        work = (
            ours(partial(plan.forward, y)),
            ours(partial(plan.inverse, plan.forward(y))),
            ours(partial(plan.mel, y, bank)),
        )
        for name, calls in zip(("STFT", "inverse STFT", MEL), work, strict=True):
            timed = {str(count): (partial(on, count, calls["out="]), rounds) for count in counts}
            rows.append({"work": f"{name} {n_fft}/{hop}", "seconds": timing.medians(timed, settle=SETTLE)})
            print(f"threads: {rows[-1]}", flush=True)
    return rows


def on(count: int, call: Callable[[], Any]) -> None:
    with fastspec.threads(count):
        call()


def floors(rounds: int) -> list[dict[str, Any]]:
    """The STFT of a minute beside its transforms alone, in the cache, and beside the writing of its output alone."""
    rows = []
    for dtype, sizes in (("float32", SIZES), ("float64", SIZES[:2])):
        y = speech(SR, SECONDS, dtype)
        for n_fft, hop in sizes:
            calls = ours(partial(fastspec.STFT(n_fft, hop_length=hop, dtype=dtype).forward, y))
            calls |= limits.alone(n_fft, hop, calls["fastspec"]().shape, dtype, THREADS)
            seconds = timing.medians({name: (call, rounds) for name, call in calls.items()}, settle=SETTLE)
            rows.append({"size": f"{n_fft}/{hop}", "dtype": dtype, "seconds": seconds})
            print(f"limit: {rows[-1]}", flush=True)
    return rows


def measure(rounds: int = 21, only: Sequence[str] = ()) -> dict[str, Any]:
    """The rows of these groups; of all groups, with everything else, by default."""
    warnings.filterwarnings("ignore", message=".*[Ee]mpty.*filter|.*filters are empty|.*mel filterbank")
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        result: dict[str, Any] = {"rows": [row_of(work, rounds) for name in only or GROUPS for work in GROUPS[name]()]}
        if only:
            return result
        result |= {"one frame": one_frame(rounds), "limits": floors(rounds)}
    result |= {"scaling": scaling(rounds), "memory": limits.memory_of_mel()}
    machine = timing.machine("torch", "torchaudio", "librosa", "asrfront", "kaldi-native-fbank")
    return {**machine, "threads": THREADS, "rate": SR, **result}


def goals(result: dict[str, Any]) -> list[Goal]:
    """Speedups, and the memory of a long mel spectrogram."""
    speedups = [
        Goal(f"{row['work']} {row['size']}, {row['input']}, times faster than {name}", ratio(row, name), least=least)
        for row in result["rows"]
        for name, least in SPEEDUPS.get(row["work"], {}).items()
        if name in row["seconds"]
    ]
    return [*speedups, Goal("mel of an hour, MB", result["memory"]["beyond"], most=MEGABYTES_OF_MEL)]


def ratio(row: dict[str, Any], name: str) -> float:
    """How many times faster than a peer."""
    return float(row["seconds"][name] / row["seconds"]["fastspec"])


def tables(result: dict[str, Any]) -> str:
    """The engine against its peers, a frame at a time, on more threads, beside the least that the work can take."""
    rows = result["rows"]
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"] if name not in OURS))

    def cell(row: dict[str, Any], name: str) -> str:
        if name not in row["seconds"]:
            return ""
        return f"{milliseconds(row['seconds'][name])}, {speedup(row['seconds'][name], row['seconds']['fastspec'])}"

    compared = [
        [f"{row['work']} {row['size']}", row["input"], *(milliseconds(row["seconds"][name]) for name in OURS)]
        + [cell(row, name) for name in names]
        for row in rows
    ]
    largest = max(value for row in rows for value in row["difference"].values())
    frames = [
        [f"{row['samples']} ({row['rate'] / 1000:g} kHz)", *(duration(value) for value in row["seconds"].values())]
        for row in result["one frame"]
    ]
    parts = [
        [f"STFT {row['size']}, {row['dtype']}", *(milliseconds(value) for value in row["seconds"].values())]
        for row in result["limits"]
    ]
    counts, memory = list(result["scaling"][0]["seconds"]), result["memory"]
    threads = [[row["work"], *(milliseconds(row["seconds"][n]) for n in counts)] for row in result["scaling"]]
    return paragraphs(
        f"Milliseconds, {result['threads']} threads, medians of one process, shuffled, warm; float32 unless said, "
        f"speech at {result['rate'] / 1000:g} kHz. *out=* fills an existing array; the peers return new arrays and are "
        "compared with our call that does. After a peer's time: how many times faster fastspec is; below one (bold) "
        f"is a loss. Results were compared first; the largest difference is {largest:.0e} of the largest value.",
        table(["work", "input", *OURS, *names], compared),
        "One frame of 20 ms by a plan that has been used before, and `numpy.fft.rfft(frame * window)`:",
        table(["samples", *result["one frame"][0]["seconds"]], frames),
        "The STFT of a minute, in milliseconds, beside its transforms alone (of a tile that stays in the cache) and "
        "beside the writing of its output alone:",
        table(["work", *result["limits"][0]["seconds"]], parts),
        "Threads, with *out=*, in milliseconds:",
        table(["work", *counts], threads),
        f"Peak memory of the mel spectrogram of an hour, beyond its input of {memory['input']:.0f} MB and its output "
        f"of {memory['output']:.0f} MB: {memory['beyond']:.1f} MB.",
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="rounds of each call (default 21)")
    parser.add_argument(
        "--only", nargs="+", choices=list(GROUPS), default=(), help="time only these, and store nothing"
    )
    options = parser.parse_args()
    result = measure(options.rounds, options.only)
    if not options.only:
        timing.save("engine", result)


if __name__ == "__main__":
    main()
