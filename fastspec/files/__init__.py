"""From file to file, for sounds of any length, in bounded memory.

    sound file, pipe --sound--> blocks --stream.StreamingMel ...--> frames --arrays, picture--> .npy .npz .zarr .png
    .npy .npz .zarr --stored--> frames --stream.StreamingRecover--> blocks --waves--> sound file, pipe

A thread reads ahead and another writes behind (`flow`).  Files appear under their names when they are whole.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sound_readers import Raw, Sound, open_sound
    from .to_levels import Done, mel, spectrogram
    from .to_sound import invert, resynth

__all__ = ["Done", "Raw", "Sound", "invert", "mel", "open_sound", "resynth", "spectrogram"]
_HOME = {
    **dict.fromkeys(("Done", "mel", "spectrogram"), "to_levels"),
    **dict.fromkeys(("invert", "resynth"), "to_sound"),
    **dict.fromkeys(("Raw", "Sound", "open_sound"), "sound_readers"),
}


def __getattr__(name: str) -> Any:
    """Loaded when it is first used: whoever reads a sound needs no kernels."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
