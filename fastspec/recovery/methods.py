"""What a round of each method of phase recovery does.

S are the magnitudes; P2(c) = S c / |c| gives a spectrum its magnitudes, and P1(c) = STFT(ISTFT(c)) makes it that of a
signal.  Methods whose spectra all are those of signals, or mixtures of them, are `Momentum`s; the others `Relaxation`s.
"""

from typing import NamedTuple


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
