"""Hours of sound: the commands on long files, their memory, and whether what they write is right.

    python -m bench.long [--hours N] [--keep FOLDER]

Files are made of recorded speech, over and over, with a little noise (`engine.speech`), in a temporary folder: about
2.5 GB.  Each command runs in a process of its own, whose time and peak of resident memory are those of the whole
process: start, import and loading of kernels included.  Python's own calls are timed warm, in this process.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

import fastspec
from fastspec import files
from fastspec.recovery import blocks

from . import measure
from .engine import speech
from .markdown import made_on, table

Array = np.ndarray[Any, np.dtype[Any]]

HOURS = 10
PLACES = 10  # drawn, beside the first and the last minute
MEL = {"rate": 16_000, "n_fft": 400, "hop": 160, "mels": 80}
SOUND = {"rate": 22_050, "n_fft": 1024, "hop": 256}
CHECKED = 300  # seconds that are recovered as a whole, too
NEAR = 4  # frames on either side of a seam


def recording(path: Path, rate: int, seconds: int) -> None:
    """A 16-bit WAV file of speech."""
    minute = np.round(speech(rate, 60) * (20_000 / np.abs(speech(rate, 60)).max())).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for start in range(0, seconds, 60):
            file.writeframes(minute[: (min(60, seconds - start)) * rate].tobytes())


def samples(path: Path, start: int, count: int) -> Array:
    """Part of such a file, between -1 and 1."""
    with wave.open(str(path), "rb") as file:
        file.setpos(start)
        return (np.frombuffer(file.readframes(count), "<i2") / np.float32(32_768)).astype(np.float32)


RUN = """
import atexit, re, sys
from pathlib import Path
from fastspec.__main__ import main

def tell():
    print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

atexit.register(tell)
sys.exit(main())
"""
"""A command that ends with its peak of resident memory: what its parent is told counts the parent, too."""


def command(*arguments: object) -> tuple[float, float]:
    """(seconds, peak of resident memory in MB) of a command."""
    start = time.perf_counter()
    asked = [sys.executable, "-c", RUN, *map(str, arguments), "--quiet"]
    done = subprocess.run(asked, cwd=measure.ROOT, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, int(done.stdout.split()[-1]) / 1024


# ---- mels ----
def same_mels(source: Path, made: Path) -> int:
    """How many places of the file have the bits of the in-memory call."""
    rate, n_fft, hop = MEL["rate"], MEL["n_fft"], MEL["hop"]
    bank, M = fastspec.MelBank(rate, n_fft, MEL["mels"]), np.load(made, mmap_mode="r")
    plan = fastspec.STFT(n_fft, hop_length=hop)
    with wave.open(str(source), "rb") as file:
        n = file.getnframes()
    if M.shape != (MEL["mels"], plan.n_frames(n)):
        raise AssertionError(f"{made}: {M.shape} for {n} samples")
    minute = 60 * rate
    starts = [0, *(np.random.default_rng(0).integers(1, n // hop - minute // hop, PLACES) * hop), n - minute]
    for start in starts:
        # frames of the part whose samples are all in it, or which its end pads as that of the whole does
        first, ends = 0 if start == 0 else n_fft // hop + 1, start + minute >= n
        whole = plan.mel(samples(source, int(start), minute), bank)
        last = whole.shape[1] if ends else whole.shape[1] - n_fft // hop - 1
        at = int(start) // hop
        if start % hop or not np.array_equal(whole[:, first:last], M[:, at + first : at + last]):
            raise AssertionError(f"{made}: other mels at sample {start}")
    return len(starts)


def mels(folder: Path, hours: int) -> dict[str, Any]:
    """The command on a long file, and the call on it and on a minute."""
    long, short, made = folder / "long.wav", folder / "short.wav", folder / "made.npy"
    recording(long, MEL["rate"], 3600 * hours)
    recording(short, MEL["rate"], 60)
    known = "--n-fft", MEL["n_fft"], "--hop", MEL["hop"], "--n-mels", MEL["mels"]
    runs = [command("mel", long, made, *known) for _ in range(3)]
    took, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
    places = same_mels(long, made)
    plan, bank = fastspec.STFT(MEL["n_fft"], hop_length=MEL["hop"]), fastspec.MelBank(MEL["rate"], 400, MEL["mels"])
    each = {}
    for name, path, rounds in (("minute", short, 41), ("long", long, 3)):
        files.mel(path, made, plan, bank)
        each[name] = statistics.median(files.mel(path, made, plan, bank).seconds for _ in range(rounds))
    result = {
        "hours": hours, "seconds": took, "memory": memory, "places": places,
        "a second": {"minute": each["minute"] / 60, "long": each["long"] / (3600 * hours)},
    }  # fmt: skip
    for path in (long, short, made):
        path.unlink()
    print(result)
    return result


# ---- recovered sound ----
def misfit(plan: fastspec.STFT, y: Array, found: Array) -> tuple[Array, Array]:
    """Of each frame ||levels of what was found - S||**2, and ||S||**2."""
    S = plan.power(y, power=1)
    gap = plan.power(found, power=1) - S
    return np.square(gap, dtype=np.float64).sum(axis=0), np.square(S, dtype=np.float64).sum(axis=0)


def decibels(gap: Array, size: Array, where: Any = slice(None)) -> float:
    return float(10 * np.log10(gap[where].sum() / size[where].sum()))


def recovered(folder: Path) -> dict[str, Any]:
    """The command on an hour; its first minutes beside the whole-signal call; its seams beside the rest."""
    import soundfile

    source, made = folder / "hour.wav", folder / "again.wav"
    rate, n_fft, hop = SOUND["rate"], SOUND["n_fft"], SOUND["hop"]
    recording(source, rate, 3600)
    took, memory = command("resynth", source, made, "--n-fft", n_fft, "--hop", hop, "--subtype", "FLOAT")
    plan = fastspec.STFT(n_fft, hop_length=hop)
    y, found = samples(source, 0, CHECKED * rate), soundfile.read(made, CHECKED * rate, dtype="float32")[0]
    whole = fastspec.recover(plan.power(y, power=1), plan, rng=0, length=len(y), block=None)
    inside = slice(0, plan.n_frames(len(y)) - n_fft // hop)
    reached = {name: decibels(*misfit(plan, y, x), inside) for name, x in (("blocks", found), ("whole", whole))}
    block, gaps, sizes, some = blocks.default_block_frames(plan), [], [], 1000 * hop
    for start in range(0, 3600 * rate, some):  # frames away from the ends of each part
        low, high = max(0, start - n_fft), start + some + n_fft
        x, z = samples(source, low, high - low), soundfile.read(made, high - low, start=low, dtype="float32")[0]
        gap, size = misfit(plan, x[: len(z)], z)
        first = (start - low) // hop
        gaps.append(gap[first : first + some // hop])
        sizes.append(size[first : first + some // hop])
    gap, size = np.concatenate(gaps), np.concatenate(sizes)
    seams = np.arange(block, len(gap) - blocks.margin_frames(plan), block)
    near = (seams[:, None] + np.arange(-NEAR, NEAR + 1)).reshape(-1)
    worst = 10 * np.log10(gap / np.maximum(size, 1e-6 * size.max()))
    result = {
        "seconds": took, "memory": memory, "checked": CHECKED, "reached": reached, "seams": len(seams),
        "near": decibels(gap, size, near), "all": decibels(gap, size),
        "loudest": {"near": float(np.percentile(worst[near], 99)), "all": float(np.percentile(worst, 99))},
    }  # fmt: skip
    print(result)
    return result


def tables(result: dict[str, Any]) -> str:
    """What had to be reached, and what was."""

    def row(work: str, what: str, found: float, told: str, least: float, more: bool = False) -> list[str]:
        right = found >= least if more else found <= least
        bound = f"{'≥' if more else '≤'} {least:g}"
        return [work, what, told, bound if right else f"**missed: {bound}**"]

    def both(found: dict[str, float]) -> str:
        return f"{found['near']:.1f}, {found['all']:.1f}"

    mel, sound = result["mel"], result["resynth"]
    hours, speed = mel["hours"], 3600 * mel["hours"] / mel["seconds"]
    ratio, again = mel["a second"]["long"] / mel["a second"]["minute"], 3600 / sound["seconds"]
    loss = sound["reached"]["blocks"] - sound["reached"]["whole"]
    command, hour = f"`fastspec mel`, {hours} h at 16 kHz", "`fastspec resynth`, 1 h at 22.05 kHz"
    rows = [
        row(command, "times real time", speed, f"{speed:,.0f} ({mel['seconds']:.1f} s)", 4000, True),
        row(command, "peak memory of the process, MB", mel["memory"], f"{mel['memory']:.0f}", 400),
        [command, "places with the bits of the in-memory call", f"{mel['places']} of {mel['places']}", "all"],
        row(f"`files.mel`, {hours} h and 1 min", "time a second of sound, relative", ratio, f"{ratio:.2f}", 1.1),
        row(hour, "times real time", again, f"{again:.0f} ({sound['seconds']:.1f} s)", 150, True),
        row(hour, "peak memory of the process, MB", sound["memory"], f"{sound['memory']:.0f}", 500),
        row(
            hour, f"first {sound['checked'] // 60} minutes, dB, less those of the whole-signal call", loss,
            f"{loss:+.2f} ({sound['reached']['blocks']:.1f}, {sound['reached']['whole']:.1f})", 0.3,
        ),
        [hour, f"dB of frames at its {sound['seams']} seams, and of all", both(sound), ""],
        [hour, "the worst hundredth of them, and of all", both(sound["loudest"]), ""],
    ]  # fmt: skip
    return "\n\n".join(
        [
            "Commands are whole processes, from start to end; files are 16-bit WAV on a local disk.",
            table(["work", "what", "measured", "must be"], rows),
            f"Measured on: {made_on(result)}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=HOURS, help=f"of the long file (default {HOURS})")
    parser.add_argument("--keep", type=Path, help="a folder for the files, which stay there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        result = {"mel": mels(folder, asked.hours), "resynth": recovered(folder)}
    if asked.hours == HOURS:
        measure.save("long", {**measure.machine("soundfile"), **result})


if __name__ == "__main__":
    main()
