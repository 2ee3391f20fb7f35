"""What is drawn at random, and which tests take longer than seconds.

Hypothesis draws the same cases on every machine and every day; new ones are for `make fuzz` (tests/fuzz.py) and for
`make stress`, which runs the tests marked `long` with those of `tests/stress`, and with a seed that is printed.
"""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("fuzz", database=None, deadline=None, print_blob=True)
settings.load_profile("same")

FACES = Path(__file__).parent / "faces"
"""Tests of what needs heavy packages, each folder in an environment of its own: `make test-faces`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="with the tests that take longer than seconds (make stress)")
    parser.addoption("--stress-seed", type=int, default=0, help="what the tests of tests/stress draw starts from it")
    parser.addoption("--promises", type=Path, help="the page whose list of what was tried is written from this run")


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed of tests/stress: {config.getoption('--stress-seed')}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of `FACES` out where they are not asked for by name."""
    asked = any(Path(argument.partition("::")[0]).resolve().is_relative_to(FACES) for argument in config.args)
    return True if collection_path == FACES and not asked else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--long`, long tests are none of the suite."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What a test of tests/stress draws from."""
    return int(request.config.getoption("--stress-seed"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What tests printed after `stress:`: what they tried, and how often; also written to a page if that is asked."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        files = sum(1 for _ in FACES.rglob("test_*.py"))
        terminalreporter.section("left out")
        terminalreporter.line(f"left to `make test-faces`, which installs the libraries: {files} files of tests/faces")
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [line[8:] for report in reports for line in report.capstdout.splitlines() if line.startswith("stress: ")]
    if not lines:
        return
    terminalreporter.section("tried")
    for line in lines:
        terminalreporter.line(line)
    if page := config.getoption("--promises"):
        from bench.table import between_marks, machine_line
        from bench.timing import machine

        passed, failed = (len(terminalreporter.getreports(outcome)) for outcome in ("passed", "failed"))
        seed, text = config.getoption("--stress-seed"), page.read_text("utf-8")
        counts = f"{passed} tests passed, {failed} failed, seed {seed}.\n\n"
        listing = "\n".join(["```text", *lines, "```"])
        body = counts + listing + "\n\n" + machine_line(machine())
        page.write_text(between_marks(text, "stress", body), "utf-8")
