"""Figures of spectrograms, mel spectrograms and waveforms, with axes in seconds and Hz and levels in dB.

Every function returns a `matplotlib.figure.Figure` built without pyplot (no global state, no window);
`save` writes it as PNG. Spectrograms are the notebook's: (frames, bins) of log10 magnitudes, so dB = 20 × value.
Long spectrograms are max-pooled over time to about the width of the figure in pixels.

Needs matplotlib: ``pip install "fastspec[plot]"``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .._typing import Real
from ..picture.legend import NO_LEVELS
from . import canvas, png, ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    """One spectrogram in dB below its peak.

    Parameters
    ----------
    S : array_like [shape=(frames, bins)]
        log10 magnitudes; bin k lies at k · rate / n_fft Hz, frame i is centred on (i · hop + n_fft / 2) / rate seconds.
    rate : float
        Sample rate in Hz.
    n_fft, hop : int
        FFT size and hop in samples.
    seconds : float, optional
        Length of the time axis; by default that of the signal that the frames cover.
    db_range : float
        The darkest colour is this many dB below the peak.

    Raises
    ------
    ValueError
        If `S` is not two-dimensional or is empty.
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
    """Spectrograms below one another, title → S, with one time axis and one dB range, 0 dB at the peak of all."""
    arrays = {title: _as_matrix(S, "S") for title, S in panels.items()}
    peak = max(float(S.max()) for S in arrays.values())
    figure, rows = canvas.new_figure(len(arrays), 2.6 if len(arrays) > 1 else 3.4)
    duration = seconds or (max(len(S) - 1 for S in arrays.values()) * hop + n_fft) / rate
    for axes, (title, S) in zip(rows, arrays.items(), strict=True):
        nyquist = S.shape[1] * rate / n_fft
        half_bin = rate / n_fft / 2
        image = canvas.draw_image(
            axes,
            20 * (S - peak).T,
            left=(n_fft - hop) / 2 / rate,
            column=hop / rate,
            vertical=(-half_bin, nyquist - half_bin),
            levels=(-db_range, 0.0),
        )
        axes.set_xlim(0, duration)
        axes.set_ylim(0, nyquist)
        axes.yaxis.set_major_formatter(lambda hz, _: f"{hz:,.0f}")
        canvas.label_axes(axes, title, y="frequency (Hz)", is_last=axes is rows[-1])
    canvas.add_colour_bar(figure, rows, image, "level (dB)")
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
    """A mel spectrogram in dB below its peak, its bands labelled by their centre frequency.

    Parameters
    ----------
    M : array_like [shape=(bands, columns)]
        log10 levels, as `make_mel` returns them.
    rate, hop : float
        Sample rate in Hz and distance of two columns in samples (the hop × the shorten factor).
    low, high : float
        Edges of the bands in Hz, as passed to `create_mel_filter`.
    start : float
        Centre of the first column in seconds.
    seconds : float, optional
        Length of the time axis.
    """
    M = _as_matrix(M, "M")
    bands, columns = M.shape
    figure, (axes,) = canvas.new_figure(1, 3.4)
    column = hop / rate
    image = canvas.draw_image(
        axes,
        20 * (M - M.max()),
        left=start - column / 2,
        column=column,
        vertical=(-0.5, bands - 0.5),
        levels=(-80, 0),
    )
    axes.set_xlim(0, seconds or start + columns * column)
    ticks.set_mel_ticks(axes, _notebook_mel_axis(bands, low, high))
    canvas.label_axes(axes, title, y="band centre (Hz)")
    canvas.add_colour_bar(figure, [axes], image, "level (dB)")
    return figure


def mel_filters(
    weights: ArrayLike, inversion: ArrayLike, *, rate: float, n_fft: int, low: float, high: float
) -> Figure:
    """A mel filter bank: its weights as curves over frequency, and the matrix that maps bands back to bins.

    Parameters
    ----------
    weights : array_like [shape=(bins, bands)]
        The filters, as `create_mel_filter` returns them first.
    inversion : array_like [shape=(bands, bins)]
        The matrix that it returns second.
    rate : float
        Sample rate in Hz.
    n_fft : int
        FFT size in samples.
    low, high : float
        Edges of the bands in Hz.
    """
    bank, to_bins = _as_matrix(weights, "weights").T, _as_matrix(inversion, "inversion")
    bands, bins = bank.shape
    hz = np.arange(bins) * rate / n_fft
    figure, (curves, matrix) = canvas.new_figure(2, 1.9)
    for band, row in enumerate(bank):
        nonzero = np.flatnonzero(row)
        if nonzero.size:
            support = slice(max(nonzero[0] - 1, 0), nonzero[-1] + 2)
            shade = canvas.map_colour(0.35 + 0.55 * band / bands)
            curves.plot(hz[support], row[support], color=shade, linewidth=0.9)
            curves.fill_between(hz[support], row[support], color=shade, alpha=0.22, linewidth=0)
    curves.set_ylim(0, float(bank.max()) * 1.08 or 1.0)
    canvas.label_axes(curves, f"{bands} mel filters", y="weight", is_last=False)
    half_bin = rate / n_fft / 2
    image = canvas.draw_image(
        matrix,
        to_bins,
        left=-half_bin,
        column=2 * half_bin,
        vertical=(-0.5, bands - 0.5),
        levels=(0, float(to_bins.max()) or 1),
    )
    ticks.set_mel_ticks(matrix, _notebook_mel_axis(bands, low, high), max_ticks=4)
    canvas.label_axes(matrix, "Inversion matrix: bands to bins", x="frequency (Hz)", y="band centre (Hz)")
    for axes in (curves, matrix):
        axes.set_xlim(0, bins * rate / n_fft)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    canvas.add_colour_bar(figure, [matrix], image, "weight")
    return figure


def waveforms(panels: Mapping[str, ArrayLike], *, rate: float) -> Figure:
    """Waveforms below one another, title → samples, each the band from minimum to maximum in a column of pixels."""
    figure, rows = canvas.new_figure(len(panels), 1.25 if len(panels) > 1 else 2.0, colour_bar=False)
    for axes, colour, (title, samples) in zip(rows, canvas.line_colours(len(panels)), panels.items(), strict=True):
        y = np.asarray(samples, dtype=np.float64)
        if y.ndim != 1 or y.size == 0:
            raise ValueError(f"{title!r} must be a one-dimensional array of samples, got shape {y.shape}")
        starts = np.arange(0, y.size, -(-y.size // canvas.MAX_COLUMNS))
        minima, maxima = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
        peak = float(np.abs(y).max()) or 1.0
        axes.fill_between(starts / rate, minima / peak, maxima / peak, color=colour, linewidth=0.6)
        axes.set_xlim(0, y.size / rate)
        axes.set_ylim(-1.08, 1.08)
        axes.set_yticks([-1, 0, 1])
        canvas.label_axes(axes, title, y="", is_last=axes is rows[-1])
    return figure


def convergence(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Spectral convergence in dB after 0, 1, 2, ... iterations, one curve per name; lower is better."""
    figure, (axes,) = canvas.new_figure(1, 2.4, colour_bar=False)
    longest = max(len(values) for values in curves.values())
    for colour, (name, values) in zip(canvas.line_colours(len(curves)), curves.items(), strict=True):
        axes.plot(range(len(values)), values, color=colour, linewidth=2, marker="o", markersize=5, label=name)
    axes.grid(color=canvas.GRID, linewidth=0.7)
    axes.set_xticks(range(0, longest, -(-longest // 12)))
    axes.margins(x=0.03, y=0.15)
    axes.legend(frameon=False, labelcolor=canvas.INK, fontsize=10, loc="upper right")
    canvas.label_axes(axes, "Spectral convergence", x="iterations", y="convergence (dB)")
    return figure


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write `figure` as PNG, atomically; one with an image is quantized to a palette, which halves its size."""
    figure.set_dpi(canvas.DPI)
    rgba = png.render(figure)
    if any(axes.images for axes in figure.axes):
        png.write_palette(png.quantize(rgba), path, NO_LEVELS)
    else:
        png.write(rgba[..., :3], path, NO_LEVELS)


def _notebook_mel_axis(bands: int, low: float, high: float) -> ticks.MelAxis:
    """The bands of `create_mel_filter`."""
    from .. import hz2mel

    return ticks.MelAxis(lambda hz: float(hz2mel(hz)), bands, low, high)


def _as_matrix(values: ArrayLike, name: str) -> Real:
    """Values as a two-dimensional array: float32 as it is, any other dtype as float64."""
    array = np.asarray(values)
    array = array if array.dtype == np.float32 else array.astype(np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"{name} must be a two-dimensional array with at least one element, got shape {array.shape}")
    return array
