"""Pictures of spectrograms read back: pixels -> decibels -> magnitudes on the bins and frames of a plan.

    .png, .jpg, ... --pixels--> grey, colours --colours--> 0 to 1 --levels--> magnitudes --sampling--> bins, frames

Pictures of `files.spectrogram` and `files.mel` say what their pixels mean (`legend`); any others are read as the
arguments say.  Needs matplotlib and Pillow: ``pip install "fastspec[plot]"``.
"""

from typing import TYPE_CHECKING, Any

from ..forks import import_module

if TYPE_CHECKING:
    from .levels import PictureLevels, to_levels

__all__ = ["PictureLevels", "to_levels"]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: reading a picture needs no kernels."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.levels"), name)
    globals()[name] = value
    return value
