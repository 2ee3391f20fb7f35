"""The precision in which float32 is transformed: single, or double with results rounded to float32."""

from typing import Literal

Precision = Literal["single", "double"]
PRECISIONS = ("single", "double")


class _Setting:
    """The precision of this process, and one that replaces it while a library is patched with a precision."""

    own: Precision = "single"
    patched: Precision | None = None


def set_precision(precision: Precision) -> Precision:
    """Set the precision in which `stft`, `istft`, `griffinlim` and `melspectrogram` transform float32.

    Parameters
    ----------
    precision : "single" or "double"
        "single" (the default) computes float32 in float32: errors of some 1e-7 of the largest bin of a frame.
        "double" computes it in float64 and rounds the result to float32, as librosa does: bins that are much quieter
        than the loudest of their frame keep their digits, in two to four times the time, and with the memory of a
        spectrum in float64 beside the result.

    Returns
    -------
    previous : "single" or "double"
        The setting before.

    Raises
    ------
    ValueError
        For any other precision.

    Notes
    -----
    It applies to all threads of the process; other dtypes are computed in float64 anyway.
    ``fastspec.patch("librosa", precision=...)`` replaces it as long as that patch lasts.
    """
    previous, _Setting.own = _Setting.own, check_precision(precision)
    return previous


def check_precision(precision: str) -> Precision:
    """The precision, if it is one.

    Raises
    ------
    ValueError
        If it is not.
    """
    if precision == "single":
        return "single"
    if precision == "double":
        return "double"
    raise ValueError(f"precision must be 'single' or 'double', got {precision!r}")


def replace_precision(precision: Precision | None) -> None:
    """Let `precision` hold in place of the one that is set; None ends that."""
    _Setting.patched = precision


def is_double() -> bool:
    """Whether float32 is transformed in float64."""
    return (_Setting.patched or _Setting.own) == "double"
