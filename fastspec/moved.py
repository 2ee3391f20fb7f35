"""Module paths of version 0.4: they still work, and warn of their deprecation.

Plans and banks that 0.4 pickled name their classes by these paths.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .warning import warn

MOVED = {
    "audio": ("files.audio",),
    "bands": ("features.band_matrix",),
    "cepstrum": ("features.cepstrum",),
    "compression": ("features.log",),
    "decibels": ("features.decibels",),
    "display": ("plot.figures",),
    "framing": ("transform.framing",),
    "kernels.jit": ("kernels.runtime.jit", "kernels.runtime.threads", "kernels.runtime.cache"),
    "levels": ("notebook.spectra",),
    "mel": ("features.banks", "features.scales", "notebook.mel"),
    "notebook_mel": ("notebook.mel",),
    "offset": ("notebook.inversion",),
    "recovery.mels": ("recovery.recover_mel",),
    "report": ("demo.report",),
    "resound": ("cli.methods",),
    "spectrum": ("plan", "transform.framing"),
    "story": ("demo.pipeline",),
    "stream.recovery": ("recovery.streaming",),
    "streamed": ("stream.inverse",),
    "ticks": ("plot.ticks",),
    "unfilter": ("features.nnls",),
}
"""Old module -> the modules of its names today, below `fastspec`."""


class Finder:
    """Imports old paths as modules that look their names up in today's modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for the old paths only."""
        package, _, name = fullname.partition(".")
        is_old = package == "fastspec" and name in MOVED
        return ModuleSpec(fullname, self) if is_old else None  # type: ignore[arg-type]  # it need not subclass Loader

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave that to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Warn of the deprecation, and look attributes up in today's modules."""
        targets = [f"fastspec.{target}" for target in MOVED[module.__name__.partition(".")[2]]]
        warn(
            f"{module.__name__} is deprecated since fastspec 0.5 and goes in 0.6: use {' or '.join(targets)}",
            DeprecationWarning,
        )

        def find(name: str) -> Any:
            for target in targets:
                if hasattr(import_module(target), name):
                    return getattr(import_module(target), name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = find  # type: ignore[method-assign]


def install() -> None:
    """Add the finder of old paths, after all other finders."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
