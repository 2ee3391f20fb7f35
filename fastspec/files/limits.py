"""What a header, metadata or an option may ask for: absurd sizes are refused before anything is allocated for them."""

from __future__ import annotations

from .. import checks
from ..transform.framing import LARGEST_N_FFT

MAX_RATE_HZ = 10**7
"""Sample rates above it are those of no sound."""
MAX_N_FFT = LARGEST_N_FFT
MAX_HOP_LENGTH = 1 << 24
MAX_N_MELS = 1 << 16
MAX_ROWS = MAX_N_FFT // 2 + 1
DEFLATE_RATIO = 1032
"""Bytes that one byte of deflate, the compression of .npz and PNG, becomes at most: RFC 1951."""
SMALL_BYTES = 1 << 28
"""Sizes up to it are harmless, whatever holds them."""


def as_rate(name: str, value: object) -> int:
    """A sample rate in Hz, from 1 to `MAX_RATE_HZ`."""
    return _as_int(name, value, 1, MAX_RATE_HZ)


def as_n_fft(name: str, value: object) -> int:
    """A size of transforms, from 2 to `MAX_N_FFT`."""
    return _as_int(name, value, 2, MAX_N_FFT)


def as_hop_length(name: str, value: object) -> int:
    """A hop, from 1 to `MAX_HOP_LENGTH`."""
    return _as_int(name, value, 1, MAX_HOP_LENGTH)


def _as_int(name: str, value: object, least: int, most: int) -> int:
    number = checks.as_int(name, value, least)
    if number > most:
        raise ValueError(f"{name} must be at most {most}, got {value!r}")
    return number


def check_rate(name: str, rate: int) -> None:
    """ValueError if the header of the file `name` declares an absurd rate."""
    if not 0 < rate <= MAX_RATE_HZ:
        raise ValueError(f"{name}: its header declares a sample rate of {rate} Hz, but it must be 1 to {MAX_RATE_HZ}")


def check_compressed(name: str, kind: str, declared: int, stored: int, least: int = SMALL_BYTES) -> None:
    """ValueError if `declared` bytes of something, more than `least`, cannot be in `stored` compressed ones."""
    if declared > least and declared > DEFLATE_RATIO * stored:
        raise ValueError(f"{name}: its header declares {declared} bytes of {kind}, more than {stored} bytes can hold")
