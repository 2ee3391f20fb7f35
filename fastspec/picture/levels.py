"""`to_levels`: from a picture to magnitudes on the bins and frames of a plan, or the mel levels of our own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Real
from ..features.banks import FilterBank
from ..files.metadata import Metadata
from ..plan import STFT, as_plan
from ..transform.framing import window_size
from ..warning import warn
from . import colours, pixels, sampling
from .legend import Legend

if TYPE_CHECKING:
    from PIL.Image import Image

RANGE_DB = 80.0
SR = 22050
MAX_RANGE_DB = 600.0  # of float32's exponents


@dataclass(frozen=True, eq=False)
class PictureLevels:
    """Levels read from a picture, and what is needed to invert them.

    Attributes
    ----------
    cells : np.ndarray [shape=(rows, columns)]
        Magnitudes |D|; of our own pictures |D|**power, or filtered by `bank`: bank @ |D|**power.  A cell holds for
        `bins_per_row` bins (or filters) and `frames_per_column` frames: 1 but for sounds too long for their picture.
    n_frames, bins_per_row, frames_per_column : int
    plan : STFT
    sr : int
        Hz.
    length : int
        Samples of the sound.
    bank : FilterBank or None
    power : float
    colormap : str
        matplotlib's name of the colours that were read; "gray" for grey.
    range_db : float
        From the darkest level to the brightest.
    """

    name: str
    cells: Real
    n_frames: int
    plan: STFT
    sr: int
    length: int
    bank: FilterBank | None
    power: float
    colormap: str
    range_db: float
    bins_per_row: int = 1
    frames_per_column: int = 1

    @property
    def levels(self) -> Real:
        """The levels (bins or filters, n_frames)."""
        return self.read_frames(0, self.n_frames)

    def read_frames(self, first: int, stop: int) -> Real:
        """The levels (bins or filters, stop - first) of some frames: of long sounds all would be much more memory."""
        n_rows = self.plan.n_bins if self.bank is None else len(self.bank)
        columns = self.cells[:, np.arange(first, stop) // self.frames_per_column]
        return columns if self.bins_per_row == 1 else np.repeat(columns, self.bins_per_row, axis=0)[:n_rows]

    @property
    def S(self) -> Real:
        """Magnitudes (n_bins, n_frames): mel levels by `FilterBank.inverse`."""
        if self.bank is not None:
            return self.bank.inverse(self.levels, power=self.power)
        return self.levels if self.power == 1 else np.power(self.levels, np.float32(1 / self.power))

    def to_metadata(self) -> Metadata:
        """What a file of such levels would carry."""
        return Metadata(self.sr, self.plan, self.bank, self.power, None, self.length)


class Reading(NamedTuple):
    """How a picture is read; None where the argument was left out."""

    colormap: str | None
    range_db: float | None
    scale: str | None
    fmin: float | None
    fmax: float | None
    htk: bool | None
    duration: float | None
    sr: int | None
    plan: STFT | None
    n_fft: int | None
    hop_length: int | None


def to_levels(
    picture: str | os.PathLike[str] | Image | ArrayLike,
    *,
    colormap: str | None = None,
    range_db: float | None = None,
    scale: str | None = None,
    fmin: float | None = None,
    fmax: float | None = None,
    htk: bool | None = None,
    duration: float | None = None,
    sr: int | None = None,
    plan: STFT | None = None,
    n_fft: int | None = None,
    hop_length: int | None = None,
) -> PictureLevels:
    """The magnitudes of a picture of a spectrogram: frequency upwards, time to the right, level in dB as brightness.

    A pixel at position v of the colour map, 0 at its first colour (black) and 1 at its last (white), is

        |D| = (sum(w) / 2) 10**(range_db (v - 1) / 20),    and 0 where v = 0 or the pixel is wholly transparent:

    v = 1 is a sinusoid of amplitude 1.  A bin is the mean of the rows around its frequency, a frame that of the columns
    around its time, weighted by their distance: linear interpolation where the picture is coarser than the plan.

    Pictures that `files.spectrogram` and `files.mel` wrote carry all of this in their metadata: they are read without
    arguments, with the levels that they were drawn from, to half a step of the colours and not below the range; where
    a column holds several frames, or a row several bins, each gets their maximum.

    Parameters
    ----------
    picture : path, PIL.Image.Image or np.ndarray
        Of 8 or 16 bits of grey, or colours (8 bits); arrays (rows, columns) or (rows, columns, 3 or 4), the top row
        first.  It must hold levels alone: no axes, no margin.  What an array or another format has as metadata is not
        read.
    colormap : str
        matplotlib's name of the colour map, such as "viridis" or "gray_r" (black on white).  By default grey is "gray",
        white being loud, and of the maps of matplotlib that is taken whose colours are nearest to all pixels; of a map
        and its reverse the one without "_r".
    range_db : float
        From the first colour to the last, 80 by default.
    scale : str
        The frequencies of the R rows, r = 0 at the bottom:

        "linear"  fmin + (fmax - fmin) r / (R - 1), the default
        "log"     fmin (fmax / fmin)**(r / (R - 1))
        "mel"     evenly in mel, as the centres of the R filters of `MelBank` with the same fmin and fmax
    fmin, fmax : float
        Hz; 0 and sr / 2 by default.
    htk : bool
        HTK's mel scale instead of Slaney's.
    duration : float
        Seconds of the whole picture.  By default each column is a frame.
    sr : int
        Hz of the sound, 22050 by default.
    plan : STFT
        By default that of n_fft and hop_length.
    n_fft, hop_length : int
        By default n_fft is 2 (R - 1) if that is a power of two and the rows are bins, else the power of two nearest to
        46 ms; hop_length is a quarter of it.

    Returns
    -------
    levels : PictureLevels
        `S`, (n_bins, n_frames), with plan, sr and length, and the mel bank of our own pictures.

    Raises
    ------
    OSError
        If the file cannot be opened.
    TypeError, ValueError
        If it is no picture, an argument is out of its range, the colours are near no map, or the metadata say what an
        argument says.
    ImportError
        If matplotlib or Pillow is not installed.

    Warns
    -----
    UserWarning
        If a picture of our own holds maxima of several frames or bins.

    Examples
    --------
    >>> p = fastspec.picture.to_levels("song.png", scale="mel", fmax=8000, duration=5.0)
    >>> y = fastspec.recover(p.S, p.plan, length=p.length)
    """
    reading = Reading(colormap, range_db, scale, fmin, fmax, htk, duration, sr, plan, n_fft, hop_length)
    source = pixels.read(picture)
    if source.legend is not None:
        superfluous = [name for name, value in reading._asdict().items() if value is not None]
        if superfluous:
            raise ValueError(
                f"{source.name}: carries {superfluous[0]} and all else in its metadata, so {superfluous[0]} must be "
                f"left out, got {getattr(reading, superfluous[0])!r}"
            )
        return _read_own(source, source.legend)
    return _read_any(source, reading)


def _read_any(source: pixels.Pixels, reading: Reading) -> PictureLevels:
    """The magnitudes of a picture without metadata."""
    n_rows, n_columns = source.values.shape[:2]
    sr = SR if reading.sr is None else checks.as_int("sr", reading.sr, 1)
    axis = sampling.Axis(
        "linear" if reading.scale is None else reading.scale,
        0.0 if reading.fmin is None else reading.fmin,
        sr / 2 if reading.fmax is None else reading.fmax,
        bool(reading.htk),
    )
    axis.check(sr / 2)
    range_db = RANGE_DB if reading.range_db is None else checks.as_finite("range_db", reading.range_db)
    if not 0 < range_db <= MAX_RANGE_DB:
        raise ValueError(f"range_db must be above 0 and at most {MAX_RANGE_DB:g}, got {reading.range_db!r}")
    plan = _plan_for(reading, axis, n_rows, sr)
    length, n_frames = _length(reading.duration, n_columns, plan, sr)
    v, colormap = _positions(source, reading.colormap)
    peak = float(plan.window.sum()) / 2
    S = (peak * 10 ** (range_db / 20 * (v - np.float32(1)))).astype(np.float32)
    S[v == 0] = 0
    if source.is_empty is not None:
        S[source.is_empty] = 0
    S = sampling.bins_from_rows(axis, n_rows, plan, sr) @ S[::-1]
    if reading.duration is not None:
        S = (sampling.frames_from_columns(n_columns, n_frames, length / sr, plan, sr) @ S.T).T
    S = S.astype(plan.dtype)
    return PictureLevels(source.name, S, n_frames, plan, sr, length, None, 1.0, colormap, range_db)


def _plan_for(reading: Reading, axis: sampling.Axis, n_rows: int, sr: int) -> STFT:
    """The plan; by default its bins are the rows, if these are a power of two and one."""
    if reading.plan is None:
        n_fft, of_rows = reading.n_fft, 2 * (n_rows - 1)
        are_bins = axis.scale == "linear" and axis.fmin == 0 and axis.fmax == sr / 2
        if n_fft is None:
            n_fft = of_rows if are_bins and of_rows >= 16 and of_rows & (of_rows - 1) == 0 else window_size(sr)
        return STFT(n_fft, hop_length=reading.hop_length)
    for name in ("n_fft", "hop_length"):
        if getattr(reading, name) is not None:
            raise ValueError(f"{name} must be left out with plan, got {getattr(reading, name)!r}")
    return as_plan("plan", reading.plan)


def _length(duration: float | None, n_columns: int, plan: STFT, sr: int) -> tuple[int, int]:
    """(samples, frames) of the sound: of the duration, or one frame for each column."""
    if duration is None:
        return plan.n_samples(n_columns), n_columns
    seconds = checks.as_finite("duration", duration)
    length = round(seconds * sr)
    least = plan.geometry.least_samples
    if length < least:
        raise ValueError(f"duration must be at least {least / sr:g} s, {least} samples at {sr} Hz, got {duration!r}")
    return length, plan.n_frames(length)


def _positions(source: pixels.Pixels, colormap: str | None) -> tuple[Real, str]:
    """(positions from 0 to 1 of the pixels (rows, columns) on their colour map, its name)."""
    values = source.values
    if values.ndim == 2:
        direction = 1 if colormap is None else colours.grey_direction(colormap)
        if direction:
            v = values.astype(np.float32) / np.iinfo(values.dtype).max
            return (v if direction > 0 else 1 - v), colormap or "gray"
        grey = values if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
        values = np.repeat(grey[..., None], 3, axis=2)
    is_drawn = np.ones(values.shape[:2], bool) if source.is_empty is None else ~source.is_empty
    if not is_drawn.any():
        raise ValueError(f"{source.name}: must have pixels that are not transparent, got {is_drawn.size} that are")
    if colormap is None:
        colormap, distance = colours.find(values[is_drawn])
        if distance > colours.NEAR:
            raise ValueError(
                f"{source.name}: its colours are near those of no colour map: {colormap} is the nearest, "
                f"{distance:.0f} of 255 away, and at most {colours.NEAR:.0f} is near; crop axes and margins, or "
                "name the colormap if it was drawn with one"
            )
    table = colours.table(colormap)
    if not colours.tells_position(table):
        raise ValueError(f"colormap must be one whose colours tell the level, got {colormap!r}, which repeats them")
    v = np.zeros(values.shape[:2], np.float32)
    v[is_drawn], distance = colours.positions(values[is_drawn], table)
    if distance > colours.NEAR_NAMED:
        raise ValueError(
            f"{source.name}: its colours must be near those of colormap={colormap!r}, got {distance:.0f} of 255 away, "
            f"and at most {colours.NEAR_NAMED:.0f} is near"
        )
    return v, colormap


def _read_own(source: pixels.Pixels, legend: Legend) -> PictureLevels:
    """The levels of a picture of ours."""
    try:
        rows = legend.rows * legend.bins_per_row
        metadata = Metadata.from_dict(legend.levels, np.dtype(np.float32), source.name, rows)
    except AttributeError as error:
        raise ValueError(f"{source.name}: in its metadata, {error}") from None
    if -(-metadata.rows // legend.bins_per_row) != legend.rows:
        raise ValueError(
            f"{source.name}: in its metadata, {legend.rows} rows of {legend.bins_per_row} must hold {metadata.rows}"
        )
    try:
        table = colours.palette(legend.colormap, legend.n_colours)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source.name}: in its metadata, {error}") from None
    v, distance = colours.positions(source.values, table)
    if distance > colours.NEAR_NAMED:
        raise ValueError(
            f"{source.name}: its colours must be those of its colormap={legend.colormap!r}, as it was drawn"
        )
    cells = v.reshape(legend.rows, legend.cell_height, legend.columns, legend.cell_width)
    dB = legend.range_db * (cells.mean(axis=(1, 3), dtype=np.float64)[::-1] - 1)
    levels = (legend.peak * 10 ** (dB * metadata.power / 20)).astype(np.float32)
    if legend.bins_per_row > 1 or legend.frames_per_column > 1:
        warn(
            f"{source.name}: each pixel is the maximum of {legend.frames_per_column} frames and {legend.bins_per_row} "
            "rows, as the sound was too long for a pixel each: what differs among them is lost"
        )
    plan, samples = metadata.plan, metadata.samples
    length = plan.n_samples(legend.n_frames) if samples is None else samples
    return PictureLevels(
        source.name, levels, legend.n_frames, plan, metadata.sr, length, metadata.bank, metadata.power,
        legend.colormap, legend.range_db, legend.bins_per_row, legend.frames_per_column,
    )  # fmt: skip
