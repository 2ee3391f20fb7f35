"""interim"""
import contextlib
import contextvars
import hashlib
import os
import threading
from pathlib import Path

import llvmlite
import numba
from llvmlite import ir
from numba import cfunc, config, float32, float64, from_dtype, get_thread_id, int64, njit, prange, types
from numba.core import cgutils
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

FASTMATH = ("nsz", "arcp", "contract", "afn", "reassoc")
_OPTIONS = dict(error_model="numpy", fastmath=set(FASTMATH))
def _cache_dir():
    digest = hashlib.sha256(repr((numba.__version__, llvmlite.__version__)).encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    base = os.environ.get("FASTSPEC_CACHE_DIR") or os.path.expanduser("~/.cache")
    return os.path.join(base, "fastspec", digest.hexdigest()[:16])
_CACHE_DIR = _cache_dir()
@contextlib.contextmanager
def _scoped():
    saved = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = _CACHE_DIR, "UserProvidedCacheLocator"
    try:
        yield
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = saved
def kernel(function):
    with _scoped():
        return njit(function, cache=True, nogil=True, **_OPTIONS)
def entry(function, *args):
    import time
    t=time.perf_counter()
    with _scoped():
        c = cfunc(types.void(*args), cache=True, **_OPTIONS)(function)
    if os.environ.get("FSLOG"): print(function.__name__, str(args[0])[:14], round(time.perf_counter()-t,2), "cached" if c.cache_hits else "compiled")
    return c
_limit = contextvars.ContextVar("fastspec_threads", default=None)
_team = threading.Lock()
@contextlib.contextmanager
def threads(n):
    token = _limit.set(n)
    try:
        yield
    finally:
        _limit.reset(token)
def team_size():
    return config.NUMBA_NUM_THREADS
def thread_count():
    return min(int(_limit.get() or config.NUMBA_NUM_THREADS), config.NUMBA_NUM_THREADS)
class parallel_kernel:
    def __init__(self, function):
        with _scoped():
            self.dispatcher = njit(function, cache=True, nogil=True, parallel=True, **_OPTIONS)
    def __call__(self, n, *args, work=0):
        wanted = thread_count()
        if wanted < 2 or n < 2 or not _team.acquire(blocking=False):
            self.dispatcher(True, 0, n, *args)
            return
        try:
            mask = numba.get_num_threads()
            numba.set_num_threads(wanted)
            try:
                self.dispatcher(False, 0, n, *args)
            finally:
                numba.set_num_threads(mask)
        finally:
            _team.release()
