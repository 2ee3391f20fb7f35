"""How `fastspec invert` finds phases: methods by their words on the command line, and the notebook's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checks
from ..notebook import inversion, spectra
from ..recovery.methods import parse_stages
from ..recovery.recover import check_init

Array = NDArray[np.floating[Any]]


def how(method: str, init: str, n_iter: int | None) -> dict[str, Any]:
    """As `fastspec.recover` takes them; a chain is name:rounds,name:rounds.

    Raises
    ------
    TypeError, ValueError
        What `recover` would raise, before the work.
    """
    chain: Any = method
    if ":" in method:
        entries = [entry.partition(":") for entry in method.split(",")]
        if not all(rounds.isdigit() for _, _, rounds in entries):
            raise ValueError(f"--method must be a name or name:rounds,name:rounds, got {method}")
        chain = [(name, int(rounds)) for name, _, rounds in entries]
    rounds: int | str = "auto" if n_iter is None else n_iter
    check_init("--init", init, (), parse_stages(chain, rounds, {}))
    return {"method": chain, "init": init, "n_iter": rounds}


def check_notebook(init: str) -> None:
    """The notebook's chain has a start of its own."""
    if init != "auto":
        raise ValueError(f"--init must be left out with --method notebook, got {init}")


def notebook(S: Array, n_fft: int, step: int, rounds: int, progress: Callable[[int, int], None]) -> tuple[Array, float]:
    """(signal of a log10 spectrogram (frames, n_fft / 2), its convergence), by the notebook's chain of offsets."""
    progress(0, rounds + 1)
    wave = inversion.invert_pretty(
        S, n_fft=n_fft, hop=step, n_iter=rounds, on_iteration=lambda i, _, __: progress(i, rounds + 1)
    )
    progress(rounds + 1, rounds + 1)
    return wave, spectra.convergence(wave, 10.0**S, n_fft, step)


def load(path: Path) -> Array:
    """A real matrix from .npy; mapped first, so that a header that promises too much allocates nothing."""
    try:
        S = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a readable .npy array ({error})") from None
    try:
        return checks.as_spectrogram(path.name, S)
    except TypeError as error:
        raise ValueError(error) from None
