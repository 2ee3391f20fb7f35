"""No record outlives what its addresses point to: a record that is kept from call to call holds its arrays."""

import gc
import weakref
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from processes import run

from fastspec.kernels.runtime import layout
from fastspec.kernels.runtime.layout import Layout, Reals

HERE = Path(__file__).parent


class Signal(NamedTuple):
    x: Reals
    n: int


class Owned(np.ndarray[Any, np.dtype[Any]]):
    """An array that weak references can tell of."""


@pytest.mark.parametrize("way", ["tuple", "packed", "joined"])
def test_a_record_holds_the_arrays_that_were_packed(way: str) -> None:
    kept = Layout(Signal, Signal)
    arrays: list[Any] = [np.arange(3.0).view(Owned), np.arange(4.0).view(Owned)]
    parts: list[Any] = [Signal(a, 5) for a in arrays]
    if way == "tuple":
        record = kept.pack(*parts)
    elif way == "packed":
        record = kept.pack(layout.pack(parts[0]), parts[1])
    else:
        record = layout.join(layout.pack(parts[0]), layout.pack(parts[1]))
    alive, sizes = [weakref.ref(a) for a in arrays], [a.size for a in arrays]
    addresses = [layout.data_address(a) for a in arrays]
    del arrays, parts
    gc.collect()
    assert all(ref() is not None for ref in alive)
    assert record.tolist() == [addresses[0], sizes[0], 5, addresses[1], sizes[1], 5]
    view = record[:2]
    del record
    assert all(ref() is not None for ref in alive)  # a part of its memory is enough
    del view
    assert all(ref() is None for ref in alive)


def test_memory_of_others_is_set_in_a_copy_only() -> None:
    kept, x = Layout(Signal), np.arange(3.0)
    record = kept.pack(Signal(x, 3))
    with pytest.raises(AssertionError, match="copy"):
        kept.set_memory(record, x=(1, 1))
    kept.set_memory(record.copy(), x=(1, 1))


@pytest.mark.thread_unsafe(reason="starts a process")
def test_every_record_that_is_kept_holds_the_arrays_behind_its_addresses() -> None:
    words = run(str(HERE / "held_records.py"), seconds=300)
    counts = dict(word.split("=") for word in words[1:])
    print("stress: records", *words)
    assert int(words[0]) > 80
    wanted = {
        "Bands",
        "Epilogue",
        "InverseArgs",
        "OverlapAddArrays",
        "RoundArgs",
        "RtisiArrays",
        "RtpghiArgs",
        "Tables",
    }
    assert wanted <= counts.keys()


DIGESTS = """
import gc, hashlib, sys, warnings
import numpy as np
sys.path.append(sys.argv[1])
import test_every_function as every

warnings.simplefilter("ignore")
unseeded = "feature.inverse.mel_to_audio", "feature.inverse.mfcc_to_audio"
tables = every.NOTEBOOK, every.ENGINE, every.STREAM, every.LIBROSA
for table in tables + tables:
    for name in table.keys() - set(unseeded):
        result = table[name]()
        told = result.tobytes("A") if isinstance(result, np.ndarray) else repr(result).encode()
        print(name, hashlib.sha256(told).hexdigest())
        gc.collect()
"""


@pytest.mark.long
@pytest.mark.thread_unsafe(reason="starts processes")
def test_memory_that_was_freed_or_never_written_is_in_no_result() -> None:
    def digests(**environment: object) -> list[str]:
        words = run(DIGESTS, HERE.parent / "package", seconds=400, NUMBA_NUM_THREADS=2, **environment)
        return sorted(map(" ".join, zip(words[::2], words[1::2], strict=True)))

    plain = digests()
    for byte in (0x55, 0xFF):  # what glibc fills memory with when it is freed; its complement when it is allocated
        assert digests(MALLOC_PERTURB_=byte, PYTHONMALLOC="malloc") == plain
    print("stress: calls in filled memory", 2 * len(plain))
