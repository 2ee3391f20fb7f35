"""First calls: the kernels that they are known to need, and the processes that compile them side by side."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastspec.kernels.runtime.ahead import NEEDED

CALLS = {
    "forward": "plan.forward(y)",
    "inverse": "plan.inverse(np.ones((513, 800), np.complex64))",
    "recover pghi": "fastspec.recover(S, plan, rng=0)",
    "recover random": "fastspec.recover(S, plan, init='random', rng=0)",
    "recover rtisi": "fastspec.recover(S, plan, method='rtisi')",
    "recover rtpghi": "fastspec.recover(S, plan, method='rtpghi')",
    "notebook": "fastspec.invert_pretty_spectrogram(y[:102400].reshape(400, 256), fft_size=512, step_size=128)",
}
PREAMBLE = """
import os, sys, threading
import numpy as np
import fastspec
from fastspec.kernels.runtime import ahead, jit, prepared, team, threads
from fastspec.kernels.runtime.tasks import registry

y = np.random.default_rng(0).standard_normal(2_000_000).astype(np.float32)
S, plan = np.ones((513, 800), np.float32), fastspec.STFT(1024, hop_length=256)
"""


def run(code: str, **environment: str) -> list[str]:
    """The words that a fresh process prints, with two threads."""
    variables = os.environ | {"NUMBA_NUM_THREADS": "2", "FASTSPEC_NUM_THREADS": ""} | environment
    ran = subprocess.run([sys.executable, "-c", PREAMBLE + code], env=variables, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


ORDER = """
{call}
names = {{entry.function: entry.name for entry in registry if hasattr(entry, "function")}}
names |= {{function.function: "team" for function in (team.lead_team, team.serve_team, prepared.set_addresses)}}
names |= {{function.function: "alone" for function in (team.work_alone, prepared.run_alone)}}
loaded = [names[function] for function, _ in jit._entries]
loaded += [it.name for it in registry if hasattr(it, "dispatcher") and it.dispatcher.overloads]
print(*dict.fromkeys(loaded))
"""


@pytest.mark.parametrize("call", NEEDED)
def test_the_kernels_of_a_call_are_those_that_it_compiles_in_its_order(call: str) -> None:
    names = [name for name in run(ORDER.format(call=CALLS[call])) if name not in ("forward.write_complex", "alone")]
    assert tuple(names) == NEEDED[call]


ALONE = """
def count():
    return len([thread for thread in threading.enumerate() if thread.name == "fastspec-team"])

print(threads._team.is_compiled_elsewhere is ahead._helpers_run)
threads._team.is_compiled_elsewhere = lambda: True
first = plan.forward(y)
print(team.lead_team._call is None, count())
threads._team.is_compiled_elsewhere = lambda: False
print((plan.forward(y) == first).all(), count())
"""


@pytest.mark.thread_unsafe(reason="its cache has to be empty")
def test_a_first_call_does_not_wait_for_what_a_helper_compiles_for_the_team(tmp_path: Path) -> None:
    words = run(ALONE, FASTSPEC_CACHE_DIR=str(tmp_path), FASTSPEC_HELPS="1")
    assert words == ["True", "True", "0", "True", "1"]


START = """
started = []
class Started:
    poll = wait = lambda self: 0
ahead.subprocess.Popen = lambda command, **options: started.append(command[5:]) or Started()
"""


@pytest.mark.parametrize(
    ("change", "starts"),
    [
        ("", 1),
        ("os.environ['FASTSPEC_HELPS'] = '1'", 0),
        ("sys.frozen = True", 0),
        ("sys.executable = '/usr/sbin/uwsgi'", 0),
        ("sys.executable = None", 0),
        ("limit = fastspec.threads(1); limit.__enter__()", 0),
        ("import multiprocessing.process as process; process._parent_process = process.current_process()", 0),
        ("ahead._process = 0", 0),
    ],
)
def test_only_a_process_of_its_own_starts_others(tmp_path: Path, change: str, starts: int) -> None:
    code = f"{START}{change}\nahead.announce('inverse', np.dtype('f4'))\nprint(len(started), *sum(started, []))"
    words = run(code, FASTSPEC_CACHE_DIR=str(tmp_path))
    assert words[0] == str(starts)
    if starts:
        assert words[1:] == ["float32", *sorted(NEEDED["inverse"][::-1], key="team".__eq__)]  # noqa: C415


def test_what_the_cache_holds_starts_nobody() -> None:
    run(CALLS["inverse"])
    assert run(f"{START}{CALLS['inverse']}\nprint(len(started))") == ["0"]


def test_a_system_that_starts_no_process_costs_nothing(tmp_path: Path) -> None:
    code = """
def refuse(*_, **__):
    raise OSError("no more processes")
ahead.subprocess.Popen = refuse
ahead.announce("inverse", np.dtype("f4"))
print("goes on")
"""
    assert run(code, FASTSPEC_CACHE_DIR=str(tmp_path)) == ["goes", "on"]


HELPED = """
D = np.random.default_rng(0).standard_normal((33, 40)) + 0j
plan = fastspec.STFT(64, hop_length=16, dtype="float64")
found = plan.inverse(D)
[helper.wait() for helper in ahead._helpers]
print(len(ahead._helpers), sum(it.cache_hits for it in jit._entries.values()))
print(found.tobytes().hex())
"""


def test_helped_calls_and_those_whose_helper_is_killed_have_the_same_bits(tmp_path: Path) -> None:
    found = []
    for name in "helped", "killed", "alone":
        kill = "import os, signal\nstart = ahead.subprocess.Popen\n"
        kill += "def start_dead(*a, **k):\n    it = start(*a, **k)\n    it.kill()\n    return it\n"
        before = kill + "ahead.subprocess.Popen = start_dead\n" if name == "killed" else ""
        environment = {"FASTSPEC_NUM_THREADS": "1"} if name == "alone" else {}
        words = run(before + HELPED, FASTSPEC_CACHE_DIR=str(tmp_path / name), **environment)
        assert words[0] == str(int(name != "alone"))
        assert {path.suffix for path in (tmp_path / name).rglob("*") if path.is_file()} == {".bin"}
        found.append(words[2])
    assert found[0] == found[1] == found[2]
