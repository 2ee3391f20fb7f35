"""Measurements: each program writes one file of `results/`, and `readme` writes the README's tables from them.

The table of cases and the plain twins are those of the tests, so their folder is put on the path here.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
