"""Levels written frame after frame: .npy, .npz, .zarr, or a picture; whole or not at all.

A file's order of memory is that of NumPy's fortran_order: the numbers of a frame are neighbours, so that frames are
appended.  What needs all frames before it can be written (Whisper's logarithm, the header of what cannot be gone back
to) is held in an unnamed file beside the target.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import atomic, extras
from ..features.log import normalize_whisper
from . import pcm
from .metadata import About
from .sound_readers import STDIN, PathLike

Real = NDArray[np.floating[Any]]

SUFFIXES = (".npy", ".npz", ".zarr", ".png")
STDOUT = STDIN
WINDOW = 1 << 22  # numbers moved at a time
_CHUNK = 1 << 20  # numbers in a chunk of a .zarr


class Sink(Protocol):
    """Takes frames (..., rows, any number)."""

    def write(self, block: Real) -> object: ...

    def finish(self, samples: int) -> object:
        """All has come, of a signal of so many samples."""


class Shape:
    """(rows,) or (channels, rows) of what is written, and how many frames there are so far."""

    def __init__(self, rows: int, channels: int | None, dtype: np.dtype[Any]) -> None:
        self.leading = (rows,) if channels is None else (channels, rows)
        self.dtype, self.frames = dtype, 0
        self.numbers = rows * (channels or 1)  # of a frame


class FrameFile:
    """Frames in an open file, after `offset` bytes."""

    def __init__(self, file: BinaryIO, shape: Shape, offset: int = 0) -> None:
        self.file, self.shape, self.offset = file, shape, offset
        file.seek(offset)

    def write(self, block: Real) -> None:
        """Append them."""
        self.file.write(pcm.bytes_of(block.T))
        self.shape.frames += block.shape[-1]

    def windows(self, change: Callable[[Real], object] | None = None) -> Iterator[Real]:
        """All frames, some at a time; what `change` makes of them is put back."""
        shape = self.shape
        buffer = np.empty((max(1, WINDOW // shape.numbers), *shape.leading[::-1]), shape.dtype)
        for first in range(0, shape.frames, len(buffer)):
            part = buffer[: shape.frames - first]
            at, data = self.offset + first * shape.numbers * shape.dtype.itemsize, pcm.bytes_of(part)
            self.file.seek(at)
            if self.file.readinto(data) != len(data):  # type: ignore[attr-defined]
                raise OSError("what has been written cannot be read back")
            if change is not None:
                change(part.T)
                self.file.seek(at)
                self.file.write(data)
            yield part.T

    def cut(self, frames: int) -> None:
        """Leave so many."""
        self.shape.frames = frames
        self.file.truncate(self.offset + frames * self.shape.numbers * self.shape.dtype.itemsize)


def npy_header(shape: Shape) -> bytes:
    """The header of a .npy file, as long for any number of frames."""
    text = io.BytesIO()
    described = {"descr": shape.dtype.str, "fortran_order": True, "shape": (*shape.leading, shape.frames)}
    np.lib.format.write_array_header_1_0(text, described)
    return text.getvalue()


class Npy(FrameFile):
    """A .npy file, whose header is written when the frames have been counted."""

    def __init__(self, file: BinaryIO, shape: Shape) -> None:
        super().__init__(file, shape, len(npy_header(shape)))

    def finish(self, samples: int) -> None:
        self.file.seek(0)
        self.file.write(npy_header(self.shape))
        self.file.flush()


class Whisper:
    """Decimal logarithms, of which Whisper's are made when their largest is known; see `STFT.mel`."""

    def __init__(self, frames: FrameFile, then: Sink) -> None:
        self._frames, self._then = frames, then
        self._tops = np.full(frames.shape.leading[:-1], -np.inf, frames.shape.dtype)
        self._last = self._tops

    def write(self, block: Real) -> None:
        """The last frame, whichever it will be, does not count."""
        if block.shape[-1]:
            self._tops = np.maximum(self._tops, self._last)
            if block.shape[-1] > 1:
                self._tops = np.maximum(self._tops, block[..., :-1].max(axis=(-2, -1)))
            self._last = block[..., -1].max(axis=-1)
        self._frames.write(block)

    def finish(self, samples: int) -> None:
        count = self._frames.shape.frames - 1
        if count < 1:
            raise ValueError("the sound must reach into a second frame for log='whisper'")
        self._frames.cut(count)
        for _ in self._frames.windows(lambda L: normalize_whisper(L, self._tops)):
            pass
        self._then.finish(samples)


class Spool:
    """An unnamed file that holds all frames until they are counted, then hands them on."""

    def __init__(self, file: BinaryIO, shape: Shape, then: Callable[[Shape], Sink]) -> None:
        self.frames, self._then = FrameFile(file, shape), then
        self.write = self.frames.write

    def finish(self, samples: int) -> None:
        sink = self._then(self.frames.shape)
        for block in self.frames.windows():
            sink.write(block)
        sink.finish(samples)


class Npz:
    """A .npz file: the array, whose frames have been counted, as a stream, and each of the facts."""

    def __init__(self, file: BinaryIO, shape: Shape, about: About) -> None:
        self._shape, self._about = shape, about
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._array = self._zip.open(f"{about.name}.npy", "w", force_zip64=True)
        self._array.write(npy_header(shape))

    def write(self, block: Real) -> None:
        self._array.write(pcm.bytes_of(block.T))

    def finish(self, samples: int) -> None:
        self._array.close()
        for name, value in replace(self._about, samples=samples).facts().items():
            with self._zip.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, np.asarray(value), allow_pickle=False)
        self._zip.close()

    def close(self) -> None:
        """However far it has come."""
        with suppress(OSError, ValueError):
            self._array.close()
            self._zip.close()


class Zarr:
    """A .zarr folder: an array (..., rows, frames) in chunks along the frames, the facts as its attributes."""

    def __init__(self, folder: Path, shape: Shape, about: About) -> None:
        zarr = extras.load("zarr", "zarr", "a .zarr file")
        self._shape, self._about, self._chunk = shape, about, max(1, _CHUNK // shape.numbers)
        self._waiting: list[Real] = []
        self._held = self._frames = 0
        self._array = zarr.create_array(
            store=str(folder), shape=(*shape.leading, 0), chunks=(*shape.leading, self._chunk), dtype=shape.dtype
        )

    def write(self, block: Real) -> None:
        """In whole chunks."""
        self._waiting.append(block.copy())
        self._held += block.shape[-1]
        if self._held >= self._chunk:
            self._append(self._held // self._chunk * self._chunk)

    def _append(self, frames: int) -> None:
        whole, first = np.concatenate(self._waiting, axis=-1), self._frames
        self._frames += frames
        self._array.resize((*self._shape.leading, self._frames))
        self._array[..., first:] = whole[..., :frames]
        self._waiting, self._held = [whole[..., frames:]], whole.shape[-1] - frames

    def finish(self, samples: int) -> None:
        if self._held:
            self._append(self._held)
        self._array.attrs.update(json.loads(json.dumps(replace(self._about, samples=samples).facts())))


@contextmanager
def opened(out: PathLike, about: About, channels: int | None, frames: int | None) -> Iterator[Sink]:
    """Where frames of levels go; the file appears when the block ends well.

    Parameters
    ----------
    out : path
        A name that ends in .npy, .npz or .zarr, or "-": standard output, as .npy.
    about : About
    channels : int or None
        None for frames (rows, any number).
    frames : int or None
        How many there will be, if that is known.
    """
    shape = Shape(about.rows, channels, about.plan.dtype)
    with ExitStack() as stack:
        if os.fspath(out) == STDOUT:
            file = stack.enter_context(tempfile.TemporaryFile())
            yield _npy(file, shape, about)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
            sys.stdout.buffer.flush()
        elif suffix_of(out) == ".zarr":
            folder = stack.enter_context(atomic.replacing_folder(out, mark="zarr.json"))
            counted = _Counted(stack, folder.parent, about, at_once=True)
            yield counted.sink(shape, lambda s: Zarr(folder, s, about))
        else:
            temporary = stack.enter_context(atomic.replacing(out))
            file = stack.enter_context(temporary.open("w+b"))
            if suffix_of(out) == ".npy":
                yield _npy(file, shape, about)
            else:
                shape.frames = frames or 0
                counted = _Counted(stack, temporary.parent, about, at_once=frames is not None)
                yield counted.sink(shape, lambda s: stack.enter_context(closing(Npz(file, s, about))))


def _npy(file: BinaryIO, shape: Shape, about: About) -> Sink:
    npy = Npy(file, shape)
    return Whisper(npy, npy) if about.log == "whisper" else npy


class _Counted:
    """Frames go into an unnamed file until all have been counted, unless they can be written at once."""

    def __init__(self, stack: ExitStack, folder: Path, about: About, *, at_once: bool) -> None:
        self._stack, self._folder, self._whisper = stack, folder, about.log == "whisper"
        self._at_once = at_once and not self._whisper

    def sink(self, shape: Shape, then: Callable[[Shape], Sink]) -> Sink:
        if self._at_once:
            return then(shape)
        shape.frames = 0
        unnamed = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the stack closes it
        spool = Spool(self._stack.enter_context(unnamed), shape, then)
        return Whisper(spool.frames, spool) if self._whisper else spool


def suffix_of(out: PathLike, suffixes: tuple[str, ...] = SUFFIXES) -> str:
    """The suffix that names the format; ValueError if it names none."""
    suffix = Path(out).suffix.lower()
    if suffix not in suffixes:
        raise ValueError(f"OUT must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}, got {Path(out).name}")
    if suffix == ".zarr":
        extras.load("zarr", "zarr", "a .zarr file")
    return suffix
