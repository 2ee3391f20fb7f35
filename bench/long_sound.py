"""Hours of sound: the commands on long files, their time and memory, and a check of what they write.

    python -m bench.long_sound [--hours N] [--keep FOLDER]

The files are recorded speech, repeated, with a little noise (`engine.speech`), in a temporary folder: about 2.5 GB.
Each command runs in a process of its own, whose time and peak of resident memory are those of the whole process:
start, import and loading of kernels included.  Calls from Python are timed warm, in this process.
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

from . import timing
from .engine import speech
from .table import Goal, machine_line, paragraphs, table

Array = np.ndarray[Any, np.dtype[Any]]

HOURS = 10
MINUTES = 10  # drawn at random and compared, beside the first and the last
MEL = {"rate": 16_000, "n_fft": 400, "hop": 160, "mels": 80}
SOUND = {"rate": 22_050, "n_fft": 1024, "hop": 256}
COMPARED = 300  # seconds that are also recovered as a whole
NEAR = 4  # frames on each side of a boundary between blocks


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

def print_peak():
    print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

atexit.register(print_peak)
sys.exit(main())
"""
"""A command that ends by printing its peak of resident memory; the peak that a parent reads includes the parent."""


def command(*arguments: object) -> tuple[float, float]:
    """(seconds, peak of resident memory in MB) of a command."""
    start = time.perf_counter()
    command_line = [sys.executable, "-c", RUN, *map(str, arguments), "--quiet"]
    process = subprocess.run(command_line, cwd=timing.ROOT, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, int(process.stdout.split()[-1]) / 1024


# ---- mels ----
def equal_minutes(source: Path, target: Path) -> int:
    """How many minutes of the file were compared; an error if one has other bits than the in-memory call."""
    rate, n_fft, hop = MEL["rate"], MEL["n_fft"], MEL["hop"]
    bank, M = fastspec.MelBank(rate, n_fft, MEL["mels"]), np.load(target, mmap_mode="r")
    plan = fastspec.STFT(n_fft, hop_length=hop)
    with wave.open(str(source), "rb") as file:
        n = file.getnframes()
    if M.shape != (MEL["mels"], plan.n_frames(n)):
        raise AssertionError(f"{target}: {M.shape} for {n} samples")
    minute = 60 * rate
    starts = [0, *(np.random.default_rng(0).integers(1, n // hop - minute // hop, MINUTES) * hop), n - minute]
    for start in starts:
        # frames all of whose samples are in this minute, or which are padded at the end of the whole signal
        first, ends = 0 if start == 0 else n_fft // hop + 1, start + minute >= n
        whole = plan.mel(samples(source, int(start), minute), bank)
        last = whole.shape[1] if ends else whole.shape[1] - n_fft // hop - 1
        at = int(start) // hop
        if start % hop or not np.array_equal(whole[:, first:last], M[:, at + first : at + last]):
            raise AssertionError(f"{target}: other mels at sample {start}")
    return len(starts)


def mels(folder: Path, hours: int) -> dict[str, Any]:
    """The command on a long file, and the call on it and on a minute."""
    long, short, target = folder / "long.wav", folder / "short.wav", folder / "mels.npy"
    recording(long, MEL["rate"], 3600 * hours)
    recording(short, MEL["rate"], 60)
    options = "--n-fft", MEL["n_fft"], "--hop", MEL["hop"], "--n-mels", MEL["mels"]
    runs = [command("mel", long, target, *options) for _ in range(3)]
    seconds, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
    minutes = equal_minutes(long, target)
    plan, bank = fastspec.STFT(MEL["n_fft"], hop_length=MEL["hop"]), fastspec.MelBank(MEL["rate"], 400, MEL["mels"])
    each = {}
    for name, path, rounds in (("minute", short, 41), ("long", long, 3)):
        files.mel(path, target, plan, bank)
        each[name] = statistics.median(files.mel(path, target, plan, bank).seconds for _ in range(rounds))
    result = {
        "hours": hours, "seconds": seconds, "memory": memory, "minutes": minutes,
        "a second": {"minute": each["minute"] / 60, "long": each["long"] / (3600 * hours)},
    }  # fmt: skip
    for path in (long, short, target):
        path.unlink()
    print(result)
    return result


# ---- recovered sound ----
def misfit(plan: fastspec.STFT, x: Array, y: Array) -> tuple[Array, Array]:
    """For each frame ||L - S||**2 and ||S||**2, with S the magnitudes of x and L those of y."""
    S = plan.power(x, power=1)
    gap = plan.power(y, power=1) - S
    return np.square(gap, dtype=np.float64).sum(axis=0), np.square(S, dtype=np.float64).sum(axis=0)


def decibels(gap: Array, size: Array, frames: Any = slice(None)) -> float:
    return float(10 * np.log10(gap[frames].sum() / size[frames].sum()))


def recovered(folder: Path) -> dict[str, Any]:
    """The command on an hour; its first minutes beside the whole-signal call; block boundaries beside all frames."""
    import soundfile

    source, target = folder / "hour.wav", folder / "recovered.wav"
    rate, n_fft, hop = SOUND["rate"], SOUND["n_fft"], SOUND["hop"]
    recording(source, rate, 3600)
    seconds, memory = command("resynth", source, target, "--n-fft", n_fft, "--hop", hop, "--subtype", "FLOAT")
    plan = fastspec.STFT(n_fft, hop_length=hop)
    x = samples(source, 0, COMPARED * rate)
    y = soundfile.read(target, COMPARED * rate, dtype="float32")[0]
    whole = fastspec.recover(plan.power(x, power=1), plan, rng=0, length=len(x), block=None)
    inside = slice(0, plan.n_frames(len(x)) - n_fft // hop)
    reached = {name: decibels(*misfit(plan, x, z), inside) for name, z in (("blocks", y), ("whole", whole))}
    block, gaps, sizes, step = blocks.block_of(plan), [], [], 1000 * hop
    for start in range(0, 3600 * rate, step):  # with samples on each side, so that frames are whole
        low, high = max(0, start - n_fft), start + step + n_fft
        x, y = samples(source, low, high - low), soundfile.read(target, high - low, start=low, dtype="float32")[0]
        gap, size = misfit(plan, x[: len(y)], y)
        first = (start - low) // hop
        gaps.append(gap[first : first + step // hop])
        sizes.append(size[first : first + step // hop])
    gap, size = np.concatenate(gaps), np.concatenate(sizes)
    boundaries = np.arange(block, len(gap) - blocks.margin_of(plan), block)
    near = (boundaries[:, None] + np.arange(-NEAR, NEAR + 1)).reshape(-1)
    worst = 10 * np.log10(gap / np.maximum(size, 1e-6 * size.max()))
    result = {
        "seconds": seconds, "memory": memory, "compared": COMPARED, "reached": reached, "boundaries": len(boundaries),
        "near": decibels(gap, size, near), "all": decibels(gap, size),
        "worst": {"near": float(np.percentile(worst[near], 99)), "all": float(np.percentile(worst, 99))},
    }  # fmt: skip
    print(result)
    return result


def measure(hours: int = HOURS, keep: Path | None = None) -> dict[str, Any]:
    """Both commands, on files in a temporary folder or in `keep`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        return {**timing.machine("soundfile"), "mel": mels(folder, hours), "resynth": recovered(folder)}


def real_time(result: dict[str, Any]) -> tuple[float, float]:
    """How many times faster than real time `fastspec mel` and `fastspec resynth` are."""
    return 3600 * result["mel"]["hours"] / result["mel"]["seconds"], 3600 / result["resynth"]["seconds"]


def length_ratio(result: dict[str, Any]) -> float:
    """Time for a second of the long file relative to a second of the short one."""
    return float(result["mel"]["a second"]["long"] / result["mel"]["a second"]["minute"])


def loss(result: dict[str, Any]) -> float:
    """Convergence in blocks less that of the whole-signal call, in dB."""
    reached = result["resynth"]["reached"]
    return float(reached["blocks"] - reached["whole"])


def goals(result: dict[str, Any]) -> list[Goal]:
    """Speed, memory, and the quality of blocks."""
    mel, resynth = real_time(result)
    return [
        Goal("fastspec mel, times real time", mel, least=4000),
        Goal("fastspec mel, peak MB", result["mel"]["memory"], most=400),
        Goal("files.mel, time for a second of a long file relative to a short one", length_ratio(result), most=1.1),
        Goal("fastspec resynth, times real time", resynth, least=150),
        Goal("fastspec resynth, peak MB", result["resynth"]["memory"], most=500),
        Goal("fastspec resynth, dB lost by blocks", loss(result), most=0.3),
    ]


def tables(result: dict[str, Any]) -> str:
    """A row a measured number."""
    mel, sound = result["mel"], result["resynth"]
    hours, (mel_speed, resynth_speed) = mel["hours"], real_time(result)
    reached = sound["reached"]
    command, hour = f"`fastspec mel`, {hours} h at 16 kHz", "`fastspec resynth`, 1 h at 22.05 kHz"

    def both(values: dict[str, float]) -> str:
        return f"{values['near']:.1f}, {values['all']:.1f}"

    rows = [
        [command, "times real time", f"{mel_speed:,.0f} ({mel['seconds']:.1f} s)"],
        [command, "peak memory of the process, MB", f"{mel['memory']:.0f}"],
        [command, "minutes compared, all with the bits of the in-memory call", f"{mel['minutes']}"],
        [f"`files.mel`, {hours} h and 1 min", "time for a second of sound, relative", f"{length_ratio(result):.2f}"],
        [hour, "times real time", f"{resynth_speed:.0f} ({sound['seconds']:.1f} s)"],
        [hour, "peak memory of the process, MB", f"{sound['memory']:.0f}"],
        [
            hour,
            f"convergence of the first {sound['compared'] // 60} minutes, dB: in blocks, of the whole signal",
            f"{reached['blocks']:.1f}, {reached['whole']:.1f} ({loss(result):+.2f})",
        ],
        [hour, f"convergence, dB: at the {sound['boundaries']} boundaries of blocks, everywhere", both(sound)],
        [hour, "convergence of the worst percent of frames, dB: there, everywhere", both(sound["worst"])],
    ]
    return paragraphs(
        "Commands are whole processes, from start to end; files are 16-bit WAV on a local disk.",
        table(["work", "quantity", "measured"], rows),
        machine_line(result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=HOURS, help=f"of the long file (default {HOURS})")
    parser.add_argument("--keep", type=Path, help="a folder for the files, which stay there")
    options = parser.parse_args()
    result = measure(options.hours, options.keep)
    if options.hours == HOURS:
        timing.save("long_sound", result)


if __name__ == "__main__":
    main()
