"""Sound written block by block, atomically: WAV of any length, other formats by soundfile, standard output.

Integer samples clip beyond ±1, and the peak is known only at the end: until then the samples are in an unnamed
temporary file beside the target, and a sound that would clip is scaled down to `PEAK`.  Floating-point samples are
written at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np

from .. import atomic, extras
from .._typing import Real
from . import pcm, riff
from .sound_readers import STDIN, PathLike
from .soundfile_reader import as_soundfile_path

PEAK = 0.95
"""Peak to which a sound that would clip is scaled: about half a decibel below full scale."""
SUBTYPES = {"PCM_U8": "u1", "PCM_16": "i2", "PCM_24": "i3", "PCM_32": "i4", "FLOAT": "f4", "DOUBLE": "f8"}
"""soundfile's names of the subtypes of WAV -> coding of `pcm`."""
STDOUT = STDIN
_COPY_SAMPLES = 1 << 18  # of a channel, copied at once from the temporary file


class SoundWriter(Protocol):
    """Writes samples (n,) or (channels, n)."""

    def write(self, block: Real) -> object:
        """Append samples."""

    def finish(self) -> object:
        """Complete the file: there are no more samples."""


class WavFormat(NamedTuple):
    """The format of the samples in a WAV file."""

    coding: str  #: of `pcm`
    rate: int  #: Hz
    channels: int


class WavWriter:
    """Samples in a file or a pipe after an optional header, whose sizes are filled in at the end of a file."""

    def __init__(self, file: BinaryIO, wav: WavFormat, *, header: bool, pipe: bool) -> None:
        self._file, self._format = file, wav
        self._size, self._fills_header = 0, header and not pipe
        if header:
            file.write(riff.pack_header(*wav, size=None))

    def write(self, block: Real) -> None:
        data = pcm.encode(block.T, self._format.coding)
        self._file.write(pcm.as_bytes(data))
        self._size += data.nbytes

    def finish(self) -> None:
        if self._fills_header:
            self._file.write(bytes(self._size % 2))
            self._file.seek(0)
            self._file.write(riff.pack_header(*self._format, size=self._size))
        self._file.flush()


class SoundfileWriter:
    """A file in any format of soundfile's."""

    def __init__(self, path: Path, rate: int, channels: int, subtype: str | None) -> None:
        self._soundfile = extras.load("soundfile", "audio", f"writing {path.suffix}")
        self._path, self._samples = path, 0
        with self._translate_errors():
            self._file = self._soundfile.SoundFile(as_soundfile_path(path), "w", rate, channels, subtype)

    def write(self, block: Real) -> None:
        with self._translate_errors():
            self._file.write(block.T)
        self._samples += block.shape[-1]

    def finish(self) -> None:
        """Close the file and read its last sample back: libsndfile does not report errors of the last flush."""
        self._file.close()
        with self._translate_errors(), self._soundfile.SoundFile(as_soundfile_path(self._path)) as file:
            file.seek(max(0, self._samples - 1))
            assert self._samples == 0 or len(file.read(1))

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """OSError for soundfile's errors, and for the assertion that the last sample is there."""
        try:
            yield
        except (AssertionError, self._soundfile.LibsndfileError) as error:
            reason = getattr(error, "error_string", "is the disk full?")
            raise OSError(f"{self._path.suffix[1:]} could not be written ({reason})") from None


class PeakScaler:
    """Stores samples until the peak is known, then writes gain × samples; gain = `PEAK` / peak if peak > 1, else 1."""

    def __init__(self, file: BinaryIO, channels: int, open_writer: Callable[[], SoundWriter]) -> None:
        self._file, self._channels, self._open_writer = file, channels, open_writer
        self._peak, self.gain = 0.0, 1.0

    def write(self, block: Real) -> None:
        if block.size:
            self._peak = max(self._peak, float(block.max()), -float(block.min()))
            self._file.write(pcm.as_bytes(block.T.astype(np.float32, copy=False)))

    def finish(self) -> None:
        self.gain = PEAK / self._peak if self._peak > 1 else 1.0
        self._file.seek(0)
        writer = self._open_writer()
        size = _COPY_SAMPLES * self._channels * 4
        while data := self._file.read(size):
            y = np.frombuffer(data, np.float32).reshape(-1, self._channels)
            writer.write(np.multiply(y, np.float32(self.gain)).T)
        writer.finish()


@contextmanager
def open_writer(
    out: PathLike, rate: int, channels: int | None, *, subtype: str | None = None, raw: bool = False
) -> Iterator[SoundWriter]:
    """Open a sound file to write; it appears under its name when the block ends without an error.

    Parameters
    ----------
    out : path
        The suffix names the format: .wav always, others where soundfile is installed; "-" is standard output.
    rate : int
        Hz.
    channels : int or None
        None for samples (n,).
    subtype : str
        soundfile's name of the sample format; PCM_16 by default for .wav, FLOAT for standard output.
    raw : bool
        Whether standard output gets samples without a WAV header.

    Raises
    ------
    ValueError
        If the format does not exist.
    ImportError
        If it needs soundfile, which is not installed.
    """
    check_format(out, subtype)
    count, pipe = channels or 1, os.fspath(out) == STDOUT
    coding = SUBTYPES.get(subtype or ("FLOAT" if pipe else "PCM_16"))
    if pipe:
        assert coding is not None
        wav = WavFormat(coding, rate, count)
        stdout = atomic.standard_output()
        to_stdout = lambda: WavWriter(stdout, wav, header=not raw, pipe=True)  # noqa: E731
        with atomic.name_errors(atomic.STANDARD_OUTPUT), _scale_if_integer(None, count, coding, to_stdout) as writer:
            yield writer
        return
    path = Path(out)
    with atomic.replace_file(path) as temporary:
        if path.suffix.lower() == ".wav" and coding is not None:
            with temporary.open("wb") as file:
                wav = WavFormat(coding, rate, count)
                to_file = lambda: WavWriter(file, wav, header=True, pipe=False)  # noqa: E731
                with _scale_if_integer(temporary.parent, count, coding, to_file) as writer:
                    yield writer
        else:
            is_float = coding is not None and coding[0] == "f" and subtype is not None
            by_soundfile = lambda: SoundfileWriter(temporary, rate, count, subtype)  # noqa: E731
            with _scale_if_integer(temporary.parent, count, "f4" if is_float else "i2", by_soundfile) as writer:
                yield writer


@contextmanager
def _scale_if_integer(
    folder: Path | None, channels: int, coding: str, open_writer: Callable[[], SoundWriter]
) -> Iterator[SoundWriter]:
    """The writer itself for floating-point samples, a `PeakScaler` before it for integer ones, which can clip."""
    if coding[0] == "f":
        yield open_writer()
        return
    with atomic.unnamed_file(folder) as file:
        yield PeakScaler(file, channels, open_writer)


def check_format(out: PathLike, subtype: str | None = None) -> None:
    """ValueError or ImportError if no writer knows the format that the suffix of `out` names, or its subtype."""
    if os.fspath(out) == STDOUT:
        if subtype is not None and subtype not in SUBTYPES:
            raise ValueError(f"subtype must be one of {', '.join(SUBTYPES)} for standard output, got {subtype!r}")
        return
    suffix = Path(out).suffix.lower()
    if suffix == ".wav" and (subtype is None or subtype in SUBTYPES):
        return
    soundfile = extras.load("soundfile", "audio", f"writing {suffix or 'a file without a suffix'}")
    sound_format = suffix[1:].upper()
    if sound_format not in soundfile.available_formats():
        raise ValueError(f"{out}: {suffix!r} is not the suffix of a sound format; .wav is always supported")
    if subtype is not None and not soundfile.check_format(sound_format, subtype):
        supported = ", ".join(soundfile.available_subtypes(sound_format))
        raise ValueError(f"subtype must be one of {supported} for {suffix}, got {subtype!r}")
