"""The same bits whatever the number of threads, whoever else is calling, and however often; and no memory kept."""

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import fastspec

EVERY_FUNCTION = """
import hashlib
import numpy as np
import fastspec

rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    x = rng.standard_normal(60_000).astype(dtype)
    D = (rng.random((300, 256)) + 1j * rng.random((300, 256))).astype(np.result_type(dtype, np.complex64))
    digests = set()
    for n in range(1, 5):
        with fastspec.threads(n):
            S = fastspec.pretty_spectrogram(x, fft_size=512, step_size=32)
            digest = hashlib.sha256(S.tobytes())
            for part in (
                fastspec.stft(x, 400, 160),
                fastspec.pretty_spectrogram(x, log=False, thresh=0.1, fft_size=2048, step_size=128),
                fastspec.invert_pretty_spectrogram(S, fft_size=512, step_size=32, n_iter=2),
                fastspec.invert_spectrogram(D, 16, set_zero_phase=False),
                fastspec.invert_spectrogram(D, 16, calculate_offset=False, set_zero_phase=False),
            ):
                digest.update(part.tobytes())
            digests.add(digest.hexdigest())
    assert len(digests) == 1, (dtype, digests)
print("same")
"""


def test_four_threads_give_the_bits_of_one():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("FASTSPEC_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", EVERY_FUNCTION],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.stdout.strip() == "same", done.stderr


def test_callers_on_several_threads_do_not_disturb_each_other():
    rng = np.random.default_rng(1)
    sounds = [rng.standard_normal(20_000) for _ in range(8)]

    def work(x):
        S = fastspec.pretty_spectrogram(x, fft_size=256, step_size=32)
        return fastspec.invert_pretty_spectrogram(S, fft_size=256, step_size=32, n_iter=2)

    alone = [work(x) for x in sounds]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(work, sounds))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def resident():
    """Bytes of this process in memory (their peak where there is no /proc)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    resource = importlib.import_module("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_two_thousand_calls_keep_no_memory():
    x = np.random.default_rng(2).standard_normal(4000)

    def call():
        S = fastspec.pretty_spectrogram(x, fft_size=128, step_size=32)
        fastspec.invert_pretty_spectrogram(S, fft_size=128, step_size=32, n_iter=1)
        fastspec.xcorr_offset(x[:100], x[50:150])

    for _ in range(200):
        call()
    before = resident()
    for _ in range(2000):
        call()
    assert resident() - before < 4 << 20
