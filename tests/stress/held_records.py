"""Run as a program by `test_records.py`: the records that are kept from call to call, and the arrays they hold.

Prints how many addresses of arrays such records hold for the kernels, by the kind of named tuple that they are in.
"""

import copy
import gc
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastspec
from fastspec import stream
from fastspec.kernels.recovery import griffin_lim
from fastspec.kernels.runtime import layout
from fastspec.kernels.runtime.tasks import registry
from fastspec.recovery.methods import METHODS
from fastspec.recovery.rounds import Rounds
from fastspec.recovery.rtisi import Buffers

Array = np.ndarray[Any, np.dtype[Any]]
Y = np.random.default_rng(0).standard_normal((3, 4000)).astype(np.float32)


# ---- objects that keep records, each of which has been called ----
def plans() -> Iterator[Any]:
    for n_fft, center in ((400, True), (401, True), (418, True), (422, False)):
        plan, bank = fastspec.STFT(n_fft, hop_length=160, center=center), fastspec.MelBank(16000, n_fft, 40)
        for y in (Y, Y[0, :900]):
            D, M = plan.forward(y), plan.mel(y, bank, log="db")
            plan.inverse(D), bank.inverse(plan.mel(y, bank), power=2), plan.power(y)
        assert M.shape[-2] == 40
        yield plan, bank, copy.copy(plan), copy.deepcopy(plan)


def streams() -> Iterator[Any]:
    for n_fft in (400, 422):
        plan, bank = fastspec.STFT(n_fft, hop_length=160), fastspec.MelBank(16000, n_fft, 40)
        D, mels = np.array_split(plan.forward(Y), 7, axis=2), np.array_split(plan.mel(Y, bank), 3, axis=2)
        blocks, magnitudes = np.array_split(Y, 9, axis=1), [np.abs(part) for part in D]
        made: list[tuple[Any, list[Array]]] = [
            (stream.StreamingSTFT(plan), blocks),
            (stream.StreamingPower(plan), blocks),
            (stream.StreamingMel(plan, bank), blocks),
            (stream.StreamingISTFT(plan), D),
            (stream.StreamingRecover(plan), magnitudes),
            (stream.StreamingRecover(plan, "pghi", rng=0), magnitudes),
            (stream.StreamingRecover(plan, "accelerated", n_iter=2, rng=0), magnitudes),
            (stream.StreamingRecoverMel(plan, bank, n_iter=2, rng=0), mels),
        ]
        for one, given in made:
            for part in given:
                one.push(part.copy())
            yield one


def rounds() -> Iterator[Any]:
    """What a call of `recover` keeps from round to round."""
    plan, bank = fastspec.STFT(256, pad_mode="reflect"), fastspec.MelBank(16000, 256, 20)
    for B in (None, bank):
        S = plan.power(Y, power=1) if B is None else plan.mel(Y, bank, power=1)
        one = Rounds(plan, S, Y.shape[1], scales=np.ones(len(Y)), bank=B)
        for method in METHODS.values():
            one.step(one.synthesize(plan.forward(Y)), Y.copy(), np.empty_like(Y), method())
        one.convergence(Y.copy())
        yield one
    yield Buffers(plan, 3, 2, 4)


# ---- what is in memory ----
def records() -> list[Array]:
    """All records in objects: arrays that hold their arguments, and those in which the address of a kernel stands."""
    kernels = np.array([a for entry in registry for a in getattr(entry, "_addresses", {}).values()])
    assert kernels.size > 5
    found, owners = dict[int, Array](), [it for it in gc.get_objects() if not isinstance(it, types.FrameType)]
    while owners:
        for it in gc.get_referents(owners.pop()):
            if isinstance(it, dict | tuple) and not gc.is_tracked(it):  # as one that holds arrays only is
                owners.append(it)
            is_record = type(it) is np.ndarray and it.dtype == np.int64 and it.ndim == 1
            if is_record and (holds_arguments(it) or np.isin(it, kernels).any()):
                found[id(it)] = it
    return list(found.values())


def holds_arguments(record: Array) -> bool:
    """Whether the memory of an array is that of `layout.pack`."""
    return isinstance(record.base, memoryview) and isinstance(record.base.obj, layout.Numbers)


def check(record: Array, told: Counter[str]) -> None:
    """Every address is that of an array that the record holds."""
    assert holds_arguments(record), f"a record that holds nothing is kept: {record.size} numbers"
    owner = record.base.obj  # type: ignore[union-attr]
    if hasattr(owner, "changed"):
        check_copy(record[owner.before :], owner, told)
        return
    start = 0
    for part in record.base.obj.arguments:  # type: ignore[union-attr]
        if isinstance(part, np.ndarray):
            check(part, told)
            assert (record[start : start + part.size] == part).all(), "changed since it was packed"
            start += part.size
            continue
        for name, hint in layout._fields(type(part)):
            slots = layout._slot_count(hint)
            if slots == 2:
                array = getattr(part, name)
                address = array.__array_interface__["data"][0] if array.size else 0
                kept = tuple(record[start : start + 2]) == (address, array.size)
                assert kept, f"{type(part).__name__}.{name}: an address of another array than the one held"
                told[type(part).__name__] += array.size > 0
            start += slots
    assert start == record.size


SIGNALS = {griffin_lim.LAYOUT.slot(name) for name in ("now", "before", "y", "previous")}
"""Which the caller of a round has: it looks the round up by their addresses."""


def check_copy(record: Array, owner: layout.Numbers, told: Counter[str]) -> None:
    """Nothing but the slots that are said to be changed is, and addresses in these are of arrays that it holds."""
    original, *others = owner.arguments
    check(original, told)
    same = np.ones(original.size, bool)
    same[list(owner.changed)] = False
    assert (record[same] == original[same]).all(), "changed in other slots than it says"
    held = {array.__array_interface__["data"][0] for array in others if array is not None}
    signals = SIGNALS if record.size == griffin_lim.LAYOUT.size else set()
    for slot in set(owner.changed) - signals:  # sizes, and bytes before the first element, are small
        number = int(record[slot])
        assert number in held or abs(number) < 1 << 40, "an address of an array that is not held"
    told["copies"] += 1


def main() -> None:
    held = [*plans(), *streams(), *rounds()]
    gc.collect()
    told, found = Counter[str](), records()
    for record in found:
        check(record, told)
    print(len(found), *(f"{kind}={count}" for kind, count in sorted(told.items())))
    del held


if __name__ == "__main__":
    main()
