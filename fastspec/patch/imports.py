"""The hook that says when modules have been imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[str], None]


class ImportHook:
    """A finder that calls functions with the name of a module after its import, or its import anew.

    It is in `sys.meta_path` while there is a function to call.  The modules are as without it: their loaders, too.
    """

    def __init__(self) -> None:
        self._callbacks: dict[str, tuple[Callback, ...]] = {}  # by module

    def add(self, modules: set[str], callback: Callback) -> None:
        """Call a function when one of these modules has been imported."""
        self._callbacks |= {name: (*self._callbacks.get(name, ()), callback) for name in modules}
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self, callback: Callback) -> None:
        """Call a function no more."""
        left = {
            name: tuple(kept for kept in callbacks if kept != callback) for name, callbacks in self._callbacks.items()
        }
        self._callbacks = {name: callbacks for name, callbacks in left.items() if callbacks}
        if not self._callbacks and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of the finders that follow, whose loader calls the functions at its end."""
        finders: list[Any] = sys.meta_path.copy()
        if name not in self._callbacks or self not in finders:
            return None
        for finder in finders[finders.index(self) + 1 :]:
            search = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = search(name, path, target) if search else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def imported(self, name: str) -> None:
        """Call the functions of a module."""
        for callback in self._callbacks.get(name, ()):
            callback(name)


class _Loader:
    """The loader of a module, which the module gets back before it is executed."""

    def __init__(self, loader: Any, hook: ImportHook) -> None:
        self._loader, self._hook = loader, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and call the functions."""
        spec: Any = module.__spec__
        spec.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook.imported(spec.name)


HOOK = ImportHook()
"""That of this process."""
