"""Windows by name: SciPy's, bit for bit; the usual ones without the import of `scipy.signal`."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import signal

import fastspec
from fastspec.transform import framing


@pytest.mark.parametrize("name", framing.COSINES)
def test_windows_that_scipy_is_not_imported_for_are_scipys(name: str) -> None:
    for size in (*range(1, 700), 1024, 4095, 65_536):
        np.testing.assert_array_equal(framing.window_of(name, size), signal.get_window(name, size))
        np.testing.assert_array_equal(fastspec.librosa.filters.get_window(name, size), signal.get_window(name, size))
    symmetric = fastspec.librosa.filters.get_window(name, 9, fftbins=False)
    np.testing.assert_array_equal(symmetric, signal.get_window(name, 9, fftbins=False))


@pytest.mark.parametrize("size", [0, -3, 2.5, "9"])
def test_sizes_that_are_none_are_left_to_scipy(size: object) -> None:
    def outcome(get_window: object) -> object:
        try:
            return get_window("hann", size).tolist()  # type: ignore[operator]
        except Exception as error:
            return type(error)

    ours, theirs = outcome(fastspec.librosa.filters.get_window), outcome(signal.get_window)
    assert ours == theirs or issubclass(ours, theirs)  # type: ignore[arg-type]


USUAL = """
import sys
import numpy as np
import fastspec

y, plan = np.ones(30_000, np.float32), fastspec.STFT(512)
D, bank = plan.forward(y), fastspec.MelBank(16000, 512, 40)
plan.mel(y, bank, log="db"), plan.inverse(D), fastspec.recover(abs(D), plan, n_iter=2, rng=0)
fastspec.librosa.feature.melspectrogram(y=y, sr=16000)
print("scipy.signal" in sys.modules)
"""


def test_usual_calls_do_not_import_scipy_signal() -> None:
    ran = subprocess.run([sys.executable, "-c", USUAL], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False"]
