"""librosa.core: the transforms, the decibels and the conversions of units."""

from typing import Any

from .. import _HOMES as _ROOT_HOMES
from .._names import find, listed

_HOMES = {name: home for name, home in _ROOT_HOMES.items() if home.startswith(f"{__name__}.")}
_HOMES |= {name: f"{__name__}.{name}" for name in ("convert", "spectrum")}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    return find(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return listed(__name__, _HOMES)
