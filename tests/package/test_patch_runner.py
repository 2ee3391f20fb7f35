"""``python -m fastspec.patch``: programs run as by Python, with librosa patched in them and in what they start."""

import sys
from pathlib import Path

import pytest
from children import python

ROOT = Path(__file__).parents[2]
RUNNER = "-m", "fastspec.patch"


SCRIPT = """
import sys
from librosa import stft
import beside

if __name__ == "__main__":
    print(sys.argv, __file__, __package__, __spec__ and __spec__.name, __name__, sys.path[0])
    print(hasattr(stft, "__fastspec__"), beside.stft is stft, file=sys.stderr)
    sys.exit(7)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "beside.py").write_text("from librosa import stft")
    (folder / "script.py").write_text(SCRIPT)
    return folder / "script.py"


def assert_same(*program: object, cwd: Path, text: str | None = None, code: int = 7) -> None:
    """The program prints the same under the runner, but its functions are replaced."""
    plain, ran = python(*program, cwd=cwd, text=text), python(*RUNNER, *program, cwd=cwd, text=text)
    assert ran.stdout == plain.stdout
    assert (ran.returncode, plain.returncode) == (code, code), ran.stderr
    assert (plain.stderr.splitlines()[-1:], ran.stderr.splitlines()[-1:]) == (["False True"], ["True True"])


def test_a_script_runs_as_python_runs_it(script: Path) -> None:
    assert_same(script, "a", "-b", cwd=script.parent)
    assert_same("../folder/script.py", "-m", cwd=script.parent)


def test_a_module_a_folder_code_and_standard_input_run_as_python_runs_them(script: Path) -> None:
    assert_same("-m", "script", "x", "-c", cwd=script.parent)
    code = SCRIPT.replace("__file__", "globals().get('__file__')")
    assert_same("-c", code, "x", "-y", cwd=script.parent)
    assert_same("-", "x", text=code, cwd=script.parent)
    script.rename(script.with_name("__main__.py"))
    assert_same(script.parent, "y", cwd=script.parents[1])


def test_errors_and_warnings_look_as_pythons(script: Path) -> None:
    noisy = "import librosa, warnings, traceback\nlibrosa.stft\n"
    noisy += "warnings.warn('at the line', stacklevel=1)\nwarnings.warn('above', stacklevel=2)\n"
    noisy += "traceback.print_stack()\nimport sys; sys.excepthook = lambda *e: traceback.print_exception(*e)\n1 / 0\n"
    script.write_text(noisy)
    script.with_name("wrong.py").write_text("not a ( program")
    for program in (("script.py",), ("-m", "script"), ("-c", noisy), ("wrong.py",)):
        plain = python(*program, cwd=script.parent)
        ran = python(*RUNNER, *program, cwd=script.parent)
        assert (ran.stderr, ran.returncode) == (plain.stderr, plain.returncode)
        assert ran.returncode == 1


def test_options_of_python_stay(script: Path) -> None:
    code = "import sys; print(sys.flags.optimize, sys.flags.dev_mode, sys.warnoptions, sys.flags.safe_path)"
    options = "-O", "-X", "dev", "-W", "error::ImportWarning", "-P"
    plain, ran = python(*options, "-c", code), python(*options, *RUNNER, "-c", code)
    assert ran.stdout == plain.stdout
    assert ran.stdout.startswith("1 True")


WORKERS = """
import multiprocessing, subprocess, sys
import librosa

def is_patched(_):
    return hasattr(librosa.stft, "__fastspec__")

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.map(is_patched, [0]))
    code = "import librosa; print(hasattr(librosa.feature.mfcc, '__fastspec__'))"
    print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
"""


def test_workers_and_other_processes_are_patched(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    expected = ["spawn [True]", "forkserver [True]", "True"]
    assert python(*RUNNER, "workers.py", cwd=tmp_path).stdout.split("\n")[:3] == expected
    plain = python("workers.py", cwd=tmp_path).stdout.split("\n")[:3]
    assert plain == [line.replace("True", "False") for line in expected]


def test_the_users_own_sitecustomize_is_run_too(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.customized = __file__")
    code = "import sys, sitecustomize, librosa; print(sys.customized == sitecustomize.__file__, sys.path)"
    code += "; print(hasattr(librosa.stft, '__fastspec__'), file=sys.stderr)"
    plain, ran = (python(*way, "-c", code, PYTHONPATH=str(tmp_path), cwd=ROOT) for way in ((), RUNNER))
    assert ran.stdout == plain.stdout
    assert plain.stdout.startswith("True")
    assert (plain.stderr, ran.stderr) == ("False\n", "True\n")


def test_a_program_without_librosa_loads_nothing(tmp_path: Path) -> None:
    code = "import sys; print({'numpy', 'numba', 'fastspec', 'librosa', 'logging'} & {*sys.modules})"
    assert python(*RUNNER, "-c", code).stdout == "set()\n"


def test_the_precision_is_that_of_all_processes(tmp_path: Path) -> None:
    code = (
        "import librosa, subprocess, sys; from fastspec.librosa._precision import is_double; print(is_double())\n"
        "if sys.argv[1:]: print(subprocess.run([sys.executable, '-c', sys.argv[1]], capture_output=True).stdout)"
    )
    for options, expected in (([], "False"), (["--precision", "double"], "True")):
        ran = python(*RUNNER, *options, "-c", code, code)
        assert ran.stdout.split() == [expected, f"b'{expected}\\n'"], ran.stderr


def test_a_process_that_cannot_be_patched_logs_it(tmp_path: Path) -> None:
    code = (
        "import os, sys; sys.modules['fastspec'] = None; import librosa; print(hasattr(librosa.stft, '__fastspec__'))"
    )
    ran = python(*RUNNER, "-c", code)
    assert ran.stdout == "False\n"
    assert ran.stderr.startswith("librosa is not patched in this process: ")


@pytest.mark.parametrize("option", ["-E", "-S"])
def test_where_the_environment_is_kept_out_the_program_alone_is_patched_and_that_is_logged(
    option: str, script: Path
) -> None:
    """Packages are put on the path by hand, as these options keep out the places where they are."""
    runner = f"import sys; sys.path[1:1] = {[str(ROOT), *sys.path]}; sys.orig_argv = ['python']; import runpy"
    runner += "; runpy.run_module('fastspec.patch', run_name='__main__', alter_sys=True)"
    code = "import sys, librosa; print(sys.argv, hasattr(librosa.stft, '__fastspec__'))"
    (script.parent / "short.py").write_text(code)
    for program, argv in (
        (("-c", code, "x"), ["-c", "x"]),
        (("-m", "short", "x"), [str(script.parent / "short.py"), "x"]),
        (("short.py", "x"), [str(script.parent / "short.py"), "x"]),
    ):
        ran = python(option, "-c", runner, *program, cwd=script.parent)
        assert ran.stdout == f"{argv} True\n", ran.stderr
        assert "processes that this program starts are not patched" in ran.stderr
    ran = python(option, "-c", runner, "-", "x", cwd=script.parent, text=code)
    assert ran.stdout == "['-', 'x'] True\n", ran.stderr


def test_what_cannot_be_run_is_said_in_one_line() -> None:
    absent = python(*RUNNER, "no_such_script.py")
    assert (absent.returncode, absent.stderr.count("\n")) == (2, 1)
    assert "no_such_script.py" in absent.stderr
    for arguments in ((), ("-m",), ("-c",), ("--unknown",), ("--precision", "double"), ("-x", "script.py")):
        ran = python(*RUNNER, *arguments)
        assert ran.returncode == 2
        assert ran.stderr.startswith("usage: python -m fastspec.patch [--precision single|double] SCRIPT")
    for arguments in (("--precision",), ("--precision", "half", "script.py")):
        ran = python(*RUNNER, *arguments)
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
        assert "--precision must be single or double" in ran.stderr
    assert python(*RUNNER, "--help").stdout.startswith("usage: ")


def test_an_absent_librosa_is_named_with_the_command_that_installs_it() -> None:
    code = "import sys; sys.modules['librosa'] = None; import runpy; sys.argv[1:] = ['-c', '']"
    ran = python("-c", f"{code}; runpy.run_module('fastspec.patch', run_name='__main__', alter_sys=True)")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "needs librosa, which is not installed: pip install" in ran.stderr
