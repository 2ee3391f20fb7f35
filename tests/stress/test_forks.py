"""Processes forked after, and amid, the calls of threads; and those that start anew."""

import os
from pathlib import Path

import pytest
from processes import FORKS, PATHS, run

pytestmark = [pytest.mark.portable, pytest.mark.thread_unsafe(reason="starts processes")]

PREAMBLE = (
    FORKS
    + """
import random, sys, threading
import fastspec
from mixed_calls import all_right, calls, digest, digests, run_threads, wrong

def is_all_right(_=None):
    return all_right(seed, wanted)

if __name__ == "__main__":
    seed = int(sys.argv[1])
    made = calls(seed)
    wanted = digests(made)
"""
)

POOLS = """
import multiprocessing
from functools import partial
from joblib import Parallel, delayed

if __name__ == "__main__":
    task = partial(all_right, seed, wanted)
    for method in "fork", "spawn", "forkserver":
        with multiprocessing.get_context(method).Pool(3) as pool:
            print(method, *[answer.get(timeout=200) for answer in [pool.apply_async(task) for _ in range(6)]])
    print("loky", *Parallel(n_jobs=3, timeout=200)(delayed(task)() for _ in range(6)))
    print("again", not wrong(made, wanted))
"""


@pytest.mark.long
def test_pools_of_processes_work_after_parallel_calls(seed: int) -> None:
    words = run(PREAMBLE + POOLS, seed, seconds=600, NUMBA_NUM_THREADS=2)
    right = ["True"] * 6
    assert words == ["fork", *right, "spawn", *right, "forkserver", *right, "loky", *right, "again", "True"]


LOADER = """
import numpy as np
import torch
from torch.utils.data import DataLoader
from mel_dataset import Mels

dataset = Mels(seed, 64)
alone = [dataset[k] for k in range(len(dataset))]
for method in sys.argv[2:]:
    loader = DataLoader(dataset, batch_size=4, num_workers=4, multiprocessing_context=method, timeout=200)
    for _ in range(2):
        found = [mel for batch in loader for mel in batch]
        print(method, len(found), all(torch.equal(a, b) for a, b in zip(found, alone)))
print(not wrong(made, wanted))
"""


@pytest.mark.long
def test_a_data_loader_of_torch_computes_mels_in_its_workers(seed: int) -> None:
    methods = ["fork", "spawn", "forkserver"]
    words = run(PREAMBLE + LOADER, seed, *methods, seconds=600, NUMBA_NUM_THREADS=2)
    assert words == [*(word for method in methods for word in [method, "64", "True"] * 2), "True"]


AMID = """
stop, broken = threading.Event(), []

def busy(k):
    while not stop.is_set():
        broken.extend(run_threads({name: made[name] for name in chosen}, wanted, 1, 10, seed + k))

draw, codes = random.Random(seed), []
chosen = [name for name in made if sys.argv[3] in name]
threads = [threading.Thread(target=busy, args=(k,)) for k in range(3)]
for thread in threads:
    thread.start()
for _ in range(int(sys.argv[2])):
    time.sleep(draw.uniform(0, 0.02))
    name = draw.choice(chosen)
    codes.append(wait(fork(lambda: digest(made[name]()) == wanted[name])))
    if codes[-1]:
        break
stop.set()
for thread in threads:
    thread.join()
print(len(codes), codes[-1], len(broken), *broken)
"""


def test_forks_while_numpy_multiplies_on_its_threads(seed: int) -> None:
    assert run(PREAMBLE + AMID, seed, 20, "cepstrum") == ["20", "0", "0"]


@pytest.mark.long
@pytest.mark.parametrize("calls", ["", "cepstrum"])
def test_forks_while_other_threads_are_inside_calls(calls: str, seed: int) -> None:
    words = run(PREAMBLE + AMID, seed, 400, calls, seconds=600)
    print("stress: forks amid calls", words[-3])
    assert words == ["400", "0", "0"]


IMPORTS = """
import sys, threading
import numpy as np
import fastspec

y = np.random.default_rng(0).standard_normal(4000)
S = abs(y[:3990].reshape(30, 133)) + 1
first_uses = [
    lambda: fastspec.MelBank(16000, 400, 40).inverse(np.ones((40, 3))),
    lambda: fastspec.butter_bandpass(500, 4000, 16000, 1),
    lambda: fastspec.STFT(400, window="hamming").forward(y),
    lambda: fastspec.STFT(422).forward(y),
    lambda: fastspec.librosa.feature.mfcc(y=y, sr=16000),
    lambda: fastspec.librosa.mel_to_hz(7.0),
    lambda: fastspec.make_mel(S, fastspec.create_mel_filter(266, 10, 300, 8000, 16000)[0], 2),
    lambda: fastspec.stream.StreamingRecover(fastspec.STFT(400)).push(np.ones((201, 9))),
    lambda: fastspec.pretty_spectrogram(y, fft_size=256, step_size=64),
    lambda: fastspec.files.Raw(16000),
    lambda: fastspec.picture.to_levels,
]
at, children, codes = [0], [], []

def use_all():
    for at[0], use in enumerate(first_uses):
        use()

thread = threading.Thread(target=use_all)
thread.start()
for k, use in enumerate(first_uses):
    while at[0] < k:
        time.sleep(0.001)
    time.sleep(0.02)
    children.append(fork(lambda: use() is not None or True))  # while the thread is at the same
    if k:
        codes.append(wait(children[-2], 100))
thread.join()
print(len(first_uses), {*codes, wait(children[-1], 100)})
"""


def test_forks_while_another_thread_imports_what_it_uses_for_the_first_time() -> None:
    assert run(FORKS + IMPORTS, seconds=300) == ["11", "{0}"]


LATE = """
import sys, warnings
import numpy as np
import fastspec
from fastspec.forks import forks_wait

class Watch:
    def find_spec(self, name, path=None, target=None):
        lock = sys.modules.get("numba.core.compiler_lock")
        if not (forks_wait._is_owned() or lock and lock.global_compiler_lock.is_locked()):
            print(name)

sys.meta_path.insert(0, Watch())
warnings.simplefilter("ignore")
y, plan = np.sin(np.arange(4000.0)), fastspec.STFT(400, hop_length=160)
S, T, bank = abs(y[:3990].reshape(30, 133)) + 1, np.ones((201, 9)), fastspec.MelBank(16000, 400, 40)
bank.inverse(np.ones((40, 3)))
fastspec.butter_bandpass_filter(y, 500, 4000, 16000, 1)
fastspec.make_mel(S, fastspec.create_mel_filter(266, 10, 300, 8000, 16000)[0], 2)
for window in "hamming", ("kaiser", 4.0):
    fastspec.STFT(400, window=window).forward(y)
fastspec.STFT(422).forward(y)
fastspec.recover(T, plan, n_iter=1), fastspec.recover_mel(np.ones((40, 9)), bank, plan, n_iter=1)
fastspec.invert_pretty_spectrogram(fastspec.pretty_spectrogram(y, fft_size=256, step_size=64), True, 256, 64, 1)
fastspec.invert_spectrogram(fastspec.stft(y, 256, 64, compute_onesided=False), 64), fastspec.overlap(y, 256, 64)
fastspec.librosa.griffinlim(S, n_iter=1), fastspec.librosa.power_to_db(S)
fastspec.librosa.feature.mfcc(y=y, sr=16000), fastspec.librosa.mel_to_hz(7.0)
fastspec.stream.StreamingRecover(plan).push(T), fastspec.stream.StreamingISTFT(plan).push(T + 0j)
fastspec.files.Raw(16000), fastspec.picture.to_levels
print("end")
"""


def test_whatever_is_imported_at_a_first_use_keeps_forks_waiting(tmp_path: Path) -> None:
    """What other packages add to Numba, too, which it imports at the first call of a kernel."""
    added = tmp_path / "added_to_numba-1.0.dist-info"
    added.mkdir()
    (tmp_path / "added_to_numba.py").write_text("def init():\n    pass\n")
    (added / "METADATA").write_text("Metadata-Version: 2.1\nName: added-to-numba\nVersion: 1.0\n")
    (added / "entry_points.txt").write_text("[numba_extensions]\ninit = added_to_numba:init\n")
    code, paths = LATE + 'print("added_to_numba" in sys.modules)', os.pathsep.join(map(str, [*PATHS, tmp_path]))
    for _ in range(2):  # the second finds all in the cache, and calls kernels before it compiles any
        assert run(code, seconds=300, PYTHONPATH=paths) == ["end", "True"]


LOGGERS = """
import fastspec
import logging, threading
from fastspec.forks import forks_wait

begun = threading.Event()

def import_slowly():
    with forks_wait:
        begun.set()
        time.sleep(0.5)
        logging.getLogger("of a module")

thread = threading.Thread(target=import_slowly)
thread.start()
begun.wait()
print(wait(fork(lambda: logging.getLogger("another"))))
thread.join()
"""


def test_a_fork_amid_an_import_that_asks_for_a_logger() -> None:
    assert run(FORKS + LOGGERS, seconds=60) == ["0"]


PRODUCTS = """
import threading
import numpy as np
import fastspec

M, stop = np.ones((128, 2)), threading.Event()

def invert():
    return fastspec.MelBank(48000, 2048, 128).inverse(M, method="pinv")  # of a new bank: eigenvalues, products

def busy():
    while not stop.is_set():
        invert()

wanted, codes = invert(), set()
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
for k in range(60):
    time.sleep(0.003)
    codes.add(wait(fork(lambda: k % 59 or np.array_equal(invert(), wanted))))
stop.set()
for thread in threads:
    thread.join()
print(codes)
"""


@pytest.mark.long
def test_forks_while_threads_multiply_matrices() -> None:
    assert run(FORKS + PRODUCTS, seconds=300, OPENBLAS_NUM_THREADS=2) == ["{0}"]
