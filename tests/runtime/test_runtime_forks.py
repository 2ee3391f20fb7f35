"""Forked processes: a pool of threads does not survive a fork, so a child works alone and waits for nobody."""

import pytest
from sandbox import Sandbox

pytestmark = pytest.mark.portable

WAIT = """
def wait(child, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return "stuck"

def fork(task):
    child = os.fork()
    if not child:
        code = 99
        try:
            code = task()
        finally:
            os._exit(code)
    return child

def good():
    return 0 if demo.right() else 1
"""


OTHER = """
import numba

@numba.njit(parallel=True)
def f(x):
    for i in numba.prange(len(x)):
        x[i] = i
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox with a filled cache."""
    box = Sandbox(tmp_path_factory.mktemp("forks"))
    box.run("demo.right(), demo.team_used()")
    (box.root / "other.py").write_text(OTHER)
    return box


def test_a_fork_after_a_parallel_call_works_alone(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
assert demo.right()
print(threads.thread_count())
print(wait(fork(good)), wait(fork(lambda: threads.thread_count())), wait(fork(lambda: wait(fork(good)))))
print(demo.right())
"""
    )
    assert words == ["2", "0", "1", "0", "True"]


def test_a_fork_before_any_call_works(box: Sandbox) -> None:
    words, _ = box.run(WAIT + "print(wait(fork(good)), demo.right())")
    assert words == ["0", "True"]


def test_a_fork_made_from_c_works(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
assert demo.right()
child = ctypes.PyDLL(None).fork()                           # none of Python's hooks run
if not child:
    os._exit(good())
print(wait(child), demo.right())
"""
    )
    assert words == ["0", "True"]


def test_a_fork_can_compile(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
assert demo.right()
def compile_more():
    x = np.ones((3, 5), np.float32)
    return 0 if np.allclose(demo.row_sums(x), 5 * np.sin(2.0)) else 1
print(wait(fork(compile_more)))
"""
    )
    assert words == ["0"]


def test_forks_while_another_thread_compiles(box: Sandbox) -> None:
    words, warned = box.run(
        WAIT
        + """
assert demo.right()
compiler = threading.Thread(target=lambda: demo.row_sums(np.ones((3, 5), np.float32)))
compiler.start()
codes = []
while compiler.is_alive():
    codes.append(wait(fork(lambda: demo.right() + 10 * bool(demo.row_sums(np.ones((3, 5), np.float32))[0] > 4))))
print(len(codes) > 0, set(codes), demo.right())
""",
        FASTSPEC_CACHE_DIR="/dev/null",
    )
    assert words == ["True", "{11}", "True"]
    assert len(warned) >= 1  # no cache, so that compiling takes its time


def test_forks_while_another_thread_makes_its_first_call(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
caller = threading.Thread(target=demo.right)
caller.start()
codes = [wait(fork(good)) for _ in range(4)]
caller.join()
print(codes == [0] * 4, demo.right())
"""
    )
    assert words == ["True", "True"]


def test_forks_while_another_thread_runs_in_parallel(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
visits = np.zeros(10_000, int)
caller = threading.Thread(target=lambda: demo.slow(len(visits), visits, visits.copy(), 100_000 * len(visits)))
caller.start()
while not visits.any():
    time.sleep(0.001)
first = fork(good)
amid = not visits.all()
codes = [wait(first), *(wait(fork(good)) for _ in range(4))]
caller.join()
print(amid, codes == [0] * 5, (visits == 1).all())
"""
    )
    assert words == ["True", "True", "True"]


def test_a_pool_of_forked_workers_works_after_a_parallel_call(box: Sandbox) -> None:
    words, _ = box.run("""
        import multiprocessing
        assert demo.right()
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        workers = [context.Process(target=demo.answer_to, args=(queue,)) for _ in range(3)]
        for worker in workers:
            worker.start()
        print([queue.get(timeout=20) for _ in workers] == [(True, 1)] * 3)
        for worker in workers:
            worker.join(20)
        print(*(worker.exitcode for worker in workers))
    """)
    assert words == ["True", "0", "0", "0"]


@pytest.mark.parametrize(("limit", "threads"), [("", "1"), ("2", "2")])
def test_a_spawned_worker_works_alone_unless_the_environment_says_how_many(
    box: Sandbox, limit: str, threads: str
) -> None:
    words, _ = box.run(
        """
        import multiprocessing
        assert demo.right()
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        worker = context.Process(target=demo.answer_to, args=(queue,))
        worker.start()
        print(*queue.get(timeout=20))
        worker.join(20)
        print(worker.exitcode)
    """,
        NUMBA_NUM_THREADS=limit,
    )
    assert words == ["True", threads, "0"]


def test_a_fork_that_imports_us_after_its_parent_ran_other_parallel_code(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
import os, sys, time, signal, numba, other
other.f(np.zeros(8))
def import_now():
    from fastspec.kernels import demo
    return 0 if demo.right() else 1
print(wait(fork(import_now)))
from fastspec.kernels import demo
from fastspec.kernels.runtime import cache, jit, threads
print(threads.thread_count(), demo.right())
""",
        preamble="import numpy as np\n",
    )
    assert words == ["0", "2", "True"]


def test_threads_that_fork_at_the_same_time_release_their_own_locks_only(box: Sandbox) -> None:
    words, _ = box.run(
        WAIT
        + """
from fastspec import forks
from numba.core.compiler_lock import global_compiler_lock

assert demo.right()  # the compiler's lock is one of those that forks take
sys.setswitchinterval(1e-6)
codes = []
def forking():
    for _ in range(100):
        codes.append(wait(fork(lambda: 0)))
running = [threading.Thread(target=forking, daemon=True) for _ in range(6)]
for thread in running:
    thread.start()
end = time.monotonic() + 60
for thread in running:
    thread.join(max(0, end - time.monotonic()))
free = [lock.acquire(blocking=False) for lock in (forks.forks_wait, global_compiler_lock._lock)]
print(len(codes), set(codes) == {0}, *free)
sys.stdout.flush()
os._exit(0)
"""
    )
    assert words == ["600", "True", "True", "True"]
