"""The floors of the package: modules import from their own folder and from lower floors, never up or in a circle."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2] / "fastspec"
FLOORS = [
    ["warning", "forks", "status"],
    ["kernels.runtime"],
    ["kernels.simd"],
    ["kernels.fft"],
    ["kernels.framing"],
    ["kernels.features"],
    ["kernels.stft"],
    ["kernels.notebook", "kernels.recovery"],
    ["kernels", "_typing", "immutable", "checks"],
    ["transform"],
    ["features"],
    ["plan"],
    ["stream", "notebook"],
    ["recovery"],
    ["frontends"],
    [
        *(
            "extras",
            "atomic",
            "librosa",
            "kaldi",
            "faces",
            "patch",
            "picture",
            "files",
            "warmup",
            "plot",
            "demo",
            "cli",
        ),
        *("__main__", "moved", "_pyinstaller", ""),
    ],
]
"""From the ground up.  What stands side by side may not import each other, but at the top."""
TOP = len(FLOORS) - 1

NUMBA = {"numba", "llvmlite"}
CORE = {"numpy", "scipy"}
_COMMANDS = ("bars", "maintenance", "notebook", "options", "pictures", "plans", "summaries", "to_levels", "to_sound")
AT_ONCE = {name: {"typer", "rich"} for name in ("fastspec.cli", *(f"fastspec.cli.{part}" for part in _COMMANDS))}
"""The commands are written with these, so only `__main__` imports `cli`, and explains what is missing."""
AT_ONCE |= {"fastspec._pyinstaller.hook-fastspec": {"PyInstaller"}}  # which runs it

LONGEST = 450


class Import(NamedTuple):
    """One module imported by another; at `line`, and at once or only when a function is called."""

    target: str
    line: int
    at_once: bool


def name_of(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def floor(module: str) -> tuple[int, str]:
    """(number, name) of the floor of a module of the package: that of its innermost folder that has one."""
    name = module.partition(".")[2]
    while name not in (floors := {place: k for k, row in enumerate(FLOORS) for place in row}) and name:
        name = name.rpartition(".")[0]
    return floors[name], name


def targets(node: ast.stmt, module: str) -> list[str]:
    """The modules that an import statement asks for; `from package import module` asks for the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    source = node.module or ""
    if node.level:
        package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
        source = ".".join([*package[: len(package) - node.level + 1], *source.split(".")]).rstrip(".")
    return [f"{source}.{a.name}" if f"{source}.{a.name}" in FILES else source for a in node.names]


def is_for_types(node: ast.AST) -> bool:
    """Whether it is the block under `if TYPE_CHECKING`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports(module: str) -> list[Import]:
    """All imports of a module, those inside functions included."""

    def visit(node: ast.AST, at_once: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if is_for_types(child):
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                yield from (Import(target, child.lineno, at_once) for target in targets(child, module))
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from visit(child, at_once and not inside)

    return list(visit(TREES[module], True))


def foreign(module: str) -> list[Import]:
    """Imports from outside the package and the standard library."""
    ours = {"fastspec", *sys.stdlib_module_names}
    return [i for i in imports(module) if i.target.split(".")[0] not in ours]


def of_package(module: str) -> list[Import]:
    """Imports from the package itself."""
    return [i for i in imports(module) if i.target.split(".")[0] == "fastspec"]


each_module = pytest.mark.parametrize("module", FILES)


def test_the_package_is_found() -> None:
    assert {"fastspec", "fastspec.notebook", "fastspec.kernels.runtime.jit"} <= set(FILES)


@each_module
def test_imports_point_down(module: str) -> None:
    here, own = floor(module)
    assert own or module == "fastspec", f"say in FLOORS where {module} stands"
    up = [i for i in of_package(module) if floor(i.target)[0] > here]
    across = [i for i in of_package(module) if floor(i.target)[0] == here < TOP and floor(i.target)[1] != own]
    assert not up + across, f"{module} imports from a floor above it, or beside it: {up + across}"


def test_no_module_imports_itself_in_a_circle() -> None:
    TopologicalSorter({module: {i.target for i in of_package(module)} for module in FILES}).prepare()


@each_module
def test_only_the_runtime_of_kernels_imports_numba(module: str) -> None:
    found = [i for i in foreign(module) if i.target.split(".")[0] in NUMBA]
    assert not found or module.startswith("fastspec.kernels.runtime."), f"{module}: {found}"


@each_module
def test_the_core_imports_no_more_than_its_dependencies(module: str) -> None:
    allowed = CORE if floor(module)[0] < TOP else None
    if allowed is not None:
        kernels = module.startswith("fastspec.kernels.")
        allowed = {"numpy", *(NUMBA if module.startswith("fastspec.kernels.runtime.") else ())} if kernels else allowed
        assert not [i for i in foreign(module) if i.target.split(".")[0] not in allowed]


@each_module
def test_extras_are_imported_only_when_they_are_used(module: str) -> None:
    present = {"numpy", "scipy", *NUMBA, *AT_ONCE.get(module, ())}
    found = [i for i in foreign(module) if i.at_once and i.target.split(".")[0] not in present]
    assert not found, f"{module}: {found}"


def unguarded_imports(module: str) -> list[str]:
    """Imports inside functions, of others than the standard library, in the middle of which a fork may come."""

    def visit(node: ast.AST, is_free: bool) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if is_free and isinstance(child, ast.Import | ast.ImportFrom):
                found = targets(child, module)
                yield from (target for target in found if target.split(".")[0] not in sys.stdlib_module_names)
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                yield from visit(child, True)
            elif not is_for_types(child):
                waits = isinstance(child, ast.With) and ast.unparse(child.items[0]).endswith("forks_wait")
                yield from visit(child, is_free and not waits)

    return list(visit(TREES[module], False))


@each_module
def test_forks_wait_for_what_is_imported_at_its_first_use(module: str) -> None:
    name = module.split(".")[1:2]
    assert unguarded_imports("fastspec.__main__")
    if floor(module)[0] < TOP or name in (["librosa"], ["files"], ["picture"], ["extras"], []):
        assert not unguarded_imports(module), f"{module}: import it with forks_wait"
        assert "from importlib import import_module" not in ast.unparse(TREES[module]) or name == ["librosa"]


def test_a_module_that_needs_an_extra_at_once_is_imported_by_main_alone() -> None:
    assert {m for m in FILES for i in of_package(m) if i.target in AT_ONCE} <= {"fastspec.__main__", *AT_ONCE}


def settings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """The names and values that a call's keyword, or the text of a dictionary, sets."""
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value


@each_module
def test_no_kernel_is_compiled_with_all_of_fastmath(module: str) -> None:
    flags = [value for node in ast.walk(TREES[module]) for name, value in settings(node) if name == "fastmath"]
    assert not [flag for flag in flags if isinstance(flag, ast.Constant) and flag.value is True]


@each_module
def test_a_file_can_be_read_in_one_sitting(module: str) -> None:
    lines = len(FILES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{FILES[module].name} has {lines} lines"
