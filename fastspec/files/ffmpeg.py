"""Sound in formats that soundfile does not read, such as m4a and webm: decoded by the program ffmpeg, where it is."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .._typing import Real
from ..warning import warn
from . import riff
from .sample_source import LOGGER, SampleSource, read_exactly
from .wav_reader import open_wav

_OPTIONS = ("-map", "0:a:0", "-c:a", "pcm_f32le", "-f", "wav", "-")
"""The first audio stream, as WAV in float32 on standard output: its header carries the rate and the channels."""


def find() -> str | None:
    """The path of ffmpeg; None if it is not installed."""
    return shutil.which("ffmpeg")


def advice(path: os.PathLike[str] | None) -> str:
    """What to do without ffmpeg about a file that nothing else reads."""
    source = Path("IN" if path is None else path)
    target = source.with_suffix(".flac" if source.suffix.lower() == ".wav" else ".wav")
    command = shlex.join(["ffmpeg", "-i", str(source), str(target)])
    return f"ffmpeg, which is not installed, may decode it; where it is: {command}"


@contextmanager
def open_ffmpeg(
    program: str, file: BinaryIO, path: os.PathLike[str] | None, name: str, reason: str
) -> Iterator[SampleSource]:
    """The first audio stream of a file, decoded by a child process, which ends with the block.

    Parameters
    ----------
    program : str
        See `find`.
    file : binary file
        The open file.
    path : path
        Its name; None for standard input.
    name : str
        Of the file, in errors.
    reason : str
        Why ffmpeg decodes it.

    Raises
    ------
    ValueError
        If ffmpeg finds no sound, or fails on the way: with its last line.

    Warns
    -----
    UserWarning
        If it went on after an error.
    """
    file.seek(0)
    source = "file:/dev/stdin" if path is None else f"file:{os.fspath(path)}"
    command = [program, "-v", "error", "-i", source, *_OPTIONS]
    stdin = file if path is None else subprocess.DEVNULL
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, bufsize=0) as process,
    ):
        assert process.stdout is not None
        try:
            try:
                header = riff.read_header(read_exactly(process.stdout), name)  # type: ignore[arg-type]
            except ValueError:
                header = None
            if header is None or header.coding is None:
                process.kill()
                raise ValueError(
                    f"{name}: not a readable sound file ({reason}; ffmpeg: {_last_line(process, errors) or 'no sound'})"
                )
            LOGGER.info("%s: decoded by ffmpeg", name)
            wav = open_wav(process.stdout, name, header, None, is_raw=True)  # type: ignore[arg-type]

            def read_samples(out: Real) -> int:
                n = wav.read_samples(out)
                if n == 0:
                    _check_end(process, errors, name)
                return n

            yield wav._replace(read_samples=read_samples)
        finally:
            process.kill()


def _check_end(process: subprocess.Popen[bytes], errors: BinaryIO, name: str) -> None:
    """Raise ValueError, or warn, if ffmpeg did so."""
    text = _last_line(process, errors)
    if process.returncode:
        raise ValueError(f"{name}: ffmpeg could not decode it to its end ({text or f'code {process.returncode}'})")
    if text:
        warn(f"{name}: ffmpeg went on after an error ({text})")


def _last_line(process: subprocess.Popen[bytes], errors: BinaryIO) -> str:
    """Wait for ffmpeg to end; the last line that it wrote on standard error."""
    process.wait()
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return " ".join(lines[-1].split()) if lines else ""
