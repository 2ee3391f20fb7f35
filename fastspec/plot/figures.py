"""Pictures of spectrograms, mel bands and waveforms, with axes in seconds and Hz and levels in dB.

Every function returns a `matplotlib.figure.Figure` built without pyplot (no global state, no window);
`save` writes it as PNG. Spectrograms are the notebook's: (frames, bins) of log10 magnitudes, so dB = 20 × value.
A picture is pooled (maximum) to about its width in pixels before it is drawn, so an hour costs what a second costs.

Needs matplotlib: ``pip install "fastspec[plot]"``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import atomic, extras
from . import ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WIDTH, DPI = 10.0, 130  # inches, dots an inch
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.82, 0.3, 0.46, 0.58  # margins, inches
_BAR = 0.72  # more at the right where a colour bar stands
_PAPER, _PANEL, _INK, _FAINT, _GRID = "#14161c", "#000004", "#e4e6eb", "#9aa0ad", "#2a2e38"
_LINES = ("#f7a072", "#7cc4e8", "#b6e388", "#d7a6f0")
_COLOURS = "magma"
_COLUMNS = 2400  # more columns than this are pooled: about twice the dots across


def spectrogram(
    S: ArrayLike,
    *,
    rate: float,
    n_fft: int,
    hop: float,
    title: str = "Spectrogram",
    seconds: float | None = None,
    db_range: float = 80.0,
) -> Figure:
    """One spectrogram, 0 dB its loudest point.

    Parameters
    ----------
    S : array_like [shape=(frames, bins)]
        log10 magnitudes; bin k lies at k · rate / n_fft Hz, frame i is centred on (i · hop + n_fft / 2) / rate seconds.
    rate : float
        Sample rate in Hz.
    n_fft, hop : int
        Transform size and step in samples.
    seconds : float, optional
        Length of the time axis; as long as the frames reach, unless given.
    db_range : float
        Levels this many dB below the loudest point are the darkest colour.

    Raises
    ------
    ValueError
        If `S` is not two-dimensional or has no element.
    ImportError
        If matplotlib is not installed.
    """
    return spectrograms({title: S}, rate=rate, n_fft=n_fft, hop=hop, seconds=seconds, db_range=db_range)


def spectrograms(
    panels: Mapping[str, ArrayLike],
    *,
    rate: float,
    n_fft: int,
    hop: float,
    seconds: float | None = None,
    db_range: float = 80.0,
) -> Figure:
    """Spectrograms below one another, title → S, with one time axis and one dB range to compare them by."""
    arrays = {title: _matrix(S, "S") for title, S in panels.items()}
    loudest = max(float(S.max()) for S in arrays.values())
    figure, rows = _figure(len(arrays), 2.6 if len(arrays) > 1 else 3.4)
    length = seconds or (max(len(S) - 1 for S in arrays.values()) * hop + n_fft) / rate
    for axes, (title, S) in zip(rows, arrays.items(), strict=True):
        nyquist = S.shape[1] * rate / n_fft
        half_bin = rate / n_fft / 2
        image = _image(
            axes,
            20 * (S - loudest).T,
            left=(n_fft - hop) / 2 / rate,
            column=hop / rate,
            vertical=(-half_bin, nyquist - half_bin),
            levels=(-db_range, 0.0),
        )
        axes.set_xlim(0, length)
        axes.set_ylim(0, nyquist)
        axes.yaxis.set_major_formatter(lambda hz, _: f"{hz:,.0f}")
        _dress(axes, title, y="frequency (Hz)", last=axes is rows[-1])
    _colour_bar(figure, rows, image, "level (dB)")
    return figure


def mel_spectrogram(
    M: ArrayLike,
    *,
    rate: float,
    hop: float,
    low: float,
    high: float,
    start: float = 0.0,
    seconds: float | None = None,
    title: str = "Mel spectrogram",
) -> Figure:
    """A mel spectrogram, its bands labelled by their centre frequency.

    Parameters
    ----------
    M : array_like [shape=(bands, columns)]
        log10 levels, as `make_mel` returns them.
    rate, hop : float
        Sample rate in Hz and the distance of two columns in samples (the step × the shorten factor).
    low, high : float
        Edges of the bands in Hz, as given to `create_mel_filter`.
    start : float
        Centre of the first column in seconds.
    seconds : float, optional
        Length of the time axis.
    """
    M = _matrix(M, "M")
    bands, columns = M.shape
    figure, rows = _figure(1, 3.4)
    column = hop / rate
    image = _image(
        rows[0],
        20 * (M - M.max()),
        left=start - column / 2,
        column=column,
        vertical=(-0.5, bands - 0.5),
        levels=(-80, 0),
    )
    rows[0].set_xlim(0, seconds or start + columns * column)
    ticks.notebook_mels(rows[0], bands, low, high)
    _dress(rows[0], title, y="band centre (Hz)")
    _colour_bar(figure, rows, image, "level (dB)")
    return figure


def levels(
    dB: ArrayLike,
    *,
    left: float,
    column: float,
    seconds: float,
    title: str,
    nyquist: float = 0.0,
    mel: ticks.Places | None = None,
    db_range: float = 80.0,
) -> Figure:
    """Levels of any length, with hours and minutes below long ones.

    Parameters
    ----------
    dB : array_like [shape=(rows, columns)]
        Levels, 0 at the loudest point.
    left, column : float
        Left edge of the first column and width of each, in seconds.
    seconds : float
        Length of the time axis.
    nyquist : float
        Hz of the last row, of bins.
    mel : ticks.Places
        Of mel bands instead: where a frequency lies, and the edges.
    db_range : float
        Levels this many dB below 0 are the darkest colour.
    """
    values = _matrix(dB, "dB")
    rows = len(values)
    figure, (axes,) = _figure(1, 3.4)
    half_bin = nyquist / max(1, rows - 1) / 2
    vertical = (-half_bin, nyquist + half_bin) if mel is None else (-0.5, rows - 0.5)
    image = _image(axes, values, left=left, column=column, vertical=vertical, levels=(-db_range, 0.0))
    if mel is None:
        axes.set_ylim(0, nyquist)
        axes.yaxis.set_major_formatter(lambda hz, _: f"{hz:,.0f}")
    elif mel[0] is not None:
        ticks.frequencies(axes, rows, mel[0], *mel[1:])
    else:
        axes.set_ylim(-0.5, rows - 0.5)
    axes.set_xlim(0, seconds)
    names = {True: "frequency (Hz)", False: "band centre (Hz)" if mel and mel[0] else "filter"}
    _dress(axes, title, x=ticks.times(axes, seconds), y=names[mel is None])
    _colour_bar(figure, [axes], image, "level (dB)")
    return figure


def mel_filters(
    weights: ArrayLike, inversion: ArrayLike, *, rate: float, n_fft: int, low: float, high: float
) -> Figure:
    """A filter bank twice: its weights as curves over frequency, and the matrix that spreads the bands back.

    Parameters
    ----------
    weights : array_like [shape=(bins, bands)]
        The filters, as `create_mel_filter` returns them first.
    inversion : array_like [shape=(bands, bins)]
        The matrix that it returns second.
    rate : float
        Sample rate in Hz.
    n_fft : int
        Transform size in samples.
    low, high : float
        Edges of the bands in Hz.
    """
    bank, back = _matrix(weights, "weights").T, _matrix(inversion, "inversion")
    bands, bins = bank.shape
    hz = np.arange(bins) * rate / n_fft
    figure, (curves, matrix) = _figure(2, 1.9)
    for band, row in enumerate(bank):
        reach = np.flatnonzero(row)
        if reach.size:
            part = slice(max(reach[0] - 1, 0), reach[-1] + 2)
            shade = _colour(0.35 + 0.55 * band / bands)
            curves.plot(hz[part], row[part], color=shade, linewidth=0.9)
            curves.fill_between(hz[part], row[part], color=shade, alpha=0.22, linewidth=0)
    curves.set_ylim(0, float(bank.max()) * 1.08 or 1.0)
    _dress(curves, f"{bands} mel filters", y="weight", last=False)
    half_bin = rate / n_fft / 2
    image = _image(
        matrix,
        back,
        left=-half_bin,
        column=2 * half_bin,
        vertical=(-0.5, bands - 0.5),
        levels=(0, float(back.max()) or 1),
    )
    ticks.notebook_mels(matrix, bands, low, high, most=4)
    _dress(matrix, "The matrix that spreads them back", x="frequency (Hz)", y="band centre (Hz)")
    for axes in (curves, matrix):
        axes.set_xlim(0, bins * rate / n_fft)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    _colour_bar(figure, [matrix], image, "weight")
    return figure


def waveforms(panels: Mapping[str, ArrayLike], *, rate: float) -> Figure:
    """Waveforms below one another, title → samples, each as the band between its minimum and maximum a pixel column."""
    figure, rows = _figure(len(panels), 1.25 if len(panels) > 1 else 2.0, bar=False)
    for axes, colour, (title, samples) in zip(rows, _cycle(len(panels)), panels.items(), strict=True):
        y = np.asarray(samples, dtype=np.float64)
        if y.ndim != 1 or y.size == 0:
            raise ValueError(f"{title!r} must be a one-dimensional array of samples, got shape {y.shape}")
        step = -(-y.size // _COLUMNS)
        starts = np.arange(0, y.size, step)
        lowest, highest = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
        reach = float(np.abs(y).max()) or 1.0
        axes.fill_between(starts / rate, lowest / reach, highest / reach, color=colour, linewidth=0.6)
        axes.set_xlim(0, y.size / rate)
        axes.set_ylim(-1.08, 1.08)
        axes.set_yticks([-1, 0, 1])
        _dress(axes, title, y="", last=axes is rows[-1])
    return figure


def convergence(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Spectral convergence in dB after 0, 1, 2, ... iterations, one curve a name; lower is better."""
    figure, (axes,) = _figure(1, 2.4, bar=False)
    longest = max(len(values) for values in curves.values())
    for colour, (name, values) in zip(_cycle(len(curves)), curves.items(), strict=True):
        axes.plot(range(len(values)), values, color=colour, linewidth=2, marker="o", markersize=5, label=name)
    axes.grid(color=_GRID, linewidth=0.7)
    axes.set_xticks(range(0, longest, -(-longest // 12)))
    axes.margins(x=0.03, y=0.15)
    axes.legend(frameon=False, labelcolor=_INK, fontsize=10, loc="upper right")
    _dress(axes, "How close the sound comes to the spectrogram", x="iterations", y="convergence (dB)")
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write `figure` as PNG, whole or not at all; one that holds an image gets a palette, which halves the bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DPI)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    if any(axes.images for axes in figure.axes):
        palette = Image.new("P", (1, 1))
        palette.putpalette(_palette())
        picture = picture.quantize(palette=palette, dither=Image.Dither.NONE)
    with atomic.replacing(path) as temporary:
        picture.save(temporary, format="png")


def pooled(values: NDArray[Any], columns: int) -> tuple[NDArray[Any], int]:
    """`values` (rows, n) with every `factor` columns replaced by their maximum, to fit `columns`; and `factor`."""
    factor = -(-values.shape[1] // columns)
    if factor < 2:
        return values, 1
    return np.maximum.reduceat(values, np.arange(0, values.shape[1], factor), axis=1), factor


def _matrix(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a two-dimensional array with at least one element, got shape {array.shape}")
    return array


def _figure(rows: int, height: float, *, bar: bool = True) -> tuple[Figure, list[Axes]]:
    """A dark figure with `rows` axes, each `height` inches high, below one another; margins are fixed, in inches."""
    figure_class = extras.load("matplotlib.figure", "plot", "a picture").Figure
    gap = _TOP + 0.12
    total = _TOP + rows * height + (rows - 1) * gap + _BOTTOM
    figure = figure_class(figsize=(WIDTH, total), facecolor=_PAPER)
    axes = []
    for row in range(rows):
        bottom = _BOTTOM + (rows - 1 - row) * (height + gap)
        width = WIDTH - _LEFT - _RIGHT - (_BAR if bar else 0)
        box = (_LEFT / WIDTH, bottom / total, width / WIDTH, height / total)
        axes.append(figure.add_axes(box, facecolor=_PANEL))
    return figure, axes


def _image(
    axes: Axes,
    values: NDArray[np.float64],
    *,
    left: float,
    column: float,
    vertical: tuple[float, float],
    levels: tuple[float, float],
) -> AxesImage:
    """Draw (rows, columns): the first column's left edge at `left`, each `column` wide, rows between `vertical`."""
    values, factor = pooled(values, _COLUMNS)
    right = left + values.shape[1] * factor * column
    return axes.imshow(
        values,
        cmap=_COLOURS,
        vmin=levels[0],
        vmax=levels[1],
        origin="lower",
        aspect="auto",
        extent=(left, right, *vertical),
    )


def _dress(axes: Axes, title: str, *, x: str = "time (s)", y: str, last: bool = True) -> None:
    """Title, labels and quiet lines; only the last row of a column of axes says what runs along x."""
    axes.set_title(title, loc="left", color=_INK, fontsize=12, fontweight="bold", pad=9)
    axes.set_ylabel(y, color=_FAINT, fontsize=10)
    axes.set_xlabel(x if last else "", color=_FAINT, fontsize=10)
    axes.tick_params(colors=_FAINT, labelcolor=_INK, labelsize=9.5, length=3, labelbottom=last)
    for side in axes.spines.values():
        side.set_visible(False)


def _colour_bar(figure: Figure, rows: Sequence[Axes], image: AxesImage, label: str) -> None:
    """One thin bar at the right of `rows`, as high as they are together."""
    top, bottom = rows[0].get_position(), rows[-1].get_position()
    box = (top.x1 + 0.016, bottom.y0, 0.013, top.y1 - bottom.y0)
    bar = figure.colorbar(image, cax=figure.add_axes(box))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=_FAINT, labelcolor=_INK, labelsize=9.5, length=3)
    bar.set_label(label, color=_FAINT, fontsize=10)


def _colour(position: float) -> tuple[float, float, float, float]:
    """The colour of the map at 0..1."""
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps[_COLOURS](position)
    return red, green, blue, alpha


def _palette() -> bytes:
    """256 colours as RGB bytes: 208 of the map, and 48 between paper and ink for the letters."""
    from matplotlib import colors

    shades = [_colour(i / 207)[:3] for i in range(208)]
    paper, ink = np.array(colors.to_rgb(_PAPER)), np.array(colors.to_rgb(_INK))
    shades += [tuple(paper + (ink - paper) * i / 47) for i in range(48)]
    return np.round(255 * np.array(shades)).astype(np.uint8).tobytes()


def _cycle(count: int) -> list[str]:
    return [_LINES[i % len(_LINES)] for i in range(count)]
