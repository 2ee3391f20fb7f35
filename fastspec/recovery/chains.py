"""Names of methods of phase recovery, and chains of them, as stages of rounds."""

from collections.abc import Callable, Mapping, Sequence, Set
from inspect import signature
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import checks
from .methods import Method, accelerated, admm, fast, griffinlim, raar

Chain = str | Sequence[tuple[Any, ...]]

METHODS: dict[str, Callable[..., Method]] = {
    "griffinlim": griffinlim, "fast": fast, "accelerated": accelerated, "admm": admm, "raar": raar,
}  # fmt: skip
PRESETS: dict[str, list[tuple[Any, ...]]] = {
    "best": [("rtisi", 25), ("raar", 120, {"beta": 0.98}), ("accelerated", 100)],
}
STARTING: dict[str, dict[str, Any]] = {"rtisi": {"look_ahead": 3, "segments": "auto"}, "rtpghi": {"look_ahead": 1}}
"""Methods that go from frame to frame, with their options: they have no start, and can only begin a chain."""
NAMES = (*METHODS, *STARTING, *PRESETS)
DEFAULT = {"rtisi": 5, "rtpghi": 0}
"""Rounds by default, where they are not those of OTHERS."""
OTHERS = 25


class Stage(NamedTuple):
    """A method and its rounds; those of STARTING have no fused step, but options."""

    name: str
    rounds: int
    step: Method | None
    options: Mapping[str, Any] = MappingProxyType({})


def stages_of(method: Chain, n_iter: int | str, options: Mapping[str, Any]) -> list[Stage]:
    """The stages of a method's name, or of a chain of (name, rounds) or (name, rounds, options).

    Raises
    ------
    TypeError, ValueError
        If a name, a number of rounds or an option is none.
    """
    if isinstance(method, str):
        if method in PRESETS:
            _refuse(options, f"method={method!r}")
            stages = [_stage(*entry) for entry in PRESETS[method]]
            if n_iter != "auto":
                stages[-1] = stages[-1]._replace(rounds=checks.whole("n_iter", n_iter, 0))
            return stages
        return [_stage(method, _count(method, n_iter), options)]
    if n_iter != "auto":
        raise ValueError(f"n_iter must be left out where method is a chain, which has its own, got {n_iter!r}")
    _refuse(options, "a chain, whose entries take their own")
    entries = list(method) if isinstance(method, Sequence) else []
    if not entries or not all(isinstance(entry, tuple) and len(entry) in (2, 3) for entry in entries):
        raise ValueError(f"method must be one of {', '.join(NAMES)} or a list of (name, rounds), got {method!r}")
    stages = [_stage(*entry) for entry in entries]
    if any(stage.step is None for stage in stages[1:]):
        raise ValueError(f"{' and '.join(map(repr, STARTING))} can only begin a chain, got method={method!r}")
    return stages


def _count(name: str, n_iter: int | str) -> int:
    return DEFAULT.get(name, OTHERS) if n_iter == "auto" else checks.whole("n_iter", n_iter, 0)


def _stage(name: Any, rounds: Any, options: Mapping[str, Any] | None = None) -> Stage:
    options, count = dict(options or {}), checks.whole("n_iter", rounds, 0)
    if name == "rtpghi" and count:
        raise ValueError(f"n_iter must be left out or 0 for 'rtpghi', which has no rounds, got {rounds!r}")
    if isinstance(name, str) and name in STARTING:
        known = set(STARTING[name])
        _refuse({key: value for key, value in options.items() if key not in known}, f"method={name!r}", known)
        return Stage(name, count, None, STARTING[name] | options)
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method must be one of {', '.join(NAMES)} or a list of (name, rounds), got {name!r}")
    known = set(signature(METHODS[name]).parameters)
    _refuse({key: value for key, value in options.items() if key not in known}, f"method={name!r}", known)
    return Stage(name, count, METHODS[name](**{key: checks.finite_number(key, options[key]) for key in options}))


def _refuse(options: Mapping[str, Any], whose: str, known: Set[str] = frozenset()) -> None:
    if options:
        names = ", ".join(sorted(known)) or "none of these"
        raise TypeError(f"unknown option {next(iter(options))!r} for {whose}: it takes {names}")
