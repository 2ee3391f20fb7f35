"""Adapters of our functions, which follow librosa 1.0, to the installed version: patching changes no result."""

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
    since_1 = int(library.__version__.partition(".")[0]) >= 1
    adapt = (_SINCE_1 if since_1 else _BEFORE_1).get(name)
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


def _adapt_griffinlim(ours: Function, refusal: type[Exception]) -> Function:
    """Before 1.0: the argument is `random_state`, and an integer seeds a `RandomState`."""

    def older(S: Any, *, random_state: Any = None, **kwargs: Any) -> Any:
        if isinstance(random_state, int):
            random_state = np.random.RandomState(seed=random_state)
        elif not isinstance(random_state, np.random.RandomState | np.random.Generator | None):
            raise refusal("a random_state of an unsupported type")  # the original raises its own error
        return ours(S, rng=random_state, **kwargs)

    return older


def _adapt_griffinlim_since_1(ours: Function, refusal: type[Exception]) -> Function:
    """Since 1.0: `random_state` is a deprecated name of `rng`, about which the original warns."""

    def newer(S: Any, **kwargs: Any) -> Any:
        if "random_state" in kwargs:
            raise refusal("random_state, a deprecated name of rng")
        return ours(S, **kwargs)

    return newer


def _adapt_decibels_since_1(ours: Function, refusal: type[Exception]) -> Function:
    """Since 1.0: a callable `ref` that does not take axes is an error of the original; ours would accept it."""

    def newer(S: Any, *, ref: Any = 1.0, **kwargs: Any) -> Any:
        def with_axes(magnitude: Any, **axes: Any) -> Any:
            if not axes:
                raise refusal("a callable ref without axes")
            return ref(magnitude, **axes)

        return ours(S, ref=with_axes if callable(ref) else ref, **kwargs)

    return newer


_BEFORE_1 = {
    "amplitude_to_db": _adapt_decibels,
    "feature.mfcc": _adapt_mfcc,
    "griffinlim": _adapt_griffinlim,
    "power_to_db": _adapt_decibels,
}
_SINCE_1 = {
    "amplitude_to_db": _adapt_decibels_since_1,
    "griffinlim": _adapt_griffinlim_since_1,
    "power_to_db": _adapt_decibels_since_1,
}
