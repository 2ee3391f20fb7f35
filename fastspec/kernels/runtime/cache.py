"""The disk cache of compiled kernels: one folder for each version of the sources, one checked file a compilation.

    <base>/fastspec/<hash of the sources and the toolchain>/<name>-<hash of the key>.bin
    file = sha256(key + payload) + payload

A changed source or an upgraded compiler gets a folder of its own, so nothing stale is ever loaded.  Sources are what
the modules' loaders give: files, members of a zip or, where a program is shipped without sources, its code.

The digest rejects a file that is truncated, zero-filled or misplaced before it is unpickled: it protects against
accidents, not against attackers who may write to the folder.  Files appear whole (written to a temporary file, then
renamed), so processes may write at once.  A failure costs a compilation and one warning, never an error; a read-only
folder is read.

Numba's own disk cache is not used: it neither checks its files, nor reads a folder it cannot write, nor notices an
edited callee.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import pkgutil
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba import config
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from ...warning import warn
from . import claims, nested

_DIGEST = hashlib.sha256().digest_size
_UNWRITABLE = Path(os.devnull)  # for users without a home folder: every write below it fails
ABANDONED_SECONDS = 3600.0  # after which the writer of a temporary file is dead
LARGEST_BYTES = 1 << 27  # of a file: kernels take a thousandth of it

_warned_kinds: set[str] = set()
_pending: list[str] = []


def warn_once(kind: str, text: str) -> None:
    """Give a RuntimeWarning at the first failure of this kind in this process.

    A cache that fails costs time and no result, so the call goes on where warnings are errors, too.
    """
    if kind not in _warned_kinds:
        _warned_kinds.add(kind)
        _pending.append(f"fastspec: {text}")
        show_warnings()


def show_warnings() -> None:
    """Give the warnings that are due, but not inside numba, which would give those of its type inference again."""
    while _pending and not global_compiler_lock.is_locked():
        with contextlib.suppress(IndexError):  # another thread was faster
            warn(_pending.pop(0), RuntimeWarning, may_raise=False)


def base_directory() -> Path:
    """FASTSPEC_CACHE_DIR, else NUMBA_CACHE_DIR, else the system's folder for caches of this user."""
    folder = os.environ.get("FASTSPEC_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if not folder and sys.platform not in ("win32", "darwin"):
        folder = os.environ.get("XDG_CACHE_HOME")
    try:
        if folder:
            return Path(folder).expanduser().absolute()
        return Path.home() / {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    except (RuntimeError, OSError):  # this user has no home, or the folder was removed that Python runs in
        return _UNWRITABLE


# ---- the version of the sources ----
def hash_sources(sources: dict[str, bytes], toolchain: tuple[str, ...]) -> str:
    """Sixteen hexadecimal digits that change whenever a source, by the name of its module, or the toolchain does."""
    digest = hashlib.sha256(repr(toolchain).encode())
    for name, content in sorted(sources.items()):
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def sources_of(spec: ModuleSpec) -> Iterator[tuple[str, bytes]]:
    """(name, source) of a module and of all modules below it, as their loaders give them; nothing is imported.

    In the place of a source that is not there is the text of the module's code.
    """
    yield spec.name, _source_of(spec)
    for finder, name, _ in pkgutil.iter_modules(spec.submodule_search_locations or (), f"{spec.name}."):
        below: ModuleSpec | None = finder.find_spec(name)  # type: ignore[call-arg]
        if below is not None:
            yield from sources_of(below)


def _source_of(spec: ModuleSpec) -> bytes:
    loader: Any = spec.loader
    if spec.origin and spec.origin.endswith(".py"):
        with contextlib.suppress(OSError):  # freezers name a source that they do not ship
            return bytes(loader.get_data(spec.origin))
    return code_text(loader.get_code(spec.name)).encode("utf-8", "surrogatepass")


_CODE_FIELDS = (
    *("co_qualname", "co_flags", "co_firstlineno", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount"),
    *("co_varnames", "co_cellvars", "co_freevars", "co_names", "co_code", "co_exceptiontable"),
)


def code_text(value: object) -> str:
    """A text of code or of a constant that is the same in every process (`marshal` depends on reference counts)."""
    if isinstance(value, CodeType):
        fields = [getattr(value, field) for field in _CODE_FIELDS]
        return f"code({fields!r}, {code_text(value.co_consts)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(code_text, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(code_text, value)))}}}"
    return repr(value)


class Store:
    """Payloads by key, in the folder of one scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    @property
    def directory(self) -> Path:
        """The folder in use; it exists once something was saved."""
        return base_directory() / "fastspec" / self.scope

    def path(self, name: str, key: str) -> Path:
        """The file that holds the payload of a key; the name is there for people to read."""
        return self.directory / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.bin"

    def load(self, name: str, key: str) -> bytes | None:
        """The payload saved under this key; None if there is none or it is damaged."""
        path = self.path(name, key)
        try:
            if not path.is_file():  # to read a pipe would take for ever
                return None
            content = path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else b""
        except OSError:
            return None
        payload = content[_DIGEST:]
        if content[:_DIGEST] != hashlib.sha256(key.encode() + payload).digest():
            warn_once("damaged", f"compiling anew what the damaged file {path} held")
            return None
        return payload

    def save(self, name: str, key: str, payload: bytes) -> None:
        """Keep the payload under this key, if the folder can be written."""
        path = self.path(name, key)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(hashlib.sha256(key.encode() + payload).digest() + payload)
            os.replace(temporary, path)
        except OSError as error:
            if not os.path.isfile(path):  # else another process was faster (Windows allows one writer)
                warn_once(
                    "unwritable",
                    f"cannot write to {path.parent}, so each process compiles anew ({error}); "
                    "FASTSPEC_CACHE_DIR names another folder",
                )
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def files(self) -> list[Path]:
        """The files of compilations in the folder."""
        try:
            return sorted(self.directory.glob("*.bin"))
        except OSError:
            return []

    def writable(self) -> bool:
        """Whether a file can be written to the folder: tries it."""
        probe = self.directory / f"{secrets.token_hex(8)}.tmp"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"probe")
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                probe.unlink(missing_ok=True)
        return True

    def prune(self) -> list[Path]:
        """Remove the folders of other scopes and the files of interrupted writers in ours; return the removed paths."""
        directory, now, stale = self.directory, time.time(), []
        with contextlib.suppress(OSError):
            stale += [
                path
                for path in directory.parent.iterdir()
                if re.fullmatch("[0-9a-f]{16}", path.name) and path.name != self.scope
            ]
            stale += [path for path in directory.glob("*.tmp") if now - path.stat().st_mtime > ABANDONED_SECONDS]
        for path in stale:
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
        return [path for path in stale if not os.path.exists(path)]


def _kernel_sources() -> dict[str, bytes]:
    """Name -> source of all modules of kernels; empty if a loader gives neither source nor code."""
    kernels = sys.modules[__name__.rpartition(".runtime.")[0]]
    try:
        return dict(sources_of(kernels.__spec__)) if kernels.__spec__ else {}
    except Exception:  # a loader of some other packager, which may raise what it likes
        return {}


_sources = _kernel_sources()
_store = Store(hash_sources(_sources, (numba.__version__, llvmlite.__version__, np.__version__)))


# ---- what Numba asks of a cache ----
class Overloads:
    """The cache of one function, as numba calls it: load and save the compilation for a signature."""

    def __init__(self, function: Callable[..., Any], kind: str) -> None:
        code = function.__code__
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        path = function.__module__.split(".")  # which an archive's code objects have without their folder
        is_of_its_module = list(Path(code.co_filename).with_suffix("").parts[-len(path) :]) == path
        self.is_cached = "<" not in self.name and function.__module__ in _sources and is_of_its_module
        self._claimed: Path | None = None
        self.identity = (
            kind,
            function.__module__,
            function.__qualname__,
            code.co_firstlineno,
            sys.implementation.cache_tag,
        )

    @property
    def cache_path(self) -> str:
        """The folder, as numba's statistics name it."""
        return str(_store.directory)

    def _key(self, arguments: tuple[Any, ...], codegen: Any) -> str:
        switches = config.OPT, config.BOUNDSCHECK, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.USING_SVML
        return repr((self.identity, [str(a) for a in arguments], codegen.magic_tuple(), [str(s) for s in switches]))

    def path(self, arguments: tuple[Any, ...], codegen: Any) -> Path | None:
        """The file of the compilation for these argument types; None if it is not kept."""
        return _store.path(self.name, self._key(arguments, codegen)) if self.is_cached else None

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """The compilation for these argument types; None if this process has to compile it, and claims to.

        numba would first set up its whole type system (0.3 s, SciPy's BLAS included); machine code needs only the
        memory runtime, and the next compilation sets up the rest.
        """
        if not self.is_cached:
            return None
        arguments = tuple(getattr(signature, "args", signature))
        try:
            rtsys.initialize(target_context)
            key = self._key(arguments, target_context.codegen())
            payload = _store.load(self.name, key)
            if payload is None:
                self._claimed = _store.path(self.name, key)
                if claims.claim_or_wait(self._claimed):
                    return None
                self._claimed, payload = None, _store.load(self.name, key)
            if payload is None:
                return None
            compilation = CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception as error:  # undamaged, but for another numba
            warn_once("damaged", f"compiling {self.name} anew: what {_store.directory} holds does not load ({error!r})")
            return None
        return compilation if tuple(compilation.signature.args) == arguments else None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Save a compilation, if it can be saved."""
        if self.is_cached:
            self._save(tuple(getattr(signature, "args", signature)), compiled)
        elif not _sources:
            warn_once("unkept", "the loader of its modules gives no sources, so each process compiles its kernels anew")

    def _save(self, arguments: tuple[Any, ...], compiled: Any) -> None:
        try:
            if compiled.lifted or compiled.library.has_dynamic_globals:
                raise ValueError("it refers to addresses of this process")
            library = compiled.library
            if nested.fits():
                library.serialize_using_object_code = functools.partial(nested.machine_code, library)
            _store.save(self.name, self._key(arguments, library.codegen), dumps(compiled._reduce()))
        except Exception as error:
            warn_once("unkept", f"{self.name} cannot be kept, so each process compiles it anew ({error!r})")

    def release(self) -> None:
        """Give up the claim of what was compiled, or could not be."""
        if self._claimed:
            claims.release(self._claimed)
            self._claimed = None

    def flush(self) -> None:
        """Do nothing: a compilation that is saved again replaces the old one."""

    enable = disable = flush


def cpu_name() -> str:
    """The processor that kernels are compiled for, as LLVM names it; NUMBA_CPU_NAME chooses another."""
    return str(config.CPU_NAME or llvmlite.binding.get_host_cpu_name())


def compiler_enabled() -> bool:
    """Whether kernels can be compiled, as they can unless NUMBA_DISABLE_JIT is set."""
    return not config.DISABLE_JIT


def scope() -> str:
    """The name of the folder, which stands for the sources of all kernels and the toolchain."""
    return _store.scope


def cache_directory() -> Path:
    """The folder of compiled kernels for these sources and this toolchain; it need not exist yet."""
    return _store.directory


def cache_writable() -> bool:
    """Whether compiled kernels can be kept for the next process."""
    return _store.writable()


def count_kept() -> int:
    """How many compilations the folder holds."""
    return len(_store.files())


def all_is_kept() -> bool:
    """Whether this process kept everything that it compiled, or compiled nothing."""
    return not _warned_kinds & {"unwritable", "unkept"}


def prune_cache() -> list[Path]:
    """Remove compiled kernels of other versions and temporary files of dead processes; return the removed paths."""
    return _store.prune()
