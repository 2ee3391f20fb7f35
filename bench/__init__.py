"""Measurements: one file a subject, whose `measure` returns a result and whose `tables` writes it as Markdown.

run.py        measures, stores results, writes the tables of README.md and docs/
table.py      Markdown tables, losses in bold, goals;    summary.py    the two tables of README.md
timing.py     medians of shuffled rounds, fresh processes, the machine
metrics.py    how near a recovered signal is;            sounds.py     signals that recovery is judged on
peers.py      the other libraries;                       limits.py     the transforms alone, the writing alone
subjects      engine  recovery  notebook  segments  streams  long_sound  first_calls  clips  busy  loaders  memory  fft
              quality  ends  accuracy
digests.py    the bits of a fixed set of calls, to compare two versions
librosa_suites.py  librosa's own tests: plain, patched, through the face
librosa_calls.py   small calls beside librosa's
plans.py      measures the factors of transforms and writes fastspec/kernels/fft/factors.py

Cases and the plain twins are those of the tests, so their folder is put on the path here.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "oracles"), str(TESTS / "engine")]
