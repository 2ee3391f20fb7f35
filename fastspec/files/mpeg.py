"""MPEG audio (MP3) without its length: decoded to its end, whatever libsndfile estimates.

A stream of MPEG frames has no header of its own.  Encoders put the number of frames into the first one ("Xing" or
"Info": Xing Inc.; "VBRI": Fraunhofer IIS), but recordings of streams and old encoders lack it.  The length is then
estimated from the size of the file and the bit rate of the first frame, and libsndfile stops at it, or is at the end
before.  It decodes a pipe, which has no size, to its end.
"""

from __future__ import annotations

import os
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_TAG_HEADER_BYTES = 10
_FIRST_FRAME_BYTES = 4096
"""More than the first frame, with some bytes before it, has."""
_HAS_FRAME_COUNT = 1
"""Bit of the flags after "Xing" or "Info"."""
_COPY_BYTES = 1 << 16


def first_frame(file: BinaryIO) -> int:
    """The byte after the ID3v2 tags at the start of a file (ID3 tag version 2.4.0, 2000, section 3.1)."""
    position = 0
    while True:
        file.seek(position)
        head = file.read(_TAG_HEADER_BYTES)
        if len(head) < _TAG_HEADER_BYTES or head[:3] != b"ID3":
            return position
        size = sum(byte << 7 * k for k, byte in enumerate(reversed(head[6:])))
        position += _TAG_HEADER_BYTES + size


def declares_length(file: BinaryIO) -> bool:
    """Whether the first frame of a file says how many there are."""
    file.seek(first_frame(file))
    data = file.read(_FIRST_FRAME_BYTES)
    for name in (b"Xing", b"Info"):
        at = data.find(name)
        if at >= 0 and len(data) >= at + 8:
            return bool(struct.unpack(">I", data[at + 4 : at + 8])[0] & _HAS_FRAME_COUNT)
    return b"VBRI" in data


class FramePipe:
    """The frames of a file through a pipe; `read_end` is its descriptor, `error` that of reading the file, if any."""

    def __init__(self, file: BinaryIO) -> None:
        self.read_end, self._write_end = os.pipe()
        self.error: OSError | None = None
        self._file, self._thread = file, threading.Thread(target=self._send, name="fastspec sender", daemon=True)

    def _send(self) -> None:
        with open(self._write_end, "wb", buffering=0) as pipe, suppress(BrokenPipeError):
            try:
                self._file.seek(first_frame(self._file))
                shutil.copyfileobj(self._file, pipe, _COPY_BYTES)
            except BrokenPipeError:
                raise
            except OSError as error:
                self.error = error

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Close the pipe, whether all frames have been read or not."""
        os.close(self.read_end)
        self._thread.join()


@contextmanager
def open_pipe(file: BinaryIO) -> Iterator[FramePipe]:
    """The frames of an open file through a pipe."""
    pipe = FramePipe(file)
    pipe.start()
    try:
        yield pipe
    finally:
        pipe.close()
