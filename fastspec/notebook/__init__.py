"""The notebook's functions: S by `pretty_spectrogram`, y by `invert_pretty_spectrogram`, mels by `make_mel`.

functions.py  the notebook's functions for spectrograms; bandpass.py its filters; mel.py its mel spectrograms
spectra.py    y -> D, |D|, log10 |D|
inversion.py  S -> y by cross-correlation offsets; passes.py one pass over all frames; segments.py segments in parallel
blockwise.py  arrays larger than memory
"""

from .bandpass import butter_bandpass, butter_bandpass_filter
from .functions import (
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
