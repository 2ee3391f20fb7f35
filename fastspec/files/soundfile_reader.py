"""Sound files in the formats of libsndfile, by soundfile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO

from .. import extras
from .._typing import Real
from . import mpeg, riff
from .sample_source import SampleSource

_SIZE = re.compile(r"^\s*(?:SSND|Data Size|riff)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
"""In what libsndfile says of AIFF, AU and W64: a declared size of the samples (in W64 of the file) and the real one."""
_UNKNOWN_SAMPLES = 1 << 62
"""As many samples or more are libsndfile's value for streams of unknown length."""


class UnreadableError(ValueError):
    """libsndfile cannot read a file; `reason` is its sentence."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: not a readable sound file ({reason})")
        self.reason = reason


def _check_sizes(name: str, log: str) -> None:
    """ValueError if libsndfile took fewer samples than the header declares, of a file that was cut off."""
    for declared, available in _SIZE.findall(log):
        if int(declared) > int(available) and int(declared) not in riff.UNKNOWN_SIZES_BYTES:
            raise ValueError(
                f"{name}: truncated: its header declares {declared} bytes, the file holds {available}; "
                "standard input (-) takes what is there"
            )


def as_soundfile_path(path: os.PathLike[str]) -> str | bytes:
    """A path as soundfile takes it, which cannot encode names that are not in the encoding of file names."""
    return os.fsencode(path) if os.name == "posix" else os.fspath(path)


@contextmanager
def open_soundfile(file: BinaryIO, path: os.PathLike[str] | None, name: str) -> Iterator[SampleSource]:
    """A file in any format of soundfile's.

    Parameters
    ----------
    file : binary file
        The open file.
    path : path
        Its name, whose suffix tells some formats apart; None for standard input.
    name : str
        Of the file, in errors.

    Raises
    ------
    UnreadableError
        If libsndfile cannot open it, or decode it on the way.
    ValueError
        If a file, other than standard input, is shorter than its header says.
    ImportError
        If soundfile is not installed.
    """
    soundfile = extras.load("soundfile", "audio", f"reading {(path and os.path.splitext(path)[1]) or name}")

    def open_decoder(source: Any) -> Any:
        try:
            return soundfile.SoundFile(source, closefd=False)
        except soundfile.LibsndfileError as error:
            raise UnreadableError(name, error.error_string) from None

    def open_file() -> Any:
        file.seek(0)
        return open_decoder(file.fileno() if path is None else as_soundfile_path(path))

    with ExitStack() as stack:
        decoder, pipe = open_file(), None
        stack.callback(lambda: decoder.close())
        if path is not None:
            _check_sizes(name, decoder.extra_info)
        total = decoder.frames
        if decoder.format == "MP3":
            decoder.close()
            if mpeg.declares_length(file):
                decoder = open_file()
            else:
                pipe = stack.enter_context(mpeg.open_pipe(file))
                decoder = open_decoder(pipe.read_end)

        def read_samples(out: Real) -> int:
            n = len(out) // decoder.channels
            try:
                y = decoder.read(n, out=out[: n * decoder.channels].reshape(n, decoder.channels))
            except soundfile.LibsndfileError as error:
                raise UnreadableError(name, error.error_string) from None
            if pipe is not None and pipe.error is not None and not y.size:
                raise pipe.error
            return int(y.size)

        yield SampleSource(
            name=name, read_samples=read_samples, channels=decoder.channels, rate=int(decoder.samplerate),
            total=None if total >= _UNKNOWN_SAMPLES else total, is_estimate=pipe is not None,
            is_integer=decoder.subtype not in ("FLOAT", "DOUBLE"),
        )  # fmt: skip
