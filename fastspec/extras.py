"""Optional packages: imported when they are used, with the command that installs an absent one in the error."""

from __future__ import annotations

import importlib
from types import ModuleType

from .forks import import_module

#: Extra -> the distributions it installs (``pip install "fastspec[EXTRA]"``).
EXTRAS = {
    "audio": ("soundfile", "soxr"),
    "plot": ("matplotlib",),
    "cli": ("typer", "rich"),
    "librosa": ("librosa",),
    "zarr": ("zarr",),
    "bench": ("pytest-benchmark", "librosa", "torch"),
}


def load(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, which the extra named `extra` installs; `purpose` is the subject of the error's sentence.

    Raises
    ------
    ImportError
        If the package is absent: a sentence with the command that installs it.
    """
    try:
        # a library that we patch may call us while another thread imports it
        return importlib.import_module(module) if extra == "librosa" else import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise  # the package is installed, one of its own dependencies is not
        raise ImportError(explain(package, extra, purpose), name=error.name) from None


def explain(package: str, extra: str, purpose: str) -> str:
    """One sentence: which package `purpose` needs, and the command that installs it."""
    return f'{purpose} needs {package}, which is not installed: pip install "fastspec[{extra}]"'


def version(distribution: str) -> str | None:
    """Version of an installed distribution, without importing it; None if it is absent."""
    from importlib import metadata  # slow to import

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
