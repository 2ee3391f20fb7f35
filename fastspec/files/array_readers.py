"""Spectrograms and mel spectrograms read from .npy, .npz and .zarr, a block of frames at a time.

Sizes in a header are checked before anything is allocated; each block is mapped and unmapped by itself, so that the
memory of the process does not grow with the file.
"""

from __future__ import annotations

import contextlib
import io
import math
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from .. import atomic, checks, extras
from .._typing import Array, Real
from ..features.log import from_log
from ..frontends.inverse import levels_of
from ..picture.levels import PictureLevels
from . import limits
from .metadata import Metadata
from .sound_readers import PathLike

SUFFIXES = (".npy", ".npz", ".zarr")
BLOCK_VALUES = 1 << 20
"""Values in a block."""
_ZIP_LOCAL_HEADER_BYTES = 30
_COPY_BYTES = 1 << 20
_MAX_ENTRY_BYTES = limits.SMALL_BYTES  # larger entries beside the array are no metadata
_MAX_HEADER_BYTES = 1 << 16  # of a .npy array, more than NumPy reads
_SPARSE_BYTES = 1 << 34  # values of a .zarr array that may be in chunks that are not stored, as those of silence


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

    def blocks(self, least_values: int = 1) -> Iterator[Array]:
        """All frames as they are stored, in blocks of about `BLOCK_VALUES`; a frame counts as so many at least.

        Raises
        ------
        ValueError
            If they cannot be decoded.
        """
        n_frames = max(1, BLOCK_VALUES // max(math.prod(self.shape[:-1]), least_values))
        for first in range(0, self.shape[-1], n_frames):
            stop = min(self.shape[-1], first + n_frames)
            try:
                block = self._read_frames(first, stop)
            except OSError:
                raise
            except Exception as error:  # of any kind: of the decoders of zarr
                raise _unreadable(self.name, f"frames {first} to {stop - 1}", error) from None
            yield block

    def to_linear(self, block: Array, metadata: Metadata, first: int) -> Real:
        """Mel levels, or magnitudes, of a stored block that begins with frame `first`.

        Raises
        ------
        ValueError
            If a value is not finite or a level is negative.
        """
        try:
            dtype, rows = metadata.plan.dtype, metadata.rows
            if metadata.frontend is None:
                linear_levels = from_log(block.astype(dtype), metadata.log, metadata.power)
            else:
                linear_levels, rows = levels_of(metadata.frontend, block), len(metadata.frontend.bank)
            M = checks.as_levels("M", linear_levels, rows, dtype)
        except ValueError as error:
            last = first + block.shape[-1] - 1
            raise ValueError(f"{self.name}: in the block of frames {first} to {last}, {error}") from None
        if metadata.bank is not None or metadata.power == 1:
            return M
        with np.errstate(over="ignore"):
            S: Real = np.power(M, M.dtype.type(1 / metadata.power))
        if not np.isfinite(S.max()):
            raise ValueError(f"{self.name}: power = {metadata.power:g} makes levels of magnitudes beyond {S.dtype}")
        return S


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
                levels = StoredLevels(name, _map_npy(Path(path), 0, name), {})
            elif suffix == ".npz":
                levels = _open_npz(Path(path), stack)
            else:
                levels = _open_zarr(path, name)
        except Exception as error:  # of any kind: `zipfile` and its decoders raise many of a damaged file
            names_file = isinstance(error, OSError) and error.filename is not None
            if names_file or isinstance(error, ImportError) or str(error).startswith(name):
                raise
            raise ValueError(f"{name}: not a readable {suffix} file ({str(error) or type(error).__name__})") from None
        yield levels


def _unreadable(name: str, part: str, error: Exception) -> ValueError:
    """The error of a part of a file that cannot be read."""
    return ValueError(f"{name}: its {part} are not readable ({str(error) or type(error).__name__})")


def _of_picture(picture: PictureLevels) -> StoredLevels:
    """The levels of a picture, with its metadata."""
    metadata = picture.to_metadata()
    array = StoredArray((metadata.rows, picture.n_frames), picture.cells.dtype, picture.read_frames)
    return StoredLevels(picture.name, array, metadata.to_dict())


class _NpyHeader(NamedTuple):
    """The header of a .npy array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    size: int  #: bytes of the header


def _read_npy_header(file: IO[bytes], available: int, name: str) -> _NpyHeader:
    """The header at the start of `available` bytes, which hold all values that it declares.

    Raises
    ------
    ValueError
        If it is damaged, or declares values that are no numbers, or more of them.
    """
    head = io.BytesIO(file.read(_MAX_HEADER_BYTES))
    try:
        is_1_0 = np.lib.format.read_magic(head) == (1, 0)
        read_header = np.lib.format.read_array_header_1_0 if is_1_0 else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read_header(head)
    except Exception as error:  # of any kind: NumPy parses it as Python
        raise ValueError(f"{name}: not a readable .npy array ({str(error) or type(error).__name__})") from None
    if dtype.hasobject:
        raise ValueError(f"{name}: must hold real numbers, got dtype {dtype}")
    if min(shape, default=0) < 0:
        raise ValueError(f"{name}: not a readable .npy array (its shape is {shape})")
    declared, available = math.prod(shape) * dtype.itemsize, available - head.tell()
    if declared > available:
        raise ValueError(
            f"{name}: truncated: its header declares {declared} bytes of values, the file holds {available}"
        )
    return _NpyHeader(tuple(int(n) for n in shape), dtype, is_fortran, head.tell())


def _map_npy(path: Path, offset: int, name: str, size: int | None = None) -> StoredArray:
    """The .npy array of `size` bytes, by default all, from byte `offset` of a file on; each block is mapped by itself.

    The name is that in errors.
    """
    with path.open("rb") as file:
        available = file.seek(0, 2) - offset
        file.seek(offset)
        header = _read_npy_header(file, available if size is None else min(size, available), name)
    shape, dtype, data_offset, order = header.shape, header.dtype, offset + header.size, "CF"[header.is_fortran]

    def read_frames(first: int, stop: int) -> Array:
        mapped = np.memmap(path, dtype, "r", data_offset, shape, order)  # type: ignore[call-overload]
        return np.array(mapped[..., first:stop], order="K")

    return StoredArray(shape, dtype, read_frames)


def _open_npz(path: Path, stack: contextlib.ExitStack) -> StoredLevels:
    """The array M or S, mapped inside the archive, or from a temporary copy if it is compressed."""
    name, file_size = str(path), path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        array_name = next((key for key in ("M", "S") if key in infos), None)
        if array_name is None:
            raise ValueError(f"{path}: holds no array called M or S")
        entries: dict[str, Any] = {}
        for key, info in infos.items():
            if key not in ("M", "S") and info.file_size < _MAX_ENTRY_BYTES:
                entries[key] = _read_entry(archive, info, f"{name}, {key}", file_size)
        info = infos[array_name]
        if info.compress_type == zipfile.ZIP_STORED:
            return StoredLevels(name, _map_npy(path, _data_offset(path, info), name, info.file_size), entries)
        limits.check_compressed(name, "values", info.file_size, min(info.compress_size, file_size))
        with archive.open(info) as entry:
            _read_npy_header(entry, info.file_size, name)
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastspec-"))) / "array.npy"
        with archive.open(info) as entry, atomic.name_errors(copy), copy.open("wb") as file:
            shutil.copyfileobj(entry, file, _COPY_BYTES)
        return StoredLevels(name, _map_npy(copy, 0, name), entries)


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, file_size: int) -> Any:
    """An entry beside the array, as numbers, strings and lists."""
    limits.check_compressed(name, "values", info.file_size, min(info.compress_size, file_size))
    with archive.open(info) as entry:
        _read_npy_header(entry, info.file_size, name)
    with archive.open(info) as entry:
        return np.lib.format.read_array(entry, allow_pickle=False).tolist()


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the bytes of an entry that is not compressed begin in the archive."""
    if info.header_offset < 0:
        raise zipfile.BadZipFile(f"its entry {info.filename} begins at byte {info.header_offset}")
    with path.open("rb") as file:
        file.seek(info.header_offset + _ZIP_LOCAL_HEADER_BYTES - 4)
        lengths = struct.unpack("<HH", file.read(4))  # of the name and the extra field that follow
    return info.header_offset + _ZIP_LOCAL_HEADER_BYTES + sum(lengths)


def _open_zarr(path: PathLike, name: str) -> StoredLevels:
    """The array of a .zarr folder; its attributes are the metadata."""
    zarr = extras.load("zarr", "zarr", "a .zarr file")
    try:
        array = zarr.open_array(str(path), mode="r")
        shape, chunks, entries, dtype = array.shape, array.chunks, dict(array.attrs), array.dtype
    except PermissionError:
        raise
    except Exception as error:  # of any kind: zarr parses what is there
        raise ValueError(f"{name}: not a readable .zarr array ({str(error) or type(error).__name__})") from None
    _check_zarr_sizes(path, name, math.prod(shape) * dtype.itemsize, math.prod(chunks) * dtype.itemsize)
    return StoredLevels(
        name, StoredArray(shape, dtype, lambda first, stop: np.asarray(array[..., first:stop])), entries
    )


def _check_zarr_sizes(path: PathLike, name: str, array_bytes: int, decoded_bytes: int) -> None:
    """ValueError if a chunk, which is decoded whole, or the array has more bytes than those stored can hold."""
    if decoded_bytes <= limits.SMALL_BYTES and array_bytes <= _SPARSE_BYTES:
        return
    stored = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    limits.check_compressed(name, "values in a chunk", decoded_bytes, stored)
    limits.check_compressed(name, "values", array_bytes, stored, least=_SPARSE_BYTES)
