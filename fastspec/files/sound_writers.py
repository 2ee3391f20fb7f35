"""Sound written block by block: WAV of any length, other formats by soundfile, standard output; whole or not at all.

Whole numbers end at ±1, and how loud a sound is is known at its end: it is held in an unnamed file beside the target
until then, and only if it would clip is it made softer.  Floating samples are written as they come.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import atomic, extras
from . import pcm, riff
from .sound_readers import STDIN, PathLike

Real = NDArray[np.floating[Any]]

PEAK = 0.95
"""What the largest sample becomes in a sound that would clip."""
SUBTYPES = {"PCM_U8": "u1", "PCM_16": "i2", "PCM_24": "i3", "PCM_32": "i4", "FLOAT": "f4", "DOUBLE": "f8"}
"""What soundfile calls the kinds of samples in a WAV file."""
STDOUT = STDIN
_PIECE = 1 << 18  # samples that are read back at a time


class Writer(Protocol):
    """Takes samples (n,) or (channels, n)."""

    def write(self, block: Real) -> object: ...

    def finish(self) -> object: ...


class Plain:
    """Samples in a file or a pipe, behind a header whose sizes are told at the end, if there is a way back."""

    def __init__(self, file: BinaryIO, coding: str, rate: int, channels: int, *, header: bool, pipe: bool) -> None:
        self._file, self._coding, self._kind = file, coding, (rate, channels)
        self._size, self._back = 0, header and not pipe
        if header:
            file.write(riff.written(coding, rate, channels, None))

    def write(self, block: Real) -> None:
        data = pcm.encoded(block.T, self._coding)
        self._file.write(pcm.bytes_of(data))
        self._size += data.nbytes

    def finish(self) -> None:
        if self._back:
            self._file.write(bytes(self._size % 2))
            self._file.seek(0)
            self._file.write(riff.written(self._coding, *self._kind, self._size))
        self._file.flush()


class Library:
    """A file in a format of soundfile's."""

    def __init__(self, path: Path, rate: int, channels: int, subtype: str | None) -> None:
        self._soundfile = extras.load("soundfile", "audio", f"writing {path.suffix}")
        self._path, self._samples = path, 0
        with self._explained():
            self._file = self._soundfile.SoundFile(path, "w", rate, channels, subtype)

    def write(self, block: Real) -> None:
        with self._explained():
            self._file.write(block.T)
        self._samples += block.shape[-1]

    def finish(self) -> None:
        """The library does not say whether what it held back could be written: whether the end is there does."""
        self._file.close()
        with self._explained(), self._soundfile.SoundFile(self._path) as file:
            file.seek(max(0, self._samples - 1))
            assert self._samples == 0 or len(file.read(1))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (AssertionError, self._soundfile.LibsndfileError) as error:  # the first where less has been written
            what = getattr(error, "error_string", "is the disk full?")
            raise OSError(f"{self._path.suffix[1:]} could not be written ({what})") from None


class Unclipped:
    """Holds samples until their peak is known."""

    def __init__(self, file: BinaryIO, channels: int, then: Callable[[], Writer]) -> None:
        self._file, self._channels, self._then = file, channels, then
        self._peak, self.gain = 0.0, 1.0

    def write(self, block: Real) -> None:
        if block.size:
            self._peak = max(self._peak, float(block.max()), -float(block.min()))
            self._file.write(pcm.bytes_of(block.T.astype(np.float32, copy=False)))

    def finish(self) -> None:
        self.gain = PEAK / self._peak if self._peak > 1 else 1.0
        self._file.seek(0)
        writer = self._then()
        size = _PIECE * self._channels * 4
        while data := self._file.read(size):
            y = np.frombuffer(data, np.float32).reshape(-1, self._channels)
            writer.write(np.multiply(y, np.float32(self.gain)).T)
        writer.finish()


@contextmanager
def opened(
    out: PathLike, rate: int, channels: int | None, *, subtype: str | None = None, raw: bool = False
) -> Iterator[Writer]:
    """Where a sound goes; the file appears when the block ends well.

    Parameters
    ----------
    out : path
        Its suffix names the format: .wav always, others where soundfile is installed; "-" is standard output.
    rate : int
        Hz.
    channels : int or None
        None for samples (n,).
    subtype : str
        What soundfile calls the kind of samples; PCM_16 by default for .wav, FLOAT for standard output.
    raw : bool
        Whether standard output gets samples alone, without a WAV header.

    Raises
    ------
    ValueError
        If there is no such format.
    ImportError
        If it needs soundfile, which is not installed.
    """
    check(out, subtype)
    count, pipe = channels or 1, os.fspath(out) == STDOUT
    coding = SUBTYPES.get(subtype or ("FLOAT" if pipe else "PCM_16"))
    if pipe:
        assert coding is not None
        plain = coding, rate, count
        with _held(None, count, coding, lambda: Plain(sys.stdout.buffer, *plain, header=not raw, pipe=True)) as writer:
            yield writer
        return
    path = Path(out)
    with atomic.replacing(path) as temporary:
        if path.suffix.lower() == ".wav" and coding is not None:
            plain = coding, rate, count
            with (
                temporary.open("wb") as file,
                _held(temporary.parent, count, coding, lambda: Plain(file, *plain, header=True, pipe=False)) as writer,
            ):
                yield writer
        else:
            floats = coding is not None and coding[0] == "f" and subtype is not None
            made = lambda: Library(temporary, rate, count, subtype)  # noqa: E731
            with _held(temporary.parent, count, "f4" if floats else "i2", made) as writer:
                yield writer


@contextmanager
def _held(folder: Path | None, channels: int, coding: str, then: Callable[[], Writer]) -> Iterator[Writer]:
    """The writer itself for floating samples, for others one that cannot clip."""
    if coding[0] == "f":
        yield then()
        return
    with tempfile.TemporaryFile(dir=folder) as file:
        yield Unclipped(file, channels, then)


def check(out: PathLike, subtype: str | None = None) -> None:
    """ValueError or ImportError if there is no format for this name."""
    if os.fspath(out) == STDOUT:
        if subtype is not None and subtype not in SUBTYPES:
            raise ValueError(f"subtype must be one of {', '.join(SUBTYPES)} for standard output, got {subtype!r}")
        return
    suffix = Path(out).suffix.lower()
    if suffix == ".wav" and (subtype is None or subtype in SUBTYPES):
        return
    soundfile = extras.load("soundfile", "audio", f"writing {suffix or 'a file without a suffix'}")
    kind = suffix[1:].upper()
    if kind not in soundfile.available_formats():
        raise ValueError(f"{out}: no sound format is called {suffix!r}; .wav always works")
    if subtype is not None and not soundfile.check_format(kind, subtype):
        known = ", ".join(soundfile.available_subtypes(kind))
        raise ValueError(f"subtype must be one of {known} for {suffix}, got {subtype!r}")
