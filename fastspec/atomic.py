"""Atomic writes: a file is written under a temporary name beside its target, then renamed over it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ._typing import Array

STANDARD_OUTPUT = "standard output"
_unfinished: list[Callable[[], None]] = []  # each removes the temporary files of a write in progress


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; rename it over `path` when the block ends without an error.

    If the block raises (Ctrl-C too), the temporary file is removed and `path` is as it was. The temporary name ends
    in the suffix of `path`, so that writers which choose the format by the name choose the same one.  The new file has
    the permissions of the old one from the start, and its owner if that is allowed.

    Raises
    ------
    OSError
        Any of the block, with `path` in place of the temporary name, or of none.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If `path` exists and is not a regular file: a rename would replace a device or a folder.
    """
    target = _resolve(path)
    if target.exists() and not target.is_file():
        raise ValueError(f"{path}: not a regular file, so it cannot be replaced")
    temporary = target.with_name(f".{_short(target.stem)}.{secrets.token_hex(4)}{target.suffix}")

    def clean() -> None:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)

    with _cleaned(clean), name_errors(path, temporary):
        if target.exists():
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            _copy_access(target, temporary, at_least=0o200)
        yield temporary
        if target.exists():
            _copy_access(target, temporary)
        os.replace(temporary, target)


@contextlib.contextmanager
def replace_folder(path: str | os.PathLike[str], *, marker: str) -> Iterator[Path]:
    """Like `replace_file` for a folder that the block creates; an old one is replaced if it holds a file `marker`.

    Two renames: between them, for a moment, `path` does not exist.

    Raises
    ------
    FileNotFoundError
        If the parent folder does not exist.
    ValueError
        If `path` exists and is not a folder with a file `marker`.
    """
    target = _resolve(path)
    if target.exists() and not (target / marker).is_file():
        raise ValueError(f"{path}: not a folder with a file {marker}, so it is not replaced")
    token = secrets.token_hex(4)
    stem = _short(target.stem)
    temporary, backup = (target.with_name(f".{stem}.{token}{ending}") for ending in (target.suffix, ".old"))

    def clean() -> None:
        if backup.exists() and not target.exists():  # an error, or Ctrl-C, between the two renames
            with contextlib.suppress(OSError):
                os.rename(backup, target)
        for leftover in (temporary, backup) if target.exists() else (temporary,):
            shutil.rmtree(leftover, ignore_errors=True)

    with _cleaned(clean), name_errors(path, temporary):
        yield temporary
        if target.exists():
            _copy_access(target, temporary)
            os.rename(target, backup)
        os.rename(temporary, target)


@contextlib.contextmanager
def _cleaned(clean: Callable[[], None]) -> Iterator[None]:
    """Call `clean` at the end of the block, or in `remove_temporaries`."""
    _unfinished.append(clean)
    try:
        yield
    finally:
        clean()
        _unfinished.remove(clean)


def remove_temporaries() -> None:
    """Remove the temporary files of all writes in progress: for a program that is about to end without unwinding."""
    for clean in [*_unfinished]:
        clean()


@contextlib.contextmanager
def name_errors(name: object, temporary: Path | None = None) -> Iterator[None]:
    """Put `name` into each OSError of the block that names no file, or the temporary one or what is in it.

    Writes to an open file say what is wrong, but not where.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            if temporary is None or str(name) in str(error):
                raise
            raise OSError(f"{name}: {str(error).replace(str(temporary), str(name))}") from error
        if error.filename is None or (temporary is not None and str(error.filename).startswith(str(temporary))):
            raise OSError(error.errno, error.strerror, str(name)) from error  # of the same class, which errno tells
        raise


def unnamed_file(folder: Path | None = None) -> BinaryIO:
    """A temporary file without a name in a folder, or where temporary files are; its OSError names no file either."""
    try:
        return cast("BinaryIO", tempfile.TemporaryFile(dir=folder))
    except OSError as error:
        if folder is None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror) from error


def standard_output() -> BinaryIO:
    """The bytes of standard output; OSError if it is closed."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), STANDARD_OUTPUT)
    return sys.stdout.buffer


def _short(stem: str) -> str:
    """The start of a name, so that a temporary name is not longer than file systems allow."""
    return stem[:32]


def _copy_access(source: Path, target: Path, *, at_least: int = 0) -> None:
    """Give a file the owner, where that is allowed, and the permissions of another."""
    status = source.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, status.st_mode & 0o777 | at_least)


def _resolve(path: str | os.PathLike[str]) -> Path:
    """The target behind symbolic links; FileNotFoundError if its folder does not exist."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder")
    return target


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_array(path: str | os.PathLike[str], array: Array) -> None:
    """Write `array` to `path` as .npy, atomically."""
    with replace_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
