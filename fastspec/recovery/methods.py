"""What a round of each method of phase recovery does.

S are the magnitudes; P2(c) = S c / |c| gives a spectrum its magnitudes, and P1(c) = STFT(ISTFT(c)) makes it that of a
signal.  Methods whose spectra all are those of signals, or mixtures of them, are `Momentum`s; the others `Relaxation`s.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from inspect import signature
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import checks


class Momentum(NamedTuple):
    """t' = kept_now t + kept_before t_before + gain P1(P2(now t + before t_before)).

    All of t, t' and t_before are spectra of signals, so a round is taken on those signals.
    """

    now: float
    before: float = 0.0
    kept_now: float = 0.0
    kept_before: float = 0.0
    gain: float = 1.0


class Relaxation(NamedTuple):
    """c' = to_set P2(from_state c + from_found q) + to_state c + to_found q, with q = P1(out_set P2(c) + out_state c).

    A spectrum c is kept from round to round; the result is the signal of end_set P2(c) + end_state c.
    """

    from_state: float
    from_found: float
    to_set: float
    to_state: float
    to_found: float
    out_set: float
    out_state: float
    end_set: float = 0.0
    end_state: float = 1.0

    def ending(self) -> "Relaxation":
        """The same round, of which the result is taken."""
        return self._replace(out_set=self.end_set, out_state=self.end_state)


Method = Momentum | Relaxation

BEGUN = Relaxation(0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0)
"""The first round of a relaxation: c = P2(q) for a signal's spectrum q."""

RESULT = Relaxation(0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0)
"""No round: the signal of P2(c)."""


def griffinlim() -> Momentum:
    """t' = P1(P2(t)): Griffin & Lim, IEEE Trans. ASSP-32, 1984, 236-243."""
    return Momentum(1.0)


def fast(momentum: float = 0.99) -> Momentum:
    """t' = P1(P2(c)), c = t + momentum (t - t_before): Perraudin, Balazs & Søndergaard, WASPAA 2013."""
    return Momentum(1 + momentum, -momentum)


def accelerated(alpha: float = 1.05, beta: float = 1.35, gamma: float = 1.25) -> Momentum:
    """t' = (1 - gamma) d + gamma P1(P2(c)), c = t + alpha (t - t_before), d = t + beta (t - t_before).

    Nenov, Nguyen, Balazs & Bot, arXiv 2306.12504, 2023 (their alpha, beta, gamma by default).
    """
    return Momentum(1 + alpha, -alpha, (1 - gamma) * (1 + beta), (gamma - 1) * beta, gamma)


def raar(beta: float = 0.75) -> Relaxation:
    """c' = beta / 2 (c + 2 P1(r) - r) + (1 - beta) P2(c), r = 2 P2(c) - c.

    Luke, Inverse Problems 21, 2005, 37-50; for phases of spectrograms Peer, Welker & Gerkmann, IWAENC 2022.
    """
    return Relaxation(1.0, 0.0, 1 - 2 * beta, beta, beta, 2.0, -1.0, 1.0, 0.0)


def admm() -> Relaxation:
    """X = P2(Z - U), Z' = P1(X + U), U' = U + X - Z', here by way of c = X + U.

    Masuyama, Yatabe & Oikawa, IEEE Signal Processing Letters 26, 2019, 184-188.
    """
    return Relaxation(-1.0, 2.0, 1.0, 1.0, -1.0, 0.0, 1.0)


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
                stages[-1] = stages[-1]._replace(rounds=checks.as_int("n_iter", n_iter, 0))
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
    return DEFAULT.get(name, OTHERS) if n_iter == "auto" else checks.as_int("n_iter", n_iter, 0)


def _stage(name: Any, rounds: Any, options: Mapping[str, Any] | None = None) -> Stage:
    options, count = dict(options or {}), checks.as_int("n_iter", rounds, 0)
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
    return Stage(name, count, METHODS[name](**{key: checks.as_finite(key, options[key]) for key in options}))


def _refuse(options: Mapping[str, Any], whose: str, known: Set[str] = frozenset()) -> None:
    if options:
        names = ", ".join(sorted(known)) or "none of these"
        raise TypeError(f"unknown option {next(iter(options))!r} for {whose}: it takes {names}")
