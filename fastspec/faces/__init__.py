"""Replacements for functions and classes of other libraries, which a patch puts in their places.

A replacement has the arguments of the original, and raises `refusal.Unsupported` where that must run.

refusal.py           Unsupported, and tensors as arrays
kaldi.py             torchaudio.compliance.kaldi, kaldi_native_fbank; REPLACEMENTS: the table of all that are Kaldi's
lhotse.py            lhotse.features.kaldi
speech_features.py   python_speech_features
"""
