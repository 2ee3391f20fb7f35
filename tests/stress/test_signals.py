"""Signals while a kernel is compiled, a command starts, a file is written: nothing is lost, left or broken."""

import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from cases import speech_16k
from sandbox import Sandbox, finish

from fastspec import atomic

ROOT = Path(atomic.__file__).parents[1]
COMMAND = [sys.executable, "-m", "fastspec"]

INTERRUPTED = """
signal.signal(signal.SIGINT, signal.default_int_handler)
calls = []

def interrupt(frame, event, argument):
    if event == "call" and frame.f_code.co_name == NAME:
        calls.append(NAME)
        if len(calls) == NTH:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

threading.setprofile(interrupt)
sys.setprofile(interrupt)
try:
    print(demo.finite(np.ones(3)), "swallowed")
except KeyboardInterrupt:
    print("stopped")
threading.setprofile(None)
sys.setprofile(None)
print(len(calls) >= NTH, demo.finite(np.ones(3)), demo.finite(np.ones(3, "f4")))
"""


@pytest.mark.parametrize(
    ("name", "nth"), [("_raw_object_cache_notify", 1), ("_raw_object_cache_getbuffer", 3), ("insert_global", 30)]
)
def test_ctrl_c_inside_the_compiler_is_neither_lost_nor_harmful(tmp_path: Path, name: str, nth: int) -> None:
    """In LLVM's callbacks where a kernel is compiled, and where one is loaded; while numba fills its tables.

    Once it was lost, a segmentation fault, and an error of every later call.
    """
    box = Sandbox(tmp_path)
    if name == "_raw_object_cache_getbuffer":
        assert box.run("print(demo.finite(np.ones(3)))") == (["3"], [])
    told = finish(box.start(f"NAME, NTH = {name!r}, {nth}\n{INTERRUPTED}"), 120)
    assert told == (["stopped", "True", "3", "3"], [])


FORKED = """
child = os.fork()
if child == 0:
    print(demo.finite(np.ones(3)), demo.right(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), demo.right())
"""


@pytest.mark.long
def test_a_fork_while_a_kernel_compiles_whose_call_was_interrupted(tmp_path: Path) -> None:
    code = INTERRUPTED.replace('print("stopped")', 'print("stopped", flush=True)\n' + FORKED.replace("\n", "\n    "))
    told = finish(Sandbox(tmp_path).start(f"NAME, NTH = 'insert_global', 30\n{code}"), 120)
    assert told == (["stopped", "3", "True", "0", "True", "True", "3", "3"], [])


DRAWN = """
import random
signal.signal(signal.SIGINT, signal.default_int_handler)
draw = random.Random(SEED)
source = "def f(a, n, value):\\n    for i in range(n):\\n        a[i] += math.sin(a[i] * value) + {}\\n"

def compiled(number):
    names = {"math": demo.math, "__name__": "drawn"}
    exec(source.format(number), names)
    return jit.compile_entry(names["f"], *demo.FILL)

compiled(0)
begin = time.perf_counter()
compiled(0.5)
seconds = time.perf_counter() - begin
stopped = late = 0
for number in range(1, COUNT + 1):
    sent = threading.Event()
    def send(pause=draw.random() * 0.6 * seconds):
        time.sleep(pause)
        sent.set()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    thread = threading.Thread(target=send)
    try:
        thread.start()
        compiled(number)
        late += 1 - sent.is_set()
        thread.join()
        time.sleep(0.2)
    except KeyboardInterrupt:
        stopped += 1
    thread.join()
    a = np.zeros(1)
    demo.fill_by_address(compiled(number).address, a, 1, 1.0)
    assert a[0] == number
print(stopped, late)
"""


@pytest.mark.long
def test_no_ctrl_c_is_lost_in_a_compilation(tmp_path: Path, seed: int) -> None:
    """Drawn moments of small compilations; at each the call is stopped, and the next one gives the kernel."""
    count = 400
    (stopped, late), _ = finish(Sandbox(tmp_path).start(f"SEED, COUNT = {seed}, {count}\n{DRAWN}"), 600)
    print("stress: Ctrl-C at drawn moments", count, "of them inside a compilation", count - int(late))
    assert int(stopped) == count


def test_no_thread_is_left_that_compiles_and_other_threads_compile_alone(tmp_path: Path) -> None:
    words, _ = Sandbox(tmp_path).run("""
        names = []
        def look(frame, event, argument):
            if event == "call" and frame.f_code.co_name == "_raw_object_cache_notify":
                names.append(threading.current_thread().name)
        threading.setprofile(look)
        print(demo.finite(np.ones(3)), len(threading.enumerate()))
        thread = threading.Thread(target=lambda: print(demo.finite(np.ones(3, "f4"))), name="mine")
        thread.start()
        thread.join()
        print(*dict.fromkeys(name.replace(" ", "-") for name in names))
    """)
    assert words == ["3", "1", "3", "fastspec-compiles", "mine"]


# ---- commands ----
@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of speech."""
    path = tmp_path_factory.mktemp("sound") / "x.wav"
    soundfile.write(path, np.tile(speech_16k(), 20), 16_000)
    return path


def start_program(code: str, *arguments: object, **more: Any) -> "subprocess.Popen[str]":
    """Python on this code, with pipes, where SIGINT and SIGHUP have their default handlers."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more.pop("environment", {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_take_all_signals,  # a parent may ignore them, as nohup does
        **more,
    )


def _take_all_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def end_of(child: "subprocess.Popen[str]", seconds: float = 60) -> tuple[int, list[str]]:
    """The exit code and the lines on standard error."""
    try:
        _, err = child.communicate(timeout=seconds)
    finally:
        child.kill()
    return child.returncode, err.splitlines()


AT_AN_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
module, sys.argv[1:] = sys.argv[1], ["doctor"]

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from fastspec.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("module", ["fastspec.cli", "typer", "numba.core.config"])
def test_ctrl_c_while_a_command_starts_is_one_line(module: str) -> None:
    assert end_of(start_program(AT_AN_IMPORT, module)) == (130, ["fastspec: interrupted"])


WAITS = """
import sys, time
from fastspec import atomic
from fastspec.__main__ import main
from fastspec.demo import report

out, *slowly = sys.argv[1:]

def demo(*_, **__):
    with atomic.replace_file(out + ".wav") as file, atomic.replace_folder(out, marker="m") as folder:
        file.write_bytes(b"half")
        folder.mkdir()
        (folder / "half").touch()
        try:
            print("ready", flush=True)
            time.sleep(60)
        finally:
            print("leaves", flush=True)
            time.sleep(60 if slowly else 0)

report.demo = demo
sys.exit(main(["demo"]))
"""
ENDS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "the terminal was closed")]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "code", "says", "times"), [(*ENDS[0], 2), (*ENDS[1], 1), (*ENDS[2], 1), (*ENDS[2], 2)]
)
def test_a_signal_leaves_no_temporary_file_and_a_second_one_leaves_at_once(
    tmp_path: Path, sent: signal.Signals, code: int, says: str, times: int
) -> None:
    """The second comes while the command, on its way out, waits for something."""
    with start_program(WAITS, tmp_path / "out", *["slowly"] * (times - 1)) as child:
        assert child.stdout
        for line in ("ready\n", "leaves\n")[:times]:
            assert child.stdout.readline() == line
            child.send_signal(sent)
        begin = time.monotonic()
        assert end_of(child) == (code, [f"fastspec: {says}"])
        assert time.monotonic() - begin < 20
    assert list(tmp_path.iterdir()) == []


def test_a_command_outlives_its_terminal_if_it_is_to(sound: Path, tmp_path: Path) -> None:
    """nohup ignores SIGHUP; so does the command then."""
    words = [*COMMAND, "mel", "-", str(tmp_path / "m.npy"), "--quiet"]
    with subprocess.Popen(
        words,
        stdin=-1,
        stderr=-1,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    ) as child:
        assert child.stdin
        content = sound.read_bytes()
        child.stdin.write(content[:400_000])
        child.stdin.flush()
        deadline = time.monotonic() + 60
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGHUP)
        child.stdin.write(content[400_000:])
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["m.npy"]


BEFORE_MAIN = "import sys; from fastspec.__main__ import main; print('ready', flush=True); sys.exit(main())"


@pytest.mark.long
def test_a_signal_at_any_moment_of_a_command_is_one_line(sound: Path, tmp_path: Path, seed: int) -> None:
    """From the start to the end, with kernels loaded: 60 drawn moments of three signals."""
    draw = random.Random(seed)
    target = tmp_path / "y.wav"
    words = ["resynth", sound, target, "--quiet", "--n-iter", "4"]
    begin = time.monotonic()
    assert end_of(start_program(BEFORE_MAIN, *words), 300)[0] == 0
    begin, old = time.monotonic(), target.read_bytes()
    assert end_of(start_program(BEFORE_MAIN, *words), 300)[0] == 0
    seconds, ended = time.monotonic() - begin, 0
    for number in range(60):
        sent, code, says = ENDS[number % 3]
        child = start_program(BEFORE_MAIN, *words)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        time.sleep(draw.random() * seconds)
        child.send_signal(sent)
        begin = time.monotonic()
        end = end_of(child)
        assert end in [(code, [f"fastspec: {says}"]), (0, []), (-sent, [])], end  # the last two: it was at its end
        assert time.monotonic() - begin < 10
        assert target.read_bytes() == old
        assert [path.name for path in tmp_path.iterdir()] == ["y.wav"]
        ended += end[0] == code
    print("stress: signals at drawn moments of a command", 60, "of which it was ended by", ended)
    assert ended > 30


@pytest.mark.long
def test_ctrl_c_in_a_cold_command_ends_it_soon(sound: Path, tmp_path: Path, seed: int) -> None:
    """While kernels are compiled, which takes many seconds a kernel, at ten drawn moments."""
    draw, waits = random.Random(seed), []
    for _ in range(10):
        environment = {"FASTSPEC_CACHE_DIR": str(tmp_path / "cache")}
        words = ["mel", sound, tmp_path / "m.npy", "--quiet"]
        child = start_program(BEFORE_MAIN, *words, environment=environment)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.2 + 3 * draw.random())
        child.send_signal(signal.SIGINT)
        begin = time.monotonic()
        end = end_of(child)
        waits.append(time.monotonic() - begin)
        assert end in [(130, ["fastspec: interrupted"]), (0, []), (-signal.SIGINT, [])]  # the last two: at its end
    print("stress: Ctrl-C in a cold command", len(waits), "longest seconds to its end", round(max(waits), 2))
    assert sorted(waits)[5] < 1
    assert max(waits) < 5


# ---- files ----
def test_a_folder_interrupted_between_two_renames_is_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "marker").write_text("old")

    def interrupt(frame: object, event: str, function: object) -> None:
        if event == "c_return" and function is os.rename:
            sys.setprofile(None)
            raise KeyboardInterrupt

    def replace() -> None:
        with atomic.replace_folder(tmp_path / "a", marker="marker") as temporary:
            temporary.mkdir()
            (temporary / "marker").write_text("new")
            sys.setprofile(interrupt)

    with pytest.raises(KeyboardInterrupt):
        replace()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "marker").read_text() == "old"
    with atomic.replace_folder(tmp_path / "a", marker="marker") as temporary:
        temporary.mkdir()
        (temporary / "marker").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "marker").read_text() == "new"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.npy"
    path.touch()
    path.chmod(mode)
    atomic.save_array(path, np.zeros(3))
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert np.load(path).tolist() == [0, 0, 0]
