"""Arguments of kernels: said once, in annotations; types, offsets and sizes of records follow."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from fastspec.kernels.runtime.jit import kernel
from fastspec.kernels.runtime.layout import (
    Double,
    Doubles,
    Int32s,
    Ints,
    Layout,
    Number,
    Reals,
    Single,
    Singles,
    UInt32s,
    carve,
    pack,
    scratch_size,
)

ROOT = Path(__file__).resolve().parents[2]


class Everything(NamedTuple):
    count: int
    flag: bool
    reals: Reals
    number: Number
    ints: Ints
    single: Single
    singles: Singles
    double: Double
    doubles: Doubles
    small: Int32s
    unsigned: UInt32s
    last: int


class Before(NamedTuple):
    first: Reals
    offset: int


LAYOUT = Layout(Before, Everything)
unpack_before, unpack_everything = LAYOUT.unpackers


@kernel
def read(like: Any, record: Any) -> Any:
    before, e = unpack_before(like, record), unpack_everything(like, record)
    total = before.first.sum() + before.offset + e.count + e.last + (1000 if e.flag else 0)
    total += e.reals.sum() + e.number + e.ints.sum() + e.single + e.singles.sum() + e.double + e.doubles.sum()
    return total + e.small.sum() + e.unsigned.sum()


def values(dtype: Any) -> tuple[Before, Everything]:
    return Before(np.full(3, 0.25, dtype), -7), Everything(
        count=11,
        flag=True,
        reals=np.arange(4).astype(dtype),
        number=0.5,
        ints=np.array([1 << 40, -3]),
        single=np.float32(0.125),
        singles=np.ones(5, np.float32),
        double=2.0**-30,
        doubles=np.full(2, 3.0),
        small=np.array([-9, 4], np.int32),
        unsigned=np.array([0xFFFFFFFF], np.uint32),
        last=-2,
    )


def expected(before: Before, e: Everything) -> float:
    arrays = before.first, e.reals, e.ints, e.singles, e.doubles, e.small, e.unsigned
    total = sum(float(np.sum(a, dtype=np.float64)) for a in arrays)
    return total + before.offset + e.count + e.last + 1000 * e.flag + e.number + float(e.single) + e.double


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_kernel_reads_what_python_packs(dtype: str) -> None:
    before, e = values(dtype)
    record = LAYOUT.pack(before, e)
    assert read(np.zeros(1, dtype), record) == pytest.approx(expected(before, e), rel=1e-12)
    np.testing.assert_array_equal(record, LAYOUT.pack(pack(before), pack(e)))


def test_fields_of_a_record_are_set_by_name() -> None:
    before, e = values("f8")
    record, doubles = LAYOUT.pack(before, e).copy(), np.full(9, 0.1)
    LAYOUT.set_numbers(record, count=100, last=3)
    LAYOUT.set_memory(record, doubles=(doubles.ctypes.data, doubles.size))
    changed = e._replace(count=100, last=3, doubles=doubles)
    assert read(np.zeros(1), record) == pytest.approx(expected(before, changed), rel=1e-12)
    np.testing.assert_array_equal(record, LAYOUT.pack(before, changed))


def test_a_record_takes_only_its_own_parts_in_order() -> None:
    before, e = values("f8")
    with pytest.raises(AssertionError):
        LAYOUT.pack(e, before)
    with pytest.raises(AssertionError):
        LAYOUT.pack(before)
    twice = Layout(Before, Before)
    with pytest.raises(AssertionError, match="several"):
        twice.slot("offset")


def test_an_annotation_that_no_kernel_takes_is_refused() -> None:
    class Text(NamedTuple):
        text: str

    with pytest.raises(TypeError, match="str"):
        read_text(Text)


def read_text(kind: Any) -> None:
    (unpack,) = Layout(kind).unpackers

    @kernel
    def f(like: Any, record: Any) -> Any:
        return unpack(like, record)

    try:
        f(np.zeros(1), np.zeros(1, np.int64))
    except Exception as error:
        raise TypeError(str(error)) from None


@kernel
def fill_parts(scratch: Any, worker: Any, a: Any, b: Any) -> Any:
    one, two, three = carve(scratch, worker, (a, b, 2))
    one[:], two[:], three[:] = 1, 2, 3
    return one.size + two.size + three.size


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_scratch_is_carved_in_parts_of_these_sizes(dtype: str) -> None:
    for a, b in [(0, 0), (1, 5), (16, 14), (7, 0)]:
        size = scratch_size((a, b, 2))
        scratch = np.zeros(3 * size, dtype)
        assert fill_parts(scratch, 1, a, b) == a + b + 2
        np.testing.assert_array_equal(scratch[size : size + a + b + 2], [1] * a + [2] * b + [3, 3])
        assert not scratch[:size].any()
        assert not scratch[size + a + b + 2 :].any()


PROGRAM = """
import numpy as np, fastspec
y = np.random.default_rng(0).standard_normal((3, 5000)).astype("f4")
plan = fastspec.STFT(400, hop_length=160)
print(plan.forward(y).tobytes().hex()[:400], plan.power(y[0, :900]).tobytes().hex()[-400:])
"""


def test_a_field_added_in_the_middle_of_an_arguments_tuple_needs_no_other_edit(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fastspec", tmp_path / "fastspec", ignore=shutil.ignore_patterns("__pycache__"))
    added = "added=self.window.astype(dtype),\n            more=-1,\n            "
    for name, text, addition in (
        (
            "kernels/stft/forward.py",
            "    origin: int  # the sample at which frame 0 starts\n    signals: int",
            "    added: Reals\n    more: int\n",
        ),
        ("transform/forward.py", "origin=0,\n            signals=count,", added),
    ):
        source = (tmp_path / "fastspec" / name).read_text()
        assert source.count(text) == 1, name
        (tmp_path / "fastspec" / name).write_text(source.replace(text, addition + text))
    digests = []
    for root, cache in ((ROOT, None), (tmp_path, tmp_path / "cache")):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        if cache:
            environment["FASTSPEC_CACHE_DIR"] = str(cache)
        command = [sys.executable, "-c", PROGRAM]
        output = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=600).stdout
        digests.append(hashlib.sha256(output).hexdigest())
    assert digests[0] == digests[1]
