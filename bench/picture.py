"""Quality against seconds, drawn from what `quality` found: docs/quality.png (needs matplotlib).

python -m bench.picture
"""

import json
from typing import Any

from . import measure, peers
from .recovery_tables import SOUNDS

Row = dict[str, Any]

PLACE = measure.ROOT / "docs" / "quality.png"

LINES: tuple[tuple[str, str, str, str, str], ...] = (
    ("accelerated", "pghi", "PGHI, then accelerated", "#0b5394", "o"),
    ("half raar 0.98, half accelerated", "pghi", "PGHI, RAAR, then accelerated", "#674ea7", "h"),
    ("accelerated", "spsi", "SPSI, then accelerated", "#3d85c6", "s"),
    ("5 rtisi, 0 ahead, then accelerated", "", "RTISI, then accelerated", "#38761d", "^"),
    ("5 rtisi, 0 ahead, half raar 0.98, half accelerated", "", "RTISI, RAAR, then accelerated", "#a64d79", "p"),
    ("rtisi, 3 ahead", "", "RTISI, 3 frames ahead", "#93c47d", "v"),
    ("accelerated", "random", "random, then accelerated", "#9fc5e8", "D"),
    ("torchaudio", "random", "torchaudio.griffinlim", "#e69138", "P"),
    ("librosa", "random", "librosa.griffinlim", "#cc0000", "X"),
)
"""Method, start, name, colour, mark."""


def draw(quality: Row) -> None:
    """Write the picture, where matplotlib is installed."""
    if not peers.installed("matplotlib"):
        print("docs/quality.png: not drawn, matplotlib is not installed")
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(SOUNDS), figsize=(11, 5.2), sharex=True, sharey=True, layout="constrained")
    for panel, sound in zip(panels, SOUNDS, strict=True):
        rows = [row for row in quality["minutes"] if row["sound"] == sound]
        panel_of(panel, rows)
        panel.set_title(f"a minute of {sound}", loc="left")
        panel.set_xlabel("seconds of computing for a minute of sound")
    panels[0].set_ylabel("spectral convergence in dB (lower is better)")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(PLACE, dpi=110)
    plt.close(figure)
    print(f"{PLACE.relative_to(measure.ROOT)}: written")


def panel_of(panel: Any, rows: list[Row]) -> None:
    for method, start, name, colour, mark in LINES:
        found = sorted((r["rounds"], r) for r in rows if (r["method"], r["start"]) == (method, start))
        if not found:
            continue
        theirs = method in ("torchaudio", "librosa")
        style = {
            "color": colour,
            "marker": mark,
            "linestyle": "--" if theirs else "-",
            "markersize": 6 if theirs else 5,
        }
        points = [(r["seconds"], r["convergence"]) for _, r in found]
        panel.plot(*zip(*points, strict=True), label=name, **style)
    for name in ("default", "best"):
        for row in (r for r in rows if r["method"] == name):
            x, y = row["seconds"], row["convergence"]
            panel.plot(
                x, y, "*", color="black", markersize=13, label=f"fastspec's {name}" if name == "default" else None
            )
            panel.annotate(name, (x, y), xytext=(6, -14), textcoords="offset points", weight="bold")
    for method in ("librosa", "torchaudio"):
        usual = [r for r in rows if r["method"] == method and r["rounds"] == 32]
        for row in usual:
            where = (row["seconds"], row["convergence"])
            left = method == "torchaudio"
            place = {"xytext": (-6 if left else 6, -10 if left else 4), "ha": "right" if left else "left"}
            panel.annotate("32 rounds", where, textcoords="offset points", fontsize=8, **place)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.margins(0.08, 0.1)
    panel.grid(True, which="major", alpha=0.3)


def main() -> None:
    draw(json.loads((measure.RESULTS / "quality.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
