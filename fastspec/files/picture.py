"""A picture of a sound of any length: bins and frames are pooled as they come, in bounded memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .. import extras
from .._typing import Real
from ..features.banks import MelBank
from ..features.scales import hz_to_mel
from ..plot import figures, ticks
from .metadata import Metadata

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_COLUMNS = 2400
"""Columns of a long sound at least; at most twice as many."""
MAX_ROWS, POOLED_ROWS = 1025, 513
"""More bins or filters than the first are pooled to at most the second, which is above the height in pixels."""
DB_RANGE = 80.0


class PooledColumns:
    """Max-pooling: each column is the maximum of `factor` consecutive frames, each row of `row_factor` bins or filters.

    `factor` doubles whenever the columns are full.
    """

    def __init__(self, rows: int, columns: int = 2 * MIN_COLUMNS) -> None:
        self.factor, self.frames = 1, 0
        self.row_factor = 1 if rows <= MAX_ROWS else -(-rows // POOLED_ROWS)
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

    def compact(self) -> None:
        """Keep no more memory than at most `MIN_COLUMNS` columns need: there are no more frames."""
        while self.maxima.shape[1] > MIN_COLUMNS:
            self._pool_pairs()
        self._maxima = self.maxima.T.copy()


class PictureWriter(PooledColumns):
    """Draws the pooled levels as .png when all frames have been written."""

    def __init__(self, metadata: Metadata, path: Path, title: str, db_range: float = DB_RANGE) -> None:
        extras.load("matplotlib", "plot", "a picture")
        super().__init__(metadata.rows)
        self._metadata, self._path, self._title, self._db_range = metadata, path, title, db_range

    def finish(self, samples: int) -> None:
        self.compact()
        figures.save(self.draw(samples / self._metadata.sr), self._path)

    def draw(self, seconds: float) -> Figure:
        """The levels in dB below their peak, on a time axis of `seconds`."""
        metadata = self._metadata
        plan, bank, levels = metadata.plan, metadata.bank, self.maxima
        peak = float(levels.max()) or 1.0
        floor = 10 ** (-self._db_range * metadata.power / 20)
        first_centre = 0.0 if plan.center else plan.n_fft / 2
        mel_axis = None
        if isinstance(bank, MelBank):
            htk = bank.htk
            mel_axis = ticks.MelAxis(lambda hz: float(hz_to_mel(hz, htk)), len(bank), bank.fmin, bank.fmax)
        dB = levels / np.float32(peak)
        np.log10(np.maximum(dB, np.float32(floor), out=dB), out=dB)
        return figures.levels(
            np.multiply(dB, np.float32(20 / metadata.power), out=dB),
            left=(first_centre - plan.hop_length / 2) / metadata.sr,
            column=self.factor * plan.hop_length / metadata.sr,
            seconds=seconds,
            title=self._title,
            rows=metadata.rows,
            row_factor=self.row_factor,
            nyquist=metadata.sr / 2 if bank is None else None,
            mel=mel_axis,
            db_range=self._db_range,
        )
