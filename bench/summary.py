"""The two tables of README.md: ten rows of speed and six of quality, losses included."""

from collections.abc import Iterable
from typing import Any

from .quality import PEERS, both, by_label
from .recovery import FIXED_ROUNDS, MEL_LEVELS
from .table import bold_if, duration, machine_line, paragraphs, speedup, table

Row = dict[str, Any]
Seconds = dict[str, float]


def speed(results: dict[str, Row]) -> str:
    """Ten rows: seven of the engine and of recovery, two of the notebook, and one of a size with a large prime."""
    engine, notebook = results["engine"], results["notebook"]
    recovery = [row for rows in results["recovery"]["rows"].values() for row in rows]
    rows = [
        ("STFT 1024/256", "60 s", engine_seconds(engine, "STFT", "1024/256")),
        ("STFT 1024/256, float64", "60 s", engine_seconds(engine, "STFT, float64", "1024/256")),
        ("inverse STFT 1024/256", "60 s", engine_seconds(engine, "inverse STFT", "1024/256")),
        ("mel spectrogram 1024/256, 80 bands", "60 s", engine_seconds(engine, "mel, 80 bands", "1024/256")),
        ("Whisper's log-mel", "30 s", engine_seconds(engine, "Whisper log-mel", "400/160")),
        ("Griffin-Lim, 32 rounds, 1024/256", "60 s", first(recovery, work=FIXED_ROUNDS, size="1024/256")["seconds"]),
        ("80 mels to magnitudes", "60 s", first(recovery, work=MEL_LEVELS)["seconds"]),
        (
            "`invert_pretty_spectrogram` 2048/128, float64",
            "10 s",
            twin_seconds(notebook["cases"], "invert_pretty_spectrogram 2048/128 n_iter=10"),
        ),
        ("`stft` 512/128, float64", "100 samples", twin_seconds(notebook["small"], "stft 512/128 of 100 samples")),
        ("STFT 2018/504 (2018 = 2 · 1009)", "10 s", fft_seconds(results["fft"], 2018)),
    ]
    return paragraphs(
        f"{engine['threads']} threads, float32 unless said; medians. *Fastest other*: the fastest of torch, "
        "torchaudio, librosa, asrfront, SciPy and rocket-fft that have the function; for the notebook's functions, its "
        "algorithm in NumPy; for 2018 samples, FFTs of frames that are windowed already. Below one (bold) is a loss.",
        table(["work", "input", "fastspec", "fastest other", "", "librosa", ""], map(speed_row, rows)),
        machine_line(engine),
    )


def speed_row(row: tuple[str, str, Seconds]) -> list[str]:
    work, label, seconds = row
    ours = seconds["fastspec"]
    others = {name: value for name, value in seconds.items() if name not in ("fastspec", "out=")}
    fastest = min(others, key=lambda name: others[name])
    cells = [work, label, duration(ours), f"{fastest} {duration(others[fastest])}", speedup(others[fastest], ours)]
    if "librosa" not in others:
        return [*cells, "", ""]
    return [*cells, duration(others["librosa"]), speedup(others["librosa"], ours)]


def first(rows: Iterable[Row], **labels: Any) -> Row:
    """The first row with these labels."""
    return next(row for row in rows if row.items() >= labels.items())


def engine_seconds(engine: Row, work: str, size: str) -> Seconds:
    """Of one long input."""
    seconds: Seconds = first(engine["rows"], work=work, size=size)["seconds"]
    return seconds


def twin_seconds(rows: list[Row], case: str) -> Seconds:
    """Of a function of the notebook in float64, and of its algorithm in NumPy."""
    row = first(rows, case=case)
    return {"fastspec": row["float64"], "NumPy": row["twin"]}


def fft_seconds(fft: Row, size: int) -> Seconds:
    """In float32 on two threads."""
    seconds: Seconds = first(fft["rows"], size=size, dtype="float32", threads=2)["seconds"]
    return seconds


def quality(result: Row) -> str:
    """Six rows: three of `recover`'s ways, its best, and each peer's usual 32 rounds."""
    by_name = by_label(result["minutes"])
    librosa = by_name["librosa from random"][32]
    rows = [
        ("`recover(S, plan, n_iter=0)`: PGHI alone", by_name["accelerated from pghi"][0]),
        ("`recover(S, plan, n_iter=2)`", by_name["accelerated from pghi"][2]),
        ("`recover(S, plan)`", by_name["default"][0]),
        ('`recover(S, plan, method="best")`', by_name["best"][0]),
        ("torchaudio, fast Griffin-Lim, 32 rounds", by_name["torchaudio from random"][32]),
        ("librosa, fast Griffin-Lim, 32 rounds", librosa),
    ]

    def cells(sounds: dict[str, Row]) -> list[str]:
        worse = {
            sound: row["method"] not in PEERS and row["convergence"] > librosa[sound]["convergence"]
            for sound, row in sounds.items()
        }
        convergence = [bold_if(worse[sound], f"{row['convergence']:.1f}") for sound, row in sounds.items()]
        return [duration(max(row["seconds"] for row in sounds.values())), *convergence, both(sounds, "snr")]

    return paragraphs(
        f"A minute at {result['rate'] / 1000:g} kHz, Hann 1024/256, {result['threads']} threads. Spectral convergence "
        "in dB, 20 log10 (‖|STFT(y)| − S‖ / ‖S‖): lower is better. SNR in dB of another spectrogram of y, speech / "
        "music: higher is better. Bold: not as near as librosa's 32 rounds.",
        table(["method", "time", "speech", "music", "SNR"], ([name, *cells(sounds)] for name, sounds in rows)),
        machine_line(result),
    )
