"""The command that lists the recipes."""

from __future__ import annotations

from .. import atomic

HEADINGS = ("name", "rate", "features", "expects", "of")


def recipes() -> None:
    """List the recipes that [bold]fastspec mel --recipe[/bold] takes: features of programs, by name."""
    rows = [HEADINGS, *recipe_rows()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS) - 1)]
    with atomic.name_errors(atomic.STANDARD_OUTPUT):
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
            print("  ".join([*cells, row[-1]]))


def recipe_rows() -> list[tuple[str, ...]]:
    """A row of text for each recipe: name, rate, rows and hop, the level of samples, and what program it is of."""
    from ..frontends.recipes import recipe
    from ..frontends.recipes import recipes as recipe_names

    rows: list[tuple[str, ...]] = []
    for name in recipe_names():
        features = recipe(name)
        frontend, source = features.frontend, features.source
        shape = f"{frontend.n_rows} rows, hop {frontend.plan.hop_length}"
        origin = f"{source.project} ({source.year}, {source.licence}): {source.file}"
        rows.append((name, f"{features.sr} Hz", shape, f"samples {features.level}", origin))
    return rows
