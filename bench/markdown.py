"""Parts of the README's tables: marks, cells, durations."""

from collections.abc import Iterable
from typing import Any


def between_markers(text: str, name: str, body: str) -> str:
    """`text` with what stands between `<!-- name:begin -->` and `<!-- name:end -->` replaced by `body`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"README.md must hold the marks {begin} and {end} once each")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{body.strip()}\n{end}{rest.partition(end)[2]}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, its first column to the left, the others to the right."""
    heads = list(heads)
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *rows))


def seconds(value: float) -> str:
    """A duration with three figures and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale or unit == "µs":
            return f"{value / scale:#.3g}".rstrip(".") + f" {unit}"
    raise AssertionError


def times(slow: float, fast: float) -> str:
    """How many times as fast; below one where `fastspec` loses."""
    ratio = slow / fast
    return f"**{ratio:.2f}×**" if ratio < 1 else f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"


def made_on(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return f"{result['cpu']}, {result['cores']} cores; {versions}"
