"""Ctrl-C amid long calls and long runs from file to file: out within a second, nothing half-written, and on it goes."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from processes import interrupt, start

pytestmark = pytest.mark.thread_unsafe(reason="starts processes")

WITHIN_SECONDS = 1.0

HOURS = """
import signal, sys, time
import numpy as np
import fastspec
from mixed_calls import all_right

signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
y = rng.standard_normal(16_000 * 300).astype(np.float32)
plan, odd = (fastspec.STFT(n_fft, hop_length=160) for n_fft in (400, 422))
bank = fastspec.MelBank(16000, 400, 40)
S, S_odd, M = plan.power(y, power=1), odd.power(y[:960_000], power=1), plan.mel(y[:960_000], bank)
log = fastspec.pretty_spectrogram(y[:960_000], fft_size=512, step_size=64)
rounds = 1_000_000
long_calls = {
    **{method: lambda method=method: fastspec.recover(S, plan, method=method, n_iter=rounds, tolerance=0, rng=0)
       for method in ("griffinlim", "accelerated", "raar", "admm")},
    "rtisi": lambda: fastspec.recover(S, plan, method="rtisi", n_iter=1000),
    "random": lambda: fastspec.recover(S, plan, init="random", n_iter=rounds, tolerance=0, rng=0),
    "at once": lambda: fastspec.recover(S, plan, n_iter=rounds, tolerance=0, rng=0, block=None),
    "422": lambda: fastspec.recover(S_odd, odd, init="random", n_iter=rounds, tolerance=0, rng=0),
    "422, rtisi": lambda: fastspec.recover(S_odd, odd, method="rtisi", n_iter=1000),
    "mels": lambda: fastspec.recover_mel(M, bank, plan, n_iter=rounds, tolerance=0, rng=0),
    "nnls": lambda: bank.inverse(np.tile(M, 50), method="fista", n_iter=20_000),
    "notebook": lambda: fastspec.invert_pretty_spectrogram(log, True, 512, 64, rounds),
    "segments": lambda: fastspec.invert_pretty_spectrogram(log, True, 512, 64, rounds, segments=8),
}
assert all_right()
for name in sys.argv[1:] or long_calls:
    print(name, flush=True)
    try:
        long_calls[name]()
    except KeyboardInterrupt:
        print(time.time(), flush=True)
    else:
        print("came to its end", flush=True)
print(all_right(), flush=True)
"""


def seconds_to_stop(waits: list[float], *names: str) -> dict[str, float]:
    """How long each of the calls goes on after Ctrl-C, which comes so many seconds after its beginning."""
    found = dict[str, float]()
    with start(HOURS, *names) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            for wait in waits:
                name = child.stdout.readline().strip()
                time.sleep(wait)
                sent = time.time()
                os.kill(child.pid, signal.SIGINT)
                found[name] = float(child.stdout.readline()) - sent
            assert child.stdout.readline() == "True\n", "the next calls are wrong"
            assert child.wait(60) == 0
        finally:
            child.kill()
            print(child.stderr.read())
    return found


@pytest.mark.long
def test_ctrl_c_stops_every_long_call_within_a_second(seed: int) -> None:
    waits = np.random.default_rng(seed).uniform(0.2, 4, 13)
    found = seconds_to_stop(waits.tolist())
    print("stress: seconds from Ctrl-C to the end", {name: round(seconds, 2) for name, seconds in found.items()})
    assert len(found) == 13
    assert max(found.values()) < WITHIN_SECONDS


# ---- from file to file ----
COMMANDS = {
    "mel": ["mel", "{sound}", "{out}.npy"],
    "spectrogram": ["spectrogram", "{sound}", "{out}.npz"],
    "zarr": ["spectrogram", "{sound}", "{out}.zarr"],
    "picture": ["spectrogram", "{sound}", "{out}.png"],
    "resynth": ["resynth", "{sound}", "{out}.wav", "--n-iter", "1000"],
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of noise."""
    path, rng = tmp_path_factory.mktemp("hour") / "hour.wav", np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", 16000, 1) as file:
        for _ in range(60):
            file.write(0.1 * rng.standard_normal(16000 * 60))
    return path


MAIN = "import sys; from fastspec.__main__ import main; sys.exit(main())"


def seconds_of(words: list[str]) -> float:
    """How long a command takes with its kernels in the cache, six seconds at most."""
    took = []
    for _ in range(3):
        begin, child = time.monotonic(), start(MAIN, *words)
        try:
            child.communicate(timeout=6)
        except subprocess.TimeoutExpired:
            interrupt(child)
            child.communicate(timeout=60)
        took.append(time.monotonic() - begin)
    return min(took)


@pytest.mark.long
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_leaves_the_old_file_and_nothing_else(command: str, sound: Path, tmp_path: Path, seed: int) -> None:
    rng, counts = np.random.default_rng(seed), {"interrupted": 0, "done": 0}
    words = [word.format(sound=sound, out=tmp_path / "out") for word in COMMANDS[command]]
    target, longest = Path(words[2]), seconds_of(words)
    whole = target.read_bytes() if target.is_file() else b""
    for old in (False, True) * 4:
        for leftover in tmp_path.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        if old and command != "zarr":
            target.write_bytes(b"old")
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        child = start(MAIN, *words)
        time.sleep(rng.uniform(0.1, 0.7) * longest)
        sent = time.monotonic()
        interrupt(child)
        _, err = child.communicate(timeout=60)  # which closes the pipes
        took = time.monotonic() - sent
        if child.returncode == 0:
            counts["done"] += 1
            assert [path.name for path in tmp_path.iterdir()] == [target.name]
            continue
        assert child.returncode in (130, -signal.SIGINT), err
        assert took < WITHIN_SECONDS + 0.5  # with the end of the interpreter
        if list(tmp_path.iterdir()) == [target] and (target.is_dir() or target.read_bytes() == whole):
            counts["done"] += 1  # and the signal came before the end of the process
            continue
        counts["interrupted"] += 1
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    print("stress: Ctrl-C", command, counts)
    assert counts["interrupted"] > 2
