"""Atomic writes: a file is written under a temporary name beside its target, then renamed over it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ._typing import Array

_unfinished: list[Callable[[], None]] = []  # each removes the temporary files of a write in progress


@contextlib.contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; rename it over `path` when the block ends without an error.

    If the block raises (Ctrl-C too), the temporary file is removed and `path` is as it was; a file that is replaced
    keeps its mode. The temporary name ends in the suffix of `path`, so that writers which choose the format by the name
    choose the same one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If `path` exists and is not a regular file: a rename would replace a device or a folder.
    """
    target = _resolve(path)
    if target.exists() and not target.is_file():
        raise ValueError(f"{path}: not a regular file, so it cannot be replaced")
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")

    def clean() -> None:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)

    with _cleaned(clean):
        yield temporary
        _copy_mode(target, temporary)
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
    temporary, backup = (target.with_name(f".{target.stem}.{token}{ending}") for ending in (target.suffix, ".old"))

    def clean() -> None:
        if backup.exists() and not target.exists():  # interrupted between the two renames
            with contextlib.suppress(OSError):
                os.rename(backup, target)
        for leftover in (temporary, backup) if target.exists() else (temporary,):
            shutil.rmtree(leftover, ignore_errors=True)

    with _cleaned(clean):
        yield temporary
        if target.exists():
            _copy_mode(target, temporary)
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


def _copy_mode(old: Path, new: Path) -> None:
    """Give a file or folder the permissions of the one that it replaces, if there is one."""
    with contextlib.suppress(OSError):
        shutil.copymode(old, new)


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
