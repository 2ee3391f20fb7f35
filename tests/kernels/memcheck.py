"""A small run of most kernels for valgrind's memcheck, which knows no AVX-512: with the features of a Haswell.

    export NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+bmi,+bmi2,+fma,+f16c,+lzcnt,+movbe,+popcnt,+sse4.2
    export OPENBLAS_CORETYPE=Haswell NUMBA_NUM_THREADS=1 PYTHONMALLOC=malloc FASTSPEC_CACHE_DIR=/tmp/memcheck
    export NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
    python tests/kernels/memcheck.py    # compiles
    valgrind --smc-check=all-non-file --error-limit=no --log-file=memcheck.log python tests/kernels/memcheck.py
    python tests/kernels/memcheck.py memcheck.log

The last command prints the errors with a frame in code that Numba compiled, which has no symbol.  There should be none;
those of the interpreter itself, and of glibc where it opens libraries, are none of ours.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import fastspec
from fastspec import stream


def run(n_fft: int, hop: int, dtype: str) -> Any:
    """Kernels of one size, on few samples: memcheck makes them fifty times as slow."""
    rng = np.random.default_rng(0)
    plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype)
    bank = fastspec.MelBank(8000, n_fft, 7, dtype=dtype)
    y = rng.standard_normal((2, 700)).astype(dtype)
    D, S = plan.forward(y), plan.power(y, power=1)
    plan.mel(y, bank, log="db")
    plan.mel(y[0, :90], bank, log="whisper")
    plan.inverse(D)
    bank.inverse(bank @ S)
    for method in ("accelerated", "raar", "rtisi", "rtpghi"):
        fastspec.recover(S[0], plan, method=method, rng=0, **({} if method == "rtpghi" else {"n_iter": 1}))
    for init in ("spsi", "offset"):
        fastspec.recover(S[0], plan, init=init, n_iter=1, rng=0)
    fastspec.recover_mel(bank @ S, bank, plan, power=1, n_iter=1, rng=0)
    made = stream.StreamingSTFT(plan)
    made.push(y[0, :300])
    made.push(y[0, 300:])
    made.flush()
    if n_fft % 2 == 0:
        levels = fastspec.pretty_spectrogram(y[0], fft_size=n_fft, step_size=hop)
        fastspec.invert_pretty_spectrogram(levels, True, n_fft, hop, 1)
    return float(np.abs(D).sum())


def errors_in_kernels(log: str) -> list[str]:
    """Errors of a log of valgrind that have a frame without a symbol."""
    paragraphs = "\n".join(line.partition("== ")[2] for line in log.splitlines()).split("\n\n")
    return [text for text in paragraphs if ": ???" in text and "at 0x" in text]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        found = errors_in_kernels(Path(sys.argv[1]).read_text())
        print("\n\n".join([*found, f"{len(found)} errors in compiled kernels"]))
        sys.exit(bool(found))
    warnings.simplefilter("ignore")
    for size in ((64, 16, "float32"), (48, 13, "float64"), (17, 5, "float32")):
        print(*size, run(*size), flush=True)
