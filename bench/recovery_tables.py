"""The README's tables of phase recovery, from what `quality` and `recovery` found."""

from collections.abc import Iterable
from typing import Any

from .markdown import made_on, seconds, table, times

Row = dict[str, Any]
SOUNDS = ("speech", "music")

MUST: tuple[tuple[str, Row, tuple[float, ...]], ...] = (
    ("PGHI alone", {"start": "pghi", "rounds": 0}, (-20.0, -14.5)),
    ("PGHI + griffinlim, 1 round", {"method": "griffinlim", "start": "pghi", "rounds": 1}, ()),
    ("PGHI + accelerated, 10 rounds", {"method": "accelerated", "start": "pghi", "rounds": 10}, (-26.5, -22.0)),
    ("RTISI-LA, 3 ahead, 5 rounds", {"method": "rtisi, 3 ahead", "rounds": 5}, (-25.0, -20.5)),
    ("best method, 100 rounds", {"rounds": 100}, (-31.0, -27.0)),
)
MEL_MUST = ("mel, 80 bands, joint, PGHI, 32 rounds", {"method": "joint", "start": "pghi", "rounds": 32}, (-30.0,))


def quality_tables(quality: Row) -> str:
    """What must be reached; every way by rounds; other measures; a minute against seconds; mels."""
    clips, count = quality["clips"], quality["seeds"]
    parts = [
        "Spectral convergence in dB, lower is better: 20 log10 (‖|STFT(y)| − S‖ / ‖S‖), where y is the sound that "
        "came out, analysed again in float64. *speech* is 1.6 s of the bundled sentence (16 kHz, Hann 512), *music* a "
        f"guitar chord (32 kHz, Hann 2048); random phases are the mean of {count} seeds. What had to be reached at "
        "redundancy 4 (bold: missed):",
        must_table(clips, quality["mels"]),
        *(part for r in (4, 8) for part in (f"Redundancy {r}, speech / music, by rounds:", by_rounds(clips, r))),
        "Two other measures at redundancy 4, as LSD / SNR: the log-spectral distance in dB (lower is better; root "
        "mean square over the bins of a frame, mean over frames, levels no lower than "
        f"{-quality['floor']:.0f} dB below the loudest), and the signal-to-noise ratio 20 log10 (‖Gx‖ / ‖Gy − Gx‖) in "
        "dB (higher is better) of the magnitudes G of a Gaussian STFT that is none of those inverted (Marafioti, "
        "Holighaus & Majdak 2021: 2048 channels, hop 128):",
        other_measures(clips),
    ]
    if quality["mels"]:
        parts += [
            "From 80 mels of magnitudes (n_fft 1024, hop 256): spectral convergence of the mel spectrogram, by rounds:",
            mel_table(quality["mels"]),
        ]
    parts += [
        f"Against seconds: a minute of each at {quality['rate'] / 1000:g} kHz, Hann 1024/256, {quality['threads']} "
        "threads; time of the whole call, then speech / music:",
        minute_table(quality["minutes"]),
        f"Measured on: {made_on(quality)}.",
    ]
    return "\n\n".join(parts)


def fits(row: Row, wanted: Row) -> bool:
    return all(row[key] == value for key, value in wanted.items())


def must_table(clips: list[Row], mels: list[Row]) -> str:
    """Measured, and what it must be."""
    rows = []
    four = [row for row in clips if row["redundancy"] == 4 and row["method"] not in ("librosa", "torchaudio")]
    for (name, wanted, least), found in [*((must, four) for must in MUST), (MEL_MUST, mels)]:
        chosen = [[r for r in found if r["sound"] == sound and fits(r, wanted)] for sound in SOUNDS]
        if not all(chosen):
            continue
        best = [min(rows, key=lambda r: r["convergence"]) for rows in chosen]
        values = [row["convergence"] for row in best]
        which = " / ".join(dict.fromkeys(label(row) for row in best)) if name.startswith("best") else ""
        cells = [
            f"**{value:.1f}**" if bound is not None and value > bound else f"{value:.1f}"
            for value, bound in zip(values, [*least, *[None] * 2][:2], strict=True)
        ]
        rows.append([f"{name}{which and f' ({which})'}", " / ".join(cells), " / ".join(f"{b:g}" for b in least)])
    return table(["", "speech / music", "must reach"], rows)


def label(row: Row) -> str:
    start = f"from {row['start']}" if row["start"] else ""
    return " ".join(part for part in (row["method"], start) if part) or "default"


def pairs(rows: Iterable[Row]) -> dict[str, dict[int, dict[str, Row]]]:
    """By way, rounds and sound."""
    found: dict[str, dict[int, dict[str, Row]]] = {}
    for row in rows:
        found.setdefault(label(row), {}).setdefault(row["rounds"], {})[row["sound"]] = row
    return found


def both(each: dict[str, Row], key: str = "convergence") -> str:
    return " / ".join(f"{each[sound][key]:.1f}" for sound in SOUNDS if sound in each)


def columns_of(ways: dict[str, dict[int, Any]], counts: tuple[int, ...]) -> list[list[str]]:
    return [
        [way, *(both(found[count]) if count in found else "" for count in counts)]
        for way, found in ways.items()
        if any(count in found for count in counts)
    ]


def by_rounds(clips: list[Row], redundancy: int) -> str:
    """A row a way; RTISI has rounds of its own."""
    counts = (0, 5, 10, 30, 100)
    chosen = [row for row in clips if row["redundancy"] == redundancy]
    frame_by_frame = pairs(row for row in chosen if row["method"].startswith("rtisi"))
    ways = pairs(row for row in chosen if not row["method"].startswith("rtisi"))
    return "\n\n".join(
        [
            table(["", *map(str, counts)], columns_of(ways, counts)),
            table(["", *map(str, (2, 5, 10, 25))], columns_of(frame_by_frame, (2, 5, 10, 25))),
        ]
    )


def other_measures(clips: list[Row]) -> str:
    """LSD / SNR of the starts, and of the method by default among them."""
    counts = (0, 5, 10, 30, 100)
    kept = ("", "accelerated", "5 rtisi, 0 ahead, then accelerated", "rtisi, 3 ahead", "torchaudio", "librosa")
    chosen = [row for row in clips if row["redundancy"] == 4 and row["method"] in kept]
    rows = []
    for way, found in pairs(chosen).items():
        for sound in SOUNDS:
            cells = [
                f"{found[count][sound]['distance']:.1f} / {found[count][sound]['snr']:.1f}" if count in found else ""
                for count in counts
            ]
            if any(cells):
                rows.append([f"{way}, {sound}", *cells])
    return table(["", *map(str, counts)], rows)


def mel_table(mels: list[Row]) -> str:
    counts = tuple(sorted({row["rounds"] for row in mels}))
    return table(["", *map(str, counts)], columns_of(pairs(mels), counts))


def minute_table(minutes: list[Row]) -> str:
    """A row a call, by time."""
    rows = []
    for way, found in pairs(minutes).items():
        for count, each in found.items():
            took = max(row["seconds"] for row in each.values())
            name = way if way in ("default", "best") else f"{way}, {count}"
            cells = (both(each), both(each, "distance"), both(each, "snr"))
            rows.append((took, [f"**{name}**" if way in ("default", "best") else name, seconds(took), *cells]))
    shown = [row for _, row in sorted(rows, key=lambda entry: entry[0])]
    return table(["method, rounds", "time", "convergence", "LSD", "SNR"], shown)


def speed_tables(recovery: Row) -> str:
    """Ours against each peer, and what must be reached and should be; then what is of one pass."""
    groups = recovery["rows"]
    compared = [line(row, name) for key in ("rounds", "sooner", "mels") for row in groups[key] for name in row["must"]]
    starts = [
        [row["work"], *(seconds(value) for value in row["seconds"].values()), per_bin(row)] for row in groups["starts"]
    ]
    threads = list(groups["starts"][0]["seconds"])
    return "\n\n".join(
        [
            f"{recovery['seconds']} s of speech at {recovery['rate'] / 1000:g} kHz, {recovery['threads']} threads, "
            "medians of one process, shuffled. In brackets the spectral convergence in dB that was reached (that of "
            "mels for mels). *must* and *aim*: how many times faster (bold: missed).",
            table(["work", "fastspec", "peer", "", "must", "aim"], [entry for lines in compared for entry in lines]),
            "Starts, frame by frame, and rounds, on one thread and two; ns for each bin above the tolerance of PGHI, "
            "which must be 180 on one thread and should be 80:",
            table(["work", *(f"{count} thread{'s' * (count != '1')}" for count in threads), "ns a bin"], starts),
            f"Measured on: {made_on(recovery)}.",
        ]
    )


def line(row: Row, peer: str) -> list[list[str]]:
    """A line for each call of ours against that peer; the soonest is held to what is asked."""
    if peer not in row["seconds"]:
        return []
    must, aim = row["must"][peer]
    reached = row.get("convergence", {})

    def told(name: str) -> str:
        return seconds(row["seconds"][name]) + (f" ({reached[name]:.1f})" if name in reached else "")

    lines, ours = [], [name for name in row["seconds"] if name not in ("librosa", "torchaudio")]
    soonest = min(ours, key=lambda name: row["seconds"][name])
    for name in ours:
        ratio = row["seconds"][peer] / row["seconds"][name]
        work = f"{row['work']}, {row['size']}" + ("" if name == "fastspec" else f": {name}")
        wanted = f"{must:g}×" if ratio >= must else f"**{must:g}×**"
        should = "" if aim is None else f"{aim:g}×" if ratio >= aim else f"**{aim:g}×**"
        asked = [wanted, should] if name == soonest else ["", ""]
        lines.append([work, told(name), f"{peer} {told(peer)}", times(ratio, 1.0), *asked])
    return lines


def per_bin(row: Row) -> str:
    if not row["bins"]:
        return ""
    return " / ".join(f"{1e9 * value / row['bins']:.0f}" for value in row["seconds"].values())
