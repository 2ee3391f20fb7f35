"""Sound read block by block: files of any format, standard input, raw samples; mixed and resampled on the way.

    bytes --decoded--> (n, channels) --mixed--> (n,) --resampled--> (n,)

Nothing is allocated because a header says so.  Plain WAV is read here, everything else by soundfile; another rate needs
soxr, both from ``pip install "fastspec[audio]"``.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import checks, extras
from . import pcm, riff
from .pipeline import Ring

Real = NDArray[np.floating[Any]]
PathLike = str | os.PathLike[str]
#: reads the next samples into an array (n channels,) and says how many numbers there were
_Fill = Callable[[Real], int]

BLOCK = 1 << 20  # numbers a block
RESAMPLED = 1 << 16  # samples that soxr takes at a time, always, so that the size of blocks does not matter
STDIN = "-"


class Raw(NamedTuple):
    """Samples without a header, the channels of a moment beside each other, little-endian."""

    rate: int  #: Hz
    channels: int = 1
    dtype: str = "int16"  #: or "int32", "float32"


class Sound:
    """An open sound; made by `open_sound`.

    Attributes
    ----------
    name : str
    rate : int
        Samples a second of the blocks.
    file_rate : int
        Of the file.
    channels : int or None
        Of the blocks; None if they are mixed.
    total : int or None
        Samples of a channel that are in the file, at its rate; None where only the end will tell.
    samples : int
        Samples of a channel that have been given out.
    read : int
        Samples of a channel that have been read, at the rate of the file.
    """

    def __init__(
        self,
        name: str,
        fill: _Fill,
        channels: int,
        rates: tuple[int, int],
        total: int | None,
        mono: bool,
        dtype: np.dtype[Any],
        finite: bool,
    ) -> None:
        self.name, (self.file_rate, self.rate), self.total = name, rates, total
        self.channels = None if mono else channels
        self.samples = self.read = 0
        self._fill, self._held, self._dtype, self._finite = fill, channels, dtype, finite
        if self.rate != self.file_rate:
            extras.load("soxr", "audio", "another sample rate")

    def blocks(self, size: int | None = None, *, most: int | None = None) -> Iterator[Real]:
        """The samples, (n,) if mixed and else (channels, n), in blocks of `size` samples, the last one shorter.

        No more than the first `most` samples of the file are read.

        A block is overwritten when `flow.HELD` more have been asked for.

        Raises
        ------
        ValueError
            If there is none, fewer than the header promises, or one that is not finite.
        """
        count = max(1, BLOCK // self._held) if size is None else checks.as_int("size", size, 1)
        blocks = self._mixed(count, most)
        for block in blocks if self.rate == self.file_rate else self._resampled(blocks):
            self.samples += block.shape[-1]
            yield block
        if not self.read:
            raise ValueError(f"{self.name}: holds no samples")

    def _mixed(self, count: int, most: int | None) -> Iterator[Real]:
        """Blocks at the rate of the file, as they are wanted."""
        ring, held = Ring(self._dtype), self._held
        mixed = Ring(self._dtype) if held > 1 else ring
        while most is None or self.read < most:
            count = count if most is None else min(count, most - self.read)
            numbers = ring.take(count * held)
            got = self._fill(numbers) // held
            if got == 0:
                break
            y = numbers[: got * held].reshape(got, held)
            self._check(y)
            self.read += got
            if held == 1:
                yield numbers[:got] if self.channels is None else numbers[:got].reshape(1, got)
            elif self.channels is None:
                yield mean(y, mixed.take(got))
            else:
                channels = mixed.take(got * held).reshape(held, got)
                channels[...] = y.T
                yield channels
        if self.total is not None and self.read < min(self.total, most or self.total):
            raise ValueError(f"{self.name}: its header promises {self.total} samples, the file holds {self.read}")

    def _check(self, y: Real) -> None:
        if self._finite or np.isfinite(y.min() + y.max()):
            return
        bad = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if bad.size:
            value = y[bad[0]][~np.isfinite(y[bad[0]])][0]
            raise ValueError(f"{self.name}: sample {self.read + bad[0]} is {value}; samples must be finite")

    def _resampled(self, blocks: Iterator[Real]) -> Iterator[Real]:
        """Through soxr, (n, channels) in pieces of one size."""
        soxr = extras.load("soxr", "audio", "another sample rate")
        width = self.channels or 1
        stream = soxr.ResampleStream(self.file_rate, self.rate, width, dtype=self._dtype.name)
        piece, filled = np.empty((RESAMPLED, width), self._dtype), 0
        for block in blocks:
            y, at = block.reshape(width, -1).T, 0
            while at < len(y):
                step = min(RESAMPLED - filled, len(y) - at)
                piece[filled : filled + step] = y[at : at + step]
                filled, at = filled + step, at + step
                if filled == RESAMPLED:
                    yield self._shaped(stream.resample_chunk(piece))
                    filled = 0
        yield self._shaped(stream.resample_chunk(piece[:filled], last=True))

    def _shaped(self, y: NDArray[Any]) -> Real:
        return y.reshape(-1) if self.channels is None else np.ascontiguousarray(y.T)


def mean(y: Real, out: Real) -> Real:
    """The mean of the columns of y (n, channels), with the bits of y.mean(axis=1)."""
    if y.shape[1] >= 8:  # which NumPy adds up in another order
        return y.mean(axis=1, out=out)
    np.add(y[:, 0], y[:, 1], out=out)
    for column in y.T[2:]:
        np.add(out, column, out=out)
    return np.divide(out, y.dtype.type(y.shape[1]), out=out)


@contextmanager
def open_sound(
    path: PathLike,
    *,
    sr: int | None = None,
    mono: bool = True,
    raw: Raw | None = None,
    dtype: DTypeLike = "float32",
) -> Iterator[Sound]:
    """Open a sound of any length to read it in blocks.

    Parameters
    ----------
    path : path
        A sound file (plain WAV and RF64 always; FLAC, OGG, MP3, AIFF, W64, ... where soundfile is installed), a named
        pipe, or "-" for standard input; these carry WAV or raw samples.
    sr : int
        Resample to this rate in Hz (needs soxr unless the file has it already).
    mono : bool
        Whether channels are mixed to their mean.
    raw : Raw
        What the samples are, where no header says so.
    dtype : float32 or float64
        Of the samples, full scale ±1.

    Yields
    ------
    sound : Sound

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no sound, or its header promises more than it holds (a pipe may).
    ImportError
        If its format, or the other rate, needs a package that is not installed.
    """
    rate = None if sr is None else checks.as_int("sr", sr, 1)
    kind = checks.as_real_dtype("dtype", dtype)
    with _opened(path) as file:
        name = "standard input" if file.fileno() == 0 else str(path)
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        head = _raw_header(raw) if raw is not None else riff.header(_exactly(file), name)
        if head is not None and head.coding is not None:
            fill, total = _plain(file, name, head, size, promised=raw is None)
            rates = head.rate, rate or head.rate
            yield Sound(name, fill, head.channels, rates, total, mono, kind, head.coding[0] != "f")
        elif size is None:
            raise ValueError(f"{name}: a pipe must carry plain WAV, or raw samples that are described")
        elif size == 0:
            raise ValueError(f"{name}: the file is empty")
        else:
            with _by_library(Path(path), rate, mono, kind) as sound:
                yield sound


@contextmanager
def _opened(path: PathLike) -> Iterator[BinaryIO]:
    """The file without a buffer: a thread may be waiting in a read of it when Python ends."""
    if os.fspath(path) == STDIN:
        with open(0 if sys.stdin is None else sys.stdin.fileno(), "rb", buffering=0, closefd=False) as file:
            yield file
    else:
        with open(path, "rb", buffering=0) as file:
            yield file


def _raw_header(raw: Raw) -> riff.Header:
    if raw.dtype not in pcm.BY_DTYPE:
        raise ValueError(f"dtype must be one of {', '.join(pcm.BY_DTYPE)}, got {raw.dtype!r}")
    rate, channels = checks.as_int("rate", raw.rate, 1), checks.as_int("channels", raw.channels, 1)
    return riff.Header(pcm.BY_DTYPE[raw.dtype], rate, channels, 0, 0)


def _exactly(file: BinaryIO) -> Callable[[int], bytes]:
    """A pipe gives what it has; this waits for all."""

    def read(count: int) -> bytes:
        parts = []
        while count and (part := file.read(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    return read


def _plain(
    file: BinaryIO, name: str, head: riff.Header, size: int | None, *, promised: bool
) -> tuple[_Fill, int | None]:
    """(what reads the samples of a file of `size` bytes, or of a pipe; how many there are of a channel)."""
    assert head.coding is not None
    frame = head.channels * pcm.SIZES[head.coding]
    left: float = head.size if promised else float("inf")
    if size is not None:
        there = size - head.offset
        if left > there and promised:
            hint = "; a pipe may: try - instead of its name" if head.size in riff.UNKNOWN else ""
            raise ValueError(f"{name}: its header promises {head.size} bytes of sound, the file holds {there}{hint}")
        if left == 0 < there:
            raise ValueError(f"{name}: holds no samples: its header says 0 bytes, although {there} follow")
        left = min(left, there)
    elif head.size in riff.UNKNOWN:
        left = float("inf")
    total = None if size is None else int(left) // frame
    memory = bytearray()

    def fill(out: Real) -> int:
        nonlocal left, memory
        assert head.coding is not None
        want = int(min(len(out) // head.channels * frame, left // frame * frame))
        if len(memory) < want:
            memory = bytearray(want)
        view, got = memoryview(memory)[:want], 0
        while got < want and (n := file.readinto(view[got:])):  # type: ignore[attr-defined]
            got += n
        left -= got
        return len(pcm.decoded(view[: got // frame * frame], head.coding, out))

    return fill, total


@contextmanager
def _by_library(path: Path, rate: int | None, mono: bool, dtype: np.dtype[Any]) -> Iterator[Sound]:
    """By soundfile."""
    soundfile = extras.load("soundfile", "audio", f"reading {path.suffix or path.name}")

    def unreadable(error: Any) -> ValueError:
        return ValueError(f"{path}: not a sound file that can be read ({error.error_string})")

    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise unreadable(error) from None

    def fill(out: Real) -> int:
        shape = len(out) // file.channels, file.channels
        try:
            return int(file.read(shape[0], out=out[: shape[0] * shape[1]].reshape(shape)).size)
        except soundfile.LibsndfileError as error:
            raise unreadable(error) from None

    with file:
        total = None if file.frames >= 1 << 62 else file.frames  # what libsndfile says of endless streams
        rates = int(file.samplerate), rate or int(file.samplerate)
        finite = file.subtype not in ("FLOAT", "DOUBLE")
        yield Sound(str(path), fill, file.channels, rates, total, mono, dtype, finite)
