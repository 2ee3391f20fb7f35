"""Calls of every part of the library on drawn signals, and digests of their results; imported by child processes."""

import hashlib
import random
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import fastspec
from fastspec import librosa, stream

warnings.simplefilter("ignore", UserWarning)  # of mel filters that are empty, say

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Array]


def _stft(n_fft: int, **options: Any) -> fastspec.STFT:
    return fastspec.STFT(n_fft, hop_length=160, **options)


def calls(seed: int = 0) -> dict[str, Call]:
    """Calls by name.  Those of "new" plans prepare all that plans keep; those of 422 samples are a convolution."""
    rng = np.random.default_rng(seed)
    long, many = rng.standard_normal(60_000).astype(np.float32), rng.standard_normal((3, 9000))
    short, few = long[:900], long[:9000]
    plan, bank, double = _stft(400), fastspec.MelBank(16000, 400, 40), _stft(400, dtype="float64")
    odd, edged = _stft(422), _stft(512, pad_mode="reflect")
    D, S, M = plan.forward(long), plan.power(few, power=1), plan.mel(few, bank)
    S_odd, D_many = odd.power(few, power=1), double.forward(many)
    mels, log = plan.mel(long, bank), fastspec.pretty_spectrogram(few, fft_size=256, step_size=64)
    blocks, columns = np.array_split(long, 23), np.array_split(D, 17, axis=1)

    def joined(parts: Any) -> Array:
        return np.concatenate(list(parts), axis=-1)

    return {
        "forward": lambda: plan.forward(long),
        "forward, new": lambda: _stft(400).forward(long),
        "forward, short": lambda: plan.forward(short),
        "forward, short and new": lambda: _stft(320).forward(short),
        "forward, padded": lambda: edged.forward(long),
        "forward, many": lambda: double.forward(many),
        "forward, 422": lambda: odd.forward(long),
        "power": lambda: plan.power(long),
        "mel": lambda: plan.mel(long, bank, log="db"),
        "mel, new": lambda: _stft(400).mel(few, fastspec.MelBank(16000, 400, 30)),
        "mel, short": lambda: plan.mel(short, bank),
        "inverse": lambda: plan.inverse(D),
        "inverse, new": lambda: _stft(400).inverse(D),
        "inverse, many": lambda: double.inverse(D_many),
        "inverse, 422": lambda: odd.inverse(odd.forward(few)),
        "bank.inverse": lambda: bank.inverse(M, power=2),
        "recover": lambda: fastspec.recover(S, plan, n_iter=3, rng=0),
        "recover, new": lambda: fastspec.recover(S, _stft(400), n_iter=2, init="random", rng=0),
        "recover, raar": lambda: fastspec.recover(S, plan, method="raar", n_iter=2, rng=0),
        "recover, rtisi": lambda: fastspec.recover(S, plan, method="rtisi", n_iter=2),
        "recover, rtpghi": lambda: fastspec.recover(S, plan, method="rtpghi", rng=0),
        "recover, offset": lambda: fastspec.recover(S, plan, init="offset", n_iter=1, rng=0),
        "recover, 422": lambda: fastspec.recover(S_odd, odd, n_iter=1, init="random", rng=0),
        "recover_mel": lambda: fastspec.recover_mel(M, bank, plan, n_iter=2, rng=0),
        "streamed": lambda: joined(stream.power(blocks, plan)),
        "streamed back": lambda: joined(stream.istft(columns, plan)),
        "streamed, recovered": lambda: joined(stream.recover(np.array_split(S, 5, axis=1), plan, n_iter=2)),
        "decibels": lambda: librosa.power_to_db(mels),
        "cepstrum": lambda: librosa.feature.mfcc(y=few, sr=16000),
        "notebook": lambda: fastspec.pretty_spectrogram(few, fft_size=256, step_size=64),
        "notebook, back": lambda: fastspec.invert_pretty_spectrogram(log, True, 256, 64, 2),
        "notebook, in segments": lambda: fastspec.invert_pretty_spectrogram(log, True, 256, 64, 2, segments=2),
    }


def digest(result: Array) -> str:
    """Of its bits."""
    return hashlib.sha256(np.ascontiguousarray(result).tobytes()).hexdigest()[:16]


def digests(made: dict[str, Call]) -> dict[str, str]:
    """Of the results of all calls, by name."""
    return {name: digest(call()) for name, call in made.items()}


def wrong(made: dict[str, Call], wanted: dict[str, str]) -> list[str]:
    """The calls that give other bits."""
    return [name for name, found in digests(made).items() if found != wanted[name]]


def all_right(seed: int = 0, wanted: dict[str, str] | None = None) -> bool:
    """Whether all calls give the bits of one thread; what a worker of another process runs."""
    made = calls(seed)
    if wanted is None:
        with fastspec.threads(1):
            wanted = digests(made)
    return not wrong(made, wanted)


def run_threads(made: dict[str, Call], wanted: dict[str, str], threads: int, count: int, seed: int) -> list[str]:
    """Names of the calls, of `count` drawn by so many Python threads, whose bits were other than wanted, or errors."""
    barrier = threading.Barrier(threads)

    def work(k: int) -> list[str]:
        draw, found = random.Random(seed * 1000 + k), []
        barrier.wait()
        for _ in range(count // threads):
            name = draw.choice(list(made))
            limit = draw.choice([None, None, 1, 2, 3, 7])
            try:
                if limit is None:
                    result = made[name]()
                else:
                    with fastspec.threads(limit):
                        result = made[name]()
            except Exception as error:
                found.append(f"{name}:{error!r}")
            else:
                if digest(result) != wanted[name]:
                    found.append(name)
        return found

    with ThreadPoolExecutor(threads) as pool:
        return [name for found in pool.map(work, range(threads)) for name in found]
