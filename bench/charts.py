"""A picture for each table of docs/benchmarks.md, drawn from the stored results (needs matplotlib).

    python -m bench.charts

`python -m bench.run` draws them, too.  A picture holds a digest of what it shows, so that a test can tell an old one.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from . import peers, timing
from .cores import COUNTS, gain, real_gain

Result = dict[str, Any]

FOLDER = timing.ROOT / "docs" / "benchmarks"
PEERS = ("torch", "librosa", "torchaudio", "asrfront")
"""Peers of several pictures, which have the same colour in each."""
COLOURS = ("#0b5394", "#cc0000", "#e69138", "#38761d", "#674ea7", "#a64d79", "#45818e", "#7f6000", "#666666", "#00a3a3")
MARKS = "oXPs^vDph*"


class Chart(NamedTuple):
    """Rows of marks on an axis, a mark for each series."""

    title: str
    axis: str
    rows: dict[str, dict[str, float]]
    """Label of a row -> series -> value."""
    line: float | None = None
    """Where a vertical line stands: behind it something is won, or lost."""
    is_logarithmic: bool = True

    @property
    def series(self) -> list[str]:
        return list(dict.fromkeys(name for row in self.rows.values() for name in row))

    @property
    def styles(self) -> dict[str, int]:
        """The number of the colour and mark of each series."""
        others = [name for name in self.series if name not in PEERS]
        first = len(PEERS) if len(others) < len(self.series) else 0
        return {name: PEERS.index(name) if name in PEERS else first + others.index(name) for name in self.series}

    @property
    def digest(self) -> str:
        """A digest of all that is shown."""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:16]


def times_faster(seconds: dict[str, float], ours: str = "fastspec") -> dict[str, float]:
    """How many times faster `ours` is than each other."""
    return {name: value / seconds[ours] for name, value in seconds.items() if name not in (ours, "out=")}


# ---- what is shown ----
def engine(result: Result) -> Chart:
    rows = {
        f"{row['work']} {row['size']}, {row['input']}": times_faster(row["seconds"])
        for row in result["rows"]
        if len(row["seconds"]) > 2
    }
    return Chart("The engine beside other libraries", "times faster than the peer", rows, 1.0)


def frontends(result: Result) -> Chart:
    rows: dict[str, dict[str, float]] = {}
    for row in result["rows"]:
        seconds = row["seconds"]["1"]
        rows.setdefault(f"{row['work']}, {row['input']}", {})[row["peer"]] = seconds["theirs"] / seconds["fastspec"]
    return Chart("Front ends, one thread", "times faster than the peer", rows, 1.0)


def recovery(result: Result) -> Chart:
    rows = {}
    for row in (row for group in ("rounds", "equal", "sums", "mels") for row in result["rows"].get(group, [])):
        others = [name for name in ("torchaudio", "librosa", "lws") if name in row["seconds"]]
        for name in row["seconds"]:
            if name not in others:
                label = f"{row['work']}, {row['size']}" + ("" if name == "fastspec" else f": {name}")
                rows[label] = {peer: row["seconds"][peer] / row["seconds"][name] for peer in others}
    return Chart("Phase recovery beside other libraries", "times faster than the peer", rows, 1.0)


def notebook(result: Result) -> Chart:
    rows = {
        row["case"]: {dtype: row["twin"] / row[dtype] for dtype in ("float64", "float32") if dtype in row}
        for row in result["cases"] + result["small"]
    }
    return Chart("The notebook's functions", "times faster than the notebook's algorithm in NumPy", rows, 1.0)


def segments(result: Result) -> Chart:
    rows = {
        f"{row['sound']} {row['rate'] / 1000:g} kHz, {row['n_fft']}/{row['hop']}, {row['dtype']}": {
            "exact": 1e3 * row["seconds"]["exact"],
            "segments": 1e3 * row["seconds"]["auto"],
        }
        for row in result["rows"]
    }
    return Chart("The notebook's inversion of a minute, exact and in segments", "milliseconds", rows)


def streams(result: Result) -> Chart:
    rows = {row["stream"]: {k: 1e3 * row[k] for k in ("p50", "p99", "worst")} for row in result["pushes"]}
    block = 1e3 * result["block"] / result["rate"]
    return Chart("A push of 256 samples; the line: how long they last", "milliseconds", rows, block)


def long_sound(result: Result) -> Chart:
    mel, resynth = result["mel"], result["resynth"]
    rows = {
        f"fastspec mel, {mel['hours']} h": {"times real time": 3600 * mel["hours"] / mel["seconds"]},
        "fastspec resynth, 1 h": {"times real time": 3600 / resynth["seconds"]},
    }
    return Chart("Hours of sound: whole commands", "times faster than the sound lasts", rows)


def first_calls(result: Result) -> Chart:
    rows = {
        name.replace("`", ""): {"empty cache": row["empty"], "full cache": row["full"]}
        for name, row in result["rows"].items()
    }
    return Chart("First calls of a process", "seconds", rows)


def clips(result: Result) -> Chart:
    rows = {
        name: {
            f"{what}, beside torch": seconds[f"torch {what}"] / seconds[f"fastspec {what}"]
            for what in ("forward", "inverse")
            if f"torch {what}" in seconds
        }
        for name, seconds in result["clips"].items()
    }
    return Chart("Clips at 16 kHz, 512/128", "times faster than torch", rows, 1.0)


def busy(result: Result) -> Chart:
    rows = {
        row["call"]: {f"beside {load}": both["all"] / both["one"] for load, both in row["seconds"].items()}
        for row in result["rows"]
    }
    return Chart("Beside busy processes", "time on all threads over that on one", rows, 1.0, is_logarithmic=False)


def loaders(result: Result) -> Chart:
    rows = {
        f"{row['start']}, clips of {row['seconds']:g} s": dict(row["clips a second"].items()) for row in result["rows"]
    }
    return Chart("A data loader with four workers on two cores", "clips a second", rows)


def fft(result: Result) -> Chart:
    rows = {
        f"{row['size']} {row['dtype']}": times_faster(row["seconds"]) for row in result["rows"] if row["threads"] == 1
    }
    return Chart("The FFT beside other FFTs, one thread", "times faster than the peer", rows, 1.0)


def cores(result: Result) -> Chart:
    rows = {
        f"{row['work']}, {row['input']}": {
            "2 threads, measured": real_gain(row),
            **{f"{count}, predicted": gain(row, count) for count in COUNTS},
        }
        for row in result["rows"]
    }
    return Chart("More threads, by the prediction", "times faster than one thread", rows)


CHARTS: dict[str, Callable[[Result], Chart]] = {
    "engine": engine,
    "frontends": frontends,
    "recovery": recovery,
    "notebook": notebook,
    "segments": segments,
    "streams": streams,
    "long_sound": long_sound,
    "first_calls": first_calls,
    "clips": clips,
    "busy": busy,
    "loaders": loaders,
    "cores": cores,
    "fft": fft,
}


# ---- pictures ----
def path_of(name: str) -> Path:
    """The picture of a subject."""
    return FOLDER / f"{name}.png"


def link(name: str, result: Result) -> str:
    """The picture in Markdown; nothing for a subject that has none."""
    return f"![{CHARTS[name](result).title}](benchmarks/{name}.png)" if name in CHARTS else ""


def digest_in(path: Path) -> str:
    """The digest that a picture holds."""
    from PIL import Image

    with Image.open(path) as image:
        return str(image.info.get("Description", ""))


def draw(name: str, chart: Chart) -> None:
    """Write the picture of a subject."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    labels, series = list(chart.rows), chart.styles
    height = 1.3 + 0.24 * len(labels) + 0.22 * -(-len(series) // 5)
    figure, panel = plt.subplots(figsize=(9, height), layout="constrained")
    for each, k in series.items():
        points = [(row[each], y) for y, row in enumerate(chart.rows.values()) if each in row]
        panel.plot(
            *zip(*points, strict=True),
            linestyle="none", marker=MARKS[k % len(MARKS)], color=COLOURS[k % len(COLOURS)], markersize=6, label=each,
        )  # fmt: skip
    if chart.line is not None:
        panel.axvline(chart.line, color="black", linewidth=1)
    if chart.is_logarithmic:
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_formatter(NullFormatter())
    else:
        panel.set_xlim(left=0)
    panel.xaxis.set_major_formatter("{x:g}")
    panel.set_yticks(range(len(labels)), labels, fontsize=8)
    panel.set_ylim(len(labels) - 0.5, -0.5)
    panel.grid(True, which="both", axis="x", alpha=0.25)
    panel.grid(True, axis="y", alpha=0.15)
    panel.set_xlabel(chart.axis)
    panel.set_title(chart.title, loc="left")
    figure.legend(loc="outside lower center", ncols=min(5, len(series)), frameon=False)
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(path_of(name), dpi=100, metadata={"Description": chart.digest, "Software": None})
    plt.close(figure)


def draw_stale(results: dict[str, Result]) -> None:
    """Draw the pictures that show something else than the stored results, where matplotlib is installed."""
    charts = {name: chart(results[name]) for name, chart in CHARTS.items()}
    stale = [name for name in charts if not path_of(name).exists() or digest_in(path_of(name)) != charts[name].digest]
    if stale and not peers.installed("matplotlib"):
        print(f"not drawn, as matplotlib is not installed: {', '.join(stale)}")
        return
    for name in stale:
        draw(name, charts[name])
        print(f"{path_of(name).relative_to(timing.ROOT)}: drawn")


def main() -> None:
    draw_stale({name: timing.load(name) for name in CHARTS})


if __name__ == "__main__":
    main()
