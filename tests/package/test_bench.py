"""The benchmarks: measures of quality against the formulas in NumPy; generated tables against the stored results."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import charts, librosa_suites, metrics, run, timing
from bench.table import Goal, between_marks, duration, speedup

RNG = np.random.default_rng(3)


def magnitudes(y: np.ndarray, window: np.ndarray, hop: int) -> np.ndarray:
    """|STFT| of centred frames, padded with zeros."""
    n = len(window)
    padded = np.pad(y, n // 2)
    frames = [padded[k : k + n] * window for k in range(0, len(padded) - n + 1, hop)]
    return np.abs(np.fft.rfft(frames, axis=1)).T


def test_scores_are_the_formulas() -> None:
    x = RNG.standard_normal(6000)
    y = x + 0.1 * RNG.standard_normal(6000)
    scores = metrics.Judge(x, 256, 64)(y)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    S, L = (magnitudes(z, hann, 64) for z in (x, y))
    assert scores.convergence == pytest.approx(20 * np.log10(np.sqrt(((L - S) ** 2).sum() / (S**2).sum())), abs=1e-9)
    least = S.max() * 1e-4
    difference = 20 * np.log10(np.maximum(L, least)) - 20 * np.log10(np.maximum(S, least))
    assert scores.distance == pytest.approx(np.mean([np.sqrt(np.mean(column**2)) for column in difference.T]), abs=1e-9)
    gauss = np.exp(-np.pi * np.arange(-1024, 1024) ** 2 / (128 * 2048))
    G, H = (magnitudes(z, gauss, 128) for z in (x, y))
    assert scores.snr == pytest.approx(10 * np.log10((G**2).sum() / ((H - G) ** 2).sum()), abs=1e-9)


def test_scores_of_halved_and_inverted_signals() -> None:
    x = RNG.standard_normal(5000)
    judge = metrics.Judge(x, 256, 64)
    half = judge(0.5 * x)  # all levels halved
    assert half.convergence == pytest.approx(20 * np.log10(0.5), abs=1e-9)
    assert half.snr == pytest.approx(20 * np.log10(2), abs=1e-9)
    assert half.distance == pytest.approx(20 * np.log10(2), rel=1e-3)  # except in bins at the floor
    same = judge(-x)
    assert same.convergence < -250
    assert same.distance < 1e-9


def test_levels_below_the_floor_count_as_the_floor() -> None:
    S, L = np.array([[1.0, 1.0], [1e-9, 1e-5]]), np.array([[1.0, 1.0], [0.0, 1e-3]])
    assert metrics.distance(L, S) == pytest.approx((0 + 20 / np.sqrt(2)) / 2)


def test_generated_tables_are_those_of_the_stored_results() -> None:
    assert not run.stale(), "python -m bench.run --write"


@pytest.mark.parametrize("name", charts.CHARTS)
def test_pictures_show_the_stored_results(name: str) -> None:
    chart = charts.CHARTS[name](timing.load(name))
    assert charts.digest_in(charts.path_of(name)) == chart.digest, "python -m bench.charts"
    assert chart.rows
    assert all(chart.rows.values())


def test_every_table_of_benchmarks_has_a_picture() -> None:
    without = {"memory"}  # one sentence
    assert set(run.DOCUMENTS["docs/benchmarks.md"]) == {*charts.CHARTS, *without}
    assert {path.stem for path in charts.FOLDER.glob("*.png")} == set(charts.CHARTS)


def test_every_subject_has_one_document_and_one_result() -> None:
    listed = [name for names in run.DOCUMENTS.values() for name in names]
    assert sorted(listed) == sorted(run.SUBJECTS)
    assert sorted(path.stem for path in timing.RESULTS.glob("*.json")) == sorted(run.SUBJECTS)
    assert all(Path(run.SUBJECTS[name].__file__).stem == name for name in run.SUBJECTS)


def test_marks_must_stand_once() -> None:
    text = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb"
    assert between_marks(text, "x", "new\n") == text.replace("old", "new")
    with pytest.raises(ValueError, match="once"):
        between_marks(text + text, "x", "new")


def test_cells() -> None:
    assert [duration(s) for s in (2.5, 0.0123, 4.5e-6, 1e-7)] == ["2.50 s", "12.3 ms", "4.50 µs", "0.100 µs"]
    assert [speedup(slow, 1.0) for slow in (0.5, 2.25, 12.4)] == ["**0.50×**", "2.2×", "12×"]
    assert Goal("x", 2.0, least=1.5).reached
    assert not Goal("x", 2.0, most=1.5).reached


def test_a_module_of_librosas_tests_imports_the_face() -> None:
    source = (
        "import os\nimport librosa\n    import librosa.core.spectrum\nfrom librosa.util import frame\nlibrosa.stft\n"
    )
    face = "import os\nimport fastspec.librosa as librosa\n    import fastspec.librosa.core.spectrum; import "
    face += "fastspec.librosa as librosa\nfrom fastspec.librosa.util import frame\nlibrosa.stft\n"
    assert librosa_suites.through_the_face(source, double=False) == face
    double = "import fastspec.librosa as librosa; librosa.set_precision('double')"
    assert librosa_suites.through_the_face("import librosa", double=True) == double


SUITE = """
import librosa
import numpy as np

def test_what_fails_without_us():
    assert not librosa

def test_what_fails_with_us():
    assert not hasattr(librosa.stft, "__fastspec__")

def test_what_passes():
    assert librosa.stft(np.zeros(2048)).shape == (1025, 5)
"""


def test_librosas_tests_are_run_in_each_way_and_what_is_worse_is_named(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_core.py").write_text(SUITE)
    command = [sys.executable, "-m", "bench.librosa_suites", tmp_path, "--ways", "plain", "patched", "face"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == 1
    lines = [line.partition(" in ")[0] for line in ran.stdout.splitlines()]
    assert lines == [
        "plain: 1 failed, 2 passed",
        "    tests.test_core::test_what_fails_without_us",
        "patched: 2 failed, 1 passed",
        "    tests.test_core::test_what_fails_with_us",
        "face: 1 failed, 2 passed",
    ]
    command[3:] = [tmp_path / "tests"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (ran.returncode, "has no tests/test_core.py" in ran.stderr) == (2, True)
