"""librosa.feature: mel spectrograms and cepstra (MFCC), and their inverses."""

from typing import Any

from .._names import list_names, resolve

_SOURCES = {
    "inverse": "fastspec.librosa.feature.inverse",
    "melspectrogram": "fastspec.librosa.feature.spectral",
    "mfcc": "fastspec.librosa.feature.spectral",
    "spectral": "fastspec.librosa.feature.spectral",
}
__all__ = list(_SOURCES)


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _SOURCES)


def __dir__() -> list[str]:
    return list_names(__name__, _SOURCES)
