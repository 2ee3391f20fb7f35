"""Logarithms where levels are expected are named: an error of recovery, a warning where numbers have a meaning."""

from typing import Any

import numpy as np
import pytest

import fastspec
import fastspec.librosa as fl

PLAN, BANK = fastspec.STFT(64), fastspec.MelBank(8000, 64, 8)
y = (np.random.default_rng(0).standard_normal(2000) * np.logspace(-1, -5, 2000)).astype(np.float32)
M = PLAN.mel(y, BANK)
S = PLAN.power(y, power=1)
LOGS = {log: PLAN.mel(y, BANK, log=log) for log in ("ln", "log10", "db", "whisper")} | {  # type: ignore[arg-type]
    "normalized": (np.log(M) - np.log(M).mean()) / np.log(M).std(),
    "power_to_db": fl.power_to_db(M, ref=np.max),
}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("method", ["fista", "pinv", "nnls"])
def test_a_bank_names_logarithms(log: str, method: Any) -> None:
    L = LOGS[log]
    at = np.unravel_index(L.argmin(), L.shape)
    says = rf"M\[{at[0]}, {at[1]}\] is -[\d.e-]+, but levels are not negative; if these are logarithms, undo them first"
    with pytest.warns(UserWarning, match=says) as record:
        S = BANK.inverse(L, method=method, n_iter=2)
    assert len(record) == 1
    assert (S >= 0).all()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.099])
def test_noise_is_fitted_without_a_word(share: float) -> None:
    noisy = M.copy()
    noisy[3, 5] = -share * M.max()
    BANK.inverse(noisy, n_iter=2)


def test_the_values_are_what_they_were() -> None:
    with pytest.warns(UserWarning, match="undo them first"):
        S = BANK.inverse(-M, n_iter=5)
    assert not S.any()


def test_long_levels_are_named_by_their_own_index() -> None:
    L = np.ones((8, 200_000), np.float32)
    L[5, 150_000] = -1
    with pytest.warns(UserWarning, match=r"M\[5, 150000\] is -1\.0") as record:
        BANK.inverse(L, n_iter=1)
    assert len(record) == 1


@pytest.mark.parametrize("log", ["ln", "db", "power_to_db"])
def test_librosas_mel_to_audio_names_logarithms(log: str) -> None:
    with pytest.warns(UserWarning, match=r"M\[\d+, \d+\] is -.* if these are logarithms, undo them first"):
        fl.feature.inverse.mel_to_audio(LOGS[log], sr=8000, n_fft=64, n_iter=1)


def test_librosas_griffinlim_names_logarithms_and_computes_what_librosa_does() -> None:
    L = fl.amplitude_to_db(S, ref=np.max)
    with pytest.warns(UserWarning, match=r"S\[\d+, \d+\] is -.* if these are logarithms, undo them first"):
        z = fl.griffinlim(L, n_iter=1, rng=0)
    assert np.isfinite(z).all()
    fl.griffinlim(S, n_iter=1, rng=0)
    fl.griffinlim(PLAN.forward(y), n_iter=1, init=None)  # a complex S is no level


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: fastspec.recover(np.log(S), PLAN), "S"),
        (lambda: fastspec.recover_mel(LOGS["db"], BANK, PLAN), "M"),
        (lambda: fastspec.stream.StreamingRecover(PLAN).push(np.log(S)), "S"),
        (lambda: fastspec.stream.StreamingRecoverMel(PLAN, BANK).push(LOGS["db"]), "M"),
    ],
)
def test_recovery_refuses_logarithms_by_name(call: Any, name: str) -> None:
    says = rf"{name}\[\d+, \d+\] is -[\d.]+: every value must be finite and at least 0; if these are logarithms, undo"
    with pytest.raises(ValueError, match=says):
        call()


def test_what_is_no_logarithm_is_not_called_one() -> None:
    for value in (np.nan, np.inf, -np.inf):
        wrong = S.copy()
        wrong[1, 2] = value
        with pytest.raises(ValueError, match=r"S\[1, 2\] is .*: every value must be finite and at least 0$"):
            fastspec.recover(wrong, PLAN)
