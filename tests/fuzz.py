"""New cases for the tests that draw them, for a given time: `make fuzz SECONDS=600`, or `python tests/fuzz.py 600`.

`make test` draws the same cases everywhere, so that nobody's tests fail by the luck of the day. Here file after file
of tests runs with a seed of its own, which is printed, until a test fails or the time is up.
"""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
KEEP = """
A find. Once more with the same cases: {command}
To keep it, write the arguments that Hypothesis has just named over the test, so that they are tried in every run:
    @example(first=..., second=...)
or, if the test draws from st.data(), a plain test of these values. Another version of Hypothesis draws other cases from
the same seed: the seed alone keeps nothing.
"""


def files() -> list[Path]:
    """The test files that use Hypothesis."""
    return sorted(path for path in HERE.rglob("test_*.py") if "from hypothesis import" in path.read_text("utf-8"))


def tried(command: list[str], seconds: float) -> int | None:
    """The exit status of a run of pytest, or None if the time was up."""
    child = subprocess.Popen(command, cwd=HERE.parent)
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)
        child.wait()
        return None


def main(seconds: float) -> int:
    end, runs = time.monotonic() + seconds, 0
    while True:
        for path in random.sample(files(), len(files())):
            seed = random.randrange(2**32)
            command = [sys.executable, "-m", "pytest", "-q", "-m", "hypothesis", "--hypothesis-profile=fuzz"]
            command += [f"--hypothesis-seed={seed}", str(path.relative_to(HERE.parent))]
            print(f"\n{path.name}, seed {seed}", flush=True)
            status = tried(command, max(0.0, end - time.monotonic()))
            if status:
                print(KEEP.format(command=" ".join(command)))
                return 1
            if status is None:
                print(f"\nThe time is up: {runs} runs of a file, all passed.")
                return 0
            runs += 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
