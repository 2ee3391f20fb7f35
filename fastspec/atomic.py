"""Files appear whole or not at all: written beside their name, then renamed over it."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name in the folder of `path`; rename it over `path` when the block ends well.

    If the block raises (Ctrl-C too), the temporary file is removed and `path` is as it was. The temporary name ends
    in the suffix of `path`, so that writers which pick the format by the name pick the same one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If `path` is there and is no regular file: a rename would replace a device or a folder.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder")
    if target.exists() and not target.is_file():
        raise ValueError(f"{path}: not a regular file, so it cannot be replaced")
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str], *, mark: str) -> Iterator[Path]:
    """The same for a folder, which the block makes; one that stands there is replaced if it holds a file `mark`.

    Between two renames, for a moment, nothing is called `path`; all else is as with `replacing`.

    Raises
    ------
    FileNotFoundError
        If the folder around it does not exist.
    ValueError
        If `path` is there and is no folder of this kind.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: no such folder")
    if target.exists() and not (target / mark).is_file():
        raise ValueError(f"{path}: not a folder with a file {mark}, so it is not replaced")
    token = secrets.token_hex(4)
    temporary, old = (target.with_name(f".{target.stem}.{token}{ending}") for ending in (target.suffix, ".old"))
    try:
        yield temporary
        if target.exists():
            os.rename(target, old)
        try:
            os.rename(temporary, target)
        except OSError:
            if old.exists():
                os.rename(old, target)
            raise
    finally:
        for rest in (temporary, old):
            shutil.rmtree(rest, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_array(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write `array` to `path` as .npy, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
