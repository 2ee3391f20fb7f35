"""The notebook's functions: S by `pretty_spectrogram`, y by `invert_pretty_spectrogram`, mels by `make_mel`.

functions.py, bandpass.py, mel.py  the notebook's functions: for spectrograms, filters, mel spectrograms
blockwise.py  arrays larger than memory, a block at a time
spectra.py    y -> D, |D|, log10 |D|
inversion.py  S -> y: passes over all frames, aligned by cross-correlation offsets
segments.py   passes in segments that are computed independently
passes.py     one pass: frames synthesized, aligned and added
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
