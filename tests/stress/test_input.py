"""Any argument: the result of a clean one, or an error that names it; no crash, no hang, no memory that was not set.

Cases are drawn in child processes (`input_cases`), which stop at a crash, and at a case that takes a minute.
"""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import input_cases
import input_table
import numpy as np
import pytest
from children import ROOT
from numpy.lib.stride_tricks import as_strided

import fastspec
from fastspec import files, picture, stream
from fastspec import librosa as lib

PROGRAM = Path(input_cases.__file__)
FEW, MANY = 500, 22_000
PATTERNS = ["0xAB", "0x3F"]
"""Of memory that is not set: a tiny and an ordinary number."""


def drawn(cases: int, seed: int, pattern: str) -> str:
    """What the program prints at its end: the number of cases, and a digest of what came of them."""
    arguments = ("--cases", cases, "--seed", seed, "--pattern", pattern)
    paths = os.pathsep.join(map(str, (ROOT, PROGRAM.parent, PROGRAM.parents[1])))
    done = subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": paths, "MALLOC_PERTURB_": str(int(pattern, 0))},
        capture_output=True, text=True, check=False, timeout=3000,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return done.stdout.splitlines()[-1]


def test_few_cases() -> None:
    assert drawn(FEW, 0, PATTERNS[0]).startswith(f"{FEW} cases")


@pytest.mark.long
def test_many_cases_whatever_memory_holds(seed: int) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda pattern: drawn(MANY, seed, pattern), PATTERNS)
    print("stress: arguments drawn, each twice:", first)
    assert first == second


def public(owner: Any) -> set[str]:
    """The functions of a module or class that have no underscore."""
    return {name for name in dir(owner) if name[0] != "_" and inspect.isfunction(getattr(owner, name))}


def names(rows: dict[str, Any]) -> set[str]:
    """Of functions: a row may be one of several of a function."""
    return {name.partition(" ")[0] for name in rows}


def test_no_public_function_is_missing() -> None:
    assert names(input_table.NOTEBOOK) == set(fastspec.__all__)
    others = fastspec._MODULE_OF.keys() - set(fastspec.__all__) - {"is_patched", "patched", "unpatch"}
    classes = ("STFT", "FilterBank", "MelBank")
    others |= {f"FrontEnd.{name}" for name in public(fastspec.FrontEnd) - {"finish", "inverse", "local"}}
    methods = {f"{name}.{method}" for name in classes for method in public(getattr(fastspec, name))}
    assert names(input_table.ENGINE) == others | methods
    assert names(input_table.STREAM) == set(stream.__all__)
    inner = {"core": "", "feature": "feature.", "filters": "filters.", "util": "util."}
    functions = {
        prefix + name
        for module, prefix in inner.items()
        for name in getattr(lib, module).__all__
        if inspect.isfunction(getattr(getattr(lib, module), name))
    }
    functions |= {f"feature.inverse.{name}" for name in lib.feature.inverse.__all__}
    assert names(input_table.LIBROSA) == functions
    named = {name for module in (files, picture) for name in module.__all__ if name[0].islower()}
    assert names(input_table.FILES) == named - {"open_sound"}


@pytest.mark.parametrize("name", [name for name, row in input_table.ALL.items() if row.arrays])
def test_every_array_of_a_function_is_drawn(name: str) -> None:
    """An argument that is an array in the table's call is an array there by its kind."""
    row = input_table.ALL[name]
    given = {key for key, value in row.arguments.items() if isinstance(value, np.ndarray)}
    assert given <= row.arrays.keys() | {"window"}
    assert set(row.arrays.values()) <= input_cases.SHAPES.keys()


# ---- what was found ----
def unaligned(x: Any) -> Any:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
    return raw[1:].view(x.dtype).reshape(x.shape)


PLAN, BANK = fastspec.STFT(16, hop_length=4), fastspec.MelBank(8000, 16, 5)
Y, D, S, M = input_table.Y, input_table.D, input_table.S, input_table.M
NAN = float("nan")


@pytest.mark.parametrize("options", [
    *({"init": init, "n_iter": 1} for init in ("pghi", "spsi", "offset", "random", "zero")),
    *({"method": method} for method in ("admm", "raar", "rtisi", "rtpghi")),
])  # fmt: skip
@pytest.mark.parametrize("n_fft", [16, 17])
def test_magnitudes_need_not_be_aligned(options: dict[str, Any], n_fft: int) -> None:
    plan = fastspec.STFT(n_fft, hop_length=4)
    levels = plan.power(Y, power=1)
    expected = fastspec.recover(levels, plan, rng=0, **options)
    np.testing.assert_array_equal(fastspec.recover(unaligned(levels), plan, rng=0, **options), expected)
    D = levels * np.complex64(1j)
    np.testing.assert_array_equal(plan.inverse(unaligned(D)), plan.inverse(D))
    np.testing.assert_array_equal(lib.griffinlim(unaligned(levels), n_fft=n_fft, n_iter=1, rng=0),
                                  lib.griffinlim(levels, n_fft=n_fft, n_iter=1, rng=0))  # fmt: skip


def overlapping(shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...]) -> Any:
    return as_strided(np.zeros(999, dtype), shape, strides)


REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("out", lambda: PLAN.forward(Y, out=overlapping(D.shape, np.complex64, (0, 0)))),
    ("out", lambda: PLAN.power(Y, out=overlapping(S.shape, np.float32, (4, 0)))),
    ("out", lambda: PLAN.power(Y, out=overlapping(S.shape, np.float32, (4, 8)))),
    ("out", lambda: PLAN.inverse(D, out=overlapping((88,), np.float32, (0,)))),
    ("out", lambda: fastspec.recover(S, PLAN, out=overlapping((88,), np.float32, (0,)))),
    ("out", lambda: stream.StreamingSTFT(PLAN).push(Y, out=overlapping((9, 30), np.complex64, (0, 8)))),
    ("pad_mode", lambda: fastspec.STFT(16, pad_mode="empty")),
    ("n_fft", lambda: fastspec.STFT(1 << 40)),
    *(("rng", lambda rng=rng: fastspec.recover(S, PLAN, rng=rng)) for rng in (-1, "x", 1.5, [1, -1], object())),
    ("rng", lambda: stream.StreamingRecover(PLAN, rng=-1)),
    ("power", lambda: fastspec.recover_mel(M, BANK, PLAN, power=1e-300)),  # crashed
    ("power", lambda: input_table.pushed(stream.StreamingRecoverMel(PLAN, BANK, power=1e-3), M * 1e6)),
    ("rng", lambda: lib.griffinlim(S, rng=-1)),
    *(
        ("plan", lambda call=call, plan=plan: call(plan))
        for plan in (None, 3, "plan", S)
        for call in (
            lambda plan: fastspec.recover(S, plan), lambda plan: fastspec.recover_mel(M, BANK, plan),
            stream.StreamingSTFT, stream.StreamingPower, stream.StreamingISTFT, stream.StreamingRecover,
            lambda plan: stream.StreamingMel(plan, BANK), lambda plan: stream.StreamingRecoverMel(plan, BANK),
        )
    ),
    ("amin", lambda: lib.power_to_db(S, amin=NAN)), ("top_db", lambda: lib.power_to_db(S, top_db=NAN)),
    ("amin", lambda: lib.amplitude_to_db(S, amin="x")),
    ("sr", lambda: lib.feature.melspectrogram(y=Y, sr=NAN, n_fft=16)),
    *((name, lambda name=name: lib.filters.mel(**{"sr": 8000, "n_fft": 16, "n_mels": 5, name: NAN}))
      for name in ("sr", "fmin", "fmax")),
    *(("sr", lambda call=call, sr=sr: call(3, sr=sr)) for sr in (NAN, 0, "x") for call in (
        lib.times_like, lib.frames_to_time, lib.time_to_frames, lib.time_to_samples, lib.samples_to_time)),
    ("fmax", lambda: lib.mel_frequencies(5, fmax=NAN)),
    *((name, lambda call=call: call(np.ma.masked_less(S, 1.0))) for name, call in (
        ("S", lambda S: fastspec.recover(S, PLAN)), ("S", lambda S: BANK @ S), ("S", lambda S: lib.griffinlim(S)),
        ("X", lambda S: fastspec.overlap(S[0], 4, 2)), ("X_s", lambda S: fastspec.invert_spectrogram(S, 2)))),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_what_is_refused_is_named(case: int) -> None:
    name, function = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        function()
    assert re.search(rf"\b{name}\b", str(caught.value))
    assert input_cases.SAYS_WHAT.search(str(caught.value))
    assert len(str(caught.value)) < 1500


def test_outputs_whose_elements_interlace_are_taken() -> None:
    expected = PLAN.power(Y)
    memory = np.zeros((2, 2, *expected.shape), np.float32)
    for out in (memory[1, 0], memory.transpose(2, 0, 3, 1)[:, 1, :, 0], memory[0, 1, ::-1, ::-1]):
        np.testing.assert_array_equal(PLAN.power(Y, out=out), expected)
    pairs = as_strided(np.zeros(8, np.float32), (3, 2), (8, 12))  # addresses 0, 2, 4 and 3, 5, 7
    plan = fastspec.STFT(4, hop_length=2, center=False)
    np.testing.assert_array_equal(plan.power(Y[:6], out=pairs), plan.power(Y[:6]))


def test_librosas_empty_padding_is_silence() -> None:
    found, expected = (lib.stft(Y, n_fft=16, pad_mode=mode) for mode in ("empty", "constant"))
    np.testing.assert_array_equal(found, expected)


def test_masks_stay_on_decibels() -> None:
    masked = np.ma.masked_greater(M, float(np.median(M)))
    for call in (lib.power_to_db, lib.amplitude_to_db):
        found = call(masked, top_db=None)
        np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(masked))
        np.testing.assert_allclose(found.compressed(), call(M, top_db=None)[~masked.mask], rtol=1e-6)
