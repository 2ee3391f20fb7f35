"""Front ends with clean arguments: the rows of `input_table` for them."""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastspec

Array = np.ndarray[Any, np.dtype[Any]]


def rows(row: Callable[..., Any], y: Array, bank: Array, pushed: Callable[[Any, Any], Array]) -> dict[str, Any]:
    """`row` is `input_table.Row`, y a signal (n,), bank filters of 9 bins."""
    plan = fastspec.STFT(16, hop_length=4, frame_length=12, pad=(3, 5), pad_mode="reflect")
    frontend = fastspec.FrontEnd(plan, bank, remove_mean=True, preemphasis=0.9, log="ln", floor=1e-5)
    numbers = {
        "power": 2.0, "scale": 2.0, "signal_preemphasis": 0.9, "preemphasis": 0.9, "eps": 1e-3, "log": "ln",
        "floor": 1e-5, "guard": 0.0, "gain": 2.0, "offset": 1.0, "dynamic_range": 3.0, "deviation_floor": 0.1,
        "append": 5, "normalize": "deviation",
    }  # fmt: skip
    return {
        "FrontEnd": row(
            lambda bank, **options: fastspec.FrontEnd(plan, bank, **options)(y),
            {"bank": bank, **numbers},
            {"bank": "filters"},
            loops=("append",),
        ),
        "FrontEnd call": row(frontend, {"y": y}, {"y": "samples"}),
        "FrontEnd.batch": row(
            lambda y: frontend.batch([y, y])[0], {"y": y}, {"y": "channel"}, also=("signals[0]", "signals")
        ),
        "FrontEnd.stream": row(lambda block: pushed(frontend.stream(), block), {"block": y}, {"block": "samples"}),
        "FrontEnd.mean_power": row(frontend.mean_power, {"y": y}, {"y": "samples"}),
        "FrontEnd.mean_cross": row(lambda x: frontend.mean_cross(x, x)[0], {"x": y}, {"x": "samples"}),
        "FrontEnd.n_frames": row(frontend.n_frames, {"n_samples": 100}),
        "KaldiMelBank": row(
            lambda **options: np.asarray(fastspec.KaldiMelBank(**options)),
            {"sr": 16000, "n_fft": 64, "n_mels": 5, "fmin": 20.0, "fmax": 0.0, "vtln_warp": 1.0, "dtype": "float32"},
            loops=("n_fft", "n_mels"),
        ),
        "recipe": row(
            lambda name, dtype: fastspec.recipe(name, dtype=dtype)(np.resize(y, 600)),
            {"name": "vocos-24k", "dtype": "f4"},
        ),
        "recipes": row(lambda: np.array([len(name) for name in fastspec.recipes()]), {}),
    }
