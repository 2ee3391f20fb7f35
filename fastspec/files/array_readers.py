"""Spectrograms and mels that lie in files, read some frames at a time: .npy, .npz, .zarr.

Whatever a header promises, no more is read than is there; mapped windows are let go of after each, so that the memory
of the process does not grow with the file.
"""

from __future__ import annotations

import contextlib
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks, extras
from ..features.log import from_log
from .metadata import About
from .sound_readers import PathLike

Real = NDArray[np.floating[Any]]
#: frames a .. b - 1 of an array (..., rows, frames)
_Take = Callable[[int, int], NDArray[Any]]

SUFFIXES = (".npy", ".npz", ".zarr")
WINDOW = 1 << 20  # numbers read at a time
_LOCAL = 30  # bytes of the header before a file within a .zip


class Stored:
    """An array (..., rows, frames) of levels or their logarithms in a file.

    Attributes
    ----------
    shape : tuple
    facts : dict
        What the file says of it; see `about`.
    """

    def __init__(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], take: _Take, facts: dict[str, Any]):
        if dtype.kind not in "fiu":
            raise ValueError(f"{name}: must hold real numbers, got dtype {dtype}")
        if len(shape) not in (2, 3) or 0 in shape:
            raise ValueError(f"{name}: must be (rows, frames) or (channels, rows, frames), got shape {shape}")
        self.name, self.shape, self.facts, self._take = name, shape, facts, take
        self.dtype = np.dtype(np.float64 if dtype == np.float64 else np.float32)

    @property
    def channels(self) -> int | None:
        """None for one without an axis of its own."""
        return self.shape[0] if len(self.shape) == 3 else None

    def windows(self) -> Iterator[NDArray[Any]]:
        """All frames, some at a time."""
        count = max(1, WINDOW // int(np.prod(self.shape[:-1])))
        for first in range(0, self.shape[-1], count):
            yield self._take(first, min(self.shape[-1], first + count))

    def levels(self, window: NDArray[Any], about: About, first: int) -> Real:
        """Mels, or magnitudes (..., n_bins, frames), of a window that begins with frame `first`.

        Raises
        ------
        ValueError
            If a number is not finite or, where it must not be, negative.
        """
        try:
            dtype = about.plan.dtype
            M = checks.as_levels("M", from_log(window.astype(dtype), about.log, about.power), about.rows, dtype)
        except ValueError as error:
            raise ValueError(f"{self.name}: in the {window.shape[-1]} frames from {first} on, {error}") from None
        if about.bank is not None:
            return M
        return M if about.power == 1 else np.power(M, M.dtype.type(1 / about.power))


@contextmanager
def opened(path: PathLike) -> Iterator[Stored]:
    """Open an array of levels.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no array of this kind.
    ImportError
        If zarr is needed and not installed.
    """
    kind, name = Path(path).suffix.lower(), str(path)
    with contextlib.ExitStack() as stack:
        try:
            if kind == ".npy":
                stored = Stored(name, *_mapped(Path(path), 0), {})
            elif kind == ".npz":
                stored = _npz(Path(path), stack)
            else:
                stored = _zarr(path, name)
        except (EOFError, struct.error, zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{name}: not a readable {kind} file ({error})") from None
        yield stored


def _mapped(path: Path, offset: int) -> tuple[tuple[int, ...], np.dtype[Any], _Take]:
    """Of a .npy file that begins at `offset`; each window is a map of its own."""
    with path.open("rb") as file:
        file.seek(offset)
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
        except ValueError as error:
            raise ValueError(f"{path}: not a readable .npy array ({error})") from None
        at = file.tell()
        there = file.seek(0, 2) - at
    if dtype.hasobject:
        raise ValueError(f"{path}: must hold real numbers, got dtype {dtype}")
    promised = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if promised > there:
        raise ValueError(f"{path}: its header promises {promised} bytes of numbers, the file holds {there}")
    order: Any = "F" if fortran else "C"

    def take(a: int, b: int) -> NDArray[Any]:
        return np.array(np.memmap(path, dtype, "r", at, shape, order)[..., a:b], order="K")

    return shape, dtype, take


def _npz(path: Path, stack: contextlib.ExitStack) -> Stored:
    """The array M or S is mapped where it lies, or from an unnamed copy if it is compressed."""
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        name = next((name for name in ("M", "S") if name in entries), None)
        if name is None:
            raise ValueError(f"{path}: holds no array called M or S")
        facts: dict[str, Any] = {}
        for key, info in entries.items():
            if key not in ("M", "S") and info.file_size < 1 << 28:
                with archive.open(info) as entry:
                    facts[key] = np.lib.format.read_array(entry, allow_pickle=False).tolist()
        info = entries[name]
        if info.compress_type == zipfile.ZIP_STORED:
            with path.open("rb") as file:
                file.seek(info.header_offset + _LOCAL - 4)
                lengths = struct.unpack("<HH", file.read(4))
            return Stored(str(path), *_mapped(path, info.header_offset + _LOCAL + sum(lengths)), facts)
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastspec-"))) / "array.npy"
        with archive.open(info) as entry, copy.open("wb") as file:
            shutil.copyfileobj(entry, file, 1 << 20)
        return Stored(str(path), *_mapped(copy, 0), facts)


def _zarr(path: PathLike, name: str) -> Stored:
    zarr = extras.load("zarr", "zarr", "a .zarr file")
    try:
        array = zarr.open_array(str(path), mode="r")
    except (FileNotFoundError, zarr.errors.BaseZarrError) as error:
        raise ValueError(f"{name}: not a readable .zarr array ({error})") from None
    return Stored(name, array.shape, array.dtype, lambda a, b: np.asarray(array[..., a:b]), dict(array.attrs))
