"""The same numbers on every CPU level: each level compiles from an empty cache, in a process of its own."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cases import CONVERGENCE_BOUND, LOG_BOUND, SPECTRUM_BOUND, WAVEFORM_BOUND

HERE = Path(__file__).parent

# What a level's instructions need, as Linux names the flags of a CPU.
HASWELL = {"avx2", "fma", "bmi1", "bmi2", "abm", "f16c", "movbe"}
SKYLAKE = HASWELL | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "adx", "aes", "pclmulqdq"}
ZNVER4 = SKYLAKE | {"avx512ifma", "avx512vbmi", "avx512_vbmi2", "avx512_vnni", "avx512_bitalg", "avx512_vpopcntdq"}
ZNVER4 |= {"avx512_bf16", "gfni", "vaes", "vpclmulqdq", "sha_ni", "sse4a"}
FLAGS_OF_LEVEL = {"generic": set[str](), "haswell": HASWELL, "skylake-avx512": SKYLAKE, "znver4": ZNVER4}

# Registers that a loop over vectors may use there, beside those of 128 bits.
WIDE = {"256 bits", "512 bits", "masks"}
REGISTERS_OF_LEVEL = {"generic": set[str](), "haswell": {"256 bits"}, "skylake-avx512": WIDE, "znver4": WIDE}


def flags_of_this_cpu() -> set[str]:
    """The flags Linux tells of an x86-64 CPU; none elsewhere, where only the generic level is sure to run."""
    listing = Path("/proc/cpuinfo")
    if platform.machine().lower() not in ("x86_64", "amd64") or not listing.exists():
        return set()
    lines = (line.partition(":") for line in listing.read_text().splitlines())
    return next((set(value.split()) for name, _, value in lines if name.strip() == "flags"), set())


QUICK = ("generic", "haswell")  # which all other tests do not run on, on a machine with AVX-512
LEVELS = [
    level if level in QUICK else pytest.param(level, marks=pytest.mark.long)
    for level, flags in FLAGS_OF_LEVEL.items()
    if flags <= flags_of_this_cpu()
]

Found = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Found:
    """What each level's child found, all children running side by side."""
    children, is_long = {}, request.config.getoption("--long")
    for level in (level for level in FLAGS_OF_LEVEL if FLAGS_OF_LEVEL[level] <= flags_of_this_cpu()):
        if not (is_long or level in QUICK):
            continue
        cache = tmp_path_factory.mktemp(level)
        environment = {
            **os.environ,
            "NUMBA_CPU_NAME": level,
            "NUMBA_CPU_FEATURES": "",
            "FASTSPEC_CACHE_DIR": str(cache),
        }
        environment["PYTHONPATH"] = os.pathsep.join(map(str, [HERE, *sys.path, HERE.parents[1]]))
        command = [sys.executable, str(HERE / "cpu_level.py")]
        children[level] = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    told = {level: (*child.communicate(timeout=900), child.returncode) for level, child in children.items()}
    for level, (_, errors, status) in told.items():
        assert status == 0, f"{level}: {errors[-3000:]}"
    return {level: json.loads(output.splitlines()[-1]) for level, (output, _, _) in told.items()}


@pytest.mark.parametrize("level", LEVELS)
def test_level_was_the_one_asked_for(found: Found, level: str) -> None:
    assert found[level]["name"] == found[level]["level"]["cpu"] == level
    assert found[level]["level"]["features"] == ""
    registers = set(found[level]["level"]["registers"])
    assert registers <= REGISTERS_OF_LEVEL[level]
    assert bool(registers) == (level != "generic")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_spectra_on_this_level(found: Found, level: str, dtype: str) -> None:
    assert found[level][f"stft {dtype}"] <= SPECTRUM_BOUND[dtype]
    assert found[level][f"pretty {dtype}"] <= LOG_BOUND[dtype]


@pytest.mark.parametrize("level", LEVELS)
def test_inversion_on_this_level(found: Found, level: str) -> None:
    assert found[level]["inversion float64"] <= WAVEFORM_BOUND
    assert found[level]["inversion float32, dB"] <= CONVERGENCE_BOUND
    assert found[level]["wrong offsets"] == 0
