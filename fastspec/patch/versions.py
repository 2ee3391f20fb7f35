"""What one version of librosa does otherwise than our functions, which follow 1.0: patching changes no result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Function = Callable[..., Any]


def as_in(library: ModuleType, name: str, ours: Function, refusal: type[Exception]) -> Function:
    """Our function `ours` as this version of the library has it under `name`.

    It raises `refusal` for arguments that the version treats in a way of its own.
    """
    since_1 = int(library.__version__.partition(".")[0]) >= 1
    adapt = (_SINCE_1 if since_1 else _BEFORE_1).get(name)
    return ours if adapt is None else functools.wraps(ours)(adapt(ours, refusal))


def _decibels(ours: Function, refusal: type[Exception]) -> Function:
    """One peak for all channels, and a reference that is a function of the magnitudes alone."""

    def older(S: Any, *, ref: Any = 1.0, **others: Any) -> Any:
        return ours(S, ref=(lambda magnitude, **_: ref(magnitude)) if callable(ref) else ref, axes=None, **others)

    return older


def _mfcc(ours: Function, refusal: type[Exception]) -> Function:
    """Decibels below one peak for all channels; the original computes it so, by our other functions."""

    def older(*, y: Any = None, S: Any = None, **others: Any) -> Any:
        if S is None and np.ndim(y) > 1:
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


def _griffinlim_since_1(ours: Function, refusal: type[Exception]) -> Function:
    """`random_state` is an old name for `rng`, so a whole number seeds the newer kind, with a warning."""

    def newer(S: Any, **others: Any) -> Any:
        if "random_state" in others:
            raise refusal("random_state, an old name for rng")
        return ours(S, **others)

    return newer


def _decibels_since_1(ours: Function, refusal: type[Exception]) -> Function:
    """A reference that is a function of the magnitudes alone is an error, as which ours does not always take it."""

    def newer(S: Any, *, ref: Any = 1.0, **others: Any) -> Any:
        def with_axes(magnitude: Any, **axes: Any) -> Any:
            if not axes:
                raise refusal("a reference function that knows no axes")
            return ref(magnitude, **axes)

        return ours(S, ref=with_axes if callable(ref) else ref, **others)

    return newer


_BEFORE_1 = {
    "amplitude_to_db": _decibels,
    "feature.mfcc": _mfcc,
    "griffinlim": _griffinlim,
    "power_to_db": _decibels,
}
_SINCE_1 = {
    "amplitude_to_db": _decibels_since_1,
    "griffinlim": _griffinlim_since_1,
    "power_to_db": _decibels_since_1,
}
