"""Round numbers along the axes of pictures: frequencies where bands lie, and times of any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: (Hz -> row, lowest Hz, highest Hz) of mel bands; the function is None where rows are numbered only
Places = tuple[Callable[[float], float] | None, float, float]

_TIMES = (*(0.001 * 10**k * m for k in range(4) for m in (1, 2, 5)), 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800)
_TIMES += (3600, 7200, 10800, 14400, 21600, 43200, 86400)  # seconds from tick to tick; days beyond
_TICKS = 10  # at most so many along the time axis


def notebook_mels(axes: Axes, bands: int, low: float, high: float, *, most: int = 7) -> None:
    """Of the notebook's bands; band b is centred on the mel point b + 1 of bands + 2."""
    from .. import hz2mel

    first, last = float(hz2mel(low)), float(hz2mel(high))
    spread = (last - first) / (bands + 1)
    frequencies(axes, bands, lambda hz: (float(hz2mel(hz)) - first) / spread - 1, low, high, most=most)


def frequencies(
    axes: Axes, bands: int, place: Callable[[float], float], low: float, high: float, *, most: int = 7
) -> None:
    """Round frequencies on a vertical axis that counts bands."""
    round_hz = [hz for hz in (100, 200, 300, 500, 800, 1200, 2000, 3000, 4500, 7000, 10000, 15000) if low < hz < high]
    shown = round_hz[:: -(-len(round_hz) // most)] if round_hz else []
    axes.set_yticks([place(hz) for hz in shown], [f"{hz:,}" for hz in shown])
    axes.set_ylim(-0.5, bands - 0.5)


def times(axes: Axes, seconds: float) -> str:
    """Round times along the axis: seconds below two minutes, then m:ss, then h:mm; what the axis is called."""
    step = next((t for t in _TIMES if seconds <= _TICKS * t), 86400 * -(-seconds // (86400 * _TICKS)))
    ticks = np.arange(0, seconds + step / 1e6, step)
    if seconds < 120:
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks.round(6)])
        return "time (s)"
    unit, name = (60, "time (m:ss)") if seconds < 3600 else (3600, "time (h:mm)")
    axes.set_xticks(ticks, [f"{t // unit:.0f}:{t % unit * 60 / unit:02.0f}" for t in ticks])
    return name
