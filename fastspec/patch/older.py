"""What librosa did otherwise before its version 1.0, which our functions follow: patching changes no result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Function = Callable[..., Any]


def as_in(library: ModuleType, name: str, ours: Function, refusal: type[Exception]) -> Function:
    """Our function `ours` as this version of the library has it under `name`.

    Raises of what it returns: `refusal` for arguments with which ours cannot do as the older version does.
    """
    adapt = _BEFORE_1.get(name)
    if adapt is None or int(library.__version__.partition(".")[0]) >= 1:
        return ours
    return functools.wraps(ours)(adapt(ours, refusal))


def _decibels(ours: Function, refusal: type[Exception]) -> Function:
    """One peak for all channels, and a reference that is a function of the magnitudes alone."""

    def older(S: Any, *, ref: Any = 1.0, **others: Any) -> Any:
        return ours(S, ref=(lambda magnitude, **_: ref(magnitude)) if callable(ref) else ref, axes=None, **others)

    return older


def _mfcc(ours: Function, refusal: type[Exception]) -> Function:
    """Decibels below one peak for all channels; the original computes it so, by our other functions."""

    def older(*, y: Any = None, S: Any = None, **others: Any) -> Any:
        if np.ndim(y) > 1 or np.ndim(S) > 2:
            raise refusal("several channels, before librosa 1.0")
        return ours(y=y, S=S, **others)

    return older


def _griffinlim(ours: Function, refusal: type[Exception]) -> Function:
    """A whole number seeds the older kind of generator, and there is nothing wrong with `random_state`."""

    def older(S: Any, *, random_state: Any = None, **others: Any) -> Any:
        if isinstance(random_state, int):
            random_state = np.random.RandomState(seed=random_state)
        elif not isinstance(random_state, np.random.RandomState | np.random.Generator | None):
            raise refusal("a random_state of another kind")  # which is the original's error
        return ours(S, rng=random_state, **others)

    return older


_BEFORE_1 = {
    "amplitude_to_db": _decibels,
    "feature.mfcc": _mfcc,
    "griffinlim": _griffinlim,
    "power_to_db": _decibels,
}
