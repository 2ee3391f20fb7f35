"""From file to file, for sounds of any length, in bounded memory.

    sound file, pipe --sound_readers--> blocks --stream--> frames --array_writers, picture--> .npy .npz .zarr .png
    .npy .npz .zarr --array_readers--> frames --recovery.streaming--> blocks --sound_writers--> sound file, pipe
    .png .jpg ... --fastspec.picture--> frames, of which there are few enough for the memory

One thread reads ahead and another writes behind (`pipeline`).  A file appears under its name when it is complete.
"""

from typing import TYPE_CHECKING, Any

from ..forks import import_module

if TYPE_CHECKING:
    from .sound_readers import Raw, Sound, open_sound
    from .to_levels import Done, mel, spectrogram
    from .to_sound import invert, resynth

__all__ = ["Done", "Raw", "Sound", "invert", "mel", "open_sound", "resynth", "spectrogram"]
_MODULE_OF = {
    **dict.fromkeys(("Done", "mel", "spectrogram"), "to_levels"),
    **dict.fromkeys(("invert", "resynth"), "to_sound"),
    **dict.fromkeys(("Raw", "Sound", "open_sound"), "sound_readers"),
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: reading a sound needs no kernels."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
