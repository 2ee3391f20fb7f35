"""Round tick labels: frequencies on an axis of mel bands, and times of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FREQUENCIES_HZ = (100, 200, 300, 500, 800, 1200, 2000, 3000, 4500, 7000, 10000, 15000)
_DAY_SECONDS = 86400
_STEPS_SECONDS = (
    *(0.001 * 10**k * m for k in range(4) for m in (1, 2, 5)),
    *(10, 15, 20, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 14400, 21600, 43200, _DAY_SECONDS),
)
"""Distances of ticks along the time axis; whole days beyond."""
_MAX_TIME_TICKS = 10


class MelAxis(NamedTuple):
    """An axis of mel bands: band b is centred on point b + 1 of bands + 2, equidistant in mel from low to high."""

    hz_to_mel: Callable[[float], float]
    bands: int
    low: float  #: Hz
    high: float  #: Hz

    def to_row(self, hz: float) -> float:
        """The row, whole at the centre of a band, of a frequency."""
        low, high = self.hz_to_mel(self.low), self.hz_to_mel(self.high)
        return (self.hz_to_mel(hz) - low) / ((high - low) / (self.bands + 1)) - 1


def set_mel_ticks(axes: Axes, mel: MelAxis, *, max_ticks: int = 7) -> None:
    """Round frequencies along a vertical axis of mel bands."""
    inside = [hz for hz in _FREQUENCIES_HZ if mel.low < hz < mel.high]
    labelled = inside[:: -(-len(inside) // max_ticks)] if inside else []
    axes.set_yticks([mel.to_row(hz) for hz in labelled], [f"{hz:,}" for hz in labelled])
    axes.set_ylim(-0.5, mel.bands - 0.5)


def set_time_ticks(axes: Axes, seconds: float) -> str:
    """Round times along a horizontal axis: seconds below two minutes, then m:ss, then h:mm; returns the axis label."""
    most = _MAX_TIME_TICKS
    days = _DAY_SECONDS * -(-seconds // (_DAY_SECONDS * most))
    step = next((t for t in _STEPS_SECONDS if seconds <= most * t), days)
    ticks = np.arange(0, seconds + step / 1e6, step)
    if seconds < 120:
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks.round(6)])
        return "time (s)"
    unit, label = (60, "time (m:ss)") if seconds < 3600 else (3600, "time (h:mm)")
    axes.set_xticks(ticks, [f"{t // unit:.0f}:{t % unit * 60 / unit:02.0f}" for t in ticks])
    return label
