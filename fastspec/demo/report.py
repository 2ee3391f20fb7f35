"""The demo's folder: WAV files, PNG files and ``report.html``, a page that contains them all and loads nothing else."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import atomic, extras
from .._typing import Real
from ..files import audio
from ..files.names import displayable
from ..plot import figures as plot_figures
from . import page
from .pipeline import Progress, Results, Settings, run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_SECONDS = 10.0
"""Duration that is read from a file, as in the notebook."""


def demo(
    file: Path | None,
    folder: Path,
    *,
    seconds: float = DEFAULT_SECONDS,
    progress: Progress = lambda stage, done, total: None,
) -> Path:
    """Run the demo on `file` (the bundled recording if None) and return the path of the page.

    Parameters
    ----------
    file : Path or None
        A sound file; its first `seconds` are read, and its channels mixed down.
    folder : Path
        Created if it does not exist; files of the same names in it are replaced, each when the new one is complete.
    progress : callable
        Called as progress(stage, done, total).

    Raises
    ------
    ValueError, OSError
        If the file cannot be used or the folder cannot be written.
    ImportError
        If matplotlib, or the package that reads the file's format, is not installed.
    """
    extras.load("matplotlib", "plot", "the demo")
    if file is None:
        with resources.as_file(resources.files("fastspec") / "data" / page.RECORDING) as bundled:
            y, rate = audio.read(bundled, seconds=seconds)
    else:
        y, rate = audio.read(file, seconds=seconds)
    settings = Settings.for_rate(rate)
    folder.mkdir(parents=True, exist_ok=True)
    return write(run(y, settings, progress), folder, displayable(file) if file else None, progress)


def write(
    results: Results, folder: Path, name: str | None = None, progress: Progress = lambda stage, done, total: None
) -> Path:
    """Write sounds, figures and the page to `folder`; `name` is the sound file's, None for the bundled recording."""
    for stem, samples in sounds(results).items():
        audio.write(folder / f"{stem}.wav", samples, results.settings.rate)
    draw_calls = figures(results)
    for done, (stem, draw) in enumerate(draw_calls.items()):
        progress("figures", done, len(draw_calls))
        plot_figures.save(draw(), folder / f"{stem}.png")
    progress("figures", len(draw_calls), len(draw_calls))
    atomic.write_text(folder / "report.html", page.render(results, folder, name))
    return folder / "report.html"


def sounds(results: Results) -> dict[str, Real]:
    """File stem → samples, scaled to the loudness of the filtered recording without clipping."""
    signals = {
        "original": results.original,
        "filtered": results.filtered,
        "recovered": results.recovered,
        "mel_recovered": results.mel_recovered,
    }
    return {stem: audio.level(y, like=audio.level(results.filtered)) for stem, y in signals.items()}


def figures(results: Results) -> dict[str, Callable[[], Figure]]:
    """File stem → function that draws the figure."""
    s = results.settings
    seconds = len(results.filtered) / s.rate
    axes: dict[str, Any] = {"rate": s.rate, "n_fft": s.fft_size, "hop": s.step_size, "seconds": seconds}
    low, high = s.start_freq, s.end_freq
    # make_mel spaces its columns evenly from the first frame to the last, then drops the first and the last column
    frames, columns = len(results.spectrogram), results.mel.shape[1] + 2
    frames_per_column = (frames - 1) / (columns - 1)
    mel_start = (frames_per_column * s.step_size + s.fft_size / 2) / s.rate
    return {
        "overview": lambda: plot_figures.spectrograms(
            {
                "Band-passed recording": results.spectrogram,
                "Recovered from its spectrogram": results.recovered_spectrogram,
                f"From {s.n_mel} mel bands and a tenth of the columns": results.mel_spectrogram,
            },
            **axes,
        ),
        "waveforms": lambda: plot_figures.waveforms(
            {"As recorded": results.original, f"Band-passed, {s.lowcut:,.0f} to {s.highcut:,.0f} Hz": results.filtered},
            rate=s.rate,
        ),
        "spectrogram": lambda: plot_figures.spectrogram(results.spectrogram, title="Spectrogram", **axes),
        "recovered": lambda: plot_figures.spectrogram(
            results.recovered_spectrogram, title="Spectrogram of the recovered signal", **axes
        ),
        "convergence": lambda: plot_figures.convergence(
            {"from the spectrogram": results.convergence["inversion"], "from mel": results.convergence["mel inversion"]}
        ),
        "mel_filters": lambda: plot_figures.mel_filters(
            results.mel_filter, results.mel_inversion_filter, rate=s.rate, n_fft=s.fft_size, low=low, high=high
        ),
        "mel": lambda: plot_figures.mel_spectrogram(
            results.mel,
            rate=s.rate,
            hop=frames_per_column * s.step_size,
            low=low,
            high=high,
            start=mel_start,
            seconds=seconds,
        ),
        "mel_recovered": lambda: plot_figures.spectrogram(
            results.mel_spectrogram, title="Spectrogram from the mel spectrogram", **axes
        ),
    }
