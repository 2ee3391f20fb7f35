"""Thousands of calls, and half an hour of them from four threads: memory stays flat, and so does the speed.

FASTSPEC_STRESS_MINUTES sets the minutes of the last test (30 by default).
"""

import ctypes
import gc
import os
import random
import threading
import time
import warnings
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys
from test_every_function import RATE, TABLES, Y

import fastspec

MB = 1 << 20
CALLS = {f"{table}.{name}": call for table, calls in TABLES.items() for name, call in calls.items()}
UNSEEDED = {"librosa.feature.inverse.mel_to_audio", "librosa.feature.inverse.mfcc_to_audio"}  # as librosa has them


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    """Let numba count what kernels allocate and free."""
    fastspec.hz2mel(440.0)
    fastspec.STFT(64).forward(np.zeros(500))  # sets up numba
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


def unfreed() -> int:
    """Allocations of kernels that were not freed."""
    gc.collect()
    stats = rtsys.get_allocation_stats()
    return int(stats.alloc - stats.free + stats.mi_alloc - stats.mi_free)


def resident() -> int:
    """Bytes of this process in memory, after what is free was given back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def growth(call: Callable[[], Any], before: int, count: int) -> tuple[int, int]:
    """(bytes, allocations of kernels) that `count` calls leave behind, after `before` of them."""
    for _ in range(before):
        call()
    memory, allocations = resident(), unfreed()
    for _ in range(count):
        call()
    return resident() - memory, unfreed() - allocations


def test_what_is_kept_is_noticed() -> None:
    kept: list[Any] = []
    memory, allocations = growth(lambda: kept.append(np.ones(5000)), 20, 200)
    assert memory > 4 * MB
    assert allocations == 0
    _, allocations = growth(lambda: kept.append(rtsys.meminfo_alloc(64)), 1, 20)
    assert allocations == 2 * 20


def test_a_few_calls_of_each_function_leave_nothing_behind() -> None:
    def all_of_them() -> None:
        for call in CALLS.values():
            call()

    memory, allocations = growth(all_of_them, 3, 9)
    assert allocations == 0
    assert memory < 4 * MB


@pytest.mark.long
def test_two_thousand_calls_of_each_function_leave_nothing_behind() -> None:
    found = {name: growth(call, 200, 2000) for name, call in CALLS.items()}
    name = max(found, key=lambda name: found[name][0])
    unfreed = sum(allocations for _, allocations in found.values())
    print(f"stress: 2000 calls of each of {len(found)} functions: largest growth {found[name][0] >> 10} kB, of {name};")
    print("stress:     allocations of kernels not freed", unfreed)
    assert not {name: both for name, both in found.items() if both[0] > 1.5 * MB or both[1]}


# ---- half an hour ----
def drawn_sizes_are_right(draw: random.Random) -> bool:
    """A call on sizes that are drawn from thousands: new plans and banks, which nothing may keep for ever."""
    n_fft = draw.choice([64, 100, 256, 400, 418, 422, 509, 512, 1024])
    hop, length = draw.randint(n_fft // 4, n_fft // 2), draw.randint(3 * n_fft, len(Y))
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=draw.choice(["float32", "float64"]))
    z = plan.inverse(plan.forward(Y[:length]), length=length)
    M = plan.mel(Y[:length], fastspec.MelBank(RATE, n_fft, draw.randint(3, 8)), log="db")
    return bool(np.allclose(z[n_fft:-n_fft], Y[n_fft : length - n_fft], atol=1e-5) and np.isfinite(M).all())


Times = defaultdict[str, "array[float]"]


class Worker(threading.Thread):
    """Calls functions that are drawn, and compares each result with the first one.

    It keeps how long those of the first and of the last tenth took.
    """

    def __init__(self, expected: dict[str, Any], seed: int, seconds: float) -> None:
        super().__init__()
        self.expected, self.draw, self.seconds = expected, random.Random(seed), seconds
        self.first: Times = defaultdict(lambda: array("d"))
        self.last: Times = defaultdict(lambda: array("d"))
        self.wrong: list[str] = []
        self.calls = 0

    def run(self) -> None:
        begin = time.perf_counter()
        names = list(self.expected)
        while (now := time.perf_counter()) - begin < self.seconds:
            self.calls += 1
            if self.draw.random() < 0.1:
                if not drawn_sizes_are_right(self.draw):
                    self.wrong.append("drawn sizes")
                continue
            name = self.draw.choice(names)
            try:
                result = CALLS[name]()
            except Exception as error:
                self.wrong.append(f"{name}: {error!r}")
                continue
            tenth = 10 * (now - begin) / self.seconds
            if not 1 <= tenth < 9:
                (self.first if tenth < 1 else self.last)[name].append(time.perf_counter() - now)
            if name in UNSEEDED:
                right = result.shape == self.expected[name].shape and np.isfinite(result).all()
            else:
                right = np.array_equal(np.asarray(result), self.expected[name])
            if not right:
                self.wrong.append(name)


def drift(workers: list[Worker]) -> float:
    """Median over the functions of (median seconds of a call in the last tenth / in the first tenth)."""
    ratios = []
    for name in CALLS:
        first = np.concatenate([worker.first[name] for worker in workers])
        last = np.concatenate([worker.last[name] for worker in workers])
        if min(len(first), len(last)) > 9:
            ratios.append(np.median(last) / np.median(first))
    return float(np.median(ratios))


@pytest.mark.long
def test_mixed_work_of_four_threads_drifts_neither_in_memory_nor_in_speed(seed: int) -> None:
    seconds = 60 * float(os.environ.get("FASTSPEC_STRESS_MINUTES", "30"))
    warnings.simplefilter("ignore")  # mel filters that are empty, among the drawn sizes
    expected = {name: np.asarray(call()) for name, call in CALLS.items()}
    workers = [Worker(expected, 4 * seed + number, seconds) for number in range(4)]
    allocations = unfreed()
    for worker in workers:
        worker.start()
    sizes = []
    while any(worker.is_alive() for worker in workers):
        time.sleep(min(seconds / 200, 5))
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    for worker in workers:
        worker.join()
    tenth = len(sizes) // 10
    first, last = (float(np.median(part)) / MB for part in (sizes[tenth : 2 * tenth], sizes[-tenth:]))
    speed, calls = drift(workers), sum(worker.calls for worker in workers)
    print(f"stress: mixed calls of four threads in {seconds / 60:g} minutes {calls}, of {len(expected)} functions")
    print(f"stress: MB in the second and the last tenth {first:.1f} {last:.1f}, time of the last / first {speed:.3f}")
    assert [worker.wrong for worker in workers] == [[]] * 4
    assert unfreed() == allocations
    assert last - first < 24
    assert speed < 1.3
