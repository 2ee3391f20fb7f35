"""Adapters of our functions, whose decibels are librosa 1.0's, to the installed version: patching changes no result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Function = Callable[..., Any]


def adapt_to_version(library: ModuleType, name: str, ours: Function, refusal: type[Exception]) -> Function:
    """Our function `ours` with the arguments that `name` takes in this version of the library.

    It raises `refusal` for arguments that only the original treats as this version does.
    """
    before_1 = int(library.__version__.partition(".")[0]) < 1
    adapt = _BEFORE_1.get(name) if before_1 else None
    return ours if adapt is None else functools.wraps(ours)(adapt(ours, refusal))


def _adapt_decibels(ours: Function, refusal: type[Exception]) -> Function:
    """Before 1.0: one peak for all channels, and a callable `ref` takes the magnitudes only."""

    def older(S: Any, *, ref: Any = 1.0, **kwargs: Any) -> Any:
        return ours(S, ref=(lambda magnitude, **_: ref(magnitude)) if callable(ref) else ref, axes=None, **kwargs)

    return older


def _adapt_mfcc(ours: Function, refusal: type[Exception]) -> Function:
    """Before 1.0: decibels below one peak for all channels, as the original computes with our other functions."""

    def older(*, y: Any = None, S: Any = None, **kwargs: Any) -> Any:
        if S is None and np.ndim(y) > 1:
            raise refusal("several channels, before librosa 1.0")
        return ours(y=y, S=S, **kwargs)

    return older


_BEFORE_1 = {
    "amplitude_to_db": _adapt_decibels,
    "feature.mfcc": _adapt_mfcc,
    "power_to_db": _adapt_decibels,
}
