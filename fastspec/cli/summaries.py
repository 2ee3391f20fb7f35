"""The line that a command prints when it has finished."""

from __future__ import annotations

from math import log10
from pathlib import Path
from typing import TYPE_CHECKING

from .. import atomic
from . import bars

if TYPE_CHECKING:  # whose module imports the kernels, which --help does not need
    from ..files import Done


def print_summary(target: Path, text: str, *, quiet: bool) -> None:
    """Print the target and the text on standard output, or the text on standard error if the target is "-"."""
    if quiet:
        return
    if str(target) == "-":
        bars.console.print(text, highlight=False, markup=False, soft_wrap=True)
    else:
        with atomic.name_errors(atomic.STANDARD_OUTPUT):
            print(f"{target}: {text}", flush=True)


def describe_sound(done: Done) -> str:
    """Duration, sample rate and real-time factor."""
    return f"{bars.format_duration(done.samples / done.sr)} at {done.sr} Hz, {done.speed:,.0f}× real time"


def describe_recovered(done: Done) -> str:
    """The same with the attenuation and the spectral convergence."""
    attenuation = f", attenuated by {-20 * log10(done.gain):.1f} dB to avoid clipping" if done.gain < 1 else ""
    return f"{describe_sound(done)}{attenuation}, spectral convergence {done.convergence:.2f} dB"
