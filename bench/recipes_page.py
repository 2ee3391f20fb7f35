"""Writes the table of recipes in docs/frontends.md: python -m bench.recipes_page [--write]."""

import argparse
import re
from pathlib import Path

import numpy as np

import fastspec
from fastspec.frontends import Recipe
from fastspec.frontends.recipe_table import TABLE, Row

from .table import between_marks, table

PAGE = Path(__file__).parents[1] / "docs" / "frontends.md"
HEADS = ("recipe", "Hz", "n_fft / hop / window", "padding", "levels", "filters", "result", "samples", "of")
KINDS = {"slaney": "Slaney", "htk": "HTK, no norm", "kaldi": "Kaldi", "speechbrain": "SpeechBrain"}
LOGS = {"ln": "ln", "log10": "log10", "log2": "log2", "db": "dB"}


def number(x: float) -> str:
    """A number with three figures, as 1e-5."""
    return re.sub(r"e-0?", "e-", f"{x:.3g}")


def window_text(recipe: Recipe, row: Row) -> str:
    """The window's length and name."""
    window = row.plan.get("window", "hann")
    name = window if isinstance(window, str) else window.__name__.replace("_", " ")
    return f"{recipe.frontend.plan.win_length} {name}"


def padding_text(recipe: Recipe) -> str:
    """How signals are padded."""
    plan = recipe.frontend.plan
    if plan.pad == "same":
        return "Kaldi's, edges mirrored"
    if plan.pad is None and not plan.center:
        return "none"
    sizes = plan.frame_length // 2 if plan.pad is None else plan.pad[0]
    return f"{sizes} {'reflected' if plan.pad_mode == 'reflect' else 'zeros'}"


def levels_text(recipe: Recipe) -> str:
    """What the filters take, and what comes before."""
    f = recipe.frontend
    level = "P" if f.power == 2 else "√P" if not f.eps else f"√(P + {number(f.eps)})"
    level = f"max({level}, {number(f.least)})" if f.least else level
    before = [f"× {f.scale:g}"] if f.scale != 1 else []
    before += ["less mean"] if f.remove_mean else []
    before += (
        [f"pre-emphasis {f.preemphasis or f.signal_preemphasis:g}"] if f.preemphasis or f.signal_preemphasis else []
    )
    return ", ".join([*before, level])


def filters_text(row: Row) -> str:
    """The filters."""
    if row.filters is None:
        return "none"
    kind, n, fmin, fmax, rate = row.filters
    half = (rate or row.sr) / 2
    top = half if not fmax else fmax if fmax > 0 else half + fmax
    return f"{n} {KINDS[kind]}, {fmin:g}–{top:g}{f', for {rate} Hz' if rate else ''}"


def result_text(recipe: Recipe) -> str:
    """The logarithm, and what follows."""
    f = recipe.frontend
    if f.log is None:
        return "linear"
    argument = f"(x + {number(f.guard)})" if f.guard else f" max(x, {number(f.floor)})"
    parts = [f"{LOGS[f.log]}{argument}"]
    if f.dynamic_range is not None:
        parts.append(f"range {f.dynamic_range:g}")
    if f.gain != 1 or f.offset:
        parts.append(f"{f.gain:.4g} L + {f.offset:.4g}")
    if np.isfinite(f.high):
        parts.append(f"within {f.low:g} … {f.high:g}")
    if f.n_cepstra:
        parts.append(f"{f.n_cepstra} cepstra, lifter {f.lifter:g}, energy for order 0")
    if f.drop_last:
        parts.append("without the last frame")
    if f.normalize:
        parts.append("less mean of the row" + (", over its deviation" if f.normalize == "deviation" else ""))
    return "; ".join(parts)


def cells(row: Row) -> list[str]:
    """The cells of a recipe."""
    recipe, source = fastspec.recipe(row.name), row.source
    plan = recipe.frontend.plan
    origin = f"{source.project}, {source.year}: {source.file} ({source.licence})"
    return [
        f"`{row.name}`", str(row.sr), f"{plan.n_fft} / {plan.hop_length} / {window_text(recipe, row)}",
        padding_text(recipe), levels_text(recipe), filters_text(row), result_text(recipe),
        "±1" if row.full_scale == 1 else "16-bit", origin + (f"; {row.remark}" if row.remark else ""),
    ]  # fmt: skip


def recipes_table() -> str:
    """The table of all recipes in Markdown."""
    return table(HEADS, map(cells, TABLE))


def updated_page() -> str:
    """docs/frontends.md with the table of the recipes as they are."""
    return between_marks(PAGE.read_text("utf-8"), "recipes", recipes_table())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page instead of printing the table")
    if parser.parse_args().write:
        PAGE.write_text(updated_page(), "utf-8")
    else:
        print(recipes_table())
