"""librosa.util: frames, lengths, checks and dtypes."""

from typing import Any

from .._names import find, listed

_HOMES = {
    **dict.fromkeys(
        (
            "dtype_c2r",
            "dtype_r2c",
            "expand_to",
            "fix_length",
            "frame",
            "is_positive_int",
            "normalize",
            "pad_center",
            "tiny",
            "valid_audio",
            "valid_int",
        ),
        "fastspec.librosa.util.utils",
    ),
    **{name: f"fastspec.librosa.util.{name}" for name in ("exceptions", "utils")},
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    return find(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return listed(__name__, _HOMES)
