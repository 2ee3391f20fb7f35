"""Measure everything and write the README's tables, losses included, from the files in `results/`.

python -m bench.readme            measure, then write (minutes; the machine should have nothing else to do)
python -m bench.readme --write    write from the results that are there
"""

import argparse
import json
import subprocess
import sys
from typing import Any

from . import live, long, measure, picture, recovery_tables, segments
from .markdown import between_markers, made_on, seconds, table, times

README = measure.ROOT / "README.md"
OURS = ("fastspec", "out=")
PROGRAMS = ("engine", "quality", "recovery", "accuracy", "speed", "cold", "memory", "fft", "live", "long", "segments")


def speed_tables(speed: dict[str, Any], cold: dict[str, Any], memory: dict[str, Any]) -> str:
    """Ten seconds of speech, small calls, threads, memory and cold starts."""
    cases = [
        [
            f"`{row['case']}`",
            seconds(row["twin"]),
            seconds(row["float64"]),
            times(row["twin"], row["float64"]),
            seconds(row["float32"]),
            times(row["twin"], row["float32"]),
        ]
        for row in speed["cases"]
    ]
    small = [
        [f"`{row['case']}`", seconds(row["twin"]), seconds(row["float64"]), times(row["twin"], row["float64"])]
        for row in speed["small"]
    ]
    scaling = [
        [f"`{row['case']}`", row["dtype"], seconds(row["1"]), seconds(row["2"]), times(row["1"], row["2"])]
        for row in speed["scaling"]
    ]
    first = [
        [dtype, *(seconds(measured[key]) for key in ("empty", "full", "other size"))]
        for dtype, measured in cold["first stft"].items()
    ]
    imports = cold["import"]
    ratios = " and ".join(f"{ratio:.1f} times ({dtype})" for dtype, ratio in memory["ratio"].items())
    length, rate, threads = speed["seconds"], speed["rate"] // 1000, speed["threads"]
    return "\n\n".join(
        [
            f"{length} s of speech at {rate} kHz, {threads} threads, medians in one process, shuffled. *Notebook* is "
            "its algorithm in plain NumPy on Python 3, one core, as it is. Below one (bold) is a loss.",
            table(["work", "notebook", "float64", "", "float32", ""], cases),
            "Small calls and those that are not kernels, float64:",
            table(["work", "notebook", "fastspec", ""], small),
            "One thread and two:",
            table(["work", "precision", "1 thread", "2 threads", ""], scaling),
            f"In fresh processes: `import numpy` takes {seconds(imports['numpy'])}, `import fastspec` "
            f"{seconds(imports['fastspec'])}, both {seconds(imports['numpy, fastspec'])}. The first `stft`:",
            table(["precision", "empty kernel cache", "full cache", "another size after it"], first),
            f"Peak memory of the whole inversion, beyond the spectrogram it is given: {ratios} its size.",
            f"Measured on: {made_on(speed)}.",
        ]
    )


def fft_table(fft: dict[str, Any]) -> str:
    """Every engine at every size, one thread / two, the fastest of each in bold."""
    by_size: dict[tuple[int, str], dict[int, dict[str, float]]] = {}
    for row in fft["rows"]:
        by_size.setdefault((row["size"], row["dtype"]), {})[row["threads"]] = row["seconds"]
    names = list(fft["rows"][0]["seconds"])

    def cell(name: str, each: dict[int, dict[str, float]]) -> str:
        shown = []
        for _, measured in sorted(each.items()):
            text = f"{1e3 * measured[name]:.2f}"
            shown.append(f"**{text}**" if measured[name] == min(measured.values()) else text)
        return " / ".join(shown)

    rows = [[f"{size} {dtype}", *(cell(name, each) for name in names)] for (size, dtype), each in by_size.items()]
    return "\n\n".join(
        [
            f"Milliseconds for the frames of {fft['samples']} samples with a hop of a quarter of the size, on one "
            "thread / on two. *fastspec* and *scipy, frames too* start from the samples and also cut out and window "
            "the frames; the others are given frames ready made and contiguous.",
            table(["size", *names], rows),
            f"Measured on: {made_on(fft)}.",
        ]
    )


def engine_tables(engine: dict[str, Any]) -> str:
    """The engine against its peers, a frame at a time, on more threads, beside the least that the work can take."""
    names = list(dict.fromkeys(name for row in engine["rows"] for name in row["seconds"] if name not in OURS))

    def against(row: dict[str, Any], name: str) -> str:
        if name not in row["seconds"]:
            return ""
        ratio, least = row["seconds"][name] / row["seconds"]["fastspec"], row["must"].get(name)
        told = f"{1e3 * row['seconds'][name]:.2f}, {times(ratio, 1.0)}"
        if least is None:
            return told
        return f"{told} ≥ {least:g}×" if ratio >= least else f"{told} **< {least:g}×**"

    rows = [
        [f"{row['work']} {row['size']}", row["input"], *(f"{1e3 * row['seconds'][name]:.2f}" for name in OURS)]
        + [against(row, name) for name in names]
        for row in engine["rows"]
    ]
    furthest = max(value for row in engine["rows"] for value in row["difference"].values())
    frames = [
        [f"{row['samples']} ({row['rate'] / 1000:g} kHz)", *(seconds(value) for value in row["seconds"].values())]
        for row in engine["one frame"]
    ]
    limits = [
        [f"STFT {row['size']}, {row['dtype']}", *(f"{1e3 * value:.2f}" for value in row["seconds"].values())]
        for row in engine["limits"]
    ]
    counts = list(engine["scaling"][0]["seconds"])
    scaling = [[row["work"], *(f"{1e3 * row['seconds'][n]:.2f}" for n in counts)] for row in engine["scaling"]]
    memory = engine["memory"]
    return "\n\n".join(
        [
            f"Milliseconds, {engine['threads']} threads, medians of one process, shuffled, warm; float32 unless said, "
            f"speech at {engine['rate'] / 1000:g} kHz. *out=* fills an array that is there; the peers' times "
            "are compared with the call that gives a new one. After a peer's time: how many times faster `fastspec` "
            "is, and what it has to be (bold: missed). Below one (bold) is a loss. Results were compared first; the "
            f"largest difference is {furthest:.0e} of the largest value.",
            table(["work", "input", *OURS, *names], rows),
            "One frame of 20 ms through a ready plan, and `numpy.fft.rfft(frame * window)`:",
            table(["samples", *engine["one frame"][0]["seconds"]], frames),
            "The STFT of a minute, in milliseconds, beside its transforms alone (of a tile that stays in the cache) "
            "and beside the writing of its output alone:",
            table(["work", *engine["limits"][0]["seconds"]], limits),
            "Threads, with *out=*, in milliseconds:",
            table(["work", *counts], scaling),
            f"Peak memory of the mel spectrogram of an hour, beyond its input of {memory['input']:.0f} MB and its "
            f"output of {memory['output']:.0f} MB: {memory['beyond']:.1f} MB (at most {memory['must']:.0f}).",
            f"Measured on: {made_on(engine)}.",
        ]
    )


def accuracy_table(accuracy: dict[str, Any]) -> str:
    """Errors on noise of every size that the kernels transform, ours in bold where they are above SciPy's."""
    by_size: dict[int, dict[str, Any]] = {}
    for row in accuracy["rows"]:
        by_size.setdefault(row["size"], {})[row["dtype"]] = row["noise"]
    kinds = list(dict.fromkeys(row["dtype"] for row in accuracy["rows"]))

    def cells(noise: dict[str, list[float]]) -> list[str]:
        ours, theirs = noise["fastspec"][0], noise["scipy"][0]
        return [f"**{ours:.3f}**" if ours > theirs else f"{ours:.3f}", f"{theirs:.3f}"]

    own = [row["size"] for row in accuracy["rows"] if row["in lanes"] and row["dtype"] == kinds[0]]
    rows = [[str(n), *(cell for kind in kinds for cell in cells(by_size[n][kind]))] for n in sorted(own)]
    worst = max(row["noise"]["fastspec"][0] / row["noise"]["scipy"][0] for row in accuracy["rows"])
    return "\n\n".join(
        [
            "Norm of the error relative to the norm of the spectrum, in epsilons of the precision, for frames of "
            "noise, against a transform in a wider type (float64; long double). Bold: more than SciPy's, as in "
            f"{sum(noise_worse(row) for row in accuracy['rows'])} of {len(accuracy['rows'])} cases, by "
            f"{100 * (worst - 1):.0f} percent at most. Sizes that are not in the table (primes above 7) are SciPy's "
            "transforms.",
            table(["size", *(f"{name}, {kind}" for kind in kinds for name in ("fastspec", "scipy"))], rows),
        ]
    )


def noise_worse(row: dict[str, Any]) -> bool:
    return bool(row["noise"]["fastspec"][0] > row["noise"]["scipy"][0])


def write() -> None:
    loaded = {name: json.loads((measure.RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in PROGRAMS}
    text = README.read_text(encoding="utf-8")
    text = between_markers(text, "speed", speed_tables(loaded["speed"], loaded["cold"], loaded["memory"]))
    text = between_markers(text, "fft", fft_table(loaded["fft"]))
    text = between_markers(text, "engine", engine_tables(loaded["engine"]))
    text = between_markers(text, "quality", recovery_tables.quality_tables(loaded["quality"]))
    text = between_markers(text, "recovery", recovery_tables.speed_tables(loaded["recovery"]))
    text = between_markers(text, "live", live.tables(loaded["live"]))
    text = between_markers(text, "long", long.tables(loaded["long"]))
    text = between_markers(text, "segments", segments.segments_table(loaded["segments"]))
    text = between_markers(text, "accuracy", accuracy_table(loaded["accuracy"]))
    README.write_text(text, encoding="utf-8")
    print("README.md: tables written")
    picture.draw(loaded["quality"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="only write the tables, from the results that are there")
    if not parser.parse_args().write:
        for program in PROGRAMS:
            measure.wait_until_idle()
            subprocess.run([sys.executable, "-m", f"bench.{program}"], cwd=measure.ROOT, check=True)
    write()


if __name__ == "__main__":
    main()
