"""Outputs that cannot be written, or replace others: the old file stays, nothing else does, and the error names it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_server import Commands, Outcome, shared_commands

from fastspec import atomic

pytestmark = pytest.mark.thread_unsafe(reason="asks the one command server of the process, or changes its umask")

RATE = 8000
SECONDS = 0.75
WRITERS = {
    "m.npy": ["mel"],
    "m.npz": ["mel"],
    "w.npz": ["mel", "--log", "whisper"],
    "m.zarr": ["mel"],
    "w.zarr": ["mel", "--log", "whisper"],
    "m.png": ["mel"],
    "n.png": ["spectrogram", "--notebook"],
    "n.npy": ["spectrogram", "--notebook"],
    "y.wav": ["resynth", "--n-iter", "1"],
    "f.wav": ["resynth", "--n-iter", "1", "--subtype", "FLOAT"],
    "y.flac": ["resynth", "--n-iter", "1"],
    "y.ogg": ["resynth", "--n-iter", "1"],
}
"""Name of an output -> the command that writes it."""
EACH = [*WRITERS]
SOME = [
    n if n in ("m.npz", "m.zarr", "m.png", "y.wav", "y.flac") else pytest.param(n, marks=pytest.mark.long) for n in EACH
]


@pytest.fixture(scope="module")
def child() -> Commands:
    return shared_commands()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may read, with a sound."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    soundfile.write(path / "x.wav", np.random.default_rng(0).uniform(-0.5, 0.5, int(SECONDS * RATE)), RATE)
    yield path
    shutil.rmtree(path)


def write(child: Commands, folder: Path, name: str, **conditions: object) -> Outcome:
    """Run the command that writes an output."""
    command, *options = WRITERS[name]
    return child.run(command, folder / "x.wav", folder / name, *options, "-q", **conditions)


def content(path: Path) -> dict[str, bytes]:
    """The bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def check_failed(outcome: Outcome, folder: Path, name: str, code: int, *words: str) -> None:
    """One line names the output, and not the temporary file, of which nothing is left."""
    assert outcome.code == code, outcome
    (line,) = outcome.lines
    assert str(folder / name) in line, outcome
    assert "/." not in line, outcome
    assert all(word in line for word in words), outcome
    assert {path.name for path in folder.iterdir()} <= {"x.wav", name}


@pytest.mark.parametrize("name", SOME)
def test_outputs_that_are_replaced_keep_their_permissions(child: Commands, folder: Path, name: str) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert write(child, folder, name).code == 0
    is_folder = name.endswith(".zarr")
    assert stat.S_IMODE((folder / name).stat().st_mode) == (0o777 if is_folder else 0o666) & ~umask
    first = content(folder / name)
    for mode in (0o750,) if is_folder else (0o640, 0o444):
        (folder / name).chmod(mode)
        assert write(child, folder, name).code == 0
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode
    assert content(folder / name).keys() == first.keys()


def test_what_replaces_a_secret_is_never_open_to_others(tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o600)
    with atomic.replace_file(tmp_path / "x") as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        temporary.write_text("new")
    assert (tmp_path / "x").read_text() == "new"


def test_the_owner_stays(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(tmp_path / "x", owner, -1)
    atomic.write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").stat().st_uid == owner


@pytest.mark.parametrize("name", ["m.npz", "m.zarr", "m.png", "y.flac"])
def test_a_link_stays_and_what_it_points_to_is_replaced(child: Commands, folder: Path, name: str) -> None:
    (folder / "real").mkdir()
    (folder / name).symlink_to(folder / "real" / name)
    for _ in range(2):
        assert write(child, folder, name).code == 0
        assert (folder / name).is_symlink()
        assert content(folder / "real" / name)


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_file(child: Commands, folder: Path, name: str) -> None:
    """No file may be longer than 700 bytes: none of the formats is as short, and each fails in another place."""
    assert write(child, folder, name).code == 0
    old = content(folder / name)
    check_failed(write(child, folder, name, file_bytes=700), folder, name, 1)
    assert content(folder / name) == old


@pytest.mark.parametrize("name", SOME)
def test_a_full_disk_leaves_nothing(child: Commands, folder: Path, name: str) -> None:
    check_failed(write(child, folder, name, file_bytes=700), folder, name, 1)
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", SOME)
def test_a_folder_without_permission_leaves_the_old_file(child: Commands, folder: Path, name: str) -> None:
    assert write(child, folder, name).code == 0
    old, user = content(folder / name), {"user": 65534} if os.geteuid() == 0 else {}
    folder.chmod(0o555)
    outcome = write(child, folder, name, **user)
    folder.chmod(0o755)
    check_failed(outcome, folder, name, 1, "Permission denied")
    assert content(folder / name) == old


@pytest.mark.parametrize("name", SOME)
def test_a_folder_is_not_replaced(child: Commands, folder: Path, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "kept").touch()
    check_failed(write(child, folder, name), folder, name, 2, "replaced")
    assert (folder / name / "kept").exists()


def test_a_sound_may_replace_itself(child: Commands, folder: Path) -> None:
    old = (folder / "x.wav").read_bytes()
    command = ["resynth", folder / "x.wav", folder / "x.wav", "--n-iter", 1, "-q"]
    assert child.run(*command, file_bytes=700).code == 1
    assert (folder / "x.wav").read_bytes() == old
    assert child.run(*command).code == 0
    assert soundfile.info(folder / "x.wav").frames == int(SECONDS * RATE)
    assert (folder / "x.wav").read_bytes() != old


def test_the_longest_names_can_be_written(child: Commands, folder: Path) -> None:
    name = "n" * 251 + ".npz"
    assert child.run("mel", folder / "x.wav", folder / name, "-q").code == 0
    assert (folder / name).exists()


@pytest.mark.parametrize("options", [["mel"], ["resynth", "--n-iter", "1"], ["resynth", "--subtype", "PCM_16"]])
def test_closed_streams_are_named(child: Commands, folder: Path, options: list[str]) -> None:
    command, *more = options
    outcome = child.run(command, folder / "x.wav", "-", *more, "-q", closed="stdout")
    assert (outcome.code, outcome.lines) == (1, ["fastspec: standard output: Bad file descriptor"])
    outcome = child.run(command, folder / "none.wav", "-", closed="stderr")
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.long
def test_streams_that_are_closed_or_full_end_in_one_line(folder: Path) -> None:
    """In a shell, where an opened file takes the number of a closed stream."""
    command = f"{sys.executable} -m fastspec"
    for line, code, words in (
        ("mel x.wav - -q >&-", 1, "standard output: Bad file descriptor"),
        ("mel x.wav m.npz >/dev/full", 1, "standard output: No space left on device"),
        ("mel - m.npy -q <&-", 1, "standard input: Bad file descriptor"),
        ("mel x.wav m.npy -q <&- >&-", 0, ""),
    ):
        ran = subprocess.run(
            ["sh", "-c", f"{command} {line}"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )
        errors = [text for text in ran.stderr.splitlines() if text.startswith("fastspec: ")]
        assert ran.returncode == code, ran
        assert errors == ([f"fastspec: {words}"] if words else []), ran
        assert "Traceback" not in ran.stderr
    assert np.load(folder / "m.npy").shape[0] == 80
