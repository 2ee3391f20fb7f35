"""The demo's folder: WAV files, PNG files and ``report.html``, one page that holds them all and loads nothing else."""

from __future__ import annotations

import base64
import html
import math
import platform
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import fastspec

from .. import atomic, extras
from ..files import audio
from ..plot import figures as plot_figures
from .pipeline import Array, Progress, Settings, Story, tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECONDS = 10.0  # how much of a file the demo takes, as the notebook does
RECORDING, TERMS = "arctic_a0007.wav", "arctic_COPYING"

#: stage → the call that it is, and what comes out of it
STAGES = {
    "kernels": ("compile the kernels, or load them from the disk cache", ""),
    "band-pass": ("butter_bandpass_filter", "samples"),
    "spectrogram": ("pretty_spectrogram", "frames × bins"),
    "inversion": ("invert_pretty_spectrogram", "samples"),
    "mel filters": ("create_mel_filter", "bins × bands"),
    "mel": ("make_mel", "bands × columns"),
    "mel back": ("mel_to_spectrogram", "frames × bins"),
    "mel inversion": ("invert_pretty_spectrogram", "samples"),
}


def demo(
    file: Path | None, folder: Path, *, seconds: float = SECONDS, progress: Progress = lambda stage, done, total: None
) -> Path:
    """Run the demo on `file` (the bundled recording if None) and return the path of the page.

    Parameters
    ----------
    file : Path or None
        A sound file; its first `seconds` are taken, its channels mixed.
    folder : Path
        Made if need be; files of the same names in it are replaced, each when its successor is complete.
    progress : callable
        Called as progress(stage, done, total).

    Raises
    ------
    ValueError, OSError
        If the file cannot be used or the folder cannot be written.
    ImportError
        If matplotlib, or what reads the file, is not installed.
    """
    extras.load("matplotlib", "plot", "the demo")
    if file is None:
        with resources.as_file(resources.files("fastspec") / "data" / RECORDING) as bundled:
            y, rate = audio.read(bundled, seconds=seconds)
    else:
        y, rate = audio.read(file, seconds=seconds)
    settings = Settings.for_rate(rate)
    folder.mkdir(parents=True, exist_ok=True)
    return write(tell(y, settings, progress), folder, file.name if file else None, progress)


def write(
    story: Story, folder: Path, name: str | None = None, progress: Progress = lambda stage, done, total: None
) -> Path:
    """Write the story's sounds, pictures and page into `folder`; `name` is the file's, None for the bundled one."""
    for stem, sound in sounds(story).items():
        audio.write(folder / f"{stem}.wav", sound, story.settings.rate)
    figures = pictures(story)
    for done, (stem, draw) in enumerate(figures.items()):
        progress("pictures", done, len(figures))
        plot_figures.save(draw(), folder / f"{stem}.png")
    progress("pictures", len(figures), len(figures))
    atomic.write_text(folder / "report.html", page(story, folder, name))
    return folder / "report.html"


def sounds(story: Story) -> dict[str, Array]:
    """File stem → samples to play, all as loud as the filtered recording and none beyond full scale."""
    heard = {
        "original": story.original,
        "filtered": story.filtered,
        "recovered": story.recovered,
        "mel_recovered": story.mel_recovered,
    }
    return {stem: audio.level(sound, like=audio.level(story.filtered)) for stem, sound in heard.items()}


def pictures(story: Story) -> dict[str, Callable[[], Figure]]:
    """File stem → what draws it."""
    s = story.settings
    seconds = len(story.filtered) / s.rate
    grid: dict[str, Any] = {"rate": s.rate, "n_fft": s.fft_size, "hop": s.step_size, "seconds": seconds}
    low, high = s.start_freq, s.end_freq
    # make_mel spreads its columns evenly from the first frame to the last, then drops the first and the last column
    frames, columns = len(story.spectrogram), story.mel.shape[1] + 2
    stretch = (frames - 1) / (columns - 1)
    first = (stretch * s.step_size + s.fft_size / 2) / s.rate
    return {
        "overview": lambda: plot_figures.spectrograms(
            {
                "The recording": story.spectrogram,
                "Recovered from the picture above": story.recovered_spectrogram,
                f"Squeezed into {s.n_mel} mel bands, a tenth of the columns, and spread back": story.mel_spectrogram,
            },
            **grid,
        ),
        "waveforms": lambda: plot_figures.waveforms(
            {"As recorded": story.original, f"Band-passed, {s.lowcut:,.0f} to {s.highcut:,.0f} Hz": story.filtered},
            rate=s.rate,
        ),
        "spectrogram": lambda: plot_figures.spectrogram(story.spectrogram, title="The spectrogram", **grid),
        "recovered": lambda: plot_figures.spectrogram(
            story.recovered_spectrogram, title="The recovered sound's spectrogram", **grid
        ),
        "convergence": lambda: plot_figures.convergence(
            {"from the spectrogram": story.convergence["inversion"], "from mel": story.convergence["mel inversion"]}
        ),
        "mel_filters": lambda: plot_figures.mel_filters(
            story.mel_filter, story.mel_inversion_filter, rate=s.rate, n_fft=s.fft_size, low=low, high=high
        ),
        "mel": lambda: plot_figures.mel_spectrogram(
            story.mel, rate=s.rate, hop=stretch * s.step_size, low=low, high=high, start=first, seconds=seconds
        ),
        "mel_recovered": lambda: plot_figures.spectrogram(story.mel_spectrogram, title="Spread back from mel", **grid),
    }


def page(story: Story, folder: Path, name: str | None) -> str:
    """The page as HTML; the sounds and pictures in `folder` become part of it."""
    s = story.settings
    length = len(story.original) / s.rate
    took = story.stages["inversion"].seconds
    values, mel_values = story.spectrogram.size, story.mel.size
    title = name or f"{RECORDING} (bundled)"
    template = Template((resources.files("fastspec") / "data" / "report.html").read_text(encoding="utf-8"))
    facts = {
        f"to turn the picture of {length:.3g} s back into sound, {s.n_iter} rounds": _time(took),
        "real time: seconds of sound a second of work": f"{length / took:,.0f}×",
        "spectral convergence of the recovered sound": _db(story.convergence["inversion"][-1]),
        "numbers the mel spectrogram does without": f"{1 - mel_values / values:.1%}",
    }
    lead = (
        f"{html.escape(title)}: {length:.3g} seconds at {s.rate:,} Hz. Its spectrogram keeps how loud every pitch is "
        "and throws the phase away. The recovered sounds below were computed from that picture alone."
    )
    return template.substitute(
        name=html.escape(title),
        lead=lead,
        facts="".join(f"<div><dd>{value}</dd><dt>{label}</dt></div>" for label, value in facts.items()),
        body="\n".join([*_chapters(story, folder), *_numbers(story)]),
        footer=_footer(bundled=name is None),
    )


def _chapters(story: Story, folder: Path) -> Iterable[str]:
    """The story in five chapters."""
    s = story.settings

    def picture(stem: str, caption: str) -> str:
        data = _base64(folder / f"{stem}.png")
        alt = html.escape(caption.split(". ")[0], quote=True)
        image = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
        return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"

    def players(*cards: tuple[str, str, str]) -> str:
        boxes = []
        for stem, title, note in cards:
            data = _base64(folder / f"{stem}.wav")
            sound = f'<audio controls preload="metadata" src="data:audio/wav;base64,{data}"></audio>'
            boxes.append(f'<div class="player"><b>{title}</b><span>{note}</span>{sound}</div>')
        return f'<div class="players">{"".join(boxes)}</div>'

    yield _heading(1, "The sound")
    yield (
        f"<p>The recording goes through a band-pass that keeps {s.lowcut:,.0f} to {s.highcut:,.0f} Hz. All players on "
        "this page are set to the same loudness.</p>"
    )
    yield players(
        ("original", "As recorded", "what came out of the file"),
        ("filtered", "Band-passed", "what the spectrogram is made of"),
    )
    yield picture("waveforms", "Air pressure over time. Loud and soft can be seen here, pitch cannot.")

    yield _heading(2, "The spectrogram")
    yield (
        f"<p>Every {1000 * s.step_size / s.rate:.3g} ms a window of {1000 * s.fft_size / s.rate:.3g} ms is split into "
        f"{s.fft_size // 2} frequencies. Only the loudness of each is kept, on a scale of decibels, "
        f"down to {20 * s.spec_thresh:.0f} dB below the loudest.</p>"
    )
    yield picture(
        "spectrogram",
        "Time runs to the right, pitch upwards, bright is loud. In speech, stacks of stripes are vowels (the harmonics "
        "of the voice), smudges near the top are consonants such as s, and dark columns are silence.",
    )

    yield _heading(3, "Back to sound")
    yield (
        "<p>A picture of loudness does not say where each wave starts. The inversion guesses: it slides every window "
        "to where it fits its neighbours best, adds them up, takes the spectrogram of the result, and tries again, "
        f"{s.n_iter} times.</p>"
    )
    yield players(
        ("recovered", "Recovered", "from the spectrogram, phase unknown"), ("filtered", "Band-passed", "to compare")
    )
    yield picture(
        "recovered",
        "The spectrogram of what you have just heard, on the same scale. Where it is blurred against the one above, "
        "the phases that were found do not quite fit together.",
    )
    yield picture(
        "convergence",
        "The distance between the spectrogram asked for and the one that the sound has. "
        "−6 dB is an error of one half, −20 dB of one tenth: lower is better.",
    )

    yield _heading(4, "Mel: what an ear would keep")
    bands, columns = story.mel.shape
    yield (
        f"<p>Ears tell low notes apart finely and high ones coarsely. {bands} filters from {s.start_freq:,.0f} to "
        f"{s.end_freq:,.0f} Hz add up the frequencies accordingly, and every {s.shorten_factor} columns become one: "
        f"{story.spectrogram.size:,} numbers shrink to {story.mel.size:,}.</p>"
    )
    yield picture(
        "mel_filters",
        "Above, each filter as a triangle: narrow and close for low notes, wide for high ones. "
        "Below, the matrix that later spreads each band over the frequencies it came from.",
    )
    yield picture(
        "mel",
        f"The mel spectrogram: {columns} columns of {bands} numbers. This is what speech models commonly learn to read "
        "and to write.",
    )

    yield _heading(5, "Back from mel")
    yield (
        "<p>The bands are spread over the frequencies they came from and the columns stretched again. "
        "Then the same inversion makes it sound. It is blurred, and still it can be understood.</p>"
    )
    yield picture(
        "mel_recovered",
        "The same shapes without the fine stripes: the bands have merged them. "
        "It comes a little early, because the mel spectrogram drops its first column.",
    )
    yield players(
        ("mel_recovered", "Recovered from mel", f"from {story.mel.size:,} numbers"),
        ("recovered", "Recovered", f"from {story.spectrogram.size:,} numbers"),
    )
    yield picture("overview", "The three on one scale of decibels.")


def _numbers(story: Story) -> Iterable[str]:
    """Tables: times and shapes, convergence, parameters, versions."""
    s = story.settings
    yield _heading(6, "In numbers")
    yield "<h3>Shapes and times</h3>"
    rows = []
    for name, stage in story.stages.items():
        call, unit = STAGES[name]
        shape = " × ".join(f"{n:,}" for n in stage.shape)
        rows.append((name, f"<code>{call}</code>" if unit else call, shape, unit, _time(stage.seconds)))
    yield _table(("stage", "call", "shape", "", "time"), rows, numbers=(2, 4))
    yield "<p>The first line happens once a process; the others are the work alone.</p>"
    yield "<h3>Spectral convergence after each round, in dB</h3>"
    curves = story.convergence
    yield '<div class="narrow">'
    yield _table(
        ("inverted from", *map(str, range(s.n_iter + 1))),
        [
            (label, *(_db(v).removesuffix(" dB") for v in curves[key]))
            for label, key in (("spectrogram", "inversion"), ("mel", "mel inversion"))
        ],
        numbers=range(1, s.n_iter + 2),
    )
    yield "</div>"
    yield "<h3>Parameters</h3>"
    yield _table(("name", "value", "what it is"), _parameters(s), plain=(0, 1))
    packages = ("numpy", "scipy", "numba", "llvmlite", "matplotlib", "soundfile")
    found = [f"{package} {version}" for package in packages if (version := extras.version(package))]
    yield "<h3>Versions</h3>"
    python = f"Python {platform.python_version()} on {platform.machine()}"
    yield f"<p>{', '.join([f'fastspec {fastspec.__version__}', python, *found])}.</p>"


def _parameters(s: Settings) -> Iterable[tuple[str, str, str]]:
    """The notebook's parameters as they were fitted to the recording."""

    def fitted(value: float, wanted: int) -> str:
        return "" if value == wanted else f"; the notebook's {wanted:,} Hz does not fit a rate of {s.rate:,} Hz"

    window = 1000 * s.fft_size / s.rate
    yield (
        "fft_size",
        f"{s.fft_size}",
        f"samples in a window: {window:.3g} ms; the power of two nearest to the notebook's 46",
    )
    yield "step_size", f"{s.step_size}", "samples from one window to the next, a sixteenth of it"
    yield "spec_thresh", f"{s.spec_thresh:g}", f"powers of ten that are kept: {20 * s.spec_thresh:.0f} dB"
    yield (
        "lowcut, highcut",
        f"{s.lowcut:,.0f}, {s.highcut:,.0f} Hz",
        f"edges of the band-pass{fitted(s.highcut, 15000)}",
    )
    yield "n_mel_freq_components", f"{s.n_mel}", "mel bands"
    yield (
        "start_freq, end_freq",
        f"{s.start_freq:,.0f}, {s.end_freq:,.0f} Hz",
        f"edges of the mel bands{fitted(s.end_freq, 8000)}",
    )
    yield "shorten_factor", f"{s.shorten_factor}", "frames to one mel column"
    yield "n_iter", f"{s.n_iter}", "rounds of an inversion"


def _footer(*, bundled: bool) -> str:
    made = f"<p>Written by fastspec {fastspec.__version__}. The sounds and pictures lie beside this page, too.</p>"
    if not bundled:
        return made
    terms = (resources.files("fastspec") / "data" / TERMS).read_text(encoding="utf-8")
    return (
        f"{made}<p>The recording is {RECORDING} from the CMU ARCTIC corpus, free for any use. The sounds derived from "
        "it are modified and marked as such by their names.</p>"
        f"<details><summary>Terms of the recording</summary><pre>{html.escape(terms.replace('#', ''))}</pre></details>"
    )


def _heading(number: int, title: str) -> str:
    return f"<h2><b>{number}</b>{title}</h2>"


def _table(
    head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: Iterable[int] = (), plain: Iterable[int] = ()
) -> str:
    """An HTML table; the columns `numbers` are set flush right, those and the columns `plain` are not broken."""
    classes = dict.fromkeys(plain, ' class="p"') | dict.fromkeys(numbers, ' class="n"')

    def line(tag: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{tag}{classes.get(i, '')}>{cell}</{tag}>" for i, cell in enumerate(cells)) + "</tr>"

    return f'<div class="scroll"><table>{line("th", head)}{"".join(line("td", row) for row in rows)}</table></div>'


def _time(seconds: float) -> str:
    """In the unit that a person would choose."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _db(value: float) -> str:
    """A level with a true minus sign; silence has none."""
    return f"{value:.1f} dB".replace("-", "−") if math.isfinite(value) else "–"


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode("ascii")
