"""The table of what `fastspec.patch` replaces: the names of libraries, and our functions for them.

To add functions, add entries; to add a word that `fastspec.patch` takes, add a row to `LIBRARIES`.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One name of a library, and what replaces it.

    The name is replaced where it exists and its first arguments are those of ours; where not, it is passed over.
    """

    module: str
    """The library's module that defines it: ``"faster_whisper.feature_extractor"``."""
    name: str
    """In that module: a function, ``"log_mel_spectrogram"``, a class, or a method, ``"FeatureExtractor.__call__"``."""
    ours: str
    """Module and name of ours: ``"fastspec.faces.whisper:openai_features"``.  It takes the arguments of the original,
    `self` first, and raises the `Unsupported` that its module has for those that the original is to take."""
    since: str = ""
    """First version of the library that it is for."""
    before: str = ""
    """First version of the library that it is not for."""


class Library(NamedTuple):
    """What a word that `fastspec.patch` takes stands for: entries, or a library whose names a module of ours has."""

    entries: tuple[Entry, ...] = ()
    counterpart: str = ""
    """Our module with the names of the library, which is imported then."""
    precision: str = ""
    """Module and name of our function that takes the precision of a patch, or None; empty if there is no choice."""


_TRANSFORMERS = "transformers.models.whisper.feature_extraction_whisper"

WHISPER = (
    Entry("whisper.audio", "log_mel_spectrogram", "fastspec.faces.whisper:openai_features"),
    Entry("whisperx.audio", "log_mel_spectrogram", "fastspec.faces.whisper:whisperx_features"),
    Entry(
        "faster_whisper.feature_extractor",
        "FeatureExtractor.__call__",
        "fastspec.faces.whisper:faster_whisper_features",
        since="1.1",  # padding was a flag before
    ),
    Entry(
        _TRANSFORMERS,
        "WhisperFeatureExtractor._torch_extract_fbank_features",
        "fastspec.faces.whisper:transformers_features",
        since="4.40",  # the largest was that of the batch before
    ),
    Entry(
        _TRANSFORMERS,
        "WhisperFeatureExtractor._np_extract_fbank_features",
        "fastspec.faces.whisper:transformers_array_features",
        since="4.40",
    ),
)

KALDI = (
    Entry("torchaudio.compliance.kaldi", "fbank", "fastspec.faces.kaldi:torchaudio_fbank"),
    Entry("torchaudio.compliance.kaldi", "mfcc", "fastspec.faces.kaldi:torchaudio_mfcc"),
    Entry("torchaudio.compliance.kaldi", "spectrogram", "fastspec.faces.kaldi:torchaudio_spectrogram"),
    Entry("kaldi_native_fbank", "OnlineFbank", "fastspec.faces.kaldi:NativeFbank"),
    Entry("kaldi_native_fbank", "OnlineMfcc", "fastspec.faces.kaldi:NativeMfcc"),
    Entry("lhotse.features.kaldi.layers", "Wav2FFT.forward", "fastspec.faces.lhotse:forward"),
    Entry("python_speech_features.base", "fbank", "fastspec.faces.speech_features:fbank"),
    Entry("python_speech_features.base", "logfbank", "fastspec.faces.speech_features:logfbank"),
    Entry("python_speech_features.base", "mfcc", "fastspec.faces.speech_features:mfcc"),
)

LIBRARIES = {
    "kaldi": Library(KALDI),
    "librosa": Library(counterpart="fastspec.librosa", precision="fastspec.librosa._precision:replace_precision"),
    "whisper": Library(WHISPER, precision="fastspec.faces.whisper:replace_precision"),
}
"""What `fastspec.patch` takes."""
