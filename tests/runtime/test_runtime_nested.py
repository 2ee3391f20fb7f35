"""Callees are compiled with their callers only, and entries are kept without the code of their callees."""

from pathlib import Path

import pytest
from sandbox import Sandbox

from fastspec.kernels.runtime import nested

TWO = """
from .runtime.jit import compile_entry, kernel, types

@kernel
def third(x):
    return x / 3

@kernel
def inner(x, k):
    return third(x) * k

@kernel
def outer(x):
    total = 0.0
    for i in range(x.size):
        total += inner(x[i], 3.0) + third(x[i])
    return total

def fill(x):
    for i in range(x.size):
        x[i] = inner(float(i), 6.0)


def count():
    return [len(it.overloads) for it in (third, inner, outer)]
"""
X = "x = np.arange(4.0)\n"


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """A sandbox with functions that call each other."""
    box = Sandbox(tmp_path)
    box.write("two", TWO)
    return box


def test_this_version_of_numba_fits() -> None:
    assert nested.fits()


def test_only_what_python_calls_becomes_machine_code(box: Sandbox) -> None:
    code = f"from fastspec.kernels import two; {X}print(two.outer(x), *two.count())"
    assert box.run(code) == (["8.0", "1", "1", "1"], [])
    assert [path.name.partition("-")[0] for path in box.files()] == ["two.outer"]
    assert box.run(code) == (["8.0", "0", "0", "1"], [])


def test_a_callee_may_be_called_from_python_before_and_after(box: Sandbox) -> None:
    calls = ["two.outer(x)", "two.inner(2.0, 3.0)", "two.third(1.5)"]
    wanted = {"two.outer(x)": "8.0", "two.inner(2.0, 3.0)": "2.0", "two.third(1.5)": "0.5"}
    for order in (calls, calls[::-1], calls[1:] + calls[:1]):  # the cache holds more and more
        code = f"from fastspec.kernels import two; {X}print({', '.join(order + order)})"
        assert box.run(code) == ([wanted[call] for call in order] * 2, [])
    assert len(box.files()) == 3


def test_what_was_loaded_for_python_can_be_linked_into_a_new_caller(box: Sandbox) -> None:
    assert box.run("from fastspec.kernels import two; print(two.inner(2.0, 3.0))") == (["2.0"], [])
    code = f"from fastspec.kernels import two; {X}print(two.inner(2.0, 3.0), two.outer(x), two.inner(4.0, 3.0))"
    assert box.run(code) == (["2.0", "8.0", "4.0"], [])


def test_another_numba_compiles_callees_the_ordinary_way(box: Sandbox) -> None:
    path = box.kernels / "runtime" / "nested.py"
    path.write_text(path.read_text().replace("    return has_names and", "    return False and has_names and"))
    code = f"from fastspec.kernels import two; {X}print(two.outer(x), two.inner(2.0, 3.0), *two.count(), demo.right())"
    assert box.run(code) == (["8.0", "2.0", "1", "1", "1", "True"], [])
    names = {path.name.partition("-")[0] for path in box.files()}
    assert {"two.outer", "two.inner", "two.third", "demo.one_row"} <= names
    assert box.run(code) == (["8.0", "2.0", "0", "1", "1", "True"], [])


@pytest.mark.parametrize("owner", nested.PRIVATE)
def test_a_name_that_numba_no_longer_has_is_noticed(owner: type, monkeypatch: pytest.MonkeyPatch) -> None:
    name = nested.PRIVATE[owner][0]
    monkeypatch.setitem(nested.PRIVATE, owner, (f"{name}_of_another_version",))
    assert not nested.fits.__wrapped__()


def test_an_error_in_a_callee_is_the_callers(box: Sandbox) -> None:
    box.write("wrong", "from .runtime.jit import kernel\n@kernel\ndef f(x):\n    return x.nothing\n"
              "@kernel\ndef g(x):\n    return f(x)\n")  # fmt: skip
    words, _ = box.run("""
        from fastspec.kernels import wrong
        for _ in range(2):
            try:
                wrong.g(1.0)
            except Exception as error:
                print(type(error).__name__, "nothing" in str(error))
    """)
    assert words == ["TypingError", "True"] * 2
