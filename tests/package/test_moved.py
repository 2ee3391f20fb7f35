"""What programs and files of version 0.4 rely on: module paths, plans and banks that were pickled."""

import pickle
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec.moved import MOVED

PICKLED = Path(__file__).resolve().parents[1] / "golden" / "pickled_by_0_4.pkl"
OLD_NAMES = {
    "audio": "read",
    "compression": "Log",
    "decibels": "to_db",
    "display": "save",
    "framing": "Geometry",
    "mel": "hz_to_mel",
    "notebook_mel": "make_mel",
    "offset": "recover",
    "recovery.mels": "recover_mel",
    "report": "demo",
    "spectrum": "STFT",
    "stream.recovery": "StreamingRecover",
    "streamed": "StreamingISTFT",
    "kernels.jit": "threads",
}


@pytest.fixture
def saved() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return pickle.loads(PICKLED.read_bytes())


def test_plans_pickled_by_0_4_load_and_work(saved: Any) -> None:
    y = np.random.default_rng(0).standard_normal(3000)
    new = fastspec.STFT(400, hop_length=160, window=("kaiser", 8.0), pad_mode="reflect")
    assert repr(saved["plan"]) == repr(new)
    np.testing.assert_array_equal(saved["plan"].forward(y), new.forward(y))
    array = fastspec.STFT(30, hop_length=7, window=np.hamming(30), center=False, dtype="f8")
    np.testing.assert_array_equal(saved["array"].inverse(array.forward(y)), array.inverse(array.forward(y)))
    again = pickle.loads(pickle.dumps(saved["plan"]))
    np.testing.assert_array_equal(again.forward(y), new.forward(y))


def test_banks_pickled_by_0_4_load_and_work(saved: Any) -> None:
    new = fastspec.MelBank(16000, 400, 20, fmin=50.0)
    np.testing.assert_array_equal(np.asarray(saved["bank"]), np.asarray(new))
    assert (saved["bank"].sr, saved["bank"].n_mels, saved["bank"].htk) == (new.sr, new.n_mels, new.htk)
    np.testing.assert_array_equal(np.asarray(saved["filters"]), np.eye(3))


@pytest.mark.parametrize("path", MOVED)
def test_an_old_module_path_warns_and_leads_to_the_new_one(path: str) -> None:
    sys.modules.pop(f"fastspec.{path}", None)
    with pytest.warns(DeprecationWarning, match=rf"fastspec\.{path} is deprecated .* use fastspec\.{MOVED[path][0]}"):
        module = import_module(f"fastspec.{path}")
    if path in OLD_NAMES:
        assert any(
            getattr(module, OLD_NAMES[path]) is getattr(import_module(f"fastspec.{home}"), OLD_NAMES[path], None)
            for home in MOVED[path]
        )
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        module.no_such_name  # noqa: B018


def test_other_names_are_still_no_modules() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_module("fastspec.no_such_module")
