"""Threads that meet on a new plan, and forks amid them: attributes that are computed at their first use, and all else.

What a race may end in is a crash or a wait for ever, so such a test runs in a process of its own, for a limited time.
"""

import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest
from sandbox import finish
from test_runtime_forks import WAIT

from fastspec.immutable import cached_attribute

pytestmark = pytest.mark.portable

PREAMBLE = """
import os, signal, sys, threading, time
import numpy as np
import fastspec

def together(count, task):
    found, barrier = [None] * count, threading.Barrier(count)
    def run(i):
        barrier.wait()
        found[i] = task()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found

rng = np.random.default_rng(0)
y = rng.standard_normal(9000).astype(np.float32)
"""


def run(code: str, seconds: float = 120) -> list[str]:
    """The words that a child process printed, which must come to a good end in time."""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PREAMBLE + textwrap.dedent(code)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    return finish(child, seconds)[0]


# ---- attributes ----
class Owner:
    """Its attribute is computed by as many threads as meet at the barrier, all at once."""

    def __init__(self, threads: int) -> None:
        self.barrier, self.computed = threading.Barrier(threads, timeout=20), 0

    @cached_attribute
    def thing(self) -> list[int]:
        """Something new each time."""
        self.barrier.wait()
        self.computed += 1
        return [threading.get_ident()]


def test_of_many_threads_that_compute_an_attribute_all_get_the_same_object() -> None:
    owner, found = Owner(16), list[Any]()
    threads = [threading.Thread(target=lambda: found.append(owner.thing)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16  # all were in the computation at once: nobody waited for a lock
    assert all(thing is owner.thing for thing in found)
    assert owner.computed == 16


def test_who_computes_an_attribute_in_vain_gets_the_first_threads() -> None:
    class Slow:
        begun, go = threading.Event(), threading.Event()

        @cached_attribute
        def thing(self) -> object:
            if threading.current_thread() is not threading.main_thread():
                self.begun.set()
                assert self.go.wait(20)
            return object()

    owner, found = Slow(), list[object]()
    late = threading.Thread(target=lambda: found.append(owner.thing))
    late.start()
    assert Slow.begun.wait(20)
    first = owner.thing  # while the other is at it
    Slow.go.set()
    late.join()
    assert found == [first]
    assert owner.thing is first


def test_an_attribute_is_computed_once_and_anew_for_each_object() -> None:
    one, other = Owner(1), Owner(1)
    assert one.thing is one.thing
    assert one.computed == 1
    assert one.thing is not other.thing


def test_an_attribute_of_the_class_is_the_descriptor_with_its_words() -> None:
    assert isinstance(Owner.thing, cached_attribute)
    assert Owner.thing.__doc__ == "Something new each time."


def test_an_object_without_the_attribute_says_so_and_one_that_cannot_compute_it_keeps_nothing() -> None:
    class Failing:
        tries = 0

        @cached_attribute
        def thing(self) -> int:
            self.tries += 1
            if self.tries == 1:
                raise ValueError("not yet")
            return 7

    owner = Failing()
    with pytest.raises(AttributeError, match="other"):
        _ = owner.other  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="not yet"):
        _ = owner.thing
    assert "thing" not in vars(owner)
    assert owner.thing == 7


FORKS = """
from fastspec.immutable import cached_attribute

class Owner:
    def __init__(self, begun=None, go=None):
        self.begun, self.go = begun, go

    @cached_attribute
    def thing(self):
        if self.begun:
            self.begun.set()
            self.go.wait()
        return 5

slow = Owner(threading.Event(), threading.Event())
thread = threading.Thread(target=lambda: slow.thing)
thread.start()
slow.begun.wait()
print(wait(fork(lambda: Owner().thing)))
slow.go.set()
thread.join()
"""


def test_a_fork_while_another_thread_computes_an_attribute_can_compute_its_own() -> None:
    assert run(WAIT + FORKS) == ["5"]


# ---- new plans ----
CALLS = {
    "forward": "plan.forward(y)",
    "power": "plan.power(y)",
    "mel": 'plan.mel(y, fastspec.MelBank(16000, plan.n_fft, 40), log="db")',
    "inverse": "plan.inverse(D)",
    "recover": 'fastspec.recover(S, plan, n_iter=2, init="random", rng=0)',
}


@pytest.mark.parametrize(
    "n_fft", [400, 418, 422]
)  # 418 = 2 x 11 x 19 has prime radices, 422 = 2 x 211 is a convolution
@pytest.mark.parametrize("call", CALLS)
def test_eight_threads_on_a_new_plan_find_what_one_finds(call: str, n_fft: int) -> None:
    words = run(f"""
        plan = fastspec.STFT({n_fft}, hop_length=160)
        D, S = plan.forward(y), plan.power(y, power=1)
        task = lambda: {CALLS[call]}
        wanted, right = task(), 0
        for _ in range(100):
            plan = fastspec.STFT({n_fft}, hop_length=160)
            right += sum(np.array_equal(found, wanted) for found in together(8, task))
        print(right)
    """)
    assert words == ["800"]


# ---- forks ----
AMID = """
import random
plan = fastspec.STFT(400, hop_length=160)
S = plan.power(rng.standard_normal(40_000), power=1)
stop = False

def task(rounds=3):
    plan = fastspec.STFT(400, hop_length=160)
    return fastspec.recover(S, plan, n_iter=rounds, init="random", rng=0)

def tasks():
    while not stop:
        task()

def same():
    return 0 if np.array_equal(task(), wanted) else 1

wanted = task()
threads = [threading.Thread(target=tasks) for _ in range(3)]
for thread in threads:
    thread.start()
random.seed(0)
codes = []
for _ in range(40):
    time.sleep(random.uniform(0, 0.02))
    codes.append(wait(fork(same)))
    if codes[-1]:
        break
stop = True
for thread in threads:
    thread.join()
print(len(codes), set(codes))
"""


def test_a_fork_while_threads_recover_comes_back_with_the_same_bits() -> None:
    assert run(WAIT + AMID) == ["40", "{0}"]
