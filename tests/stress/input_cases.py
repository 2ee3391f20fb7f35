"""Dirty arguments: arrays of any dtype, shape, layout and values, and numbers that are none; and what may come of them.

Run as a program it draws so many cases, with a limit of time for each, and prints a digest of all results: memory that
was not set would make it another where `np.empty` and malloc give another pattern.
"""

import argparse
import faulthandler
import functools
import hashlib
import re
import tracemalloc
import warnings
from typing import Any

import hypothesis
import input_table
import numpy as np
from hypothesis import strategies as st
from input_table import NO_PLAN, PLANS, Row

Array = np.ndarray[Any, np.dtype[Any]]
CASE_SECONDS = 60
ALLOWED_BYTES, ALLOWED_RATIO = 64 << 20, 4000
"""Of memory at its peak: in any case, and for each byte of the arguments (as complex128) and of the result."""

REAL = ["e", "f", "d", "g", ">f4", ">f8", "?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", ">i2", ">u4"]
COMPLEX = ["F", "D", "G", ">c8"]
NO_NUMBERS = ["O", "S3", "U3", "M8[s]", "m8[s]", "V4", "f4,i2"]

LAYOUTS = [
    "whole", "Fortran", "backwards", "every other", "read-only", "unaligned", "memory map", "list", "masked array",
    "masked values", "subclass", "repeated", "scalar class",
]  # fmt: skip
VALUES = [
    "noise", "positive", "silence", "constant", "click", "NaN", "inf", "-inf", "denormals", "fading", "largest",
    "signs",
]  # fmt: skip


class Subclass(np.ndarray):  # type: ignore[type-arg]
    """An array that is another class."""


class ArrayLike:
    """What says how it becomes an array."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return self.values if dtype is None else self.values.astype(dtype)


# ---- shapes ----
def _rows(*most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*(st.integers(1, n) for n in most))


def _columns(rows: int) -> st.SearchStrategy[tuple[int, ...]]:
    """(..., rows, frames), and what is near it."""
    frames = st.integers(1, 40)
    good = st.one_of(frames.map(lambda f: (rows, f)), st.tuples(st.integers(1, 3), st.just(rows), frames))
    return st.one_of(good, good, good, st.sampled_from([
        (), (0,), (rows,), (rows, 0), (0, rows, 3), (rows + 1, 4), (rows - 1, 4), (4, rows), (2, 2, rows, 5),
    ]))  # fmt: skip


_SAMPLES = st.one_of(
    _rows(200), _rows(200), _rows(3, 90), _rows(2, 2, 40), st.sampled_from([(), (0,), (1,), (0, 9), (3, 0), (1, 1, 1)])
)
_CHANNEL = st.one_of(_rows(200), _rows(200), _rows(200), st.sampled_from([(), (0,), (1,), (2,), (2, 50)]))
_NUMBERS = st.one_of(st.just(()), _rows(20), _rows(4, 9), st.just((100, 90)), st.just((0,)))
SHAPES: dict[str, st.SearchStrategy[tuple[int, ...]]] = {
    "samples": _SAMPLES, "audio": _SAMPLES, "any samples": _SAMPLES, "channel": _CHANNEL, "any channel": _CHANNEL,
    "numbers": _NUMBERS, "spectra": _columns(9), "levels": _columns(9), "phases": st.one_of(
        st.just(input_table.S.shape), st.just(input_table.S.shape), _columns(9)),
    "mels": _columns(5), "cepstra": _columns(4),
    "rows": st.one_of(st.tuples(st.integers(1, 40), st.just(16)), _rows(9, 20), st.sampled_from([(), (0,), (16,)])),
    "complex rows": st.one_of(st.tuples(st.integers(1, 40), st.sampled_from([16, 17, 2, 34])), st.just((16,))),
    "log rows": st.one_of(st.tuples(st.integers(1, 40), st.just(8)), st.sampled_from([(), (3, 0), (8,), (9, 7)])),
    "log rows of 8": st.one_of(st.tuples(st.integers(1, 40), st.just(8)), st.sampled_from([(), (3, 0), (8,), (9, 7)])),
    "log columns of mels": st.one_of(st.tuples(st.just(5), st.integers(1, 40)), st.sampled_from([(), (5, 0), (4, 9)])),
    "filters": st.sampled_from([(5, 9), (5, 9), (1, 9), (20, 9), (5, 8), (0, 9), (9,), ()]),
    "filters across": st.sampled_from([(5, 8), (5, 8), (5, 3), (4, 8), (0, 8), ()]),
    "filters down": st.sampled_from([(8, 5), (8, 5), (8, 1), (7, 5), (8, 0), ()]),
    "window": st.sampled_from([(12,), (12,), (11,), (0,), (12, 1), ()]),
    "window 16": st.sampled_from([(16,), (16,), (15,), (0,), (16, 1)]),
    "pixels": st.sampled_from([(20, 10), (33, 8), (20, 10, 3), (20, 10, 4), (1, 1), (0, 3), (5,), (), (4, 4, 2)]),
}  # fmt: skip


# ---- values ----
def _values(kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator) -> Array:
    """Float64 (or complex128) numbers that the dtype holds."""
    x = rng.standard_normal(shape)
    info = np.finfo(dtype) if dtype.kind in "fc" else None
    top = float(min(info.max, np.finfo(np.float64).max)) if info else 1e4
    tiny = float(max(info.tiny, np.finfo(np.float64).tiny)) if info else 1.0
    if kind in ("positive", "largest"):
        x = np.abs(x)
    x = {
        "silence": lambda: x * 0, "constant": lambda: x * 0 + 0.5,
        "denormals": lambda: x * (tiny / 64), "largest": lambda: np.full(shape, top),
        "signs": lambda: np.sign(x) * top,
        "fading": lambda: x * np.logspace(0, np.log10(tiny) - 3, x.size).reshape(shape),
    }.get(kind, lambda: x)()  # fmt: skip
    x = np.asarray(x)
    if x.size and kind in ("click", "NaN", "inf", "-inf"):
        if kind == "click":
            x[...] = 0
        x.reshape(-1)[rng.integers(x.size)] = 1.0 if kind == "click" else float(kind)
    if info is None:
        x = np.clip(np.nan_to_num(x * (50 if kind != "largest" else 1)), -100, 100)
    return x


def _dirty(shape: tuple[int, ...], dtype: str, layout: str, kind: str, seed: int, *, positive: bool) -> Any:
    """(an argument, the memory in which it lies)."""
    rng, wanted = np.random.default_rng(seed), np.dtype(dtype)
    if layout == "repeated":
        shape = shape[:-1] + (1,) * len(shape[-1:])
    with np.errstate(all="ignore"):
        if wanted.kind in "OSUMmV":
            x = np.full(shape, 1 if wanted.kind == "O" else "1" if wanted.kind in "SU" else 0).astype(wanted)
        else:
            numbers = _values(kind, shape, wanted, rng)
            if positive and kind != "signs":
                numbers = np.abs(numbers)
            if wanted.kind == "u":
                numbers = np.abs(numbers)
            x = numbers.astype(wanted)
            if wanted.kind == "c" and kind == "noise":
                x = (numbers + 1j * rng.standard_normal(shape)).astype(wanted)
    return _laid_out(np.asarray(x), layout, rng)


_UNMASKED = ("masked array", "subclass", "list", "scalar class", "memory map")


def _laid_out(x: Array, layout: str, rng: np.random.Generator) -> tuple[Any, Array]:
    if layout == "Fortran":
        x = np.asfortranarray(x)
    elif layout == "backwards" and x.ndim:
        x = np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    elif layout == "every other" and x.ndim:
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    elif layout == "repeated" and x.ndim:
        x = np.broadcast_to(x, (*x.shape[:-1], 30 * x.shape[-1]))
    elif layout == "unaligned" and x.dtype.kind != "O":
        raw = np.zeros(x.nbytes + 1, np.uint8)
        raw[1:] = np.frombuffer(x.tobytes(), np.uint8)
        x = raw[1:].view(x.dtype).reshape(x.shape)
    elif layout == "memory map" and x.nbytes and x.dtype.kind != "O":
        path = input_table.folder() / "map"
        path.write_bytes(x.tobytes())
        x = np.memmap(path, x.dtype, "r", shape=x.shape)
    if layout == "read-only":
        x.flags.writeable = False
    memory = np.asarray(x)
    given: Any = x
    if layout == "list":
        given = x.tolist()
    elif layout == "masked array":
        given = np.ma.masked_array(x)
    elif layout == "masked values" and x.size and x.dtype.kind != "V":
        mask = np.zeros(x.shape, bool)
        mask.reshape(-1)[rng.integers(x.size)] = True
        given = np.ma.masked_array(x, mask)
    elif layout == "subclass":
        given = x.view(Subclass)
    elif layout == "scalar class":
        given = ArrayLike(memory)
    return given, memory


# ---- numbers that are none ----
class Nothing:
    """No argument of any function."""

    def __repr__(self) -> str:
        return "Nothing()"


ODD = [np.nan, np.inf, -np.inf, -1, 0, 2.5, 1e300, 2**70, -(2**70), None, "x", b"x", [], {}, 1j, Nothing(), True,
       np.float32(3), np.array([1, 2]), np.array("a"), np.datetime64("2020-01-01"), (1, 2), 1e-300]  # fmt: skip
TOO_MUCH = (1e300, 2**70, np.inf, 1e-300)


# ---- cases ----
CASES_OF_ARRAYS = [(name, argument) for name, row in input_table.ALL.items() for argument in row.arrays]
CASES_OF_NUMBERS = [
    (name, argument)
    for name, row in input_table.ALL.items()
    for argument in row.arguments
    if not (argument in row.arrays and row.arrays[argument] == "numbers")
]


class Case:
    """A row of the table with one argument replaced."""

    def __init__(self, name: str, argument: str, given: Any, memory: Array | None, plan: int, told: str) -> None:
        self.row: Row = input_table.ALL[name]
        self.name, self.argument, self.given, self.memory, self.told = name, argument, given, memory, told
        self.arguments = {key: PLANS[plan] if value is NO_PLAN else value for key, value in self.row.arguments.items()}

    def __repr__(self) -> str:
        return f"{self.name}({self.argument}={self.told})"

    def run(self, value: Any) -> Any:
        return self.row.function(**{**self.arguments, self.argument: value})


@st.composite
def arrays(draw: st.DrawFn) -> Case:
    """A dirty array in the place of a clean one."""
    name, argument = draw(st.sampled_from(CASES_OF_ARRAYS))
    kind = input_table.ALL[name].arrays[argument]
    is_complex = kind in ("spectra", "complex rows")
    usual = COMPLEX if is_complex else REAL
    dtype = draw(st.one_of(*[st.sampled_from(usual)] * 6, st.sampled_from([*REAL, *COMPLEX, *NO_NUMBERS])))
    shape, layout, values = draw(SHAPES[kind]), draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from(VALUES))
    seed, plan = draw(st.integers(0, 99)), draw(st.integers(0, len(PLANS) - 1))
    positive = kind in ("levels", "mels", "rows", "pixels") and draw(st.integers(0, 9)) > 0
    if kind == "pixels" and draw(st.booleans()):
        dtype, values = draw(st.sampled_from(["B", "H"])), "noise"
    given, memory = _dirty(shape, dtype, layout, values, seed, positive=positive)
    if kind.startswith("log") and memory.dtype.kind in "fi" and layout != "list":
        positive = False
    told = f"{dtype} {shape} {layout} {values} seed {seed}, plan {plan}"
    return Case(name, argument, given, memory, plan, told)


@st.composite
def numbers(draw: st.DrawFn) -> Case:
    """A value in the place of a number, a plan, a name or an array that is none."""
    name, argument = draw(st.sampled_from(CASES_OF_NUMBERS))
    loops = input_table.ALL[name].loops
    odd = [v for v in ODD if not (argument in loops and isinstance(v, float | int) and abs(v) in TOO_MUCH)]
    value = draw(st.sampled_from(odd))
    return Case(name, argument, value, None, draw(st.integers(0, len(PLANS) - 1)), repr(value))


# ---- what may come of them ----
SAYS_WHAT = re.compile(
    r"must|at least|at most|need|cannot|too (short|small|large|many)|finite|positive|empty|instead|unknown|"
    r"[Uu]nsupported|[Ii]nvalid|[Mm]ismatch|expected|left out|Both|Cannot (cast|expand)|not supported|is not|"
    r"but there|fewer|gives|< 0"
)


class Wrong(AssertionError):
    """What must not come of any argument."""


def outcome(case: Case, value: Any) -> tuple[Any, list[str]]:
    """(the result, or the error that it raised; the warnings)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = case.run(value)
        except (TypeError, ValueError) as error:
            result = error
        except FileNotFoundError as error:
            if error.filename != value:
                raise Wrong(f"{case}: {error}") from error
            result = error  # a text is the name of a file, which the error names
        except Exception as error:
            raise Wrong(f"{case}: {type(error).__name__}: {error}") from error
    return result, [str(one.message) for one in caught]


def check_error(case: Case, error: Exception) -> None:
    """It names the argument, and says what would be right; or the file that is missing."""
    if isinstance(error, FileNotFoundError):
        return
    is_array = case.memory is not None or case.argument in case.row.arrays  # so that sizes may differ
    text, others = str(error), case.row.arguments if is_array else case.row.arrays
    names = {case.argument, *case.row.also, *others}
    if not any(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
        raise Wrong(f"{case}: the error does not name {names}: {type(error).__name__}: {text}") from error
    if not SAYS_WHAT.search(text):
        raise Wrong(f"{case}: the error does not say what would be right: {text}") from error


def numbers_of(result: Any) -> Array:
    return np.asarray(result.filled(0) if isinstance(result, np.ma.MaskedArray) else result)


def bits_of(numbers: Array) -> bytes:
    """The bits, or the text where there are pointers to objects or, in long doubles, bytes that mean nothing."""
    if numbers.dtype.hasobject or numbers.dtype.char in "gG":
        return repr(numbers.tolist()).encode()
    return numbers.tobytes()


def is_masked(x: Any) -> bool:
    return isinstance(x, np.ma.MaskedArray) and x.dtype.names is None and bool(np.ma.is_masked(x))


def is_finite(x: Any) -> bool:
    a = numbers_of(x)
    return a.dtype.kind in "biu" or (a.dtype.kind in "fc" and bool(np.isfinite(a).all()))


@functools.lru_cache(maxsize=1)
def exact_bits() -> frozenset[str]:
    """Rows whose results are not the same bits for any layout: sums that NumPy takes in the order of memory."""
    return frozenset({"librosa: feature.mfcc S", "librosa: feature.inverse.mfcc_to_mel", "engine: FilterBank @",
                      "librosa: feature.melspectrogram S", "librosa: util.normalize", "notebook: make_mel",
                      "notebook: mel_to_spectrogram", "librosa: feature.inverse.mfcc_to_audio"})  # fmt: skip


def judge(case: Case) -> bytes:
    """The bits of a result, or the text of an error, after all that must hold."""
    before = None if case.memory is None or case.memory.dtype.hasobject else case.memory.tobytes()
    if not tracemalloc.is_tracing():
        tracemalloc.start()
    tracemalloc.reset_peak()
    used = tracemalloc.get_traced_memory()[0]
    result, told = outcome(case, case.given)
    peak = tracemalloc.get_traced_memory()[1] - used
    if before is not None and case.memory is not None and case.memory.tobytes() != before:
        raise Wrong(f"{case}: the input has changed")
    size = 16 * (case.memory.size if case.memory is not None else 1)
    if isinstance(result, Exception):
        check_error(case, result)
        if peak > ALLOWED_BYTES + size:
            raise Wrong(f"{case}: {peak} bytes for an error")
        return re.sub(r" at 0x[0-9a-f]+|\S+/tmp\w+/", "", str(result)).encode()  # what differs from process to process
    numbers = numbers_of(result)
    if peak > ALLOWED_BYTES + ALLOWED_RATIO * (size + numbers.nbytes):
        raise Wrong(f"{case}: {peak} bytes for an input of {size} and a result of {numbers.nbytes}")
    if case.memory is None:
        if np.issubdtype(numbers.dtype, np.inexact) and np.isnan(numbers).any() and not told:
            raise Wrong(f"{case}: NaN, and no error")
    else:
        check_result(case, result, told)
    is_unseeded = case.argument in ("rng", "random_state") and case.given is None
    return b"" if case.row.changes or is_unseeded else bits_of(numbers)


def check_result(case: Case, result: Any, told: list[str]) -> None:
    """It is the result of a clean copy of the same array, masks are not lost, and NaN does not come from nothing."""
    given, memory = case.given, case.memory
    assert memory is not None
    if is_masked(given) and not case.row.keeps_masks:
        raise Wrong(f"{case}: the mask is ignored")
    clean = np.array(np.asarray(given), order="C", subok=False)
    clean = np.require(clean, clean.dtype.newbyteorder("="), ["C", "ALIGNED", "WRITEABLE", "OWNDATA"])
    keeps_class = case.row.arrays[case.argument] == "numbers"  # of masks, of classes with a dtype alone
    if keeps_class and isinstance(given, np.ma.MaskedArray | ArrayLike):
        return
    numbers = numbers_of(result)
    overflows = "largest" in case.told or "signs" in case.told
    if numbers.dtype.kind in "fc" and is_finite(clean) and not overflows and not told and np.isnan(numbers).any():
        raise Wrong(f"{case}: NaN from finite numbers")
    if case.row.changes or is_masked(given):
        return
    expected, _ = outcome(case, clean)
    if isinstance(expected, Exception) and np.ndim(given):  # a list of no dimension is a number
        raise Wrong(f"{case}: a clean copy is refused: {expected}") from expected
    if isinstance(expected, Exception):
        return
    wanted = numbers_of(expected)
    same = numbers.dtype.newbyteorder("=") == wanted.dtype and numbers.shape == wanted.shape
    if same and case.name in exact_bits() and overflows:
        return
    if same and case.name in exact_bits() and numbers.dtype.kind in "fc":
        with np.errstate(all="ignore"):
            scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
            same = np.allclose(numbers, wanted, rtol=1e-3, atol=1e-4 * scale, equal_nan=True)
    elif same:
        same = np.array_equal(numbers, wanted, equal_nan=numbers.dtype.kind in "fc")
    if not same:
        raise Wrong(f"{case}: another result than of a clean copy: {numbers.reshape(-1)[:5]}, {wanted.reshape(-1)[:5]}")


# ---- the program ----
def warm() -> None:
    """Call every row once in float32 and float64, with each plan, so that no case compiles."""
    for name, row in input_table.ALL.items():
        for plan in range(len(PLANS) if row.arguments.get("plan") is NO_PLAN else 1):
            for dtype in (np.float32, np.float64):
                for argument in row.arrays:
                    value = np.asarray(row.arguments[argument])
                    if value.dtype.kind in "fc":
                        value = value.astype(np.result_type(dtype, np.complex64) if value.dtype.kind == "c" else dtype)
                    case = Case(name, argument, value, None, plan, str(np.dtype(dtype)))
                    result, _ = outcome(case, value)
                    if isinstance(result, Exception):
                        raise Wrong(f"{case}: {result}") from result


def poison(pattern: int) -> None:
    """Let memory that is not set hold a pattern."""
    empty, empty_like = np.empty, np.empty_like

    def fill(a: Array) -> Array:
        if a.dtype.hasobject or not a.flags.writeable:
            return a
        a.reshape(-1).view(np.uint8)[:] = pattern if a.flags.c_contiguous else 0
        return a

    np.empty = lambda *args, **options: fill(empty(*args, **options))  # type: ignore[assignment]
    np.empty_like = lambda *args, **options: (  # type: ignore[assignment]
        fill(like) if (like := empty_like(*args, **options)).flags.c_contiguous else like
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pattern", type=lambda text: int(text, 0), default=0)
    parser.add_argument("--all", action="store_true", help="go on after what is wrong, and tell it once each")
    options = parser.parse_args()
    warm()
    poison(options.pattern)
    digest, counted, wrong = hashlib.sha256(), 0, set()

    @hypothesis.seed(options.seed)
    @hypothesis.settings(
        max_examples=options.cases, database=None, deadline=None, derandomize=False,
        phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(st.one_of(arrays(), arrays(), arrays(), numbers()))
    def run(case: Case) -> None:
        nonlocal counted
        counted += 1
        faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
        try:
            digest.update(judge(case))
        except Wrong as error:
            if not options.all:
                raise
            key = re.sub(r"\d+", "#", f"{case.name} {case.argument} {str(error).partition('): ')[2][:60]}")
            if key not in wrong:
                wrong.add(key)
                print("WRONG", str(error)[:300], flush=True)
        finally:
            faulthandler.cancel_dump_traceback_later()

    faulthandler.enable()
    run()
    print(f"{counted} cases {digest.hexdigest()[:16]}", flush=True)


if __name__ == "__main__":
    main()
