"""A picture of a sound of any length: frames and bins are pooled as they come, in bounded memory.

Each frame is a column of pixels and each bin a row of them as long as they are not too many, so that the picture can be
inverted (`fastspec.picture`): the levels are those of the sound, rounded to the colours and cut off at the range.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import extras
from .._typing import Real
from ..features.banks import MelBank
from ..features.scales import hz_to_mel
from ..picture.legend import Legend
from ..plot import canvas, raster, ticks
from .metadata import Metadata

MAX_COLUMNS, MAX_ROWS = 16384, 4097
"""Frames and bins of a picture, a pixel each at least, at most; of more the maxima are drawn."""
MAX_VALUES = 5_000_000
"""Columns × rows, at most: it bounds the memory."""
DB_RANGE = 80.0
_BLOCK_VALUES = 1 << 17  # rounded to colours at once


class PooledColumns:
    """Max-pooling: each column is the maximum of `factor` consecutive frames, each row of `row_factor` bins or filters.

    `factor` doubles whenever the columns are full.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.factor, self.frames, self.row_factor = 1, 0, -(-rows // MAX_ROWS)
        self._maxima = np.zeros((columns, -(-rows // self.row_factor)), np.float32)

    @property
    def maxima(self) -> Real:
        """The columns so far, (rows, columns)."""
        return self._maxima[: -(-self.frames // self.factor)].T

    def write(self, block: Real) -> None:
        """Append frames (rows, any number) of levels >= 0."""
        frames = block.T
        if self.row_factor > 1:
            frames = np.maximum.reduceat(frames, np.arange(0, frames.shape[1], self.row_factor), axis=1)
        while len(frames):
            column, filled = divmod(self.frames, self.factor)
            if column == len(self._maxima):
                self._pool_pairs()
                continue
            if filled or len(frames) < self.factor:
                n = min(self.factor - filled, len(frames))
                np.maximum(self._maxima[column], frames[:n].max(axis=0), out=self._maxima[column])
            else:
                n_columns = min(len(frames) // self.factor, len(self._maxima) - column)
                n = n_columns * self.factor
                columns = frames[:n].reshape(n_columns, self.factor, frames.shape[1])
                self._maxima[column : column + n_columns] = columns.max(axis=1)
            self.frames, frames = self.frames + n, frames[n:]

    def _pool_pairs(self) -> None:
        """Halve the number of columns."""
        half = len(self._maxima) // 2
        self._maxima[:half] = np.maximum(self._maxima[0::2], self._maxima[1::2])
        self._maxima[half:] = 0
        self.factor *= 2


def max_columns(rows: int) -> int:
    """Columns of a picture of so many bins or filters, an even number; those of a sound with more frames are pooled."""
    return min(MAX_COLUMNS, MAX_VALUES // -(-rows // -(-rows // MAX_ROWS)) // 2 * 2)


class PictureWriter(PooledColumns):
    """Draws the pooled levels as .png when all frames have been written."""

    def __init__(self, metadata: Metadata, path: Path, title: str, db_range: float = DB_RANGE) -> None:
        extras.load("matplotlib", "plot", "a picture")
        super().__init__(metadata.rows, max_columns(metadata.rows))
        self._metadata, self._path, self._title, self._db_range = metadata, path, title, db_range

    def finish(self, samples: int) -> None:
        peak, picture = self.peak, self.draw(samples / self._metadata.sr)
        self._maxima = self._maxima[:0].copy()  # the memory is needed for the picture
        (rows, columns), (width, height) = picture.indices.shape, picture.size
        legend = Legend(
            width=width, height=height, left=picture.left, top=picture.top, cell_width=picture.cell[0],
            cell_height=picture.cell[1], rows=rows, columns=columns, bins_per_row=self.row_factor,
            frames_per_column=self.factor, n_frames=self.frames, colormap=canvas.COLOUR_MAP,
            n_colours=canvas.N_COLOURS, range_db=float(self._db_range), peak=peak,
            levels=replace(self._metadata, samples=samples).to_dict(),
        )  # fmt: skip
        picture.save(self._path, legend.to_json())

    @property
    def peak(self) -> float:
        """The largest level so far."""
        return float(self.maxima.max(initial=0))

    def draw(self, seconds: float) -> raster.Raster:
        """The levels in dB below their peak, for a sound of `seconds`."""
        metadata = self._metadata
        plan, bank = metadata.plan, metadata.bank
        first_centre = float(plan.times(1, 1.0)[0])  # in samples
        mel_axis = None
        if isinstance(bank, MelBank):
            htk = bank.htk
            mel_axis = ticks.MelAxis(lambda hz: float(hz_to_mel(hz, htk)), len(bank), bank.fmin, bank.fmax)
        return raster.draw(
            self._to_colours(),
            left=(first_centre - plan.hop_length / 2) / metadata.sr,
            column=self.factor * plan.hop_length / metadata.sr,
            seconds=seconds,
            title=canvas.literal(self._title),
            n_levels=metadata.rows,
            levels_per_row=self.row_factor,
            nyquist=metadata.sr / 2 if bank is None else None,
            mel=mel_axis,
            db_range=self._db_range,
        )

    def _to_colours(self) -> NDArray[np.uint8]:
        """The number of the colour of each pooled level: dB relative to the peak, rounded, and at least 0."""
        maxima, steps = self.maxima, canvas.N_COLOURS - 1
        peak, factor = self.peak, 20 / self._metadata.power * steps / self._db_range
        colours, n = np.zeros(maxima.shape, np.uint8), max(1, _BLOCK_VALUES // len(maxima))
        for first in range(0, maxima.shape[1] if peak else 0, n):
            block = maxima[:, first : first + n].astype(np.float64)
            decades = np.log10(np.maximum(block / peak, np.finfo(float).tiny))
            colours[:, first : first + n] = np.rint(np.maximum(steps + factor * decades, 0))
        return colours
