"""Parallel calls: the same bits for any team, from any number of Python threads, and Ctrl-C in between."""

import os
import signal
import time

import pytest
from sandbox import Sandbox, finish, layers


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """A sandbox with a filled cache."""
    box = Sandbox(tmp_path_factory.mktemp("threads"))
    box.run("""
        demo.right(), demo.finite(np.ones(1)), demo.team_used()
        demo.count(2, np.zeros(2, int), np.zeros(2, int), work=1)
    """)
    return box


# ---- results ----
def test_the_bits_do_not_depend_on_threads_or_slices(box: Sandbox) -> None:
    words, _ = box.run(
        """
        import hashlib
        for n in 1, 2, 3, 4:
            for work in 1, demo.MUCH, 1 << 40:              # alone, in one slice, in many
                with threads.threads(n):
                    print(hashlib.sha256(demo.row_sums(work=work)).hexdigest())
    """,
        NUMBA_NUM_THREADS=4,
    )
    assert len(words) == 12
    assert len(set(words)) == 1


def test_every_item_is_done_once_by_a_thread_of_the_team(box: Sandbox) -> None:
    words, _ = box.run(
        """
        for n in 0, 1, 2, 3, 7, 64, 1001:
            for team in 1, 2, 3, 4:
                for work in 1, demo.MUCH, 1 << 36:
                    with threads.threads(team):
                        visits, who = np.zeros(n, int), np.zeros(n, int)
                        demo.count(n, visits, who, work)
                        assert (visits == 1).all(), (n, team, work)
                        assert ((0 <= who) & (who < threads.team_size())).all(), (n, team, work, set(who))
        print(demo.team_used())
    """,
        NUMBA_NUM_THREADS=4,
    )
    assert 2 <= int(words[0]) <= 4


def test_many_python_threads_may_call_at_once(box: Sandbox) -> None:
    words, _ = box.run(
        """
        from concurrent.futures import ThreadPoolExecutor
        want = demo.row_sums()
        barrier = threading.Barrier(8)
        def work(i):
            barrier.wait()
            return all(np.array_equal(demo.row_sums(), want) for _ in range(100))
        with ThreadPoolExecutor(8) as pool:
            print(all(pool.map(work, range(8))))
    """,
        NUMBA_NUM_THREADS=4,
    )
    assert words == ["True"]


@pytest.mark.parametrize("layer", layers())
def test_calls_beside_parallel_loops_of_numba_are_right(box: Sandbox, layer: str) -> None:
    words, _ = box.run(
        """
        import numba
        @numba.njit(parallel=True)
        def others(x):
            for i in numba.prange(len(x)):
                x[i] += i
        want, x, stop = demo.row_sums(), np.zeros(100_000), threading.Event()
        others(x)
        def loop():
            while not stop.is_set():
                others(x)
        beside = threading.Thread(target=loop)
        beside.start()
        print(all(np.array_equal(demo.row_sums(), want) for _ in range(300)), numba.threading_layer())
        stop.set(), beside.join()
    """,
        NUMBA_THREADING_LAYER=layer,
        NUMBA_NUM_THREADS=4,
    )
    assert words == ["True", layer]


def test_many_python_threads_may_make_the_first_call_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    words, _ = Sandbox(tmp_path_factory.mktemp("cold")).run("""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(4) as pool:
            print(all(pool.map(lambda i: demo.right(), range(4))))
    """)
    assert words == ["True"]


def test_a_call_is_parallel_unless_it_is_small(box: Sandbox) -> None:
    words, _ = box.run("""
        print(demo.team_used(work=100), demo.team_used(work=demo.MUCH))
    """)
    assert words == ["1", "2"]


def test_not_a_number_stays_alive(box: Sandbox) -> None:
    words, _ = box.run("print(demo.finite(np.array([1.0, np.nan, np.inf, -np.inf, 2.0])))")
    assert words == ["2"]


# ---- how many threads ----
def test_threads_limits_this_block_of_this_python_thread(box: Sandbox) -> None:
    words, _ = box.run(
        """
        def elsewhere():
            told = []
            thread = threading.Thread(target=lambda: told.append(threads.thread_count()))
            thread.start(), thread.join()
            return told[0]
        print(threads.thread_count())
        with threads.threads(3):
            print(threads.thread_count(), elsewhere())
            with threads.threads(1):
                print(threads.thread_count(), threads.team_size())
            with threads.threads(100):
                print(threads.thread_count(), threads.team_size())
            print(threads.thread_count())
        print(threads.thread_count())
    """,
        NUMBA_NUM_THREADS=4,
    )
    assert words == ["4", *["3", "4"], *["1", "1"], *["4", "4"], "3", "4"]


def test_calls_start_no_pool_of_numbas(box: Sandbox) -> None:
    words, _ = box.run("""
        import numba
        print(demo.right(), demo.team_used())
        try:
            numba.threading_layer()
        except ValueError:
            print("none")
    """)
    assert words == ["True", "2", "none"]


def test_a_call_that_fails_leaves_the_team_to_the_next(box: Sandbox) -> None:
    words, _ = box.run("""
        record, scratch = np.zeros(4, int), np.zeros(4)
        try:
            threads.run_task("no address", 4, 2, record, scratch, work=demo.MUCH)
        except ctypes.ArgumentError:
            print("refused")
        print(demo.team_used())
    """)
    assert words == ["refused", "2"]


def test_a_call_waits_for_no_helper_that_has_not_begun(box: Sandbox) -> None:
    words, _ = box.run("""
        start = threading.Thread.start
        threading.Thread.start = lambda thread: "team" in thread.name or start(thread)    # the system never runs it
        for work in demo.MUCH, 1 << 36:
            visits, who = np.zeros(1001, int), np.zeros(1001, int)
            demo.count(len(visits), visits, who, work)
            print((visits == 1).all(), who.any())
    """)
    assert words == ["True", "False"] * 2


def test_helpers_that_sleep_and_wake_do_every_item_once(box: Sandbox) -> None:
    words, _ = box.run(
        """
        import random
        draw, helped = random.Random(0), 0
        for _ in range(4000):
            n, rounds = draw.randrange(2, 40), draw.choice([0, 30, 1000])
            visits, who = np.zeros(n, int), np.zeros(n, int)
            with threads.threads(draw.randrange(1, 8)):
                demo.count(n, visits, who, demo.MUCH, rounds)
                assert who.max() < min(n, threads.team_size())      # also those who were called by the call before
            assert (visits == 1).all()
            helped += who.any()
            time.sleep(draw.choice([0, 0, 1e-5, 3e-4]))
        print(helped > 100)
        """,
        NUMBA_NUM_THREADS=7,
    )
    assert words == ["True"]


def test_who_was_called_by_an_earlier_call_takes_no_item_of_a_smaller_team(box: Sandbox) -> None:
    """It would write to scratch that is not there: once a crash, where threads were late."""
    words, _ = box.run(
        """
        late = 0
        for k in range(3000):
            for team, n, rounds in (7, 12, 300), (2, 8, 1000):
                visits, who = np.zeros(n, int), np.zeros(n, int)
                with threads.threads(team):
                    demo.count(n, visits, who, demo.MUCH, rounds)
                late += who.max() >= team
            if k % 4 == 0:
                time.sleep(1e-4)
        print(late)
        """,
        NUMBA_NUM_THREADS=7,
    )
    assert words == ["0"]


PINNED = """
from fastspec.kernels.runtime import team
cores = os.sched_getaffinity(0)
assert demo.team_used() == 2
control, first = threads._team._control, min(cores)
helper = next(thread.native_id for thread in threading.enumerate() if thread.name == "fastspec-team")

def pin(cores, *ids):
    for id in ids:
        os.sched_setaffinity(id, cores)
"""


pins = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system lets no thread choose its cores")


@pins
def test_a_helper_that_fell_asleep_on_the_core_of_the_caller_is_kept_from_it(box: Sandbox) -> None:
    words, _ = box.run(
        PINNED
        + """
if len(cores) > 1:
    pin({first}, helper, 0)
    demo.team_used()
    time.sleep(0.1)                                   # the helper is asleep on the first core
    asleep = control[team.STATUS] == team.ASLEEP, control[team.STATUS + team.CORE] == first
    pin(cores, helper)
    control[team.ALONE_UNTIL] = 0
    n = 200
    demo.slow(n, np.zeros(n, int), np.zeros(n, int), demo.MUCH)
    time.sleep(0.1)                                   # it fell asleep on another
    print(*asleep, control[team.STATUS + team.CORE] != first, os.sched_getaffinity(helper) == cores)
else:
    print(*[True] * 4)
"""
    )
    assert words == ["True"] * 4


@pins
def test_calls_that_were_kept_waiting_go_alone_for_a_while(box: Sandbox) -> None:
    words, _ = box.run(
        PINNED
        + """
pin({first}, helper, 0)
n, was_alone = 200, False
for _ in range(300):                                  # items of some milliseconds, on one core
    demo.count(2, np.zeros(2, int), np.zeros(2, int), demo.MUCH, rounds=300_000)
    if control[team.FACTOR]:
        who = np.zeros(n, int)
        demo.slow(n, who.copy(), who, demo.MUCH)
        was_alone = not who.any()
    if was_alone:                                     # else other processes took longer than it goes alone
        break
print(control[team.FACTOR] >= team.LEAST_FACTOR, was_alone)
pin(cores, helper, 0)
time.sleep(1)
print(demo.team_used())
control[team.ALONE_UNTIL] = 1 << 62                   # as after an hour's stop, or if the counter begins anew
print(demo.team_used())
"""
    )
    assert words == ["True", "True", "2", "2"]


def test_where_no_thread_can_be_started_calls_work_alone(box: Sandbox) -> None:
    words, _ = box.run("""
        def refuse(thread):
            if "team" in thread.name:
                raise RuntimeError("can't start new thread")
            start(thread)
        start, threading.Thread.start = threading.Thread.start, refuse
        print(demo.right(), demo.team_used(tries=1))
        threading.Thread.start = start
        print(demo.right(), demo.team_used())
    """)
    assert words == ["True", "1", "True", "2"]


def test_each_thread_and_those_inside_it_have_a_limit_of_their_own(box: Sandbox) -> None:
    words, _ = box.run(
        """
        import contextvars
        from concurrent.futures import ThreadPoolExecutor
        def used(n):
            with threads.threads(n), ThreadPoolExecutor(2) as inner:
                mine = {demo.team_used(tries=1) for _ in range(10)}
                here = threads.team_size(), inner.submit(contextvars.copy_context().run, threads.team_size).result()
                elsewhere = set(inner.map(lambda _: threads.team_size(), range(4)))
            return mine <= set(range(1, n + 1)), here == (n, n), elsewhere == {4}
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(used, [1, 2, 3, 4] * 5))
        print(*map(all, zip(*found)), threads.team_size())
    """,
        NUMBA_NUM_THREADS=4,
    )
    assert words == ["True", "True", "True", "4"]


def test_the_environment_limits_the_process(box: Sandbox) -> None:
    code = "print(threads.thread_count(), demo.right())"
    assert box.run(code, FASTSPEC_NUM_THREADS=1)[0] == ["1", "True"]
    assert box.run(code, FASTSPEC_NUM_THREADS=2, NUMBA_NUM_THREADS=4)[0] == ["2", "True"]
    assert box.run(code, FASTSPEC_NUM_THREADS="")[0] == ["2", "True"]


def test_a_number_of_threads_that_is_none_is_refused(box: Sandbox) -> None:
    words, _ = box.run("""
        for n in 0, -1, 1.5, "two", None:
            try:
                with threads.threads(n):
                    pass
            except (TypeError, ValueError) as error:
                print(type(error).__name__, repr(n) in str(error))
    """)
    assert words == ["ValueError", "True"] * 2 + ["TypeError", "True"] * 3
    child = box.start("", FASTSPEC_NUM_THREADS="many")
    _, err = child.communicate()
    assert child.returncode == 1
    assert err.splitlines()[-1] == "ValueError: FASTSPEC_NUM_THREADS must be a whole number from 1 up, got 'many'"


# ---- interruption ----
def test_a_thread_that_was_interrupted_before_it_left_the_team_has_it_again(box: Sandbox) -> None:
    words, _ = box.run("""
        import threading
        team = threads._team
        print(demo.team_used(), team.join(1))             # and Ctrl-C, before the call reaches its `try`
        print(demo.right(), demo.team_used())
        joined = []
        thread = threading.Thread(target=lambda: joined.append(team.join(1)))
        thread.start(), thread.join()
        print(*joined)
    """)
    assert words == ["2", "True", "True", "2", "False"]


def test_ctrl_c_stops_a_long_call_within_a_second_and_the_next_one_works(box: Sandbox) -> None:
    child = box.start("""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        visits = np.zeros(400_000, int)
        demo.team_used()
        print("ready", flush=True)
        try:
            demo.slow(len(visits), visits, visits.copy(), 100_000 * len(visits))
        except KeyboardInterrupt:
            print(time.time())
        done = np.flatnonzero(visits == 0)[0]
        print(0 < done < len(visits), visits[done:].any(), visits.max(), demo.team_used(), demo.right())
    """)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.3)
    sent = time.time()
    os.kill(child.pid, signal.SIGINT)
    words, _ = finish(child)
    assert float(words[0]) - sent < 1
    assert words[1:] == ["True", "False", "1", "2", "True"]


# ---- what an import costs ----
def test_an_import_starts_no_threads_and_loads_nothing_heavy(box: Sandbox) -> None:
    words, _ = box.run("""
        import numba
        try:
            numba.threading_layer()
        except ValueError:
            print("none")
        print([name for name in ("scipy.linalg", "scipy.signal", "matplotlib", "soundfile") if name in sys.modules])
    """)
    assert words == ["none", "[]"]


def test_the_cache_says_what_it_is(box: Sandbox) -> None:
    words, _ = box.run("print(cache.cpu_name(), cache.cache_directory(), cache.cache_writable())")
    assert words[1:] == [str(box.files()[0].parent), "True"]
