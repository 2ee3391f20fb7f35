"""The samples of WAV files and pipes after their header, and raw ones: as many as there are, whatever sizes declare.

Recorders that go beyond 4 GiB write the lower 32 bits of a size, programs that write to a pipe write 0xFFFFFFFF, and a
recording that was cut off keeps the 0 with which it began.  Chunks after the samples are not sound.
"""

from __future__ import annotations

import math
from typing import BinaryIO

from .._typing import Real
from ..warning import warn
from . import pcm, riff
from .sample_source import SampleSource, read_exactly

_WRAP_BYTES = 1 << 32
"""What sizes of 32 bits are missing where the samples go beyond them, once or several times."""


def open_wav(
    file: BinaryIO, name: str, header: riff.Header, file_size: int | None, *, is_raw: bool, is_stdin: bool = False
) -> SampleSource:
    """The samples that follow a header, or raw ones.

    Parameters
    ----------
    file : binary file
        At its first sample, unbuffered.
    name : str
        Of the file, in errors.
    header : riff.Header
        With a coding of `pcm`.
    file_size : int or None
        In bytes; None for a pipe.
    is_raw : bool
        Whether the header is not in the file.
    is_stdin : bool
        Whether the file is standard input, of which what is there is taken.

    Raises
    ------
    ValueError
        If a file is shorter than its header says.

    Warns
    -----
    UserWarning
        If the size that the header declares is not that of the samples that are read.
    """
    assert header.coding is not None
    size, total = math.inf, None
    if file_size is not None:
        available = file_size - header.offset
        size = available if is_raw else _file_bytes(file, name, header, available, is_stdin)
        total = int(size) // (header.channels * pcm.SAMPLE_BYTES[header.coding])
    elif not is_raw and header.size not in riff.UNKNOWN_SIZES_BYTES:
        size = header.size
    reader = _WavReader(file, name, header, size, is_pipe=file_size is None)
    return SampleSource(
        name=name, read_samples=reader.read_samples, channels=header.channels, rate=header.rate, total=total,
        is_integer=header.coding[0] != "f",
    )  # fmt: skip


def _file_bytes(file: BinaryIO, name: str, header: riff.Header, available: int, is_stdin: bool) -> int:
    """Bytes of samples in a file, of which `available` follow the header."""
    declared, declares = header.size, f"{name}: its header declares"
    is_longer = declared < available and not riff.holds_riff(file, header.offset + declared, header.offset + available)
    if declared <= available and not is_longer:
        return declared
    if declared in riff.UNKNOWN_SIZES_BYTES:
        warn(
            f"{declares} no length, but {declared:#x} bytes, as of a pipe or a recording that was cut off: "
            f"the {available} bytes that follow are read"
        )
        return available
    if is_longer:
        size = declared + (available - declared) // _WRAP_BYTES * _WRAP_BYTES
        if size > declared:
            warn(f"{declares} {declared} bytes of samples, the lower 32 bits of a longer size: {size} are read")
        return size
    if not is_stdin:
        raise ValueError(
            f"{name}: truncated: its header declares {declared} bytes of samples, the file holds {available}; "
            "standard input (-) takes what is there"
        )
    warn(f"{name}: truncated: its header declares {declared} bytes of samples, {available} are read")
    return available


class _WavReader:
    """Reads at most `size` bytes; a pipe also beyond them, if what follows is no chunk."""

    def __init__(self, file: BinaryIO, name: str, header: riff.Header, size: float, *, is_pipe: bool) -> None:
        assert header.coding is not None
        self._file, self._name, self._coding, self._size, self._is_pipe = file, name, header.coding, size, is_pipe
        self._channels = header.channels
        self._frame_bytes = header.channels * pcm.SAMPLE_BYTES[header.coding]
        self._remaining, self._ahead, self._memory = size, b"", bytearray()

    def read_samples(self, out: Real) -> int:
        """Read the next samples of all channels; 0 at the end."""
        wanted = len(out) // self._channels * self._frame_bytes
        if len(self._memory) < wanted:
            self._memory = bytearray(wanted)
        view, filled = memoryview(self._memory)[:wanted], 0
        while filled < wanted and (n := self._read_into(view[filled:])):
            filled += n
        return len(pcm.decode(view[: filled // self._frame_bytes * self._frame_bytes], self._coding, out))

    def _read_into(self, view: memoryview) -> int:
        """Read some bytes; 0 at the end."""
        if self._remaining == 0 and self._is_pipe:
            self._look_ahead()
        if self._ahead:
            n = min(len(view), len(self._ahead))
            view[:n], self._ahead = self._ahead[:n], self._ahead[n:]
            return n
        n = self._file.readinto(view[: int(min(len(view), self._remaining))])  # type: ignore[attr-defined]
        if n == 0 < self._remaining < math.inf and self._is_pipe:
            warn(
                f"{self._name}: truncated: its header declares {self._size} bytes of samples, "
                f"{int(self._size - self._remaining)} were read"
            )
            self._remaining, self._is_pipe = 0, False
        self._remaining -= n
        return n

    def _look_ahead(self) -> None:
        """After as many bytes as declared: the pipe is at its end, or chunks follow, or samples beyond 32 bits."""
        self._is_pipe = False
        padding = int(self._size) % 2
        follows = read_exactly(self._file)(padding + riff.HEAD_BYTES)
        if len(follows) == padding + riff.HEAD_BYTES and not riff.is_riff_head(follows[padding:]):
            warn(
                f"{self._name}: its header declares {self._size} bytes of samples, and more that are no chunk follow, "
                "as where a size is longer than 32 bits: they are read"
            )
            self._ahead, self._remaining = follows, math.inf
