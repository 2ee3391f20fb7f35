"""Imported by Python as it starts, under ``python -m fastspec.patch``: librosa is patched as soon as it is imported.

The runner puts this folder on PYTHONPATH, for its program and for the processes which that starts: the environment is
all that workers of `multiprocessing` get, by spawn and by forkserver.  The user's own `sitecustomize` follows.  It runs
in any Python that the program starts, so it imports nothing but the standard library until then.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(FOLDER)))  # holds the package


class PatchOnImport:
    """A finder that patches `library` after its import."""

    def __init__(self, library: str, precision: Any) -> None:
        self.library, self.precision = library, precision

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of the other finders, whose loader patches at its end."""
        if name != self.library:
            return None
        sys.meta_path.remove(self)
        spec: Any = importlib.util.find_spec(name)
        run = getattr(getattr(spec, "loader", None), "exec_module", None)
        if run is not None:

            def exec_module(module: Any) -> None:
                try:
                    run(module)
                except BaseException:
                    sys.meta_path.insert(0, self)  # for another try
                    raise
                self.patch()

            spec.loader.exec_module = exec_module
        return spec

    def patch(self) -> None:
        """Patch the library, or log why it stays as it is."""
        try:
            if importlib.util.find_spec("fastspec") is None:
                sys.path.append(ROOT)
            import fastspec

            fastspec.patch(self.library, precision=self.precision)
        except Exception as error:
            import logging

            logging.getLogger("fastspec").warning("%s is not patched in this process: %s", self.library, error)


if __name__ == "sitecustomize":
    sys.path[:] = [folder for folder in sys.path if folder != FOLDER]
    if "FASTSPEC_PATCH" in os.environ:
        sys.meta_path.insert(
            0, PatchOnImport(os.environ["FASTSPEC_PATCH"], os.environ.get("FASTSPEC_PATCH_PRECISION") or None)
        )
    del sys.modules["sitecustomize"]
    importlib.import_module("sitecustomize")  # the next one; `site` ignores that there is none
