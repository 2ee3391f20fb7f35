"""The table of recipes in the documents is that of the recipes."""

import re

import fastspec
from bench.recipes_page import PAGE, updated_page


def test_the_page_shows_every_recipe_as_it_is() -> None:
    text = PAGE.read_text("utf-8")
    assert text == updated_page(), "python -m bench.recipes_page --write"
    assert re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE) == list(fastspec.recipes())
    assert text.count("| 16-bit |") == 2
