"""A picture of any length: frames are pooled to columns as they come, and columns to wider ones when room ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import extras
from ..features.banks import MelBank
from ..features.scales import hz_to_mel
from ..plot import figures, ticks
from .metadata import About
from .sound_readers import PathLike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Real = NDArray[np.floating[Any]]

COLUMNS = 2400
"""At least so many are kept of a long sound, and at most twice as many."""
DB_RANGE = 80.0


class Columns:
    """The largest level of `factor` neighbouring frames, for each row; `factor` doubles when `columns` do not do."""

    def __init__(self, rows: int, columns: int = 2 * COLUMNS) -> None:
        self.factor, self.frames = 1, 0
        self._tops = np.zeros((columns, rows), np.float32)

    @property
    def tops(self) -> Real:
        """What there is so far, (rows, columns)."""
        return self._tops[: -(-self.frames // self.factor)].T

    def write(self, block: Real) -> None:
        """Take frames (rows, any number) of levels >= 0."""
        frames = block.T
        while len(frames):
            column, inside = divmod(self.frames, self.factor)
            if column == len(self._tops):
                self._halve()
                continue
            if inside or len(frames) < self.factor:
                part = frames[: self.factor - inside]
                np.maximum(self._tops[column], part.max(axis=0), out=self._tops[column])
            else:
                count = min(len(frames) // self.factor, len(self._tops) - column)
                part = frames[: count * self.factor]
                groups = part.reshape(count, self.factor, part.shape[1])
                self._tops[column : column + count] = groups.max(axis=1)
            self.frames, frames = self.frames + len(part), frames[len(part) :]

    def _halve(self) -> None:
        half = len(self._tops) // 2
        np.maximum(self._tops[0::2], self._tops[1::2], out=self._tops[:half])
        self._tops[half:] = 0
        self.factor *= 2


class Picture(Columns):
    """Columns that are drawn when all have come."""

    def __init__(self, about: About, path: Path, title: str, db_range: float) -> None:
        super().__init__(about.rows)
        self._about, self._path, self._title, self._db_range = about, path, title, db_range

    def finish(self, samples: int) -> None:
        figures.save(self.figure(samples / self._about.sr), self._path)

    def figure(self, seconds: float) -> Figure:
        """Levels in dB, 0 at the loudest point."""
        about, levels = self._about, self.tops
        plan = about.plan
        loudest = float(levels.max()) or 1.0
        least = 10 ** (-self._db_range * about.power / 20)
        dB = 20 / about.power * np.log10(np.maximum(levels / loudest, least))
        middle = 0.0 if plan.center else plan.n_fft / 2
        across: dict[str, Any] = {
            "left": (middle - plan.hop_length / 2) / about.sr, "column": self.factor * plan.hop_length / about.sr,
            "seconds": seconds, "title": self._title, "db_range": self._db_range,
        }  # fmt: skip
        if about.bank is None:
            return figures.levels(dB, nyquist=about.sr / 2, **across)
        return figures.levels(dB, mel=_places(about.bank), **across)


def _places(bank: Any) -> ticks.Places:
    """Where frequencies lie among filters: filter b is centred on the mel point b + 1 of as many and two."""
    if not isinstance(bank, MelBank):
        return None, 0.0, 0.0
    first, last = (float(hz_to_mel(hz, bank.htk)) for hz in (bank.fmin, bank.fmax))
    spread = (last - first) / (len(bank) + 1)
    return lambda hz: (float(hz_to_mel(hz, bank.htk)) - first) / spread - 1, bank.fmin, bank.fmax


@contextmanager
def opened(out: PathLike, about: About, title: str, db_range: float = DB_RANGE) -> Iterator[Picture]:
    """Where frames of levels go whose picture is wanted; it is written by `finish`."""
    extras.load("matplotlib", "plot", "a picture")
    yield Picture(about, Path(out), title, db_range)
