"""The commands: results, one-line errors, exit codes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import speech

from fastspec import STFT
from fastspec.__main__ import main
from fastspec.files import audio

RATE = 16000
TONE = 0.5 * np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE // 2))


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    audio.write(tmp_path / "tone.wav", TONE, RATE)
    return tmp_path / "tone.wav"


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and message of a command that must fail: one line on stderr, nothing on stdout."""
    code = main([str(argument) for argument in arguments])
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("fastspec: ")
    assert error.count("\n") == 1
    return code, error


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_version_and_help_say_what_there_is() -> None:
    for arguments, words in (
        (["--version"], ["fastspec 0."]),
        (["--help"], ["demo", "mel", "spectrogram", "invert", "resynth", "doctor", "warmup"]),
        ([], ["demo", "--version"]),
        (["invert", "--help"], ["IN", "OUT", "--method", "--init", "--n-fft", "--hop", "--n-iter", "--rate"]),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "fastspec", *arguments], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0
        assert ran.stderr == ""
        for word in words:
            assert word in ran.stdout


def test_the_demo_ends_with_the_path_of_its_page(
    tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tone), "--out", str(tmp_path / "new" / "out"), "--seconds", "0.4"]) == 0
    out, error = capsys.readouterr()
    page = tmp_path / "new" / "out" / "report.html"
    assert out.splitlines()[-1].endswith(str(page))
    assert page.is_file()
    assert "inversion" in error


def test_spectrogram_draws_a_picture_or_keeps_the_numbers(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png, npy = tone.with_suffix(".png"), tone.with_suffix(".npy")
    assert main(["spectrogram", str(tone), str(png)]) == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert main(["spectrogram", str(tone), str(npy), "--n-fft", "512", "--hop", "100"]) == 0
    S = np.load(npy)
    np.testing.assert_array_equal(S, STFT(512, hop_length=100).power(np.float32(audio.read(tone)[0]), power=1))
    assert f"{S.shape[1]} frames × 257 bins" in capsys.readouterr().out


def test_the_notebooks_spectrogram_can_be_had_too(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    npy, options = tone.with_suffix(".npy"), ["--n-fft", "512", "--step", "100", "--threshold", "3", "--notebook"]
    assert main(["spectrogram", str(tone), str(tone.with_suffix(".png")), *options]) == 0
    capsys.readouterr()
    assert main(["spectrogram", str(tone), str(npy), *options]) == 0
    S = np.load(npy)
    assert S.shape[1] == 256
    assert S.min() == -3
    assert S.max() == 0
    assert np.unique(S.argmax(axis=1)[:-6]) == 32  # 1000 Hz of 16000, 512 points
    assert f"{S.shape[0]} frames × 256 bins" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["accelerated", "rtisi", "raar:3,griffinlim:1", "notebook"])
@pytest.mark.parametrize("through", ["sound", "array"])
def test_invert_gives_back_the_tone(tone: Path, tmp_path: Path, through: str, method: str) -> None:
    source, options = tone, ["--method", method]
    if ":" not in method:
        options += ["--n-iter", "2"]
    if through == "array":
        source, options = tmp_path / "S.npy", [*options, "--rate", str(RATE)]
        assert main(["spectrogram", str(tone), str(source), *["--notebook"] * (method == "notebook")]) == 0
    assert main(["invert", str(source), str(tmp_path / "out.wav"), *options]) == 0
    y, rate = audio.read(tmp_path / "out.wav")
    assert rate == RATE
    assert abs(len(y) - len(TONE)) <= 1024
    assert np.abs(y).max() <= 0.951
    bins = np.abs(np.fft.rfft(y))
    main_lobe = 2 * RATE / 1024  # of the Hamming window, to either side
    assert bins.argmax() * RATE / len(y) == pytest.approx(1000, abs=main_lobe)


@pytest.mark.parametrize("n", [1, 100])
def test_a_sound_shorter_than_a_window_can_be_drawn_and_inverted(tmp_path: Path, n: int) -> None:
    audio.write(tmp_path / "x.wav", TONE[1 : n + 1], RATE)
    assert main(["spectrogram", str(tmp_path / "x.wav"), str(tmp_path / "x.png")]) == 0
    assert main(["invert", str(tmp_path / "x.wav"), str(tmp_path / "y.wav")]) == 0


def test_a_better_method_is_nearer_to_speech(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reached = []
    audio.write(tmp_path / "x.wav", speech(16000), 16000)
    for method in ("notebook", "griffinlim", "accelerated", "best"):
        assert main(["invert", str(tmp_path / "x.wav"), str(tmp_path / "y.wav"), "--method", method]) == 0
        reached.append(float(capsys.readouterr().out.split()[-2]))
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] < -25


@pytest.mark.parametrize("method", ["accelerated", "notebook"])
def test_silence_stays_silent(tmp_path: Path, method: str) -> None:
    audio.write(tmp_path / "x.wav", np.zeros(5000), RATE)
    assert main(["invert", str(tmp_path / "x.wav"), str(tmp_path / "y.wav"), "--method", method]) == 0
    assert not audio.read(tmp_path / "y.wav")[0].any()


def test_wrong_usage_exits_with_2(tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.wav"
    for arguments, words in (
        (["no-such-command"], "no-such-command"),
        (["invert", tone], "OUT"),
        (["invert", tone, out, "--n-iter", "-1"], "--n-iter"),
        (["invert", tone, out, "--n-fft", "many"], "--n-fft"),
        (["invert", tone, out, "--n-fft", "511", "--method", "notebook"], "even"),
        (["invert", tone, out, "--method", "magic"], "'magic'"),
        (["invert", tone, out, "--method", "raar:many"], "name:rounds"),
        (["invert", tone, out, "--method", "raar:2", "--n-iter", "3"], "n_iter"),
        (["invert", tone, out, "--init", "magic"], "'magic'"),
        (["invert", tone, out, "--init", "pghi", "--method", "notebook"], "--init"),
        (["invert", tmp_path / "absent.wav", out], "absent.wav"),
        (["invert", tone, tmp_path / "absent" / "out.wav"], "absent"),
        (["invert", tone, tmp_path / "out.xyz"], ".xyz"),
        (["spectrogram", tone, tmp_path / "out.jpg"], "OUT must end in .npy, .npz, .zarr or .png"),
        (["demo", tone, "--seconds", "0"], "0.25"),
    ):
        code, message = refused(capsys, *arguments)
        assert code == 2, message
        assert words in message
    assert [path.name for path in tmp_path.iterdir()] == ["tone.wav"]


def test_unusable_input_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    np.save(tmp_path / "line.npy", np.zeros(5))
    np.save(tmp_path / "nan.npy", np.array([[0.0, 0.0], [np.nan, 0.0]]))
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    (tmp_path / "short.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:-8])
    (tmp_path / "none.npy").touch()
    np.save(tmp_path / "wide.npy", np.zeros((4, 8)))
    audio.write(tmp_path / "x.wav", TONE[:10], RATE)
    out, at = tmp_path / "out.wav", ["--rate", RATE]
    for arguments, words in (
        (["invert", tmp_path / "text.wav", out], "not a readable sound file"),
        (["invert", tmp_path / "line.npy", out, *at], "(5,)"),
        (["invert", tmp_path / "nan.npy", out, *at], "nan.npy: in the block of frames 0 to 1, M[1, 0] is nan"),
        (["invert", tmp_path / "nan.npy", out, *at, "--method", "notebook"], "nan.npy[1, 0] is nan"),
        (["invert", tmp_path / "words.npy", out, *at], "real numbers"),
        (["invert", tmp_path / "short.npy", out, *at], "short.npy"),
        (["invert", tmp_path / "none.npy", out, *at], "none.npy"),
        (["invert", tmp_path / "wide.npy", out], "--rate"),
        (["invert", tmp_path / "wide.npy", out, *at, "--n-fft", 32], "has 4 rows, but there are 17 bins of n_fft"),
        (["invert", tmp_path / "wide.npy", out, *at, "--mel"], "--n-fft"),
        (
            ["invert", tmp_path / "wide.npy", out, *at, "--n-fft", 32, "--method", "notebook"],
            "--n-fft must be 16, got 32",
        ),
        (["demo", tmp_path / "x.wav", "--out", tmp_path / "new"], "0.25 s"),
    ):
        code, message = refused(capsys, *arguments)
        assert code == 2, message
        assert words in message
    assert not out.exists()


def test_an_array_whose_header_promises_too_much_allocates_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (1 << 40, 512)}
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(100))
    code, message = refused(capsys, "invert", tmp_path / "huge.npy", tmp_path / "out.wav", "--rate", RATE)
    assert code == 2
    assert "huge.npy" in message


def test_a_folder_that_cannot_be_made_exits_with_1(
    tone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = refused(capsys, "demo", tone, "--out", tone / "below-a-file")
    assert code == 1
    assert "below-a-file" in message


def test_ctrl_c_exits_with_130_and_says_so_in_one_line() -> None:
    code = (
        "import sys, time\nfrom fastspec.demo import report\nfrom fastspec.__main__ import main\n"
        "def demo(*_, **__):\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "report.demo = demo\nsys.exit(main(['demo']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.strip() == "fastspec: interrupted"


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_typer_or_rich_the_command_says_how_to_install_them(package: str) -> None:
    ran = python(
        f"import sys; sys.modules[{package!r}] = None; from fastspec.__main__ import main; sys.exit(main(['demo']))"
    )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == (
        f'fastspec: the command line needs {package}, which is not installed: pip install "fastspec[cli]"\n'
    )


def test_without_matplotlib_the_demo_says_how_to_install_it_before_it_works() -> None:
    ran = python(
        "import sys; sys.modules['matplotlib'] = None; from fastspec.__main__ import main; sys.exit(main(['demo']))"
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        'fastspec: the demo needs matplotlib, which is not installed: pip install "fastspec[plot]"'
    )


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-m", "fastspec", "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert "Traceback" not in ran.stderr


def test_help_imports_nothing_slow() -> None:
    ran = python(
        "import sys; from fastspec.__main__ import main; main(['--help']); "
        "print({'numba', 'scipy', 'matplotlib', 'soundfile'} & set(sys.modules), file=sys.stderr)"
    )
    assert ran.stderr == "set()\n"


def test_doctor_names_versions_threads_cache_and_extras(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, _ = capsys.readouterr()
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    facts = {name.strip(): value.strip() for name, value in lines.items()}
    assert "failed" not in out
    assert int(facts["threads"].split()[0]) >= 1
    assert facts["cache writable"] == "yes"
    assert Path(facts["cache folder"]).is_absolute()
    for name in ("numpy", "scipy", "numba", "llvmlite", "soundfile [audio]", "matplotlib [plot]", "typer [cli]"):
        assert facts[name][0].isdigit()
    assert facts["torch [bench]"][0].isdigit() or facts["torch [bench]"] == "absent: pip install torch"


def test_doctor_says_what_decided_the_number_of_threads() -> None:
    for name in "FASTSPEC_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS":
        limits = dict.fromkeys(("FASTSPEC_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "")
        command = [sys.executable, "-m", "fastspec", "doctor"]
        out = subprocess.run(
            command, env=os.environ | limits | {name: "1"}, capture_output=True, text=True, check=True
        ).stdout
        (line,) = (line for line in out.splitlines() if line.startswith("threads"))
        assert line.split(maxsplit=1)[1] == f"1 ({name})"


def test_doctor_prune_names_what_it_removes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastspec.kernels.runtime import cache

    monkeypatch.setattr(cache, "prune_cache", lambda: [Path("old-kernels")])
    assert main(["doctor", "--prune"]) == 0
    assert capsys.readouterr().out.startswith("removed old-kernels\n")


def test_doctor_survives_a_broken_part(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from fastspec.kernels.runtime import threads

    def broken() -> str:
        raise RuntimeError("no count\nat all")

    monkeypatch.setattr(threads, "thread_count", broken)
    assert main(["doctor"]) == 0
    assert "failed: RuntimeError: no count at all" in capsys.readouterr().out


def test_warmup_runs_every_step(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from fastspec import warmup

    done: list[str] = []
    monkeypatch.setattr(warmup, "start_helpers", lambda **_: None)
    monkeypatch.setattr(warmup, "steps", lambda **_: [(name, lambda name=name: done.append(name)) for name in "abc"])
    assert main(["warmup"]) == 0
    assert done == ["a", "b", "c"]
    assert capsys.readouterr().out.startswith("3 kernels ready in ")


def test_warmup_compiles_what_calls_need(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from fastspec import warmup

    chosen: list[set[str]] = []
    monkeypatch.setattr(warmup, "start_helpers", lambda **_: None)
    monkeypatch.setattr(warmup, "steps", lambda needed_by: chosen.append(set(needed_by)) or [])
    assert main(["warmup", "--only", "stft, notebook"]) == 0
    assert chosen == [{"transform", "notebook"}]
    assert main(["warmup", "--only", "mfcc"]) == 2
    assert "stft, mel, inverse, recover, notebook, frontends, sizes, with commas, got 'mfcc'" in capsys.readouterr().err
    assert {name for names in warmup.CALLS.values() for name in names} <= {
        name for kernel in warmup.registry for name in kernel.needed_by
    }
    monkeypatch.undo()
    some, every = (len(warmup.steps(needed_by=calls)) for calls in (["transform"], ()))
    assert 10 < some < every
