"""Imported by Python as it starts, under ``python -m fastspec.patch``: libraries are patched once they are imported.

The runner puts this folder on PYTHONPATH, for its program and for the processes which that starts: the environment is
all that workers of `multiprocessing` get, by spawn and by forkserver.  The user's own `sitecustomize` follows.  It runs
in any Python that the program starts, so it imports nothing but the standard library until then.

FASTSPEC_PATCH holds ``library=module,module;library=module``: the modules whose import patches a library;
FASTSPEC_PATCH_PRECISION holds their precision.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(FOLDER)))  # holds the package


class PatchOnImport:
    """A finder that patches `library` after the import of the first of `modules`."""

    def __init__(self, library: str, modules: Any, precision: Any) -> None:
        self.library, self.modules, self.precision = library, modules, precision

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec of the finders that follow, whose loader patches at its end."""
        finders: list[Any] = sys.meta_path.copy()
        if name not in self.modules or self not in finders:
            return None
        following = finders[finders.index(self) + 1 :]
        specs = (finder.find_spec(name, path, target) for finder in following if hasattr(finder, "find_spec"))
        spec: Any = next(filter(None, specs), None)
        loader: Any = getattr(spec, "loader", None)
        run = None if isinstance(loader, type) else getattr(loader, "exec_module", None)
        if run is not None:

            def exec_module(module: Any) -> None:
                run(module)
                if module.__name__ == name:
                    loader.__dict__.pop("exec_module", None)
                    self.patch()

            loader.exec_module = exec_module
        return spec

    def patch(self) -> None:
        """Patch the library, or log why it stays as it is."""
        if self not in sys.meta_path:
            return
        sys.meta_path.remove(self)
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
    for row in filter(None, os.environ.get("FASTSPEC_PATCH", "").split(";")):
        library, _, modules = row.partition("=")
        watched = (modules or library).split(",")
        sys.meta_path.insert(0, PatchOnImport(library, watched, os.environ.get("FASTSPEC_PATCH_PRECISION") or None))
    del sys.modules["sitecustomize"]
    importlib.import_module("sitecustomize")  # the next one; `site` ignores that there is none
