"""librosa.feature: the mel spectrogram and its cepstrum, there and back."""

from typing import Any

from .._names import find, listed

_HOMES = {
    "inverse": "fastspec.librosa.feature.inverse",
    "melspectrogram": "fastspec.librosa.feature.spectral",
    "mfcc": "fastspec.librosa.feature.spectral",
    "spectral": "fastspec.librosa.feature.spectral",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    return find(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return listed(__name__, _HOMES)
