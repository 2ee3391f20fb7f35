"""The notebook's functions: S by `pretty_spectrogram`, y by `invert_pretty_spectrogram`, mels by `make_mel`.

functions.py  the notebook's names, which check their arguments; mel.py those about mels
spectra.py    y -> D, |D|, log10 |D|
inversion.py  S -> y by correlation offsets; passes.py one pass over all frames; segments.py long sounds side by side
blockwise.py  arrays that do not fit in memory
"""

from .functions import (
    butter_bandpass,
    butter_bandpass_filter,
    invert_pretty_spectrogram,
    invert_spectrogram,
    iterate_invert_spectrogram,
    overlap,
    pretty_spectrogram,
    stft,
    xcorr_offset,
)

__all__ = [
    "butter_bandpass",
    "butter_bandpass_filter",
    "invert_pretty_spectrogram",
    "invert_spectrogram",
    "iterate_invert_spectrogram",
    "overlap",
    "pretty_spectrogram",
    "stft",
    "xcorr_offset",
]
