"""What environments and flags of Python that others set make of a call."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox import PREAMBLE, Sandbox, finish

USE = """
out = np.zeros(1)
demo.one_row(0, demo.X.ravel(), np.empty(60), out)
print(np.isclose(out[0], np.sin(2 * demo.X[0]).sum()))
"""


def run_python(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A child process of this package."""
    return subprocess.run([sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True)


CALLS = {
    "forward": "fastspec.STFT(1024).forward(np.zeros(5000, 'f4'))",
    "forward of a short signal": "fastspec.STFT(64).forward(np.zeros(70, 'f4'))",
    "forward by SciPy": "fastspec.STFT(2 * 509).forward(np.zeros(5000, 'f4'))",
    "inverse": "fastspec.STFT(64).inverse(np.zeros((33, 5), 'c8'))",
    "mels": "fastspec.STFT(512).mel(np.zeros(5000, 'f4'), fastspec.MelBank(8000, 512, 20))",
    "inverse of a bank": "fastspec.MelBank(8000, 512, 20).inverse(np.ones((20, 3)))",
    "recover": "fastspec.recover(np.ones((33, 40)), fastspec.STFT(64))",
    "stream": "fastspec.stream.StreamingSTFT(fastspec.STFT(64)).push(np.zeros(5000, 'f4'))",
    "notebook": "fastspec.stft(np.ones(5000))",
    "librosa's face": "fastspec.librosa.power_to_db(np.ones((500, 500), 'f4'))",
}


def test_without_the_compiler_the_first_call_says_what_to_do() -> None:
    code = f"""
import numpy as np, fastspec, fastspec.warmup
assert len(fastspec.warmup.steps()) > 40
for name, call in {CALLS!r}.items():
    try:
        eval(call)
    except RuntimeError as error:
        print(type(error).__name__, error, sep=": ")
    else:
        print(name, "is computed")
"""
    ran = run_python("-c", code, NUMBA_DISABLE_JIT="1")
    says = "CompilerDisabled: NUMBA_DISABLE_JIT is set, but fastspec computes in compiled kernels only: unset it, or"
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [f"{says} set it to 0, before Python starts"] * len(CALLS)


def test_without_the_compiler_commands_say_so_in_one_line(tmp_path: Path) -> None:
    recording = Path(__file__).parents[2] / "fastspec" / "data" / "arctic_a0007.wav"
    ran = run_python("-m", "fastspec", "mel", str(recording), str(tmp_path / "mels.npy"), NUMBA_DISABLE_JIT="1")
    assert ran.returncode == 1
    assert ran.stderr.startswith("fastspec: NUMBA_DISABLE_JIT is set")
    assert len(ran.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    ran = run_python("-m", "fastspec", "doctor", NUMBA_DISABLE_JIT="1")
    assert ran.returncode == 0
    assert "NUMBA_DISABLE_JIT" in ran.stdout
    assert "failed" not in ran.stdout


def test_the_compiler_may_be_named_as_not_disabled(tmp_path: Path) -> None:
    assert Sandbox(tmp_path).run(USE, NUMBA_DISABLE_JIT="0") == (["True"], [])


@pytest.mark.parametrize("flag", ["error", "error::RuntimeWarning"])
def test_where_warnings_are_errors_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, flag: str) -> None:
    box = Sandbox(tmp_path)
    (tmp_path / "file").touch()
    child = box.start(USE, FASTSPEC_CACHE_DIR=tmp_path / "file", PYTHONWARNINGS=flag)
    words, warned = finish(child)
    assert words == ["True"]
    assert len(warned) == 1
    assert "<string>" in warned[0], "it points at the line of the call"


def test_where_warnings_are_errors_damaged_files_stop_nothing(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    assert box.run(USE) == (["True"], [])
    for path in box.files():
        path.write_bytes(b"damaged")
    words, warned = finish(box.start(USE, PREAMBLE, PYTHONWARNINGS="error"))
    assert (words, len(warned)) == (["True"], 1)
    assert box.run(USE + "print(sum(demo.one_row.stats.cache_hits.values()))") == (["True", "1"], [])
