"""Recovery methods of `fastspec invert`: parsed from the command line, and the notebook's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import checks
from .._typing import Real
from ..notebook import inversion, spectra
from ..recovery.methods import parse_stages
from ..recovery.recover import check_init


def parse_method(method: str, init: str, n_iter: int | None) -> dict[str, Any]:
    """The arguments method, init and n_iter of `fastspec.recover`; a chain is name:rounds,name:rounds.

    Raises
    ------
    TypeError, ValueError
        As `recover` would, but before any work.
    """
    chain: Any = method
    if ":" in method:
        entries = [entry.partition(":") for entry in method.split(",")]
        if not all(rounds.isdigit() for _, _, rounds in entries):
            raise ValueError(f"--method must be a name or a chain name:rounds,name:rounds, got {method}")
        chain = [(name, int(rounds)) for name, _, rounds in entries]
    rounds: int | str = "auto" if n_iter is None else n_iter
    check_init("--init", init, (), parse_stages(chain, rounds, {}))
    return {"method": chain, "init": init, "n_iter": rounds}


def check_notebook(init: str) -> None:
    """ValueError unless init is "auto": the notebook's method has initial phases of its own."""
    if init != "auto":
        raise ValueError(f"--init has no effect with --method notebook and must be left out, got {init}")


def invert_notebook(
    S: Real, n_fft: int, hop: int, rounds: int, progress: Callable[[int, int], None]
) -> tuple[Real, float]:
    """(signal of a log10 spectrogram (frames, n_fft / 2), its spectral convergence in dB), as the notebook inverts."""
    progress(0, rounds + 1)
    y = inversion.invert_pretty(
        S, n_fft=n_fft, hop=hop, n_iter=rounds, on_iteration=lambda i, _, __: progress(i, rounds + 1)
    )
    progress(rounds + 1, rounds + 1)
    return y, spectra.convergence(y, 10.0**S, n_fft, hop)


def load_spectrogram(path: Path) -> Real:
    """A real matrix from .npy; mapped first, so that a header that declares too much allocates nothing."""
    try:
        S = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a readable .npy array ({error})") from None
    try:
        return checks.as_spectrogram(path.name, S)
    except TypeError as error:
        raise ValueError(error) from None
