"""What is drawn at random, and which tests take longer than seconds.

Hypothesis draws the same cases on every machine and every day; new ones are for `make fuzz` (tests/fuzz.py) and for
`make stress`, which runs `tests/stress` with the tests marked `long` and with a seed that is printed.
"""

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("fuzz", database=None, deadline=None, print_blob=True)
settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="with the tests that take longer than seconds (make stress)")
    parser.addoption("--stress-seed", type=int, default=0, help="what the tests of tests/stress draw starts from it")


def pytest_report_header(config: pytest.Config) -> str:
    return f"seed of tests/stress: {config.getoption('--stress-seed')}"


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
