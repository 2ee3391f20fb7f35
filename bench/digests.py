"""Digests of the results of a fixed set of calls, to compare two versions of the library on one machine.

    python -m bench.digests                      print one line a call: a digest of its bits, and its name
    python -m bench.digests --against CHECKOUT   run the same calls there, too, and print what differs
    python -m bench.digests --only recover       only the calls whose names hold this text

Bits depend on the processor and on Numba's version, so no digest is stored: two checkouts are compared on the machine
at hand, in the same environment.  Every call is made with one, two and three threads, which must not change a bit.
Only public names are used, so that the program runs on any version.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("NUMBA_NUM_THREADS", "3")  # three threads on any machine; read when numba is imported

import numpy as np

import fastspec

Call = tuple[str, Callable[[], Any]]
REAL, COMPLEX = ("float32", "float64"), {"float32": "complex64", "float64": "complex128"}
SIZES = [
    (2, 1),
    (16, 3),
    (64, 80),
    (400, 160),
    (441, 147),
    (511, 128),
    (512, 64),
    (1024, 256),
    (2048, 512),
    (46, 11),
    (8192, 2048),
]


def samples(shape: tuple[int, ...] | int, dtype: str, seed: int = 0) -> Any:
    """Noise that swells and fades, with a tone in it."""
    rng, n = np.random.default_rng(seed), shape if isinstance(shape, int) else shape[-1]
    swell = np.sin(np.linspace(0, 9, n)) ** 2
    return (0.2 * rng.standard_normal(shape) * swell + 0.3 * np.sin(0.11 * np.arange(n))).astype(dtype)


def transforms(dtype: str) -> Iterator[Call]:
    """Forward, power, mel, inverse."""
    for n_fft, hop in SIZES:
        plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype, pad_mode="reflect" if n_fft == 512 else "constant")
        name = f"{n_fft}/{hop} {dtype}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bank = fastspec.MelBank(16000, n_fft, 7, dtype=dtype)
        for kind, y in {
            "short": samples(max(n_fft, 300), dtype),
            "long": samples(40 * n_fft + 12345, dtype),
            "batch": samples((2, 3, 2 * n_fft + 400), dtype),
            "clips": samples((40, n_fft + 3 * hop), dtype),
        }.items():
            yield f"forward {kind} {name}", lambda p=plan, y=y: p.forward(y)
            yield f"forward C {kind} {name}", lambda p=plan, y=y: p.forward(y, order="C")
            yield f"power 2 {kind} {name}", lambda p=plan, y=y: p.power(y)
            yield f"power 1 {kind} {name}", lambda p=plan, y=y: p.power(y, power=1)
            yield f"power 0.7 C {kind} {name}", lambda p=plan, y=y: p.power(y, power=0.7, order="C")
            for log in (None, "ln", "db", "whisper"):
                yield f"mel {log} {kind} {name}", lambda p=plan, y=y, b=bank, g=log: p.mel(y, b, log=g)
            yield f"mel F {kind} {name}", lambda p=plan, y=y, b=bank: p.mel(y, b, power=1, log="log10", order="F")
            yield (
                f"inverse {kind} {name}",
                lambda p=plan, y=y: quiet(lambda: p.inverse(p.forward(y), length=y.shape[-1])),
            )
            yield (
                f"inverse C {kind} {name}",
                lambda p=plan, y=y: quiet(lambda: p.inverse(p.forward(y, order="C"), length=y.shape[-1])),
            )
        yield f"forward int16 {name}", lambda p=plan: p.forward((samples(9000, "f8") * 9000).astype("i2"), scale=True)
        yield (
            f"uncentred {name}",
            lambda p=plan, n=n_fft, h=hop: fastspec.STFT(n, hop_length=h, center=False, dtype=p.dtype).power(
                samples(5 * n + 77, str(p.dtype))
            ),
        )


def quiet(call: Callable[[], Any]) -> Any:
    """The result, without warnings of gaps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def recoveries(dtype: str) -> Iterator[Call]:
    """Every method and start, of magnitudes and of mels."""
    chain = [("raar", 2), ("accelerated", 2)]
    methods: list[tuple[Any, dict[str, Any]]] = [
        ("griffinlim", {"n_iter": 4}), ("fast", {"n_iter": 4}), ("accelerated", {"n_iter": 4}), ("admm", {"n_iter": 3}),
        ("raar", {"n_iter": 3}), ("rtisi", {"n_iter": 2}), ("rtisi", {"n_iter": 2, "segments": 3, "look_ahead": 1}),
        ("rtpghi", {}), (chain, {}), ([("rtisi", 2), ("fast", 2)], {}),
    ]  # fmt: skip
    for n_fft, hop in [(16, 4), (400, 100), (441, 147), (512, 128), (1024, 256), (46, 11)]:
        plan = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype, pad_mode="reflect" if n_fft == 512 else "constant")
        name = f"{n_fft}/{hop} {dtype}"
        S = plan.power(samples((2, 30 * n_fft + 100), dtype), power=1)
        for method, options in methods:
            yield (
                f"recover {method} {options} {name}",
                lambda p=plan, S=S, m=method, o=options: fastspec.recover(S, p, method=m, rng=0, **o),
            )
        for init in ("pghi", "spsi", "offset", "random", "zero", np.ones_like(S)):
            label = init if isinstance(init, str) else "array"
            yield (
                f"recover init {label} {name}",
                lambda p=plan, S=S, i=init: fastspec.recover(S, p, init=i, n_iter=2, rng=1),
            )
        yield f"recover info {name}", lambda p=plan, S=S: fastspec.recover(S, p, n_iter=2, rng=1, return_info=True)
        yield (
            f"recover raar info {name}",
            lambda p=plan, S=S: fastspec.recover(S, p, method="raar", n_iter=2, rng=1, return_info=True),
        )
        bank = fastspec.MelBank(16000, n_fft, 6 if n_fft < 400 else 40, dtype=dtype)
        for power in (1.0, 2.0, 1.5):
            M = plan.mel(samples((2, 20 * n_fft), dtype), bank, power=power)
            for method in ("joint", "cascade"):
                yield (
                    f"recover_mel {method} {power} {name}",
                    lambda p=plan, b=bank, M=M, m=method, e=power: fastspec.recover_mel(
                        M, b, p, method=m, power=e, n_iter=3, rng=2
                    ),
                )
        for method in ("fista", "pinv", "nnls"):
            yield (
                f"bank.inverse {method} {name}",
                lambda b=bank, M=M, m=method: b.inverse(M, method=m, power=2, n_iter=20),
            )
    long = fastspec.STFT(64, hop_length=16, dtype=dtype)
    S = long.power(samples(16 * 3000, dtype), power=1)
    yield f"recover blocks {dtype}", lambda: fastspec.recover(S, long, n_iter=2, rng=3, block=500)
    yield f"recover blocks rtisi {dtype}", lambda: fastspec.recover(S, long, method="best", n_iter=2, rng=3, block=1000)


def notebook(dtype: str) -> Iterator[Call]:
    """The notebook's functions."""
    y = samples(30000, dtype)
    for size, step in [(512, 128), (400, 100), (2048, 128), (254, 64), (46, 13), (102, 40)]:
        name, own = f"{size}/{step} {dtype}", {"fft_size": size, "step_size": step}
        log = fastspec.pretty_spectrogram(y, thresh=4, **own)
        linear = fastspec.pretty_spectrogram(y, log=False, thresh=0, **own)
        both = np.hstack([linear, linear[:, ::-1]])
        D = fastspec.stft(y, size, step, compute_onesided=False)
        yield f"stft {name}", lambda s=size, h=step: fastspec.stft(y, s, h)
        yield f"stft real {name}", lambda s=size, h=step: fastspec.stft(y, s, h, real=True, compute_onesided=False)
        yield f"overlap {name}", lambda s=size, h=step: fastspec.overlap(y, s, h)
        yield f"pretty {name}", lambda o=own: fastspec.pretty_spectrogram(y, thresh=4, **o)
        yield f"pretty linear {name}", lambda o=own: fastspec.pretty_spectrogram(y, log=False, thresh=0.5, **o)
        yield f"invert_pretty {name}", lambda S=log, o=own: fastspec.invert_pretty_spectrogram(S, n_iter=3, **o)
        yield (
            f"invert_pretty segments {name}",
            lambda S=log, o=own: fastspec.invert_pretty_spectrogram(S, n_iter=2, segments=2, **o),
        )
        yield f"iterate {name}", lambda S=both, s=size, h=step: fastspec.iterate_invert_spectrogram(S, s, h, n_iter=2)
        for offset in (True, False):
            yield (
                f"invert {offset} {name}",
                lambda D=D, h=step, c=offset: fastspec.invert_spectrogram(
                    D, h, calculate_offset=c, set_zero_phase=False
                ),
            )
            yield (
                f"invert zero {offset} {name}",
                lambda S=both, h=step, c=offset: fastspec.invert_spectrogram(
                    S, h, calculate_offset=c, set_zero_phase=True
                ),
            )
    filters = fastspec.create_mel_filter(512, n_freq_components=20, samplerate=16000)
    spectrogram = fastspec.pretty_spectrogram(y, fft_size=512, step_size=128)
    mel = fastspec.make_mel(spectrogram, filters[0], shorten_factor=1)
    yield f"create_mel_filter {dtype}", lambda: filters
    yield f"make_mel {dtype}", lambda: fastspec.make_mel(spectrogram, filters[0], shorten_factor=3)
    yield f"mel_to_spectrogram {dtype}", lambda: fastspec.mel_to_spectrogram(mel, filters[1], 4, 1)
    yield f"xcorr_offset {dtype}", lambda: fastspec.xcorr_offset(y[:400], y[37:437])
    yield f"butter {dtype}", lambda: fastspec.butter_bandpass_filter(y, 300, 3000, 16000)


def streams(dtype: str) -> Iterator[Call]:
    """Streams, in blocks of uneven sizes."""
    stream, y = fastspec.stream, samples((2, 21000), dtype)
    for n_fft, hop in [(400, 160), (1024, 256), (46, 11)]:
        plan, name = fastspec.STFT(n_fft, hop_length=hop, dtype=dtype), f"{n_fft}/{hop} {dtype}"
        bank = fastspec.MelBank(16000, n_fft, 9, dtype=dtype)
        blocks = np.split(y, [700, 701, 5000, 11111, 20000], axis=1)

        def joined(results: Any) -> Any:
            return np.concatenate(list(results), axis=-1)

        yield f"stream.stft {name}", lambda p=plan, b=blocks: joined(stream.stft(b, p))
        yield f"stream.power {name}", lambda p=plan, b=blocks: joined(stream.power(b, p))
        yield f"stream.mel {name}", lambda p=plan, b=blocks, k=bank: joined(stream.mel(b, p, k, log="db"))
        D = plan.forward(y)
        parts = np.split(D, [1, 2, 20, 41], axis=2)
        yield f"stream.istft {name}", lambda p=plan, d=parts: joined(stream.istft(d, p))
        levels = [np.abs(part) for part in parts]
        for method in ("rtisi", "rtpghi"):
            yield (
                f"stream.recover {method} {name}",
                lambda p=plan, s=levels, m=method: joined(stream.recover(s, p, method=m, rng=0)),
            )


def faces(dtype: str) -> Iterator[Call]:
    """librosa's names."""
    face, y = fastspec.librosa, samples(20000, dtype)
    D, S = face.stft(y), np.abs(face.stft(y))
    yield f"librosa.stft {dtype}", lambda: D
    yield f"librosa.istft {dtype}", lambda: face.istft(D, length=20000)
    yield f"librosa.griffinlim {dtype}", lambda: face.griffinlim(S, n_iter=3, random_state=0)
    yield f"librosa.melspectrogram {dtype}", lambda: face.feature.melspectrogram(y=y, sr=16000)
    yield f"librosa.mfcc {dtype}", lambda: face.feature.mfcc(y=y, sr=16000)
    yield f"librosa.power_to_db {dtype}", lambda: face.power_to_db(S**2, ref=np.max)
    yield f"librosa.amplitude_to_db {dtype}", lambda: face.amplitude_to_db(S)
    yield f"librosa.db_to_power {dtype}", lambda: face.db_to_power(face.power_to_db(S**2))
    mel = face.feature.melspectrogram(y=y, sr=16000, n_mels=40)
    yield f"librosa.mel_to_stft {dtype}", lambda: face.feature.inverse.mel_to_stft(mel, sr=16000)
    yield f"librosa.filters.mel {dtype}", lambda: face.filters.mel(sr=16000, n_fft=512, dtype=np.dtype(dtype))


def arrays(value: Any) -> Iterator[Any]:
    """The arrays of a result."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from arrays(item)
    else:
        yield np.asarray(value)


def digest(value: Any) -> str:
    """Of shapes, dtypes and bits."""
    total = hashlib.sha256()
    for array in arrays(value):
        total.update(repr((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def run(only: str) -> dict[str, str]:
    """Digest of each call; a call whose bits depend on the number of threads has all its digests."""
    results = {}
    for dtype in REAL:
        for make in (transforms, recoveries, notebook, streams, faces):
            for name, call in make(dtype):
                if only in name:
                    found = []
                    for threads in (1, 2, 3):
                        with fastspec.threads(threads):
                            try:
                                found.append(digest(call()))
                            except (ValueError, TypeError) as error:
                                found.append(type(error).__name__)
                    results[name] = found[0] if len(set(found)) == 1 else "/".join(found)
                    print(results[name], name, flush=True)
    return results


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench.digests", description=__doc__.partition("\n")[0])
    parser.add_argument("--against", type=Path, help="another checkout of this project, to compare with")
    parser.add_argument("--only", default="", help="only calls whose names hold this text")
    chosen = parser.parse_args()
    ours = run(chosen.only)
    if chosen.against is None:
        return 0
    environment = {**os.environ, "PYTHONPATH": str(chosen.against.resolve())}
    command = [sys.executable, __file__, "--only", chosen.only]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    theirs = dict(reversed(line.split(" ", 1)) for line in output.splitlines())
    changed = [name for name in ours if ours[name] != theirs.get(name)]
    print(f"\n{len(ours)} calls, {len(changed)} differ", *changed, sep="\n")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main())
