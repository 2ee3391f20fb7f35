"""Spectrograms and mel spectrograms read from .npy, .npz and .zarr, a block of frames at a time.

Sizes in a header are checked before anything is allocated; each block is mapped and unmapped by itself, so that the
memory of the process does not grow with the file.
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
from typing import Any, NamedTuple

import numpy as np

from .. import checks, extras
from .._typing import Array, Real
from ..features.log import from_log
from ..picture.levels import PictureLevels
from .metadata import Metadata
from .sound_readers import PathLike

SUFFIXES = (".npy", ".npz", ".zarr")
BLOCK_VALUES = 1 << 20
"""Values in a block."""
_ZIP_LOCAL_HEADER_BYTES = 30
_COPY_BYTES = 1 << 20
_MAX_ENTRY_BYTES = 1 << 28  # larger entries beside the array are no metadata


class StoredArray(NamedTuple):
    """An array (..., rows, frames) in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read_frames: Callable[[int, int], Array]  #: (first, stop) -> (..., rows, stop - first)


class StoredLevels:
    """Levels or their logarithms in a file, (rows, frames) or (channels, rows, frames).

    Attributes
    ----------
    shape : tuple
    dtype : np.dtype
        float64 if they are stored so, else float32.
    entries : dict
        The metadata in the file; see `Metadata.from_dict`.
    """

    def __init__(self, name: str, array: StoredArray, entries: dict[str, Any]) -> None:
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{name}: must hold real numbers, got dtype {array.dtype}")
        if len(array.shape) not in (2, 3) or 0 in array.shape:
            raise ValueError(f"{name}: must be (rows, frames) or (channels, rows, frames), got shape {array.shape}")
        self.name, self.shape, self.entries, self._read_frames = name, array.shape, entries, array.read_frames
        self.dtype = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)

    @property
    def channels(self) -> int | None:
        """None for (rows, frames)."""
        return self.shape[0] if len(self.shape) == 3 else None

    def blocks(self) -> Iterator[Array]:
        """All frames as they are stored, in blocks of about `BLOCK_VALUES`."""
        n_frames = max(1, BLOCK_VALUES // int(np.prod(self.shape[:-1])))
        for first in range(0, self.shape[-1], n_frames):
            yield self._read_frames(first, min(self.shape[-1], first + n_frames))

    def to_linear(self, block: Array, metadata: Metadata, first: int) -> Real:
        """Mel levels, or magnitudes, of a stored block that begins with frame `first`.

        Raises
        ------
        ValueError
            If a value is not finite or a level is negative.
        """
        try:
            dtype = metadata.plan.dtype
            linear_levels = from_log(block.astype(dtype), metadata.log, metadata.power)
            M = checks.as_levels("M", linear_levels, metadata.rows, dtype)
        except ValueError as error:
            last = first + block.shape[-1] - 1
            raise ValueError(f"{self.name}: in the block of frames {first} to {last}, {error}") from None
        if metadata.bank is not None:
            return M
        return M if metadata.power == 1 else np.power(M, M.dtype.type(1 / metadata.power))


@contextmanager
def open_levels(path: PathLike | PictureLevels) -> Iterator[StoredLevels]:
    """Open stored levels, or take those of a picture.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it does not hold an array of levels.
    ImportError
        If zarr is needed and not installed.
    """
    if isinstance(path, PictureLevels):
        yield _of_picture(path)
        return
    suffix, name = Path(path).suffix.lower(), str(path)
    with contextlib.ExitStack() as stack:
        try:
            if suffix == ".npy":
                levels = StoredLevels(name, _map_npy(Path(path), 0), {})
            elif suffix == ".npz":
                levels = _open_npz(Path(path), stack)
            else:
                levels = _open_zarr(path, name)
        except (EOFError, struct.error, zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{name}: not a readable {suffix} file ({error})") from None
        yield levels


def _of_picture(picture: PictureLevels) -> StoredLevels:
    """The levels of a picture, with its metadata."""
    metadata = picture.to_metadata()
    array = StoredArray((metadata.rows, picture.n_frames), picture.cells.dtype, picture.read_frames)
    return StoredLevels(picture.name, array, metadata.to_dict())


def _map_npy(path: Path, offset: int) -> StoredArray:
    """The .npy array that begins at byte `offset` of a file; each block is mapped by itself."""
    with path.open("rb") as file:
        file.seek(offset)
        try:
            version = np.lib.format.read_magic(file)
            is_1_0 = version == (1, 0)
            read_header = np.lib.format.read_array_header_1_0 if is_1_0 else np.lib.format.read_array_header_2_0
            shape, is_fortran, dtype = read_header(file)
        except ValueError as error:
            raise ValueError(f"{path}: not a readable .npy array ({error})") from None
        data_offset = file.tell()
        available = file.seek(0, 2) - data_offset
    if dtype.hasobject:
        raise ValueError(f"{path}: must hold real numbers, got dtype {dtype}")
    declared = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if declared > available:
        raise ValueError(
            f"{path}: truncated: its header declares {declared} bytes of values, the file holds {available}"
        )
    order: Any = "F" if is_fortran else "C"

    def read_frames(first: int, stop: int) -> Array:
        return np.array(np.memmap(path, dtype, "r", data_offset, shape, order)[..., first:stop], order="K")

    return StoredArray(shape, dtype, read_frames)


def _open_npz(path: Path, stack: contextlib.ExitStack) -> StoredLevels:
    """The array M or S, mapped inside the archive, or from a temporary copy if it is compressed."""
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        array_name = next((name for name in ("M", "S") if name in infos), None)
        if array_name is None:
            raise ValueError(f"{path}: holds no array called M or S")
        entries: dict[str, Any] = {}
        for key, info in infos.items():
            if key not in ("M", "S") and info.file_size < _MAX_ENTRY_BYTES:
                with archive.open(info) as entry:
                    entries[key] = np.lib.format.read_array(entry, allow_pickle=False).tolist()
        info = infos[array_name]
        if info.compress_type == zipfile.ZIP_STORED:
            with path.open("rb") as file:
                file.seek(info.header_offset + _ZIP_LOCAL_HEADER_BYTES - 4)
                lengths = struct.unpack("<HH", file.read(4))  # of the name and the extra field that follow
            offset = info.header_offset + _ZIP_LOCAL_HEADER_BYTES + sum(lengths)
            return StoredLevels(str(path), _map_npy(path, offset), entries)
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastspec-"))) / "array.npy"
        with archive.open(info) as entry, copy.open("wb") as file:
            shutil.copyfileobj(entry, file, _COPY_BYTES)
        return StoredLevels(str(path), _map_npy(copy, 0), entries)


def _open_zarr(path: PathLike, name: str) -> StoredLevels:
    """The array of a .zarr folder; its attributes are the metadata."""
    zarr = extras.load("zarr", "zarr", "a .zarr file")
    try:
        array = zarr.open_array(str(path), mode="r")
    except (FileNotFoundError, zarr.errors.BaseZarrError) as error:
        raise ValueError(f"{name}: not a readable .zarr array ({error})") from None
    stored = StoredArray(array.shape, array.dtype, lambda first, stop: np.asarray(array[..., first:stop]))
    return StoredLevels(name, stored, dict(array.attrs))
