"""Calls from many Python threads, and on any number of threads of their own: the bits of a single one."""

import pytest
from processes import layers, on_layer, run

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")

PREAMBLE = """
import sys
import fastspec
from mixed_calls import calls, digests, run_threads, wrong

seed = int(sys.argv[1])
made = calls(seed)
with fastspec.threads(1):
    wanted = digests(made)
"""

MIXED = """
found = run_threads(made, wanted, 8, int(sys.argv[2]), seed)
print(len(found), *found)
"""

BESIDE = """
import threading
import numba
import numpy as np

@numba.njit(parallel=True)
def count(x):
    for i in numba.prange(len(x)):
        x[i] += 1

x, stop, rounds = np.zeros(10_000, np.int64), threading.Event(), [0]

def loop():
    while not stop.is_set():
        count(x)
        rounds[0] += 1

beside = threading.Thread(target=loop)
beside.start()
found = run_threads(made, wanted, 4, int(sys.argv[2]), seed)
stop.set()
beside.join()
print(numba.threading_layer(), (x == rounds[0]).all(), len(found), *found)
"""


def test_threads_that_call_all_at_once_get_the_bits_of_one(seed: int) -> None:
    assert run(PREAMBLE + MIXED, seed, 160) == ["0"]


@pytest.mark.long
def test_eight_threads_make_2000_mixed_calls_with_the_bits_of_one(seed: int) -> None:
    words = run(PREAMBLE + MIXED, seed, 2000, seconds=600)
    print("stress: mixed calls", 2000)
    assert words == ["0"]


@pytest.mark.long
@pytest.mark.parametrize("layer", layers())
def test_mixed_calls_beside_parallel_loops_of_numba_have_the_bits_of_one(layer: str, seed: int) -> None:
    words = run(PREAMBLE + BESIDE, seed, 500, seconds=600, **on_layer(layer))
    print("stress: mixed calls beside parallel loops of numba", 500, layer)
    assert words == [layer, "True", "0"]


ANY_NUMBER = """
for n in 1, 2, 3, 4, 7:
    with fastspec.threads(n):
        print(n, *wrong(made, wanted))
"""


@pytest.mark.long
def test_any_number_of_threads_gives_the_bits_of_one(seed: int) -> None:
    words = run(PREAMBLE + ANY_NUMBER, seed, seconds=300, NUMBA_NUM_THREADS=7)
    assert words == ["1", "2", "3", "4", "7"]


@pytest.mark.long
def test_the_limit_of_the_environment_changes_no_bit(seed: int) -> None:
    program = PREAMBLE + "print(fastspec.kernels.runtime.threads.thread_count(), *digests(made).values())"
    found = {n: run(program, seed, FASTSPEC_NUM_THREADS=n, NUMBA_NUM_THREADS=7) for n in (1, 2, 3, 4, 7)}
    assert [words[0] for words in found.values()] == ["1", "2", "3", "4", "7"]
    assert len({tuple(words[1:]) for words in found.values()}) == 1
