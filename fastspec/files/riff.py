"""WAV headers up to RF64: read from a file or a pipe without trusting their sizes, and written.

RIFF/WAVE: Microsoft & IBM, Multimedia Programming Interface 1.0 (1991); RF64 and `ds64`: EBU Tech 3306 (2009).
"""

from __future__ import annotations

import string
import struct
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
MAX_SIZE_BYTES = 0xFFFFFFFF
"""The largest size in 32 bits; also stands for a size that is in the `ds64` chunk, or unknown."""
UNKNOWN_SIZES_BYTES = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, MAX_SIZE_BYTES, (1 << 64) - 1)
"""Sizes that programs write to a pipe, or at first, where they cannot go back to fill in the real one, or have not."""
HEAD_BYTES = 8
_MAX_HEADS = 1000  # after the samples; a file with more has other bytes there
_MAX_TRAILER_BYTES = 1 << 28
DS64_BYTES = 28
"""Size of a `ds64` chunk, reserved by a `JUNK` chunk in files that may grow beyond 4 GB."""
_SKIP_BYTES = 1 << 16
_IDENTIFIER_CHARACTERS = frozenset((string.ascii_letters + string.digits + " _-.").encode())

CODINGS = {(PCM, 8): "u1", (PCM, 16): "i2", (PCM, 24): "i3", (PCM, 32): "i4", (FLOAT, 32): "f4", (FLOAT, 64): "f8"}
"""(format tag, bits of a sample) -> coding of `pcm`."""

Read = Callable[[int], bytes]


class Header(NamedTuple):
    """A WAV file before its samples."""

    coding: str | None  #: of `CODINGS`; None for a compressed format
    rate: int  #: Hz
    channels: int
    size: int  #: bytes of samples, as declared
    offset: int  #: bytes before the first sample


def read_header(read: Read, name: str) -> Header | None:
    """Read a WAV file from its first byte to its first sample; None if it is not WAV.

    Parameters
    ----------
    read : callable
        read(n): the next n bytes, fewer only at the end.
    name : str
        Name of the file in errors.

    Raises
    ------
    ValueError
        If the `fmt ` or the `data` chunk is absent.
    """
    head = read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    offset, sample_format, long_size = 12, None, None
    while len(chunk := read(8)) == 8:
        identifier, size = struct.unpack("<4sI", chunk)
        offset += 8
        if identifier == b"data":
            if sample_format is None:
                raise ValueError(f"{name}: a WAV file without a fmt chunk before its data chunk")
            return Header(
                *sample_format, long_size if size == MAX_SIZE_BYTES and long_size is not None else size, offset
            )
        body = read(min(size, 64))
        if identifier == b"fmt " and len(body) >= 16:
            sample_format = _parse_format(body)
        if identifier == b"ds64" and len(body) >= 16:
            long_size = struct.unpack("<8xQ", body[:16])[0]
        _skip(read, size + size % 2 - len(body))
        offset += size + size % 2
    raise ValueError(f"{name}: a WAV file without a data chunk")


def is_riff_head(data: bytes) -> bool:
    """Whether 8 bytes are the header of a chunk after the samples: four letters or so, and a size below 256 MiB.

    True of random bytes with a probability of (66 / 256)**4 / 16, 1 of 3600.
    """
    identifier, size = struct.unpack("<4sI", data)
    return size < _MAX_TRAILER_BYTES and all(c in _IDENTIFIER_CHARACTERS for c in identifier)


def holds_riff(file: BinaryIO, start: int, end: int) -> bool:
    """Whether the bytes from `start` to the `end` of a file are chunks, or the padding of the one before.

    The file is where it was afterwards.
    """
    position, before = start, file.tell()
    try:
        for _ in range(_MAX_HEADS):
            position += position % 2  # the chunks of a RIFF file begin at even bytes
            if position >= end:
                return position <= end + 1
            file.seek(position)
            head = file.read(HEAD_BYTES)
            if len(head) < HEAD_BYTES or not is_riff_head(head):
                return False
            position += HEAD_BYTES + struct.unpack("<4xI", head)[0]
        return False
    finally:
        file.seek(before)


def _parse_format(body: bytes) -> tuple[str | None, int, int]:
    """(coding, rate, channels) of a `fmt ` chunk."""
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    coding = CODINGS.get((tag, bits))
    is_packed = channels > 0 and rate > 0 and frame_bytes * 8 == channels * bits
    return (coding if is_packed else None), rate, channels


def _skip(read: Read, count: int) -> None:
    while count > 0 and (n := len(read(min(count, _SKIP_BYTES)))):
        count -= n


def pack_header(coding: str, rate: int, channels: int, size: int | None) -> bytes:
    """The header of a file with `size` bytes of samples, RF64 where 32 bits are too few; always of the same length.

    With size=None all sizes are `MAX_SIZE_BYTES`, the convention for a pipe.
    """
    tag, bits = next(key for key, name in CODINGS.items() if name == coding)
    frame_bytes = channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * frame_bytes, frame_bytes, bits)
    frames = (size or 0) // frame_bytes
    fact = struct.pack("<4sII", b"fact", 4, min(frames, MAX_SIZE_BYTES)) if tag == FLOAT else b""
    riff_bytes = 4 + 8 + DS64_BYTES + len(fmt) + len(fact) + 8 + (size or 0) + (size or 0) % 2
    if size is None:
        identifier, riff_size, data_size = b"RIFF", MAX_SIZE_BYTES, MAX_SIZE_BYTES
    elif riff_bytes <= MAX_SIZE_BYTES:
        identifier, riff_size, data_size = b"RIFF", riff_bytes, size
    else:
        identifier, riff_size, data_size = b"RF64", MAX_SIZE_BYTES, MAX_SIZE_BYTES
    if identifier == b"RF64":
        ds64 = struct.pack("<4sIQQQI", b"ds64", DS64_BYTES, riff_bytes, size, frames, 0)
    else:
        ds64 = struct.pack("<4sI28x", b"JUNK", DS64_BYTES)
    riff = struct.pack("<4sI4s", identifier, riff_size, b"WAVE")
    return riff + ds64 + fmt + fact + struct.pack("<4sI", b"data", data_size)
