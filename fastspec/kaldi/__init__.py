"""Kaldi's features: filter banks, cepstra and spectra of signals, at once and in streams.

`fbank`, `mfcc` and `spectrogram` have the names and the defaults of torchaudio.compliance.kaldi, and take arrays as
well as tensors; `OnlineFbank` and `OnlineMfcc`, with their options, those of kaldi_native_fbank.  All are a `FrontEnd`.

Kaldi (Povey et al., ASRU 2011, "The Kaldi speech recognition toolkit"), feat/feature-fbank.cc, feature-mfcc.cc,
feature-spectrogram.cc and feature-window.cc.

settings.py   the options of all of them -> a FrontEnd
offline.py    fbank, mfcc, spectrogram
options.py    FbankOptions, MfccOptions and their parts
online.py     OnlineFbank, OnlineMfcc
tensors.py    tensors of torch as arrays, and back
"""

from ..features.kaldi import KaldiMelBank
from .offline import fbank, mfcc, spectrogram
from .online import OnlineFbank, OnlineMfcc
from .options import FbankOptions, FrameExtractionOptions, MelBanksOptions, MfccOptions

__all__ = [
    "FbankOptions",
    "FrameExtractionOptions",
    "KaldiMelBank",
    "MelBanksOptions",
    "MfccOptions",
    "OnlineFbank",
    "OnlineMfcc",
    "fbank",
    "mfcc",
    "spectrogram",
]
