"""The engine against the best peers on the same work, and against the least that the work can take.

    python -m bench.engine [--rounds N] [--only stft inverse ...]

Everything runs in one process on two threads, in shuffled order; results are compared before anything is timed.
A timed call follows untimed ones of the same that last five milliseconds: the idle threads of another library's OpenMP
go on spinning for a while, and would be charged to whoever comes next.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cases
import numpy as np
import scipy.signal

import fastspec

from . import limits, measure, peers

Array = np.ndarray[Any, np.dtype[Any]]

THREADS = 2
SR, SECONDS = 22_050, 60
SIZES = [(2048, 512), (1024, 256), (400, 160), (1200, 300)]
MELS = 80
SETTLE = 5e-3  # seconds of untimed calls before a timed one
SLOW_ROUNDS = 5  # of librosa, which takes much longer

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}
"""Largest difference from a peer, relative to the largest value: both round, and float32 filter banks do, too."""

Calls = dict[str, Callable[[], Any]]


@dataclass
class Work:
    """What is done by all, how (calls by name; ours are "fastspec" and "out="), and how much faster we must be."""

    name: str
    size: str
    given: str
    calls: Calls
    must: dict[str, float] = field(default_factory=dict)
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
    """The call that gives a new array, and the one that fills an array that is there."""
    return {"fastspec": call, "out=": partial(call, out=call())}


def spectra(contiguous: bool, dtype: str = "float32", sizes: list[tuple[int, int]] = SIZES) -> Iterator[Work]:
    """y -> D in the order of memory the peers return, or as a C-contiguous (bins, frames) array."""
    name = "STFT, (bins, frames) contiguous" if contiguous else "STFT"
    least = 2.5 if contiguous or dtype == "float64" else 1.4
    for n_fft, hop in sizes:
        plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
        for given, y in inputs(dtype):
            calls = ours(partial(plan.forward, y, order="C" if contiguous else "F"))
            calls |= peers.stft(y, n_fft, hop, contiguous=contiguous)
            title = name if dtype == "float32" else f"{name}, {dtype}"
            yield Work(title, f"{n_fft}/{hop}", given, calls, {"torch": least}, TOLERANCE[dtype])


def inverses() -> Iterator[Work]:
    """D -> y."""
    for n_fft, hop in SIZES:
        plan = fastspec.STFT(n_fft, hop_length=hop)
        for given, y in inputs():
            n, D = y.shape[-1], plan.forward(y)
            calls = ours(partial(plan.inverse, D, length=n)) | peers.istft(D, n_fft, hop, n)
            yield Work("inverse STFT", f"{n_fft}/{hop}", given, calls, {"torch": 6.0, "librosa": 14.0})


def mels() -> Iterator[Work]:
    """y -> M."""
    for n_fft, hop in SIZES:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(SR, n_fft, MELS)
        for given, y in inputs():
            calls = ours(partial(plan.mel, y, bank)) | peers.mel(y, SR, n_fft, hop, MELS)
            yield Work(f"mel, {MELS} bands", f"{n_fft}/{hop}", given, calls, {"torchaudio": 5.0, "librosa": 10.0})


def whispers() -> Iterator[Work]:
    """Clips of 30 s at 16 kHz -> the input of a Whisper model."""
    plan, bank = fastspec.STFT(400, hop_length=160, pad_mode="reflect"), fastspec.MelBank(16_000, 400, 80)
    clips = speech(16_000, 240).reshape(8, 480_000)
    for given, y in (("30 s at 16 kHz", clips[0]), ("8 × 30 s at 16 kHz", clips)):
        calls = ours(partial(plan.mel, y, bank, log="whisper")) | peers.whisper(y, np.asarray(bank), THREADS)
        # a logarithm of the faintest bands, eight decades below the loudest, hears the rounding of the loudest
        yield Work("Whisper log-mel", "400/160", given, calls, {"asrfront": 2.5}, 2e-4)


GROUPS: dict[str, Callable[[], Iterator[Work]]] = {
    "stft": partial(spectra, False),
    "contiguous": partial(spectra, True),
    "inverse": inverses,
    "mel": mels,
    "whisper": whispers,
    "float64": partial(spectra, False, "float64", SIZES[:2]),
}


def compared(work: Work) -> dict[str, float]:
    """Largest difference from each peer, relative to the largest value; an error where it is beyond the tolerance."""
    mine = np.asarray(work.calls["fastspec"]())
    found = {}
    for name in work.calls.keys() - {"fastspec", "out="}:
        theirs = peers.numpy_of(work.calls[name]())
        if theirs.shape != mine.shape:
            raise AssertionError(
                f"{work.name} {work.size}, {work.given}: {name} gives {theirs.shape}, not {mine.shape}"
            )
        found[name] = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
        if not found[name] <= work.tolerance:
            raise AssertionError(f"{work.name} {work.size}, {work.given}: {name} differs by {found[name]:.1e}")
    return found


def timed(work: Work, rounds: int) -> dict[str, Any]:
    """One row: seconds of each, differences, and what must be reached."""
    difference = compared(work)
    turns = {name: (call, SLOW_ROUNDS if name == "librosa" else rounds) for name, call in work.calls.items()}
    seconds = measure.medians(turns, settle=SETTLE)
    row = {"work": work.name, "size": work.size, "input": work.given, "seconds": seconds, "difference": difference}
    told = ", ".join(f"{name} {1e3 * value:.2f} ms" for name, value in seconds.items())
    furthest = max(difference.values(), default=0.0)
    print(f"{work.name} {work.size}, {work.given}: {told}; largest difference {furthest:.0e}", flush=True)
    return row | {"must": {name: least for name, least in work.must.items() if name in seconds}}


def one_frame(rounds: int, calls: int = 200) -> list[dict[str, Any]]:
    """Seconds of a call on 20 ms through a ready plan, and of NumPy's transform of the windowed frame."""
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

        seconds = measure.medians({name: (partial(often, call), rounds) for name, call in work.items()}, warm=True)
        rows.append({"rate": rate, "samples": n, "seconds": {name: s / calls for name, s in seconds.items()}})
        print(f"one frame of {n} samples: " + ", ".join(f"{k} {1e6 * v / calls:.2f} µs" for k, v in seconds.items()))
    return rows


def scaling(rounds: int) -> list[dict[str, Any]]:
    """Seconds on one thread, two, four ... as far as there are cores."""
    counts = [count for count in (1, 2, 4, 8, 16) if count <= (measure.machine()["cores"] or 1)]
    y, rows = speech(SR, SECONDS), []
    for n_fft, hop in SIZES[:2]:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop), fastspec.MelBank(SR, n_fft, MELS)
        work = (
            ours(partial(plan.forward, y)),
            ours(partial(plan.inverse, plan.forward(y))),
            ours(partial(plan.mel, y, bank)),
        )
        for name, calls in zip(("STFT", "inverse STFT", f"mel, {MELS} bands"), work, strict=True):
            turns = {str(count): (partial(on, count, calls["out="]), rounds) for count in counts}
            rows.append({"work": f"{name} {n_fft}/{hop}", "seconds": measure.medians(turns, settle=SETTLE)})
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
            seconds = measure.medians({name: (call, rounds) for name, call in calls.items()}, settle=SETTLE)
            rows.append({"size": f"{n_fft}/{hop}", "dtype": dtype, "seconds": seconds})
            print(f"limit: {rows[-1]}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="rounds of each call (default 21)")
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), help="time only these, and write no file")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", message=".*[Ee]mpty.*filter|.*filters are empty|.*mel filterbank")
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        rows = [timed(work, asked.rounds) for name in asked.only or GROUPS for work in GROUPS[name]()]
        if asked.only:
            return
        result = {"rows": rows, "one frame": one_frame(asked.rounds), "limits": floors(asked.rounds)}
    result |= {"scaling": scaling(asked.rounds), "memory": limits.memory_of_mel()}
    made = measure.machine("torch", "torchaudio", "librosa", "asrfront")
    measure.save("engine", {**made, "threads": THREADS, "rate": SR, **result})


if __name__ == "__main__":
    main()
