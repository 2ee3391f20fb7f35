"""librosa.util: framing, padding, checks and dtypes."""

from typing import Any

from .._names import list_names, resolve

_SOURCES = {
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
__all__ = list(_SOURCES)


def __getattr__(name: str) -> Any:
    return resolve(__name__, name, _SOURCES)


def __dir__() -> list[str]:
    return list_names(__name__, _SOURCES)
