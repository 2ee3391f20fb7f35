"""An open file, pipe or decoder, whatever its format, as a function that reads its samples."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from .._typing import Real

#: read the next samples into an interleaved array (n channels,) and return their number
ReadSamples = Callable[[Real], int]

LOGGER = logging.getLogger("fastspec")
"""Says how a file was read where that is not obvious; the commands print it, see `fastspec.__main__`."""


class SampleSource(NamedTuple):
    """An open file or pipe, whatever its format."""

    name: str
    read_samples: ReadSamples
    channels: int
    rate: int  #: Hz
    total: int | None  #: samples of a channel, if known
    is_integer: bool  #: integer samples cannot be NaN
    is_estimate: bool = False  #: whether total is an estimate, so that the file may hold fewer or more


def read_exactly(file: BinaryIO) -> Callable[[int], bytes]:
    """A function that reads n bytes, where one read of a pipe may return fewer."""

    def read(count: int) -> bytes:
        data = bytearray()
        while len(data) < count and (block := file.read(count - len(data))):
            data += block
        return bytes(data)

    return read
