"""Words that name nothing: identifiers of the package are the literature's words, see CONTRIBUTING.md."""

import ast
import re
from collections.abc import Iterator

import pytest
from test_architecture import TREES

RETIRED = {"made", "given", "found", "known", "some", "many", "one", "other", "here", "there", "what", "told"}
RETIRED |= {"place", "room", "turn", "piece", "chunk", "span"}
ALLOWED = {
    "chunk",  # of RIFF
    "chunks",  # of Zarr
    "_CHUNK_VALUES",
    "_chunk_frames",
    "chunk_length",  # of faster-whisper
    "resample_chunk",  # of soxr
    "in_place",  # the usual term
    "places",  # public since 0.3
    "ones",  # of NumPy
    "ones_like",
    "minus_ones",
    "FileNotFoundError",
    "ModuleNotFoundError",
    "PackageNotFoundError",
}


def identifiers(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(identifier, line) of variables, arguments, attributes, functions and classes."""
    for node in ast.walk(tree):
        name = {
            ast.Name: "id",
            ast.arg: "arg",
            ast.keyword: "arg",
            ast.Attribute: "attr",
            ast.FunctionDef: "name",
            ast.ClassDef: "name",
        }.get(type(node))
        if name and getattr(node, name):
            yield getattr(node, name), getattr(node, "lineno", 0)


def words(identifier: str) -> set[str]:
    """The words of an identifier, in lower case and the singular."""
    return {w.lower().removesuffix("s") for w in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


@pytest.mark.parametrize("module", TREES)
def test_identifiers_are_words_of_the_field(module: str) -> None:
    retired = [(n, line) for n, line in identifiers(TREES[module]) if n not in ALLOWED and words(n) & RETIRED]
    assert not retired


def test_a_retired_word_is_noticed() -> None:
    tree = ast.parse("def take_turn(given, n_chunks): return what_size, one.size")
    assert {n for n, _ in identifiers(tree) if words(n) & RETIRED} == {
        "take_turn",
        "given",
        "n_chunks",
        "what_size",
        "one",
    }
