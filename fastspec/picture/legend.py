"""What the pixels of our own pictures mean: a small JSON in the PNG's tEXt chunk "fastspec"."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from .. import checks

KEY = "fastspec"
"""Keyword of the tEXt chunk."""
VERSION = 1
_MOST = {"bins_per_row": 1 << 12, "frames_per_column": 1 << 16, "n_colours": 256}
"""More than the largest transforms and weeks of sound need."""
NO_LEVELS = json.dumps({"version": VERSION, "levels": None})
"""The text of a figure whose pixels are not levels."""


@dataclass(frozen=True)
class Legend:
    """Where the levels lie in a picture, and what their colours are.

    The rectangle holds rows × columns cells of equal size, the lowest row at the bottom.  Colour i of n_colours is
    range_db (i / (n_colours - 1) - 1) dB relative to the peak: a level of peak × 10**(dB power / 20).
    """

    width: int  #: pixels of the picture
    height: int
    left: int  #: pixels beside and above the rectangle
    top: int
    cell_width: int  #: pixels of a cell
    cell_height: int
    rows: int
    columns: int
    bins_per_row: int  #: a cell is the maximum of as many bins (or filters) and frames
    frames_per_column: int
    n_frames: int
    colormap: str  #: matplotlib's name
    n_colours: int
    range_db: float
    peak: float  #: the largest level; 0 for silence
    levels: dict[str, Any]  #: see `files.metadata.Metadata.to_dict`

    def to_json(self) -> str:
        """The text of the chunk, in ASCII."""
        return json.dumps({"version": VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str, name: str, size: tuple[int, int]) -> Legend:
        """The inverse of `to_json`, for the picture `name` of `size` (width, height) pixels.

        Raises
        ------
        ValueError
            If the text is of another version or no legend, or the picture is no longer as it was drawn.
        """
        try:
            entries = json.loads(text)
            version = entries["version"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ValueError(f'{name}: its metadata "{KEY}" are not readable') from None
        if version != VERSION:
            raise ValueError(
                f"{name}: its metadata must be of version {VERSION}, got version {version!r}: "
                "read it with the fastspec that drew it, or draw it again"
            )
        if entries.get("levels") is None:
            raise ValueError(
                f"{name}: is a figure whose pixels are not levels: fastspec spectrogram IN OUT.png draws those"
            )
        try:
            legend = cls(**{field.name: entries[field.name] for field in fields(cls)})
            legend._check()
        except KeyError as error:
            raise ValueError(f"{name}: its metadata lack {error.args[0]}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: in its metadata, {error}") from None
        if size != (legend.width, legend.height):
            raise ValueError(
                f"{name}: must be {legend.width} × {legend.height} pixels, as it was drawn, got {size[0]} × {size[1]}: "
                "to read it as any other picture, crop it to its levels and save it without metadata"
            )
        return legend

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the rectangle, in pixels."""
        right, bottom = self.columns * self.cell_width, self.rows * self.cell_height
        return self.left, self.top, self.left + right, self.top + bottom

    def _check(self) -> None:
        """Every entry is of its type and range, and they agree with one another."""
        for name in ("left", "top"):
            checks.as_int(name, getattr(self, name), 0)
        sizes = ("width", "height", "cell_width", "cell_height", "rows", "columns", "bins_per_row", "frames_per_column")
        for name in (*sizes, "n_frames"):
            checks.as_int(name, getattr(self, name), 1)
        checks.as_int("n_colours", self.n_colours, 2)
        for name, most in _MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} must be at most {most}, got {getattr(self, name)!r}")
        if not isinstance(self.levels, dict):
            raise TypeError(f"levels must be a dictionary, got {self.levels!r}")
        if checks.as_finite("range_db", self.range_db) <= 0:
            raise ValueError(f"range_db must be above 0, got {self.range_db!r}")
        if checks.as_finite("peak", self.peak) < 0:
            raise ValueError(f"peak must be at least 0, got {self.peak!r}")
        if self.box[2] > self.width or self.box[3] > self.height:
            raise ValueError(f"the levels must lie in {self.width} × {self.height} pixels, got {self.box}")
        if -(-self.n_frames // self.frames_per_column) != self.columns:
            raise ValueError(
                f"{self.columns} columns of {self.frames_per_column} frames must hold n_frames, got {self.n_frames}"
            )
