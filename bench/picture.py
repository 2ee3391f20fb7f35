"""Quality against seconds, drawn from the result of `quality`: docs/quality.png (needs matplotlib).

python -m bench.picture
"""

from typing import Any

from . import peers, timing
from .quality import PEERS, SOUNDS

Row = dict[str, Any]

TARGET = timing.ROOT / "docs" / "quality.png"

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
        draw_panel(panel, rows)
        panel.set_title(f"a minute of {sound}", loc="left")
        panel.set_xlabel("seconds of computing for a minute of sound")
    panels[0].set_ylabel("spectral convergence in dB (lower is better)")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, frameon=False)
    figure.savefig(TARGET, dpi=110)
    plt.close(figure)
    print(f"{TARGET.relative_to(timing.ROOT)}: written")


def draw_panel(panel: Any, rows: list[Row]) -> None:
    """The methods of one sound."""
    for method, start, name, colour, mark in LINES:
        of_method = [r for r in rows if (r["method"], r["start"]) == (method, start)]
        if not of_method:
            continue
        theirs = method in PEERS
        style = {
            "color": colour,
            "marker": mark,
            "linestyle": "--" if theirs else "-",
            "markersize": 6 if theirs else 5,
        }
        points = [(r["seconds"], r["convergence"]) for r in sorted(of_method, key=lambda r: r["rounds"])]
        panel.plot(*zip(*points, strict=True), label=name, **style)
    for name in ("default", "best"):
        for row in (r for r in rows if r["method"] == name):
            x, y = row["seconds"], row["convergence"]
            panel.plot(
                x, y, "*", color="black", markersize=13, label=f"fastspec's {name}" if name == "default" else None
            )
            panel.annotate(name, (x, y), xytext=(6, -14), textcoords="offset points", weight="bold")
    for method in PEERS:
        usual = [r for r in rows if r["method"] == method and r["rounds"] == 32]
        for row in usual:
            point = (row["seconds"], row["convergence"])
            left = method == "torchaudio"
            offset = {"xytext": (-6 if left else 6, -10 if left else 4), "ha": "right" if left else "left"}
            panel.annotate("32 rounds", point, textcoords="offset points", fontsize=8, **offset)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.margins(0.08, 0.1)
    panel.grid(True, which="major", alpha=0.3)


def main() -> None:
    draw(timing.load("quality"))


if __name__ == "__main__":
    main()
