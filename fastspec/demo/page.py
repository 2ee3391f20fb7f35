"""The demo's page: `Results`, with the sounds and figures of its folder, as one HTML document."""

import base64
import html
import math
import platform
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from string import Template

import fastspec

from .. import extras
from .pipeline import Results, Settings

RECORDING, RECORDING_TERMS = "arctic_a0007.wav", "arctic_COPYING"

STAGES = {
    "kernels": ("compile the kernels, or load them from the disk cache", ""),
    "band-pass": ("butter_bandpass_filter", "samples"),
    "spectrogram": ("pretty_spectrogram", "frames × bins"),
    "inversion": ("invert_pretty_spectrogram", "samples"),
    "mel filters": ("create_mel_filter", "bins × bands"),
    "mel": ("make_mel", "bands × columns"),
    "mel inverse": ("mel_to_spectrogram", "frames × bins"),
    "mel inversion": ("invert_pretty_spectrogram", "samples"),
}
"""Stage → (function, axes of its result)."""


def render(results: Results, folder: Path, name: str | None) -> str:
    """The page as HTML; it contains the sounds and figures of `folder`.  See `report.write` for `name`."""
    s = results.settings
    seconds = len(results.original) / s.rate
    inversion_seconds = results.stages["inversion"].seconds
    title = name or f"{RECORDING} (bundled)"
    template = Template((resources.files("fastspec") / "data" / "report.html").read_text(encoding="utf-8"))
    facts = {
        f"to invert the spectrogram of {seconds:.3g} s, {s.n_iter} iterations": _format_time(inversion_seconds),
        "real time: seconds of sound per second of computation": f"{seconds / inversion_seconds:,.0f}×",
        "spectral convergence of the recovered signal": _format_db(results.convergence["inversion"][-1]),
        "reduction of the data by the mel spectrogram": f"{1 - results.mel.size / results.spectrogram.size:.1%}",
    }
    lead = (
        f"{html.escape(title)}: {seconds:.3g} seconds at {s.rate:,} Hz. Its spectrogram contains the magnitude of each "
        "frequency over time, but not the phase. The recovered sounds below were computed from the magnitudes alone."
    )
    sections = (
        *_sound_section(results, folder),
        *_spectrogram_section(results, folder),
        *_inversion_section(results, folder),
        *_mel_section(results, folder),
        *_mel_inversion_section(results, folder),
        *_tables_section(results),
    )
    return template.substitute(
        name=html.escape(title),
        lead=lead,
        facts="".join(f"<div><dd>{value}</dd><dt>{label}</dt></div>" for label, value in facts.items()),
        body="\n".join(sections),
        footer=_footer(bundled=name is None),
    )


# ---- sections ----
def _sound_section(results: Results, folder: Path) -> Iterator[str]:
    s = results.settings
    yield _heading(1, "The recording")
    yield (
        f"<p>A band-pass filter keeps {s.lowcut:,.0f} to {s.highcut:,.0f} Hz of the recording. All sounds on this page "
        "are scaled to the same loudness.</p>"
    )
    yield _players(
        folder,
        ("original", "As recorded", "the signal in the file"),
        ("filtered", "Band-passed", "the signal whose spectrogram is computed"),
    )
    yield _figure(folder, "waveforms", "Sound pressure over time. It shows loudness, but not pitch.")


def _spectrogram_section(results: Results, folder: Path) -> Iterator[str]:
    s = results.settings
    yield _heading(2, "The spectrogram")
    yield (
        f"<p>Every {1000 * s.step_size / s.rate:.3g} ms a window of {1000 * s.fft_size / s.rate:.3g} ms is transformed "
        f"to {s.fft_size // 2} frequency bins. Only the magnitude of each is kept, in decibels, "
        f"down to {20 * s.spec_thresh:.0f} dB below the maximum.</p>"
    )
    yield _figure(
        folder,
        "spectrogram",
        "Time is horizontal, frequency vertical, and bright is loud. In speech, stacks of stripes are vowels (the "
        "harmonics of the voice), patches at high frequencies are consonants such as s, and dark columns are silence.",
    )


def _inversion_section(results: Results, folder: Path) -> Iterator[str]:
    s = results.settings
    yield _heading(3, "Inversion of the spectrogram")
    yield (
        "<p>A spectrogram of magnitudes does not contain the phase of each frequency, so the inversion estimates it "
        "iteratively (Griffin-Lim). It shifts every frame to where its cross-correlation with the signal so far is "
        "largest, overlap-adds the frames, and takes the phases of the resulting signal for the next of "
        f"{s.n_iter} iterations.</p>"
    )
    yield _players(
        folder,
        ("recovered", "Recovered", "from the spectrogram, with estimated phase"),
        ("filtered", "Band-passed", "for comparison"),
    )
    yield _figure(
        folder,
        "recovered",
        "The spectrogram of the recovered signal, on the same scale. Where it is blurred compared with the one above, "
        "the estimated phases of overlapping frames are inconsistent.",
    )
    yield _figure(
        folder,
        "convergence",
        "Spectral convergence: the error between the given spectrogram and that of the recovered signal. "
        "−6 dB is a relative error of one half, −20 dB of one tenth: lower is better.",
    )


def _mel_section(results: Results, folder: Path) -> Iterator[str]:
    s, (bands, columns) = results.settings, results.mel.shape
    yield _heading(4, "The mel spectrogram")
    yield (
        f"<p>Hearing resolves low frequencies finely and high ones coarsely. {bands} triangular filters from "
        f"{s.start_freq:,.0f} to {s.end_freq:,.0f} Hz, evenly spaced in mel, sum the bins accordingly, and every "
        f"{s.shorten_factor} frames become one column: {results.spectrogram.size:,} values are reduced to "
        f"{results.mel.size:,}.</p>"
    )
    yield _figure(
        folder,
        "mel_filters",
        "Mel filters. Above, each filter as a triangle: narrow at low frequencies, wide at high ones. "
        "Below, the matrix that maps bands back to bins.",
    )
    yield _figure(
        folder,
        "mel",
        f"The mel spectrogram: {columns} columns of {bands} values. Many speech recognition and speech synthesis "
        "models use such a representation.",
    )


def _mel_inversion_section(results: Results, folder: Path) -> Iterator[str]:
    yield _heading(5, "Inversion of the mel spectrogram")
    yield (
        "<p>The bands are mapped back to bins and the columns interpolated to frames. "
        "Then the spectrogram is inverted as before. The sound is blurred, but intelligible.</p>"
    )
    yield _figure(
        folder,
        "mel_recovered",
        "The spectrogram recovered from mel. Harmonics within one band are merged. "
        "It is slightly early, because the mel spectrogram drops its first column.",
    )
    yield _players(
        folder,
        ("mel_recovered", "Recovered from mel", f"from {results.mel.size:,} values"),
        ("recovered", "Recovered", f"from {results.spectrogram.size:,} values"),
    )
    yield _figure(folder, "overview", "The three spectrograms on one scale of decibels.")


def _tables_section(results: Results) -> Iterator[str]:
    s = results.settings
    yield _heading(6, "Details")
    yield "<h3>Shapes and times</h3>"
    rows = []
    for name, stage in results.stages.items():
        function, axes = STAGES[name]
        shape = " × ".join(f"{n:,}" for n in stage.shape)
        rows.append((name, f"<code>{function}</code>" if axes else function, shape, axes, _format_time(stage.seconds)))
    yield _table(("stage", "function", "shape", "", "time"), rows, numeric=(2, 4))
    yield "<p>Kernels are loaded once per process; the other times are those of the computation alone.</p>"
    yield "<h3>Spectral convergence after each iteration, in dB</h3>"
    yield '<div class="narrow">'
    yield _table(
        ("inverted from", *map(str, range(s.n_iter + 1))),
        [
            (label, *(_format_db(value).removesuffix(" dB") for value in results.convergence[stage]))
            for label, stage in (("spectrogram", "inversion"), ("mel", "mel inversion"))
        ],
        numeric=range(1, s.n_iter + 2),
    )
    yield "</div>"
    yield "<h3>Parameters</h3>"
    yield _table(("name", "value", "meaning"), _parameters(s), unbroken=(0, 1))
    packages = ("numpy", "scipy", "numba", "llvmlite", "matplotlib", "soundfile")
    versions = [f"{package} {version}" for package in packages if (version := extras.version(package))]
    yield "<h3>Versions</h3>"
    python = f"Python {platform.python_version()} on {platform.machine()}"
    yield f"<p>{', '.join([f'fastspec {fastspec.__version__}', python, *versions])}.</p>"


def _parameters(s: Settings) -> Iterator[tuple[str, str, str]]:
    """(name, value, meaning) of each of the notebook's parameters, as adapted to the sample rate."""

    def lowered_from(notebook_hz: int, value: float) -> str:
        return "" if value == notebook_hz else f"; lowered from {notebook_hz:,} Hz for a sample rate of {s.rate:,} Hz"

    window_ms = 1000 * s.fft_size / s.rate
    yield (
        "fft_size",
        f"{s.fft_size}",
        f"samples of a window: {window_ms:.3g} ms; the power of two nearest to the notebook's 46 ms",
    )
    yield "step_size", f"{s.step_size}", "samples from one window to the next, a sixteenth of fft_size"
    yield "spec_thresh", f"{s.spec_thresh:g}", f"dynamic range in powers of ten: {20 * s.spec_thresh:.0f} dB"
    yield (
        "lowcut, highcut",
        f"{s.lowcut:,.0f}, {s.highcut:,.0f} Hz",
        f"cutoff frequencies of the band-pass filter{lowered_from(15000, s.highcut)}",
    )
    yield "n_mel_freq_components", f"{s.n_mel}", "mel bands"
    yield (
        "start_freq, end_freq",
        f"{s.start_freq:,.0f}, {s.end_freq:,.0f} Hz",
        f"lowest and highest frequency of the mel bands{lowered_from(8000, s.end_freq)}",
    )
    yield "shorten_factor", f"{s.shorten_factor}", "frames per mel column"
    yield "n_iter", f"{s.n_iter}", "iterations of an inversion"


def _footer(*, bundled: bool) -> str:
    credit = f"<p>Written by fastspec {fastspec.__version__}. Sounds and figures are files beside this page, too.</p>"
    if not bundled:
        return credit
    terms = (resources.files("fastspec") / "data" / RECORDING_TERMS).read_text(encoding="utf-8")
    return (
        f"{credit}<p>The recording is {RECORDING} from the CMU ARCTIC corpus, free for any use. The sounds derived "
        "from it are modified and marked as such by their names.</p>"
        f"<details><summary>Terms of the recording</summary><pre>{html.escape(terms.replace('#', ''))}</pre></details>"
    )


# ---- HTML elements ----
def _heading(number: int, title: str) -> str:
    return f"<h2><b>{number}</b>{title}</h2>"


def _figure(folder: Path, stem: str, caption: str) -> str:
    """A PNG file of the folder; the first sentence of the caption is its alternative text."""
    alt = html.escape(caption.split(". ")[0], quote=True)
    image = f'<img alt="{alt}" src="data:image/png;base64,{_base64(folder / f"{stem}.png")}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _players(folder: Path, *players: tuple[str, str, str]) -> str:
    """Players of WAV files of the folder, each (stem, title, note)."""
    boxes = []
    for stem, title, note in players:
        source = f"data:audio/wav;base64,{_base64(folder / f'{stem}.wav')}"
        audio = f'<audio controls preload="metadata" src="{source}"></audio>'
        boxes.append(f'<div class="player"><b>{title}</b><span>{note}</span>{audio}</div>')
    return f'<div class="players">{"".join(boxes)}</div>'


def _table(
    head: Iterable[str], rows: Iterable[Iterable[str]], *, numeric: Iterable[int] = (), unbroken: Iterable[int] = ()
) -> str:
    """A table; the columns `numeric` are aligned right, and neither they nor the columns `unbroken` wrap."""
    classes = dict.fromkeys(unbroken, ' class="p"') | dict.fromkeys(numeric, ' class="n"')

    def row(tag: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}{classes.get(i, '')}>{cell}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"

    return f'<div class="scroll"><table>{row("th", head)}{"".join(row("td", cells) for cells in rows)}</table></div>'


def _format_time(seconds: float) -> str:
    """Seconds from 1 s up, else milliseconds."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _format_db(value: float) -> str:
    """A level with a true minus sign; a dash if it is not finite, as that of silence."""
    return f"{value:.1f} dB".replace("-", "−") if math.isfinite(value) else "–"


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
