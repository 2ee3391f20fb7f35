"""The rounds of each method of phase recovery, as coefficients; names, options and chains of methods.

P2(c) = S c / |c| projects a spectrum c onto those with magnitudes S, and P1(c) = STFT(ISTFT(c)) onto the consistent
ones, which are spectra of signals.  Methods whose iterates are all consistent are `Momentum`s; others `Relaxation`s.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from inspect import signature
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import checks


class Momentum(NamedTuple):
    """t' = kept_now t + kept_before t_before + gain P1(P2(now t + before t_before)).

    All of t, t' and t_before are consistent, so a round is computed on their signals.
    """

    now: float
    before: float = 0.0
    kept_now: float = 0.0
    kept_before: float = 0.0
    gain: float = 1.0


class Relaxation(NamedTuple):
    """c' = to_set P2(from_state c + from_consistent q) + to_state c + to_consistent q, where

        q = P1(out_set P2(c) + out_state c).

    The state c is a spectrum, kept from round to round; the result is the signal of end_set P2(c) + end_state c.
    """

    from_state: float
    from_consistent: float
    to_set: float
    to_state: float
    to_consistent: float
    out_set: float
    out_state: float
    end_set: float = 0.0
    end_state: float = 1.0

    def with_result(self) -> "Relaxation":
        """The same round, whose signal is the result: that of end_set P2(c) + end_state c."""
        return self._replace(out_set=self.end_set, out_state=self.end_state)


Method = Momentum | Relaxation

FIRST_ROUND = Relaxation(0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0)
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
ONLINE: dict[str, dict[str, Any]] = {"rtisi": {"look_ahead": 3, "segments": "auto"}, "rtpghi": {"look_ahead": 1}}
"""Methods that go frame by frame, with their options: they have no start, and can only begin a chain."""
NAMES = (*METHODS, *ONLINE, *PRESETS)
DEFAULT_ROUNDS = {**dict.fromkeys(METHODS, 25), "rtisi": 5, "rtpghi": 0}


class Stage(NamedTuple):
    """A method and its number of rounds; those of ONLINE have no fused step, but options."""

    name: str
    rounds: int
    step: Method | None
    options: Mapping[str, Any] = MappingProxyType({})

    @property
    def is_online(self) -> bool:
        """Whether its method goes frame by frame."""
        return self.step is None


def parse_stages(method: Chain, n_iter: int | str, options: Mapping[str, Any]) -> list[Stage]:
    """The stages of a method's name, or of a chain of (name, rounds) or (name, rounds, options).

    Raises
    ------
    TypeError, ValueError
        If a name, a number of rounds or an option is unknown or out of its range.
    """
    is_auto = isinstance(n_iter, str) and n_iter == "auto"
    if isinstance(method, str):
        if method in PRESETS:
            _check_options(options, f"method={method!r}")
            stages = [_parse_stage(*entry) for entry in PRESETS[method]]
            if not is_auto:
                stages[-1] = stages[-1]._replace(rounds=checks.as_int("n_iter", n_iter, 0))
            return stages
        return [_parse_stage(method, DEFAULT_ROUNDS.get(method, 0) if is_auto else n_iter, options)]
    if not is_auto:
        raise ValueError(f"n_iter must be left out where method is a chain, which has its own, got {n_iter!r}")
    _check_options(options, "a chain, whose entries take their own")
    entries = list(method) if isinstance(method, Sequence) else []
    if not entries or not all(isinstance(entry, tuple) and len(entry) in (2, 3) for entry in entries):
        raise ValueError(f"method must be one of {', '.join(NAMES)} or a list of (name, rounds), got {method!r}")
    stages = [_parse_stage(*entry) for entry in entries]
    if any(stage.is_online for stage in stages[1:]):
        raise ValueError(f"{' and '.join(map(repr, ONLINE))} can only begin a chain, got method={method!r}")
    return stages


def _parse_stage(name: Any, rounds: Any, options: Mapping[str, Any] | None = None) -> Stage:
    options, count = dict(options or {}), checks.as_int("n_iter", rounds, 0)
    if name == "rtpghi" and count:
        raise ValueError(f"n_iter must be left out or 0 for 'rtpghi', which has no rounds, got {rounds!r}")
    if isinstance(name, str) and name in ONLINE:
        _check_options(options, f"method={name!r}", set(ONLINE[name]))
        return Stage(name, count, None, ONLINE[name] | options)
    if not isinstance(name, str) or name not in METHODS:
        raise ValueError(f"method must be one of {', '.join(NAMES)} or a list of (name, rounds), got {name!r}")
    _check_options(options, f"method={name!r}", set(signature(METHODS[name]).parameters))
    return Stage(name, count, METHODS[name](**{key: checks.as_finite(key, options[key]) for key in options}))


def _check_options(options: Mapping[str, Any], owner: str, allowed: Set[str] = frozenset()) -> None:
    unknown = [key for key in options if key not in allowed]
    if unknown:
        names = ", ".join(sorted(allowed)) or "no options"
        raise TypeError(f"unknown option {unknown[0]!r} for {owner}: it takes {names}")
