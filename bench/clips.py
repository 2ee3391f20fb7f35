"""Short sounds: what a call costs beside its work, clips against torch, recovery of clips against a minute, batches.

    python -m bench.clips [--rounds N]

Two threads, float32, 512/128, ready plans, all in one process; medians of shuffled rounds, outputs compared before.
"""

import argparse
from typing import Any

import numpy as np

import fastspec

from . import peers, timing
from .table import Goal, duration, machine_line, paragraphs, speedup, table

RATE, N_FFT, HOP, THREADS = 16_000, 512, 128, 2
SETTLE = 0.01  # seconds of the same call before each timed one: the threads of torch spin for a while after its calls
CLIPS = {"2,200 samples": 2200, "0.5 s": 8000, "1 s": 16_000, "3 s": 48_000, "10 s": 160_000}
METHODS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "default": ((1, 3, 6), {}),
    "best": ((1, 3, 6), {"method": "best"}),
    "rtisi": ((1, 3, 6), {"method": "rtisi", "n_iter": 5}),
}
MINUTE = 60
SHARES = {"default": (1.6, 1.3, 1.2), "best": (2.0, 1.6, 1.4), "rtisi": (2.0, 1.6, 1.4)}


def noise(n: int) -> Any:
    return np.random.default_rng(0).standard_normal(n).astype(np.float32)


def against_torch(rounds: int) -> dict[str, Any]:
    """Seconds of forward and inverse, and of torch's, of each clip."""
    plan, found = fastspec.STFT(N_FFT, hop_length=HOP), {}
    for name, n in CLIPS.items():
        y = noise(n)
        D = plan.forward(y)
        spectrum, samples = np.empty_like(D), np.empty_like(y)
        ours: dict[str, timing.Call] = {
            "forward": lambda y=y: plan.forward(y),
            "inverse": lambda D=D, n=n: plan.inverse(D, length=n),
            "forward, out=": lambda y=y, out=spectrum: plan.forward(y, out=out),
            "inverse, out=": lambda D=D, n=n, out=samples: plan.inverse(D, length=n, out=out),
        }
        theirs = {
            "forward": peers.stft(y, N_FFT, HOP, contiguous=False).get("torch"),
            "inverse": peers.istft(D, N_FFT, HOP, n).get("torch"),
        }
        calls = {}
        for what, call in ours.items():
            calls[f"fastspec {what}"] = call, rounds
            if theirs.get(what):
                np.testing.assert_allclose(peers.numpy_of(theirs[what]()), call(), atol=2e-4)
                calls[f"torch {what}"] = theirs[what], rounds
        found[name] = timing.medians(calls, settle=SETTLE)
        print(name, {key: duration(value) for key, value in found[name].items()}, flush=True)
    return found


def beside_the_work(rounds: int) -> dict[str, float]:
    """Seconds of 17 frames, of the work in them, of mels of a second, and of librosa's face beside the plan."""
    plan, bank = fastspec.STFT(N_FFT, hop_length=HOP), fastspec.MelBank(RATE, N_FFT, 80)
    few, many, second = noise(16 * HOP), noise((16 + 512) * HOP), noise(RATE)
    face = fastspec.librosa.stft
    padded = {"n_fft": N_FFT, "hop_length": HOP, "pad_mode": "constant"}
    np.testing.assert_array_equal(face(second, **padded), plan.forward(second))
    seconds = timing.medians(
        {
            "17 frames": (lambda: plan.forward(few), rounds),
            "mel of 1 s": (lambda: plan.mel(second, bank), rounds),
            "forward of 1 s": (lambda: plan.forward(second), rounds),
            "librosa's stft of 1 s": (lambda: face(second, **padded), rounds),
        },
        settle=SETTLE,
    )
    with fastspec.threads(1):
        alone = timing.medians(
            {"few": (lambda: plan.forward(few), rounds), "many": (lambda: plan.forward(many), rounds)}, settle=SETTLE
        )
    seconds["work of 17 frames"] = (alone["many"] - alone["few"]) / 512 * 17
    print({key: duration(value) for key, value in seconds.items()}, flush=True)
    return seconds


def recoveries(rounds: int) -> dict[str, Any]:
    """Seconds of recovery a second of sound, of clips and of a minute; and of a batch of clips and one long sound."""
    plan, found = fastspec.STFT(N_FFT, hop_length=HOP), {}
    for method, (lengths, options) in METHODS.items():
        S = {n: plan.power(noise(n * RATE), power=1) for n in (*lengths, MINUTE)}
        calls: dict[str, tuple[timing.Call, int]] = {
            str(n): (lambda M=M, o=options: fastspec.recover(M, plan, rng=0, **o), max(3, rounds // (4 * n)))
            for n, M in S.items()
        }
        seconds = timing.medians(calls, warm=True)
        found[method] = {name: value / int(name) for name, value in seconds.items()}
        print(method, {key: duration(value) for key, value in found[method].items()}, flush=True)
    batch, long = (plan.power(noise(32 * RATE).reshape(shape), power=1) for shape in ((32, -1), (1, -1)))
    calls = {
        name: (lambda M=M: fastspec.recover(M, plan, rng=0), max(5, rounds // 16))
        for name, M in {"32 clips": batch, "32 s": long}.items()
    }
    found["batch"] = timing.medians(calls, warm=True)
    print({key: duration(value) for key, value in found["batch"].items()}, flush=True)
    return found


def measure(rounds: int = 200) -> dict[str, Any]:
    """All of it."""
    peers.set_threads(THREADS)
    with fastspec.threads(THREADS):
        result = {"clips": against_torch(rounds), "beside": beside_the_work(rounds), "recover": recoveries(rounds)}
    return {**timing.machine("torch"), **result}


def tables(result: dict[str, Any]) -> str:
    """Clips against torch, recovery of clips, and what calls cost beside their work."""
    rows = []
    for name, seconds in result["clips"].items():
        row = [name]
        for what in ("forward", "inverse"):
            ours, theirs = seconds[f"fastspec {what}"], seconds.get(f"torch {what}")
            row += [
                duration(ours),
                duration(seconds[f"fastspec {what}, out="]),
                speedup(theirs, ours) if theirs else "",
            ]
        rows.append(row)
    shares = [
        [
            method,
            *(f"{found[str(n)] / found[str(MINUTE)]:.2f}" for n in METHODS[method][0]),
            duration(found[str(MINUTE)]),
        ]
        for method, found in result["recover"].items()
        if method != "batch"
    ]
    beside, batch = result["beside"], result["recover"]["batch"]
    return paragraphs(
        "Clips at 16 kHz, 512/128, float32, two threads: new arrays for results, and `out=`; beside them the speed "
        "of the former against torch, whose results are new arrays, too.",
        table(["clip", "`forward`", "`out=`", "× torch.stft", "`inverse`", "`out=`", "× torch.istft"], rows),
        "Recovery of clips: time a second of sound over that of a minute.",
        table(["method", "1 s", "3 s", "6 s", "a second of a minute takes"], shares),
        f"A batch of 32 clips of a second takes {batch['32 clips'] / batch['32 s']:.2f} times as long as one of 32 s. "
        f"`forward` of 17 frames takes {duration(beside['17 frames'])}, of which the work is "
        f"{duration(beside['work of 17 frames'])}; "
        f"`mel` of a second {duration(beside['mel of 1 s'])}; `forward` of a second "
        f"{duration(beside['forward of 1 s'])}, and by librosa's name {duration(beside[_FACE])}.",
        machine_line(result),
    )


_FACE = "librosa's stft of 1 s"


def goals(result: dict[str, Any]) -> list[Goal]:
    """What the tables have to reach."""
    beside, found = result["beside"], []
    for name, seconds in result["clips"].items():
        for what, least in (("forward", 1.5), ("inverse", 5.0)):
            if f"torch {what}" in seconds:
                ratio = seconds[f"torch {what}"] / seconds[f"fastspec {what}"]
                found.append(Goal(f"{what} of {name} against torch", ratio, least=least))
    found += [
        Goal("17 frames beside the work, µs", 1e6 * (beside["17 frames"] - beside["work of 17 frames"]), most=12),
        Goal("mel of 1 s, µs", 1e6 * beside["mel of 1 s"], most=45),
        Goal("librosa's name beside the plan, µs", 1e6 * (beside[_FACE] - beside["forward of 1 s"]), most=12),
    ]
    for method, most in SHARES.items():
        times = result["recover"][method]
        for n, bound in zip(METHODS[method][0], most, strict=True):
            found.append(Goal(f"{method} of {n} s over a minute", times[str(n)] / times[str(MINUTE)], most=bound))
    batch = result["recover"]["batch"]
    return [*found, Goal("32 clips over 32 s", batch["32 clips"] / batch["32 s"], most=1.05)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.clips", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    result = measure(parser.parse_args().rounds)
    timing.save("clips", result)
    print(*goals(result), sep="\n")


if __name__ == "__main__":
    main()
