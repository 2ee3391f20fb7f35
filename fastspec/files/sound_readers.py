"""Sound read block by block from files of any format, standard input and raw samples; mixed down and resampled.

    bytes --decode--> (n, channels) --mix down--> (n,) --resample--> (n,)

Sizes in a header are checked before anything is allocated.  WAV with PCM or floating-point samples is read by
`wav_reader`, other formats by soundfile (`soundfile_reader`), all others by the program `ffmpeg` where it is installed;
another sample rate needs soxr.  soundfile and soxr come with ``pip install "fastspec[audio]"``.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import atomic, checks, extras
from .._typing import Array, Real
from . import ffmpeg, limits, pcm, riff
from .pipeline import BufferRing
from .sample_source import LOGGER, SampleSource, read_exactly
from .soundfile_reader import UnreadableError, open_soundfile
from .wav_reader import open_wav

PathLike = str | os.PathLike[str]

BLOCK_SAMPLES = 1 << 20
"""Samples of all channels together in a block, by default."""
MIXED_SAMPLES = 1 << 22
"""Samples of all channels together that become a block where they are mixed down, at most."""
RESAMPLER_BLOCK_SAMPLES = 1 << 16
"""Samples of a channel passed to soxr at once: constant, so that its output does not depend on the blocks read."""
STDIN = "-"
_NOTABLE_ERROR = 0.01
"""Of an estimated length: a few frames more or fewer are no news."""


class Raw(NamedTuple):
    """Samples without a header: interleaved channels, little-endian."""

    rate: int  #: Hz
    channels: int = 1
    dtype: str = "int16"  #: or "int32", "float32"


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
    file_channels : int
        Channels of the file.
    total : int or None
        Samples of a channel in the file, at its rate; None if unknown before its end.
    is_estimate : bool
        Whether `total` is an estimate: of an MP3 file without its length, until it has been read.
    samples : int
        Samples of a channel in all blocks so far, at `rate`.
    read : int
        Samples of a channel read from the file so far, at `file_rate`.
    """

    def __init__(self, source: SampleSource, rate: int, mono: bool, dtype: np.dtype[Any]) -> None:
        self.name, self.total, self.is_estimate = source.name, source.total, source.is_estimate
        self.rate, self.file_rate = rate, source.rate
        self.channels, self.file_channels = None if mono else source.channels, source.channels
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
            with atomic.name_errors(self.name):
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
        if self.is_estimate and (most is None or self.read < most):
            self._correct_estimate()
        if self.total is not None and self.read < min(self.total, most or self.total):
            raise ValueError(
                f"{self.name}: truncated: its header declares {self.total} samples, the file holds {self.read}"
            )

    def _correct_estimate(self) -> None:
        """At the end of a file: as many samples as have been read are its total."""
        assert self.total is not None
        if abs(self.read - self.total) > _NOTABLE_ERROR * self.total:
            LOGGER.info("%s: %d samples decoded, of %d estimated from its bit rate", self.name, self.read, self.total)
        self.total, self.is_estimate = self.read, False

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
        A sound file (uncompressed WAV and RF64 always; FLAC, OGG, MP3, AIFF, W64, ... where soundfile is installed;
        m4a, webm, ... where ffmpeg is), a named pipe, or "-" for standard input; pipes carry uncompressed WAV or raw
        samples.
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
        If it is not a sound, or its header declares more samples than the file holds (allowed for standard input and
        pipes).
    ImportError
        If its format, or the other rate, needs a package that is not installed.

    Warns
    -----
    UserWarning
        If the header of a WAV file declares no length, or one that is not that of the samples read, or if ffmpeg went
        on after an error.
    """
    rate = None if sr is None else limits.as_rate("sr", sr)
    real_dtype = checks.as_real_dtype("dtype", dtype)
    with _open_unbuffered(path) as file, ExitStack() as stack:
        is_stdin = os.fspath(path) == STDIN
        name = "standard input" if is_stdin else str(path)
        status = os.fstat(file.fileno())
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        with atomic.name_errors(name):
            header = _raw_header(raw) if raw is not None else riff.read_header(read_exactly(file), name)
        if header is not None and header.coding is not None:
            source = open_wav(file, name, header, size, is_raw=raw is not None, is_stdin=is_stdin)
        elif size is None:
            raise ValueError(
                f"{name}: a pipe must carry uncompressed WAV, as ffmpeg -i IN -f wav - writes it, or raw samples with "
                "their rate and type"
            )
        elif size == 0:
            raise ValueError(f"{name}: the file is empty")
        else:
            source = _open_decoder(stack, file, None if is_stdin else Path(path), name)
        limits.check_rate(name, source.rate)
        yield Sound(source, rate or source.rate, mono, real_dtype)


def _open_decoder(stack: ExitStack, file: BinaryIO, path: Path | None, name: str) -> SampleSource:
    """The samples of a file by soundfile, or else by ffmpeg; `stack` closes it, path is None for standard input."""
    program = ffmpeg.find()
    try:
        return stack.enter_context(open_soundfile(file, path, name))
    except UnreadableError as error:
        if program is None:
            raise ValueError(f"{error}: {ffmpeg.advice(path)}") from None
        reason = error.reason
    except ImportError as error:
        if program is None:
            raise
        reason = str(error)
    return stack.enter_context(ffmpeg.open_ffmpeg(program, file, path, name, reason))


@contextmanager
def _open_unbuffered(path: PathLike) -> Iterator[BinaryIO]:
    """The file without a buffer, whose lock a thread blocked in a read would hold when Python exits."""
    if os.fspath(path) == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard input")
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as file:
            yield file
    else:
        with open(path, "rb", buffering=0) as file:
            yield file


def _raw_header(raw: Raw) -> riff.Header:
    """The header that a WAV file of such samples would have, its size unknown."""
    if raw.dtype not in pcm.CODING_OF_DTYPE:
        raise ValueError(f"dtype must be one of {', '.join(pcm.CODING_OF_DTYPE)}, got {raw.dtype!r}")
    rate, channels = limits.as_rate("rate", raw.rate), checks.as_int("channels", raw.channels, 1)
    return riff.Header(coding=pcm.CODING_OF_DTYPE[raw.dtype], rate=rate, channels=channels, size=0, offset=0)
