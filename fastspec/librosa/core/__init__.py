"""librosa.core: transforms, decibels and conversions of units."""

from typing import Any

from .. import _SOURCES as _ROOT_SOURCES
from .._names import list_names, resolve

_SOURCES = {name: source for name, source in _ROOT_SOURCES.items() if source.startswith(f"{__name__}.")}
_SOURCES |= {name: f"{__name__}.{name}" for name in ("convert", "spectrum")}
__all__ = list(_SOURCES)


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _SOURCES)


def __dir__() -> list[str]:
    return list_names(__name__, _SOURCES)
