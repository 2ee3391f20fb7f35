"""Run as a program by `test_cpu_levels.py`: the main functions on a CPU level of numba's, errors as JSON.

A level is NUMBA_CPU_NAME with an empty NUMBA_CPU_FEATURES, which stands for the features of that CPU and no others:
without it they are those of the machine for all names but "generic". Each figure but the level is a largest error
relative to the largest value expected (decibels for float32 inversion).
"""

import json
import re
from typing import Any

import numba
import numpy as np
import twins
from cases import noise
from compare import convergence, error, golden, log_error
from numba.core.registry import cpu_target

import fastspec
from fastspec.kernels import jit

Array = np.ndarray[Any, np.dtype[Any]]
SIGNALS = golden("signals")
INVERTED = golden("invert_pretty_spectrogram")


def stft_error(dtype: str) -> float:
    worst = 0.0
    for key, expected in golden("stft").items():
        signal, fftsize, step, flags = key.split("|")
        options = [flag == "1" for flag in flags]
        samples = SIGNALS[signal][:6000].astype(dtype)
        worst = max(worst, error(fastspec.stft(samples, int(fftsize), int(step), *options), expected))
    for size, hop in [(6, 5), (30, 7), (34, 9), (1200, 300), (2048, 128)]:
        samples = noise(5000).astype(dtype)
        expected = twins.stft(samples.astype(np.float64), size, hop)
        worst = max(worst, error(fastspec.stft(samples, size, hop), expected))
    return worst


def pretty_error(dtype: str) -> float:
    worst = 0.0
    for key, expected in golden("pretty_spectrogram").items():
        signal, scale, thresh = key.split("|")
        log = scale == "log"
        samples = SIGNALS[signal].astype(dtype)
        got = fastspec.pretty_spectrogram(samples, log, int(thresh), 512, 64 if log else 128)
        worst = max(worst, log_error(got, expected, dtype) if log else error(got, expected))
    return worst


def inversion_error() -> float:
    keys = ["speech|512|128|3", "chirp|256|32|3", "noise|512|128|10"]
    return max(error(invert(key, "float64"), INVERTED[f"y|{key}"]) for key in keys)


def inversion_convergence_change() -> float:
    changes = []
    for key in ["speech|512|128|10", "noise|512|128|10"]:
        _, size, hop, _ = key.split("|")
        reached, wanted = (
            convergence(wave, 10 ** INVERTED[f"S|{key}"], int(size), int(hop))
            for wave in (invert(key, "float32"), INVERTED[f"y|{key}"])
        )
        changes.append(abs(reached - wanted))
    return max(changes)


def invert(key: str, dtype: str) -> Array:
    _, size, hop, n_iter = key.split("|")
    given = INVERTED[f"S|{key}"].astype(dtype)
    wave = fastspec.invert_pretty_spectrogram(given, True, int(size), int(hop), int(n_iter))
    return np.asarray(wave)


def wrong_offsets() -> int:
    saved = golden("xcorr_offset")
    pairs = range(len(saved) // 3)
    return sum(fastspec.xcorr_offset(saved[f"x1|{i}"], saved[f"x2|{i}"]) != saved[f"offset|{i}"] for i in pairs)


@numba.njit
def positive(x: Array, out: Array) -> None:
    for i in range(len(x)):
        if x[i] > 0:
            out[i] = x[i]


def level() -> dict[str, Any]:
    """The CPU and the features that code is compiled for, and kinds of registers that a loop over vectors then uses."""
    positive(np.ones(9, np.float32), np.ones(9, np.float32))
    (code,) = positive.inspect_asm().values()
    _, cpu, features = cpu_target.target_context.codegen().magic_tuple()
    kinds = {"256 bits": r"%ymm", "512 bits": r"%zmm", "masks": r"%k[1-7]\b"}
    return {"cpu": cpu, "features": features, "registers": [kind for kind in kinds if re.search(kinds[kind], code)]}


def main() -> None:
    found: dict[str, Any] = {"level": level(), "name": jit.cpu_name()}
    for dtype in ("float64", "float32"):
        found[f"stft {dtype}"] = stft_error(dtype)
        found[f"pretty {dtype}"] = pretty_error(dtype)
    found["inversion float64"] = inversion_error()
    found["inversion float32, dB"] = inversion_convergence_change()
    found["wrong offsets"] = int(wrong_offsets())
    print(json.dumps(found))


if __name__ == "__main__":
    main()
