"""librosa's own test suite, run on this library: plain, patched, and through the face.

    python -m bench.librosa_suites SOURCES                             all ways, in this environment
    python -m bench.librosa_suites SOURCES --ways plain patched        only these
    python -m bench.librosa_suites SOURCES -- -k "stft or mel" -x      what follows -- goes to pytest

SOURCES is a folder with librosa's `tests`, of the version that is installed here; nothing is fetched.  The sources of a
release hold them (`pip download --no-deps --no-binary :all: librosa==VERSION`), and so does its tag in librosa's
repository, with `conftest.py` and the images of `test_display.py`.  Up to 0.11, `tests/data` is a submodule of it, the
repository librosa-test-data; tests whose files are absent there fail or are not collected, in all ways alike.  librosa
0.11 and 1.0 need an environment each, with librosa's test requirements (pytest, pytest-mpl, matplotlib, samplerate,
resampy) and the dependencies of this library.

The ways are

    plain            librosa alone: what fails here fails for reasons of its own
    patched          under ``python -m fastspec.patch``
    patched-double   under ``python -m fastspec.patch --precision double``
    face             with ``import librosa`` written as ``import fastspec.librosa as librosa``
    face-double      the same after ``librosa.set_precision("double")``

A copy of the tests runs in a temporary folder, in which ``mock.patch("librosa...")`` still means librosa's module.  The
exit code is 1 if a test fails in a way and not in `plain`.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

WAYS = ("plain", "patched", "patched-double", "face", "face-double")
RUNNERS = {
    "patched": ["-m", "fastspec.patch"],
    "patched-double": ["-m", "fastspec.patch", "--precision", "double"],
}
PYTEST = ["-m", "pytest", "tests", "-q", "-p", "no:cacheprovider", "--override-ini=addopts="]
MPL = ["--mpl", "--mpl-baseline-path=tests/baseline_images/test_display"]
ROOT = Path(__file__).resolve().parents[1]


def through_the_face(source: str, double: bool) -> str:
    """A test module whose imports of librosa are those of the face."""
    lines = "import fastspec.librosa as librosa" + ("; librosa.set_precision('double')" if double else "")
    source = re.sub(r"^(\s*)import librosa$", rf"\1{lines}", source, flags=re.MULTILINE)
    source = re.sub(
        r"^(\s*)import librosa(\..*)$", rf"\1import fastspec.librosa\2; {lines}", source, flags=re.MULTILINE
    )
    return re.sub(r"^(\s*)from librosa\b", r"\1from fastspec.librosa", source, flags=re.MULTILINE)


def copy_tests(sources: Path, folder: Path, way: str) -> None:
    """Copy the tests, and the configuration of pytest if there is one."""
    shutil.copytree(sources / "tests", folder / "tests")
    if (sources / "setup.cfg").exists():
        shutil.copy(sources / "setup.cfg", folder)
    for module in (folder / "tests").glob("*.py") if way.startswith("face") else ():
        module.write_text(through_the_face(module.read_text(encoding="utf-8"), way == "face-double"), encoding="utf-8")


def run(sources: Path, way: str, options: list[str]) -> tuple[str, dict[str, str]]:
    """(the closing line of pytest, the outcome of each test)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_tests(sources, folder, way)
        report = folder / "report.xml"
        isolated = ["--librosa-isolation"] if (folder / "tests" / "conftest.py").exists() else []
        images = MPL if (folder / "tests" / "baseline_images").exists() else []
        command = [sys.executable, *RUNNERS.get(way, []), *PYTEST, *isolated, *images, f"--junitxml={report}", *options]
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "MPLBACKEND": "agg"}
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(f"pytest did not finish:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
        outcomes = {
            f"{case.get('classname')}::{case.get('name')}": case[0].tag if len(case) else "passed"
            for case in ElementTree.parse(report).iter("testcase")
        }
        return ran.stdout.strip().splitlines()[-1], outcomes


def main() -> int:
    """Run the suite in each way and compare with the plain one."""
    parser = argparse.ArgumentParser(
        description="librosa's own tests: plain, patched, through the face; what follows -- goes to pytest."
    )
    parser.add_argument("sources", type=Path, help="a folder with librosa's tests/, of the installed version")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    given, options = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    if not (given.sources / "tests" / "test_core.py").exists():
        parser.error(f"{given.sources} has no tests/test_core.py; see the head of {__file__} for where to get it")
    plain: dict[str, str] = {}
    worse = 0
    for way in given.ways:
        closing, outcomes = run(given.sources, way, options)
        print(f"{way}: {closing.strip('= ')}", flush=True)
        failed = [test for test, outcome in outcomes.items() if outcome in ("failure", "error")]
        if way == "plain":
            plain = outcomes
        else:
            failed = [test for test in failed if plain.get(test) not in ("failure", "error")]
            worse += len(failed)
        print("".join(f"    {test}\n" for test in failed), end="", flush=True)
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main())
