"""Mel filters without a bin: those above half the sampling rate are told from those narrower than a bin."""

import numpy as np
import pytest

import fastspec


def test_filters_above_half_the_sampling_rate_are_said_to_be_there() -> None:
    with pytest.warns(UserWarning, match="lie above half the sampling rate, 4000 Hz: fmax is 8000 Hz") as record:
        bank = fastspec.MelBank(8000, 1024, 80, fmax=8000)
    assert len(record) == 1
    n_empty = int((np.asarray(bank).max(axis=1) == 0).sum())
    assert n_empty > 10
    assert str(record[0].message).startswith(f"{n_empty} of 80 mel filters are empty")


def test_narrow_filters_are_said_to_be_narrow() -> None:
    with pytest.warns(UserWarning, match="they are narrower than a bin: use fewer n_mels or a larger n_fft") as record:
        fastspec.MelBank(8000, 64, 80)
    assert len(record) == 1


def test_both_are_counted_apart() -> None:
    with pytest.warns(UserWarning, match="mel filters are empty") as record:
        bank = fastspec.MelBank(8000, 64, 80, fmax=8000)
    counts = [int(str(w.message).split(" ")[0]) for w in record]
    assert [("above half" in str(w.message), "narrower" in str(w.message)) for w in record] == [
        (True, False),
        (False, True),
    ]
    assert sum(counts) == int((np.asarray(bank).max(axis=1) == 0).sum())


@pytest.mark.parametrize("fmax", [None, 4000.0, 3000.0])
def test_up_to_half_the_sampling_rate_nothing_is_said(fmax: float | None) -> None:
    fastspec.MelBank(8000, 1024, 40, fmax=fmax)
