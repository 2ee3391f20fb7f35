"""Levels written a block of frames at a time, atomically, to .npy, .npz and .zarr.

Arrays (..., rows, frames) are stored in NumPy's fortran_order, so that the values of a frame are contiguous and frames
can be appended.  Frames that cannot be written before the last one is known (Whisper's logarithm, or features that are
normalized; a header that cannot be filled in later) are in an unnamed temporary file beside the target until then.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from .. import atomic, extras
from .._typing import Real
from ..frontends.normalize import ChangeAll
from . import pcm
from .metadata import Metadata
from .sound_readers import STDIN, PathLike

SUFFIXES = (".npy", ".npz", ".zarr", ".png")
STDOUT = STDIN
BLOCK_VALUES = 1 << 22
"""Values read back at once from a temporary file."""
Finish = Callable[[ChangeAll, int, Any], None]
"""`FrontEnd.finish`, or another function of these arguments."""
_CHUNK_VALUES = 1 << 20  # of a .zarr array
_COPY_BYTES = 1 << 20


class FrameWriter(Protocol):
    """Writes blocks (..., rows, any number of frames)."""

    def write(self, block: Real) -> object:
        """Append frames."""

    def finish(self, samples: int) -> object:
        """Complete the file: there are no more frames of the signal of `samples` samples."""


class LevelsShape:
    """Shape (..., rows, frames) and dtype of the levels; `frames` counts those written so far."""

    def __init__(self, rows: int, channels: int | None, dtype: np.dtype[Any]) -> None:
        self.leading = (rows,) if channels is None else (channels, rows)
        self.dtype, self.frames = dtype, 0
        self.frame_values = rows * (channels or 1)


class FrameFile:
    """Frames in an open binary file, from byte `offset` on."""

    def __init__(self, file: BinaryIO, shape: LevelsShape, offset: int = 0) -> None:
        self.file, self.shape, self.offset = file, shape, offset
        file.seek(offset)

    def write(self, block: Real) -> None:
        """Append frames."""
        self.file.write(pcm.as_bytes(block.T))
        self.shape.frames += block.shape[-1]

    def blocks(self, modify: Callable[[Real], object] | None = None) -> Iterator[Real]:
        """All frames in blocks of about `BLOCK_VALUES`; `modify` changes each in place, in the file too."""
        shape = self.shape
        buffer = np.empty((max(1, BLOCK_VALUES // shape.frame_values), *shape.leading[::-1]), shape.dtype)
        for first in range(0, shape.frames, len(buffer)):
            block = buffer[: shape.frames - first]
            position, data = self.offset + first * shape.frame_values * shape.dtype.itemsize, pcm.as_bytes(block)
            self.file.seek(position)
            if self.file.readinto(data) != len(data):  # type: ignore[attr-defined]
                raise OSError("the temporary file could not be read back")
            if modify is not None:
                modify(block.T)
                self.file.seek(position)
                self.file.write(data)
            yield block.T

    def truncate(self, frames: int) -> None:
        """Keep the first `frames` frames only."""
        self.shape.frames = frames
        self.file.truncate(self.offset + frames * self.shape.frame_values * self.shape.dtype.itemsize)


def pack_npy_header(shape: LevelsShape) -> bytes:
    """The header of a .npy file; its length does not depend on the number of frames."""
    header = io.BytesIO()
    fields = {"descr": shape.dtype.str, "fortran_order": True, "shape": (*shape.leading, shape.frames)}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


class NpyWriter(FrameFile):
    """A .npy file, whose header is written last, with the number of frames."""

    def __init__(self, file: BinaryIO, shape: LevelsShape) -> None:
        super().__init__(file, shape, len(pack_npy_header(shape)))

    def finish(self, samples: int) -> None:
        self.file.seek(0)
        self.file.write(pack_npy_header(self.shape))
        self.file.flush()


class Finisher:
    """Stores frames until all are known, and then does what needs all of them; see `Metadata.finish`."""

    def __init__(self, frames: FrameFile, writer: FrameWriter, finish: Finish, drops_last: bool = False) -> None:
        self._frames, self._writer, self._finish, self._drops_last = frames, writer, finish, drops_last
        self._peaks = np.full(frames.shape.leading[:-1], -np.inf, frames.shape.dtype)  # of all frames that stay
        self._last_peak = self._peaks  # of the last frame

    def write(self, block: Real) -> None:
        """Append frames; the last of all frames, if it is dropped, does not count for the peak."""
        if block.shape[-1]:
            self._peaks = np.fmax(self._peaks, self._last_peak)
            staying = block[..., :-1] if self._drops_last else block
            if staying.shape[-1]:
                self._peaks = np.fmax(self._peaks, np.fmax.reduce(staying, axis=(-2, -1)))
            if self._drops_last:
                self._last_peak = np.fmax.reduce(block[..., -1], axis=-1)
        self._frames.write(block)

    def finish(self, samples: int) -> None:
        frames = self._frames.shape.frames - self._drops_last
        if frames < 1:
            raise ValueError("log='whisper' drops the last frame, so the sound must have at least two frames")
        self._frames.truncate(frames)
        self._finish(self._change_all, frames, self._peaks.reshape(-1))
        self._writer.finish(samples)

    def _change_all(self, change: Callable[[Real], object]) -> None:
        """Call a function for all blocks of frames, which changes them."""
        for _ in self._frames.blocks(change):
            pass


class Spool:
    """Stores all frames in an unnamed temporary file until their number is known, then writes them."""

    def __init__(self, file: BinaryIO, shape: LevelsShape, open_writer: Callable[[LevelsShape], FrameWriter]) -> None:
        self.frames, self._open_writer = FrameFile(file, shape), open_writer
        self.write = self.frames.write

    def finish(self, samples: int) -> None:
        writer = self._open_writer(self.frames.shape)
        for block in self.frames.blocks():
            writer.write(block)
        writer.finish(samples)


class NpzWriter:
    """A .npz file: an array with a known number of frames, then each entry of the metadata."""

    def __init__(self, file: BinaryIO, shape: LevelsShape, metadata: Metadata) -> None:
        self._metadata = metadata
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._array = self._zip.open(f"{metadata.array_name}.npy", "w", force_zip64=True)
        self._array.write(pack_npy_header(shape))

    def write(self, block: Real) -> None:
        self._array.write(pcm.as_bytes(block.T))

    def finish(self, samples: int) -> None:
        self._array.close()
        for name, value in replace(self._metadata, samples=samples).to_dict().items():
            with self._zip.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, np.asarray(value), allow_pickle=False)
        self._zip.close()

    def close(self) -> None:
        """Close the archive, complete or not."""
        with suppress(OSError, ValueError):
            self._array.close()
            self._zip.close()


class ZarrWriter:
    """A .zarr folder: an array (..., rows, frames) in chunks along the frames, with the metadata as attributes."""

    def __init__(self, folder: Path, shape: LevelsShape, metadata: Metadata) -> None:
        zarr = extras.load("zarr", "zarr", "a .zarr file")
        self._shape, self._metadata = shape, metadata
        self._chunk_frames = max(1, _CHUNK_VALUES // shape.frame_values)
        self._pending: list[Real] = []
        self._pending_frames = self._frames = 0
        chunks = (*shape.leading, self._chunk_frames)
        self._array = zarr.create_array(store=str(folder), shape=(*shape.leading, 0), chunks=chunks, dtype=shape.dtype)

    def write(self, block: Real) -> None:
        """Append frames; they are stored as soon as a chunk is full."""
        self._pending.append(block.copy())
        self._pending_frames += block.shape[-1]
        if self._pending_frames >= self._chunk_frames:
            self._store(self._pending_frames // self._chunk_frames * self._chunk_frames)

    def _store(self, frames: int) -> None:
        """Store the first `frames` pending frames."""
        pending, first = np.concatenate(self._pending, axis=-1), self._frames
        self._frames += frames
        self._array.resize((*self._shape.leading, self._frames))
        self._array[..., first:] = pending[..., :frames]
        self._pending, self._pending_frames = [pending[..., frames:]], pending.shape[-1] - frames

    def finish(self, samples: int) -> None:
        if self._pending_frames:
            self._store(self._pending_frames)
        self._array.attrs.update(json.loads(json.dumps(replace(self._metadata, samples=samples).to_dict())))


@contextmanager
def open_writer(out: PathLike, metadata: Metadata, channels: int | None, frames: int | None) -> Iterator[FrameWriter]:
    """Open a file of levels to write; it appears under its name when the block ends without an error.

    Parameters
    ----------
    out : path
        A name that ends in .npy, .npz or .zarr, or "-": standard output, as .npy.
    metadata : Metadata
    channels : int or None
        None for blocks (rows, any number of frames).
    frames : int or None
        Number of frames, if known.
    """
    shape = LevelsShape(metadata.rows, channels, metadata.plan.dtype)
    with ExitStack() as stack:
        if os.fspath(out) == STDOUT:
            stdout = atomic.standard_output()
            with atomic.name_errors(f"temporary file in {tempfile.gettempdir()}"):
                file = stack.enter_context(tempfile.TemporaryFile())
                yield _npy_writer(file, shape, metadata)
            file.seek(0)
            with atomic.name_errors(atomic.STANDARD_OUTPUT):
                shutil.copyfileobj(file, stdout, _COPY_BYTES)
                stdout.flush()
        elif suffix_of(out) == ".zarr":
            folder = stack.enter_context(atomic.replace_folder(out, marker="zarr.json"))
            if metadata.finish is not None:
                yield _spool(stack, folder.parent, shape, metadata, lambda s: ZarrWriter(folder, s, metadata))
            else:
                yield ZarrWriter(folder, shape, metadata)
        else:
            temporary = stack.enter_context(atomic.replace_file(out))
            file = stack.enter_context(temporary.open("w+b"))
            open_npz = lambda s: stack.enter_context(closing(NpzWriter(file, s, metadata)))  # noqa: E731
            if suffix_of(out) == ".npy":
                yield _npy_writer(file, shape, metadata)
            elif frames is None or metadata.finish is not None:
                yield _spool(stack, temporary.parent, shape, metadata, open_npz)
            else:
                shape.frames = frames
                yield open_npz(shape)


def _npy_writer(file: BinaryIO, shape: LevelsShape, metadata: Metadata) -> FrameWriter:
    npy = NpyWriter(file, shape)
    return _finished(npy, npy, metadata)


def _finished(frames: FrameFile, writer: FrameWriter, metadata: Metadata) -> FrameWriter:
    """The writer, or one before it that waits for all frames where something needs them."""
    finish = metadata.finish
    return writer if finish is None else Finisher(frames, writer, finish, metadata.drops_last)


def _spool(
    stack: ExitStack,
    folder: Path,
    shape: LevelsShape,
    metadata: Metadata,
    open_writer: Callable[[LevelsShape], FrameWriter],
) -> FrameWriter:
    """A `Spool` in a temporary file in `folder`, for a writer that needs the number of frames at once."""
    spool = Spool(stack.enter_context(atomic.unnamed_file(folder)), shape, open_writer)
    return _finished(spool.frames, spool, metadata)


def suffix_of(out: PathLike) -> str:
    """The suffix, which names the format; ValueError if it names none, ImportError if zarr is needed and absent."""
    suffix = Path(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"OUT must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, got {Path(out).name}")
    if suffix == ".zarr":
        extras.load("zarr", "zarr", "a .zarr file")
    return suffix
