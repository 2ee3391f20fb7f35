"""Sound read block by block from files of any format, standard input and raw samples; mixed down and resampled.

    bytes --decode--> (n, channels) --mix down--> (n,) --resample--> (n,)

Sizes in a header are checked before anything is allocated.  WAV with PCM or floating-point samples is read here, other
formats by soundfile; another sample rate needs soxr, both from ``pip install "fastspec[audio]"``.
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
from numpy.typing import DTypeLike

from .. import checks, extras
from .._typing import Array, Real
from . import pcm, riff
from .pipeline import BufferRing

PathLike = str | os.PathLike[str]
#: read the next samples into an interleaved array (n channels,) and return their number
ReadSamples = Callable[[Real], int]

BLOCK_SAMPLES = 1 << 20
"""Samples of all channels together in a block, by default."""
RESAMPLER_BLOCK_SAMPLES = 1 << 16
"""Samples of a channel passed to soxr at once: constant, so that its output does not depend on the blocks read."""
STDIN = "-"


class Raw(NamedTuple):
    """Samples without a header: interleaved channels, little-endian."""

    rate: int  #: Hz
    channels: int = 1
    dtype: str = "int16"  #: or "int32", "float32"


class SampleSource(NamedTuple):
    """An open file or pipe, whatever its format."""

    name: str
    read_samples: ReadSamples
    channels: int
    rate: int  #: Hz
    total: int | None  #: samples of a channel, if known
    is_integer: bool  #: integer samples cannot be NaN


class Sound:
    """An open sound; see `open_sound`.

    Attributes
    ----------
    name : str
    rate : int
        Sample rate of the blocks, in Hz.
    file_rate : int
        Sample rate of the file, in Hz.
    channels : int or None
        Channels of a block; None if they are mixed down.
    total : int or None
        Samples of a channel in the file, at its rate; None if unknown before its end.
    samples : int
        Samples of a channel in all blocks so far, at `rate`.
    read : int
        Samples of a channel read from the file so far, at `file_rate`.
    """

    def __init__(self, source: SampleSource, rate: int, mono: bool, dtype: np.dtype[Any]) -> None:
        self.name, self.total = source.name, source.total
        self.rate, self.file_rate = rate, source.rate
        self.channels = None if mono else source.channels
        self.samples = self.read = 0
        self._source, self._dtype = source, dtype
        if self.rate != self.file_rate:
            extras.load("soxr", "audio", "another sample rate")

    def blocks(self, size: int | None = None, *, most: int | None = None) -> Iterator[Real]:
        """The samples, (n,) if mixed down and else (channels, n), in blocks of `size` samples, the last one shorter.

        At most the first `most` samples of the file are read.

        A block is overwritten after `pipeline.LIVE_BLOCKS` more.

        Raises
        ------
        ValueError
            If there are no samples, fewer than the header declares, or one that is not finite.
        """
        block_size = max(1, BLOCK_SAMPLES // self._source.channels) if size is None else checks.as_int("size", size, 1)
        blocks = self._read_blocks(block_size, most)
        for block in blocks if self.rate == self.file_rate else self._resample(blocks):
            self.samples += block.shape[-1]
            yield block
        if not self.read:
            raise ValueError(f"{self.name}: holds no samples")

    def _read_blocks(self, size: int, most: int | None) -> Iterator[Real]:
        """Blocks at the rate of the file, mixed down or with an axis of channels."""
        n_channels = self._source.channels
        buffers = BufferRing(self._dtype)
        planar_buffers = BufferRing(self._dtype) if n_channels > 1 else buffers
        while most is None or self.read < most:
            size = size if most is None else min(size, most - self.read)
            interleaved = buffers.next_buffer(size * n_channels)
            n = self._source.read_samples(interleaved) // n_channels
            if n == 0:
                break
            y = interleaved[: n * n_channels].reshape(n, n_channels)
            self._check_finite(y)
            self.read += n
            if n_channels == 1:
                yield interleaved[:n] if self.channels is None else interleaved[:n].reshape(1, n)
            elif self.channels is None:
                yield mix_down(y, planar_buffers.next_buffer(n))
            else:
                planar = planar_buffers.next_buffer(n * n_channels).reshape(n_channels, n)
                planar[...] = y.T
                yield planar
        if self.total is not None and self.read < min(self.total, most or self.total):
            raise ValueError(
                f"{self.name}: truncated: its header declares {self.total} samples, the file holds {self.read}"
            )

    def _check_finite(self, y: Real) -> None:
        """ValueError with the index of the first sample of y (n, channels) that is NaN or infinite."""
        if self._source.is_integer or np.isfinite(y.min() + y.max()):
            return
        rows = np.flatnonzero(~np.isfinite(y).all(axis=1))
        if rows.size:
            value = y[rows[0]][~np.isfinite(y[rows[0]])][0]
            raise ValueError(f"{self.name}: sample {self.read + rows[0]} is {value}; samples must be finite")

    def _resample(self, blocks: Iterator[Real]) -> Iterator[Real]:
        """Blocks at `rate`, from soxr in blocks of `RESAMPLER_BLOCK_SAMPLES`."""
        soxr = extras.load("soxr", "audio", "another sample rate")
        n_channels = self.channels or 1
        resampler = soxr.ResampleStream(self.file_rate, self.rate, n_channels, dtype=self._dtype.name)
        buffer, filled = np.empty((RESAMPLER_BLOCK_SAMPLES, n_channels), self._dtype), 0
        for block in blocks:
            y, start = block.reshape(n_channels, -1).T, 0
            while start < len(y):
                n = min(RESAMPLER_BLOCK_SAMPLES - filled, len(y) - start)
                buffer[filled : filled + n] = y[start : start + n]
                filled, start = filled + n, start + n
                if filled == RESAMPLER_BLOCK_SAMPLES:
                    yield self._to_block(resampler.resample_chunk(buffer))
                    filled = 0
        yield self._to_block(resampler.resample_chunk(buffer[:filled], last=True))

    def _to_block(self, y: Array) -> Real:
        """(n, channels) as (n,) or (channels, n)."""
        return y.reshape(-1) if self.channels is None else np.ascontiguousarray(y.T)


def mix_down(y: Real, out: Real) -> Real:
    """The mean over the channels of y (n, channels), with the bits of y.mean(axis=1)."""
    if y.shape[1] >= 8:  # NumPy sums 8 and more in another order
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
        A sound file (uncompressed WAV and RF64 always; FLAC, OGG, MP3, AIFF, W64, ... where soundfile is installed), a
        named pipe, or "-" for standard input; the last two carry uncompressed WAV or raw samples.
    sr : int
        Resample to this rate in Hz (needs soxr unless it is the rate of the file).
    mono : bool
        Whether channels are mixed down to their mean.
    raw : Raw
        Rate, channels and type of samples without a header.
    dtype : float32 or float64
        Type of the samples read; full scale is ±1.

    Yields
    ------
    sound : Sound

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is not a sound, or its header declares more samples than the file holds (allowed for a pipe).
    ImportError
        If its format, or the other rate, needs a package that is not installed.
    """
    rate = None if sr is None else checks.as_int("sr", sr, 1)
    real_dtype = checks.as_real_dtype("dtype", dtype)
    with _open_unbuffered(path) as file:
        name = "standard input" if file.fileno() == 0 else str(path)
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        header = _raw_header(raw) if raw is not None else riff.read_header(_read_exactly(file), name)
        if header is not None and header.coding is not None:
            source = _wav_source(file, name, header, size, is_raw=raw is not None)
            yield Sound(source, rate or source.rate, mono, real_dtype)
        elif size is None:
            raise ValueError(f"{name}: a pipe must carry uncompressed WAV, or raw samples with their rate and type")
        elif size == 0:
            raise ValueError(f"{name}: the file is empty")
        else:
            with _open_soundfile(Path(path)) as source:
                yield Sound(source, rate or source.rate, mono, real_dtype)


@contextmanager
def _open_unbuffered(path: PathLike) -> Iterator[BinaryIO]:
    """The file without a buffer, whose lock a thread blocked in a read would hold when Python exits."""
    if os.fspath(path) == STDIN:
        with open(0 if sys.stdin is None else sys.stdin.fileno(), "rb", buffering=0, closefd=False) as file:
            yield file
    else:
        with open(path, "rb", buffering=0) as file:
            yield file


def _raw_header(raw: Raw) -> riff.Header:
    """The header that a WAV file of such samples would have, its size unknown."""
    if raw.dtype not in pcm.CODING_OF_DTYPE:
        raise ValueError(f"dtype must be one of {', '.join(pcm.CODING_OF_DTYPE)}, got {raw.dtype!r}")
    rate, channels = checks.as_int("rate", raw.rate, 1), checks.as_int("channels", raw.channels, 1)
    return riff.Header(coding=pcm.CODING_OF_DTYPE[raw.dtype], rate=rate, channels=channels, size=0, offset=0)


def _read_exactly(file: BinaryIO) -> riff.Read:
    """A function that reads n bytes, where one read of a pipe may return fewer."""

    def read(count: int) -> bytes:
        data = bytearray()
        while len(data) < count and (block := file.read(count - len(data))):
            data += block
        return bytes(data)

    return read


def _wav_source(file: BinaryIO, name: str, header: riff.Header, file_size: int | None, *, is_raw: bool) -> SampleSource:
    """The samples after a WAV header, or raw ones; file_size in bytes is None for a pipe."""
    assert header.coding is not None
    coding, frame_bytes = header.coding, header.channels * pcm.SAMPLE_BYTES[header.coding]
    remaining: float = _sample_bytes(name, header, file_size, is_raw=is_raw)
    total = None if file_size is None else int(remaining) // frame_bytes
    memory = bytearray()

    def read_samples(out: Real) -> int:
        nonlocal remaining, memory
        wanted = int(min(len(out) // header.channels * frame_bytes, remaining // frame_bytes * frame_bytes))
        if len(memory) < wanted:
            memory = bytearray(wanted)
        view, filled = memoryview(memory)[:wanted], 0
        while filled < wanted and (n := file.readinto(view[filled:])):  # type: ignore[attr-defined]
            filled += n
        remaining -= filled
        return len(pcm.decode(view[: filled // frame_bytes * frame_bytes], coding, out))

    return SampleSource(
        name=name, read_samples=read_samples, channels=header.channels, rate=header.rate, total=total,
        is_integer=coding[0] != "f",
    )  # fmt: skip


def _sample_bytes(name: str, header: riff.Header, file_size: int | None, *, is_raw: bool) -> float:
    """Bytes of samples to read, inf up to the end of a pipe; ValueError if a file is shorter than its header says."""
    if file_size is None:
        return float("inf") if is_raw or header.size in riff.UNKNOWN_SIZES_BYTES else header.size
    available = file_size - header.offset
    if is_raw:
        return available
    if header.size > available:
        is_stream = header.size in riff.UNKNOWN_SIZES_BYTES
        hint = "; if it is a recorded stream, read it from standard input (-)" if is_stream else ""
        raise ValueError(
            f"{name}: truncated: its header declares {header.size} bytes of samples, the file holds {available}{hint}"
        )
    if header.size == 0 < available:
        raise ValueError(f"{name}: holds no samples: its header declares 0 bytes, although {available} follow")
    return header.size


@contextmanager
def _open_soundfile(path: Path) -> Iterator[SampleSource]:
    """A file in any format of soundfile's."""
    soundfile = extras.load("soundfile", "audio", f"reading {path.suffix or path.name}")

    def unreadable(error: Any) -> ValueError:
        return ValueError(f"{path}: not a readable sound file ({error.error_string})")

    try:
        file = soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise unreadable(error) from None

    def read_samples(out: Real) -> int:
        n = len(out) // file.channels
        try:
            return int(file.read(n, out=out[: n * file.channels].reshape(n, file.channels)).size)
        except soundfile.LibsndfileError as error:
            raise unreadable(error) from None

    with file:
        yield SampleSource(
            name=str(path), read_samples=read_samples, channels=file.channels, rate=int(file.samplerate),
            total=None if file.frames >= 1 << 62 else file.frames,  # libsndfile's value for streams of unknown length
            is_integer=file.subtype not in ("FLOAT", "DOUBLE"),
        )  # fmt: skip
