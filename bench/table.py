"""Generated tables: Markdown, durations, ratios with losses in bold; and goals, which stay out of the tables."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """What a measured value has to reach: `least` at least and `most` at most."""

    name: str
    value: float
    least: float = -math.inf
    most: float = math.inf

    @property
    def reached(self) -> bool:
        return self.least <= self.value <= self.most

    def __str__(self) -> str:
        bound = f">= {self.least:g}" if math.isfinite(self.least) else f"<= {self.most:g}"
        return f"{'reached' if self.reached else 'MISSED '}  {self.name}: {self.value:.3g}, goal {bound}"


def between_marks(text: str, name: str, body: str) -> str:
    """`text` with `body` between `<!-- name:begin -->` and `<!-- name:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"the marks {begin} and {end} must each stand once in the text")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{body.strip()}\n{end}{rest.partition(end)[2]}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, its first column to the left, the others to the right."""
    heads = list(heads)
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, rule, *rows))


def paragraphs(*parts: str) -> str:
    """Parts with blank lines between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part)


def duration(seconds: float) -> str:
    """A duration with three figures and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{seconds / scale:#.3g}".rstrip(".") + f" {unit}"
    raise AssertionError


def milliseconds(seconds: float, digits: int = 2) -> str:
    """Milliseconds without a unit, for columns that share one."""
    return f"{1e3 * seconds:.{digits}f}"


def speedup(slow: float, fast: float) -> str:
    """How many times faster `fast` is; in bold where it is slower."""
    ratio = slow / fast
    return f"**{ratio:.2f}×**" if ratio < 1 else f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"


def bold_if(loss: bool, text: str) -> str:
    """A cell, in bold where it is a loss."""
    return f"**{text}**" if loss else text


def machine_line(result: dict[str, Any]) -> str:
    """The line below a table: processor, cores, versions."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    return f"Measured on: {result['cpu']}, {result['cores']} cores; {versions}."
