"""This checkout beside another: paired times, first calls, and the modules that a call enters.

    python -m bench.versions CHECKOUT                  ratio of the medians, this checkout / the other, of each call
    python -m bench.versions CHECKOUT --only mel       only the calls whose names hold this text
    python -m bench.versions CHECKOUT --first-calls    first calls with an empty kernel cache, and with a full one
    python -m bench.versions --walks                   modules of this checkout that a call enters, with how often

Each checkout runs in a process of its own, with a kernel cache of its own, and makes the same calls by turns in
shuffled order.  Only public names are used, so that the program runs on any version from 0.4 on.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import fastspec

Call = tuple[str, Callable[[], Any]]
HERE = Path(__file__).resolve()
SIZES = [(400, 160, 16000), (512, 128, 22050), (1024, 256, 22050), (2048, 512, 48000), (2018, 504, 22050)]
FIRST_CALLS = {
    "forward": "plan.forward(y)",
    "mel": "plan.mel(y, fastspec.MelBank(22050, 1024, 80), log='db')",
    "inverse": "plan.inverse(np.ones((513, 200), np.complex64))",
    "recover": "fastspec.recover(np.ones((513, 200), np.float32), plan, rng=0)",
    "notebook": "fastspec.invert_pretty_spectrogram(y[:102400].reshape(400, 256), fft_size=512, step_size=128)",
}
PREPARED = """
import time, numpy as np, fastspec
y = np.random.default_rng(0).standard_normal(60 * 22050).astype(np.float32)
plan, start = fastspec.STFT(1024, hop_length=256), time.perf_counter()
{}
print(time.perf_counter() - start)
"""
ROUND_SECONDS = 0.06


def transforms(dtype: str) -> Iterator[Call]:
    """Transforms of 20 s, of 8 signals of 1 s, and of short signals."""
    for n_fft, hop, sr in SIZES:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype), fastspec.MelBank(sr, n_fft, 80, dtype=dtype)
        y = np.random.default_rng(0).standard_normal(20 * sr).astype(dtype)
        D, batch, name = plan.forward(y), y[: 8 * sr].reshape(8, -1), f"{n_fft}/{hop} {dtype}"
        out = np.empty_like(D)
        yield f"forward {name}", lambda p=plan, y=y, out=out: p.forward(y, out=out)
        yield f"power {name}", lambda p=plan, y=y: p.power(y)
        yield f"mel {name}", lambda p=plan, y=y, b=bank: p.mel(y, b, log="db")
        yield f"mel batch {name}", lambda p=plan, y=batch, b=bank: p.mel(y, b)
        yield f"inverse {name}", lambda p=plan, D=D, n=y.size: p.inverse(D, length=n)
        short, clip = y[: n_fft + 3 * hop], y[: sr // 4]
        yield f"forward short x 200 {name}", lambda p=plan, y=short: [p.forward(y) for _ in range(200)]
        yield f"mel clip x 50 {name}", lambda p=plan, y=clip, b=bank: [p.mel(y, b) for _ in range(50)]


def recoveries(dtype: str) -> Iterator[Call]:
    """Recovery by each kind of method and start, and the inverse of filter banks."""
    for n_fft, hop, sr in SIZES[1:4]:
        plan, bank = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype), fastspec.MelBank(sr, n_fft, 80, dtype=dtype)
        y = np.random.default_rng(0).standard_normal(20 * sr).astype(dtype)
        long, name = plan.power(y, power=1), f"{n_fft}/{hop} {dtype}"
        S, M = long[:, :400], bank @ long
        yield f"recover long {name}", lambda p=plan, S=long: fastspec.recover(S, p, rng=0, n_iter=8)
        for method, n_iter in {"griffinlim": 8, "accelerated": 8, "raar": 8, "rtisi": 2, "rtpghi": None}.items():
            options = {"method": method, "rng": 0, **({} if n_iter is None else {"n_iter": n_iter})}
            yield f"recover {method} {name}", lambda p=plan, S=S, o=options: fastspec.recover(S, p, **o)
        for init in ("spsi", "offset"):
            yield f"init {init} {name}", lambda p=plan, S=S, i=init: fastspec.recover(S, p, init=i, n_iter=1)
        yield f"bank.inverse {name}", lambda b=bank, M=M: b.inverse(M)
        yield (
            f"recover_mel {name}",
            lambda b=bank, M=M[:, :300], p=plan: fastspec.recover_mel(M, b, p, power=1, n_iter=6, rng=0),
        )


def faces() -> Iterator[Call]:
    """The notebook's functions, streams, and librosa's names."""
    y = np.random.default_rng(0).standard_normal(5 * 22050)
    for n_fft in (512, 2048):
        sizes = {"fft_size": n_fft, "step_size": 128}
        S = fastspec.pretty_spectrogram(y, **sizes)
        yield f"pretty {n_fft}/128", lambda o=sizes: fastspec.pretty_spectrogram(y, **o)
        yield f"invert_pretty {n_fft}/128", lambda S=S, o=sizes: fastspec.invert_pretty_spectrogram(S, n_iter=4, **o)
    yield "notebook stft of 100 samples x 100", lambda: [fastspec.stft(y[:100], 64, 16) for _ in range(100)]
    plan, bank, x = fastspec.STFT(1024, hop_length=256), fastspec.MelBank(22050, 1024, 80), y.astype(np.float32)
    streams = [fastspec.stream.StreamingMel(plan, bank) for _ in range(2)]
    inverse, D = fastspec.stream.StreamingISTFT(plan), plan.forward(x[:22050])[:, :4]
    yield "stream mel 512 samples x 200", lambda: [streams[0].push(x[:512]) for _ in range(200)]
    yield "stream mel 1 s x 20", lambda: [streams[1].push(x[:22050]) for _ in range(20)]
    yield "stream istft 4 frames x 100", lambda: [inverse.push(D) for _ in range(100)]
    face = fastspec.librosa
    P = np.abs(face.stft(x)) ** 2
    yield "librosa power_to_db", lambda: face.power_to_db(P)
    yield "librosa mfcc", lambda: face.feature.mfcc(y=x, sr=22050)


def calls() -> Iterator[Call]:
    """All calls."""
    for dtype in ("float32", "float64"):
        yield from transforms(dtype)
        yield from recoveries(dtype)
    yield from faces()


def serve(only: str) -> None:
    """Time calls by name: a line "name TAB repetitions" in, the median in seconds out."""
    by_name = {name: call for name, call in calls() if only in name}
    for call in by_name.values():
        call()
    print(*by_name, sep="\t", flush=True)
    for line in sys.stdin:
        name, repetitions = line.rstrip("\n").split("\t")
        seconds = []
        for _ in range(int(repetitions) + 1):  # the first is not counted
            start = time.perf_counter()
            by_name[name]()
            seconds.append(time.perf_counter() - start)
        print(statistics.median(seconds[1:]), flush=True)


def environment(root: Path, cache: str | Path) -> dict[str, str]:
    """That of a process which runs the checkout `root`."""
    return {**os.environ, "PYTHONPATH": str(root), "FASTSPEC_CACHE_DIR": str(cache), "PYTHONWARNINGS": "ignore"}


def compare(other: Path, only: str, rounds: int, caches: Path) -> None:
    """Print the ratio of each call."""
    servers = []
    for k, root in enumerate((HERE.parents[1], other)):
        servers.append(
            subprocess.Popen(
                [sys.executable, str(HERE), "--serve", "--only", only],
                env=environment(root, caches / str(k)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip

    def ask(k: int, name: str, repetitions: int) -> float:
        servers[k].stdin.write(f"{name}\t{repetitions}\n")
        servers[k].stdin.flush()
        return float(servers[k].stdout.readline())

    names, _ = (server.stdout.readline().rstrip("\n").split("\t") for server in servers)
    ratios = []
    for name in names:
        repetitions = max(2, min(20, int(ROUND_SECONDS / ask(1, name, 1))))
        pairs = []
        for _ in range(rounds):
            seconds = {k: ask(k, name, repetitions) for k in random.sample([0, 1], 2)}
            pairs.append((seconds[0] / seconds[1], seconds[1]))
        ratio, old = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios.append(ratio)
        print(f"{ratio:6.3f} of {old * 1e3:9.3f} ms  {name}", flush=True)
    print(f"{statistics.median(ratios):6.3f} median of {len(ratios)} calls, largest {max(ratios):.3f}")
    for server in servers:
        server.communicate()


def first_calls(other: Path, only: str, rounds: int) -> None:
    """Print the seconds of first calls in new processes, without and with a kernel cache."""
    for name, statement in FIRST_CALLS.items():
        seconds: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds if only in name else 0):
            for label, root in {"other": other, "this": HERE.parents[1]}.items():
                with tempfile.TemporaryDirectory() as cache:
                    for state in ("empty", "full"):
                        command = [sys.executable, "-c", PREPARED.format(statement)]
                        output = subprocess.run(
                            command, env=environment(root, cache), cwd=cache, check=True, stdout=subprocess.PIPE
                        ).stdout
                        seconds.setdefault((label, state), []).append(float(output))
        for state in ("empty", "full") if seconds else ():
            old, new = (statistics.median(seconds[label, state]) for label in ("other", "this"))
            print(f"{new / old:6.3f}  {old:6.2f} -> {new:6.2f} s  {name}, {state} cache", flush=True)


def walk(call: Callable[[], object]) -> Counter[str]:
    """The modules of the package that a call enters, with how often; kernels are not seen inside."""
    entries: list[str] = []
    stack = [""]

    def note(frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("fastspec.") and event == "call":
            if stack[-1] != module:
                entries.append(module.removeprefix("fastspec."))
            stack.append(module)
        elif module.startswith("fastspec.") and event == "return" and len(stack) > 1:
            stack.pop()

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return Counter(entries)


def walks(only: str) -> None:
    """Print the walks of three calls, once each has been prepared."""
    y = np.random.default_rng(0).standard_normal(20000).astype(np.float32)
    plan, bank = fastspec.STFT(512, hop_length=128), fastspec.MelBank(16000, 512, 40)
    D, S = plan.forward(y), plan.power(y, power=1)
    for name, call in {
        "y -> mel": lambda: plan.mel(y, bank),
        "D -> inverse": lambda: plan.inverse(D),
        "S -> recover": lambda: fastspec.recover(S, plan, n_iter=3, rng=0),
    }.items():
        if only in name:
            call()
            counts = walk(call)
            print(f"{name}: {len(counts)} modules", *(f"    {n} x {module}" for module, n in counts.items()), sep="\n")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.versions", description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, nargs="?", help="another checkout of this project")
    parser.add_argument("--only", default="", help="only calls whose names hold this text")
    parser.add_argument("--rounds", type=int, help="pairs of each call (5), of first calls (1)")
    parser.add_argument("--first-calls", action="store_true")
    parser.add_argument("--walks", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.serve:
        serve(chosen.only)
    elif chosen.walks:
        walks(chosen.only)
    elif chosen.checkout is None:
        parser.error("name another checkout, or --walks")
    elif chosen.first_calls:
        first_calls(chosen.checkout.resolve(), chosen.only, chosen.rounds or 1)
    else:
        with tempfile.TemporaryDirectory() as caches:
            compare(chosen.checkout.resolve(), chosen.only, chosen.rounds or 5, Path(caches))


if __name__ == "__main__":
    main()
