"""WAV headers: what they say, read from a file or a pipe and believed by nobody; and written, up to RF64.

RIFF/WAVE: Microsoft & IBM, Multimedia Programming Interface 1.0 (1991); RF64 and `ds64`: EBU Tech 3306 (2009).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
LIMIT = 0xFFFFFFFF
"""What a size of 32 bits says where the size is another, or not known."""
UNKNOWN = (0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, LIMIT)
"""What programs write as the size when they write to a pipe and cannot go back to it."""
RESERVED = 28  # bytes of a `ds64` chunk, kept free by a `JUNK` chunk in files that may grow beyond 4 GB
_PIECE = 1 << 16

CODINGS = {(PCM, 8): "u1", (PCM, 16): "i2", (PCM, 24): "i3", (PCM, 32): "i4", (FLOAT, 32): "f4", (FLOAT, 64): "f8"}
"""(format, bits) -> what `pcm` calls the samples."""

Read = Callable[[int], bytes]


class Header(NamedTuple):
    """What stands before the samples."""

    coding: str | None  #: of `CODINGS`; None for one that is not plain PCM
    rate: int
    channels: int
    size: int  #: bytes of samples that are promised
    offset: int  #: bytes before them


def header(read: Read, name: str) -> Header | None:
    """The header of a WAV file, from its first byte on to the first sample; None if it is none.

    Parameters
    ----------
    read : callable
        read(n): the next n bytes, fewer only at the end.
    name : str
        What errors call the file.

    Raises
    ------
    ValueError
        If it has no samples or does not say of which kind.
    """
    head = read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    at, known, long_size = 12, None, None
    while len(chunk := read(8)) == 8:
        kind, size = struct.unpack("<4sI", chunk)
        at += 8
        if kind == b"data":
            if known is None:
                raise ValueError(f"{name}: a WAV file that does not say what its samples are")
            return Header(*known, long_size if size == LIMIT and long_size is not None else size, at)
        body = read(min(size, 64))
        if kind == b"fmt " and len(body) >= 16:
            known = _format(body)
        if kind == b"ds64" and len(body) >= 16:
            long_size = struct.unpack("<8xQ", body[:16])[0]
        _skip(read, size + size % 2 - len(body))
        at += size + size % 2
    raise ValueError(f"{name}: a WAV file without a data chunk")


def _format(body: bytes) -> tuple[str | None, int, int]:
    """(coding, rate, channels) of a `fmt ` chunk."""
    tag, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", body[:16])
    if tag == EXTENSIBLE and len(body) >= 26:
        tag = struct.unpack("<H", body[24:26])[0]
    coding = CODINGS.get((tag, bits))
    usual = channels > 0 and rate > 0 and frame * 8 == channels * bits
    return (coding if usual else None), rate, channels


def _skip(read: Read, count: int) -> None:
    while count > 0 and (got := len(read(min(count, _PIECE)))):
        count -= got


def written(coding: str, rate: int, channels: int, size: int | None) -> bytes:
    """A header for `size` bytes of samples, RF64 where 32 bits are too few; always of the same length.

    With None the size is said to be unknown, as one writes to a pipe.
    """
    tag, bits = next(key for key, name in CODINGS.items() if name == coding)
    frame = channels * bits // 8
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * frame, frame, bits)
    fact = struct.pack("<4sII", b"fact", 4, min((size or 0) // frame, LIMIT)) if tag == FLOAT else b""
    rest = 4 + 8 + RESERVED + len(kind) + len(fact) + 8
    if size is None or rest + size + size % 2 <= LIMIT:
        whole, data = (LIMIT, LIMIT) if size is None else (rest + size + size % 2, size)
        first, space = b"RIFF", struct.pack("<4sI28x", b"JUNK", RESERVED)
    else:
        whole = data = LIMIT
        sizes = rest + size + size % 2, size, size // frame
        first, space = b"RF64", struct.pack("<4sIQQQI", b"ds64", RESERVED, *sizes, 0)
    return struct.pack("<4sI4s", first, whole, b"WAVE") + space + kind + fact + struct.pack("<4sI", b"data", data)
