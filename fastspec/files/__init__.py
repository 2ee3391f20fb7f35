"""From file to file, for sounds of any length, in bounded memory.

    sound file, pipe --sound--> blocks --stream.StreamingMel ...--> frames --arrays, picture--> .npy .npz .zarr .png
    .npy .npz .zarr --stored--> frames --stream.StreamingRecover--> blocks --waves--> sound file, pipe

A thread reads ahead and another writes behind (`flow`).  Files appear under their names when they are whole.
"""

from .backward import invert, resynth
from .forward import Done, mel, spectrogram
from .sound import Raw, Sound, open_sound

__all__ = ["Done", "Raw", "Sound", "invert", "mel", "open_sound", "resynth", "spectrogram"]
