"""Claims: one process compiles a kernel and others wait for it, unless it is dead, or takes too long."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sandbox import Sandbox, finish

from fastspec.kernels.runtime import claims


def test_a_claim_is_had_once_until_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kernel.bin"
    assert claims.claim_or_wait(path)
    assert claims.is_claimed(path)
    claims.release(path)
    assert not claims.is_claimed(path)
    assert claims.claim_or_wait(path)


def test_who_waits_goes_on_once_the_file_is_there(tmp_path: Path) -> None:
    path = tmp_path / "kernel.bin"
    assert claims.claim_or_wait(path)
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(claims.claim_or_wait(path)))
    waiting.start()
    time.sleep(0.05)
    assert not found
    path.touch()
    waiting.join(10)
    assert found == [False]


def test_who_waits_takes_over_where_the_other_gave_up(tmp_path: Path) -> None:
    path = tmp_path / "kernel.bin"
    assert claims.claim_or_wait(path)
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(claims.claim_or_wait(path)))
    waiting.start()
    claims.release(path)
    waiting.join(10)
    assert found == [True]


def claim_by(path: Path, owner: str, age: float = 0.0) -> None:
    """A claim of somebody else."""
    claim = claims.claim_of(path)
    claim.write_text(owner)
    os.utime(claim, (time.time() - age,) * 2)


def test_claims_of_the_dead_count_for_nothing(tmp_path: Path) -> None:
    path, dead = tmp_path / "kernel.bin", subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    for owner, age in (f"{dead.pid} {here}", 0), (f"{os.getpid()} {here}", 1000), (f"{dead.pid} elsewhere", 1000):
        claim_by(path, owner, age)
        assert not claims.is_claimed(path)
        assert claims.claim_or_wait(path)
    for owner in f"{dead.pid} elsewhere", "", "nonsense", f"{os.getpid()} {here}":
        claim_by(path, owner)
        assert claims.is_claimed(path)


def test_nobody_waits_for_ever_and_the_claim_of_another_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kernel.bin"
    claim_by(path, "1 elsewhere", age=-1)
    monkeypatch.setattr(claims, "LONGEST_SECONDS", 0.1)
    assert claims.claim_or_wait(path)
    claims.release(path)
    assert claims.claim_of(path).read_text() == "1 elsewhere"


def test_where_nothing_can_be_written_each_works_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "kernel.bin"
    assert claims.claim_or_wait(path)
    assert not claims.is_claimed(path)
    claims.release(path)


def test_processes_that_start_together_compile_each_kernel_once(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    code = "print(demo.right(), sum(it.cache_hits for it in jit._entries.values()), len(jit._entries))"
    ends = [finish(child)[0] for child in [box.start(code) for _ in range(4)]]
    assert [words[0] for words in ends] == ["True"] * 4
    hits, loaded = (sum(int(words[k]) for words in ends) for k in (1, 2))
    assert loaded - hits == loaded // 4
    assert {path.suffix for path in box.files()} == {".bin"}


def test_a_compilation_that_fails_gives_up_its_claim(tmp_path: Path) -> None:
    box = Sandbox(tmp_path)
    box.write("wrong", "from .runtime.jit import kernel\n@kernel\ndef f(x):\n    return x.nothing\n")
    words, _ = box.run("""
        from fastspec.kernels import wrong
        for _ in range(2):
            try:
                wrong.f(1.0)
            except Exception as error:
                print(type(error).__name__)
    """)
    assert words == ["TypingError"] * 2
    assert box.files() == []
