"""Optional packages: import one when it is used, or say how to install it."""

from __future__ import annotations

import importlib
import importlib.metadata
from types import ModuleType

#: Extra -> the distributions it brings (``pip install "fastspec[EXTRA]"``).
EXTRAS = {
    "audio": ("soundfile", "soxr"),
    "plot": ("matplotlib",),
    "cli": ("typer", "rich"),
    "librosa": ("librosa",),
    "zarr": ("zarr",),
    "bench": ("pytest-benchmark", "librosa", "torch"),
}


def load(module: str, extra: str, purpose: str) -> ModuleType:
    """Import `module`, which the extra named `extra` brings; `purpose` starts the error's sentence.

    Raises
    ------
    ImportError
        If the package is absent: a sentence with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise  # the package is there, but something that it needs is not
        raise ImportError(explain(module.partition(".")[0], extra, purpose), name=error.name) from None


def explain(package: str, extra: str, purpose: str) -> str:
    """One sentence: who needs which package, and the command that installs it."""
    return f'{purpose} needs {package}, which is not installed: pip install "fastspec[{extra}]"'


def version(distribution: str) -> str | None:
    """Version of an installed distribution (found without importing it), None where it is absent."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
