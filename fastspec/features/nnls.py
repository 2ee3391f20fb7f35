"""From what filters have made of levels back to levels: M -> S >= 0 with bank @ S near M, frames as lanes."""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Real
from ..kernels import compiled
from ..kernels.features.levels import Rows
from ..kernels.features.nnls import BLOCK, Unfilter
from ..kernels.fft import tables as fft_tables
from ..kernels.runtime.calls import aligned, new_board
from ..kernels.runtime.layout import pack
from ..kernels.runtime.tasks import each_strip
from ..kernels.runtime.threads import team_size
from ..transform.memory import Place, place_of
from .bands import bands_of

Method = Literal["fista", "pinv", "nnls"]

ROUNDS = 60
"""Of FISTA by default."""
MOST = 20000
"""Rounds that "nnls" takes at most."""
TOLERANCE = {"float32": 1e-6, "float64": 1e-9}
"""Of "nnls": a round from S moves no bin by more than this times the largest bin of the frame."""

NUMBERS = 1 << 22
"""Levels and results of the frames that are taken at a time."""


class Tables(NamedTuple):
    """The filters one way and the other, and how they start, as kernels take them."""

    through: Rows
    back: Rows
    start: Rows
    record: NDArray[np.int64]


def _rows(dense: NDArray[np.float64], dtype: np.dtype[Any]) -> Rows:
    first, starts, weights = bands_of(dense)
    return Rows(first, starts, np.ascontiguousarray(weights, dtype))


@lru_cache(16)
def _tables(bank: Any, dtype: np.dtype[Any], scaled: bool) -> Tables:
    """B, T B^T and (B T B^T)^+ as bands, B the filters.

    With `scaled`, T is diagonal and holds the step of each bin: 1 / (|B|^T |B| 1), with which no eigenvalue of B T B^T
    is above 1 (Gershgorin), times what makes the largest 1.  Else T = 1.  What is less than the dtype's precision
    beside the largest number of its row of (B T B^T)^+ is cut off: it is nearly a band matrix too.
    """
    B = np.asarray(bank, np.float64)
    T = np.ones(B.shape[1])
    if scaled:
        reach = np.abs(B).T @ np.abs(B).sum(axis=1)
        T = np.divide(1.0, reach, out=np.zeros_like(reach), where=reach > 0)
    values, Q = np.linalg.eigh((B * T) @ B.T)
    some = values > values[-1] * len(B) * np.finfo(np.float64).eps
    inverse = (Q[:, some] / values[some]) @ Q[:, some].T
    if scaled and some.any():
        T, inverse = T / values[-1], inverse * values[-1]
    size = np.abs(inverse)
    inverse[size < size.max(axis=1, keepdims=True) * (np.finfo(dtype).eps / len(B))] = 0
    found = _rows(B, dtype), _rows((B * T).T, dtype), _rows(inverse, dtype)
    return Tables(*found, np.concatenate([pack(rows) for rows in found]))


def unfilter(
    bank: Any, M: ArrayLike, *, power: float, method: Method, n_iter: int | str, order: str, out: Real | None
) -> Real:
    """What `mel.FilterBank.inverse` does, and says."""
    exponent = checks.as_finite("power", power)
    if exponent <= 0:
        raise ValueError(f"power must be above 0, got {power!r}")
    rounds, exact = _rounds(method, n_iter)
    levels = _levels(M, len(bank))
    single = levels.dtype.kind == "f" and levels.dtype.itemsize == 4
    dtype, frames = np.dtype(np.float32 if single else np.float64), levels.shape[-1]
    S = checks.output_array("out", out, (*levels.shape[:-2], bank.shape[1], frames), dtype, order, levels)
    tables, tolerance = _tables(bank, dtype, method != "pinv"), TOLERANCE[str(dtype)] if exact else 0.0
    some = max(1, NUMBERS // max(1, levels[..., :1].size + S[..., :1].size))
    parts = [slice(a, a + some) for a in range(0, frames if S.size else 0, some)]
    for part in parts if len(parts) > 1 else []:
        checks.check_finite("M", levels[..., part])
    for part in parts:
        given = checks.as_float_array("M", levels[..., part])
        if len(parts) == 1:
            checks.check_finite("M", given)
        place, target = place_of(S[..., part]), S[..., part]
        if place is None:
            target = np.empty(target.shape, dtype)
            place = place_of(target)
            assert place is not None
        _run(tables, given, place, given.shape[-1], rounds, tolerance, exponent)
        if not np.may_share_memory(target, S):
            S[..., part] = target
    return S


def _rounds(method: object, n_iter: object) -> tuple[int, bool]:
    """(rounds at most, whether they end where nothing moves any more)."""
    if method not in ("fista", "pinv", "nnls"):
        raise ValueError(f"method must be 'fista', 'pinv' or 'nnls', got {method!r}")
    if isinstance(n_iter, str):
        if n_iter != "auto":
            raise ValueError(f"n_iter must be a whole number or 'auto', got {n_iter!r}")
        return {"fista": ROUNDS, "nnls": MOST, "pinv": 0}[str(method)], method == "nnls"
    rounds = checks.as_int("n_iter", n_iter, 0)
    return 0 if method == "pinv" else rounds, method == "nnls"


def _levels(M: ArrayLike, rows: int) -> Real:
    """Filtered levels (..., rows, frames), of any real dtype; whether they are finite is not looked at."""
    levels = checks.as_array("M", M)
    if levels.dtype.kind not in "fiub":
        raise TypeError(f"M must hold real numbers, got dtype {levels.dtype}")
    if levels.ndim < 2 or levels.shape[-2] != rows:
        raise ValueError(f"M must have shape (..., {rows}, n_frames), a row for each filter, got {levels.shape}")
    return levels


def _run(tables: Tables, levels: Real, place: Place, frames: int, rounds: int, tolerance: float, power: float) -> None:
    dtype, V = levels.dtype, fft_tables.lanes(levels.dtype)
    rows, bins = len(tables.through.first), len(tables.back.first)
    limit = np.finfo(dtype).maxexp - 2
    top = min(int(np.frexp(max(float(levels.max()), -float(levels.min())))[1]), limit)
    # in the middle of what the dtype can hold; as a power of two, so that no bit of the result depends on it
    given = np.moveaxis(np.ldexp(levels, -top), -2, 0)
    given = np.ascontiguousarray(given, dtype).reshape(-1)
    total = given.size // rows
    root = power == 2
    scratch = V * (3 * rows + 2 * bins + BLOCK + 6)
    number = dtype.type
    job = Unfilter(
        given, place.flat, place.places, total, frames, place.across, place.ld, bins, 1, rounds, root,
        -(-scratch // 16) * 16, number(tolerance), number(2.0**top), number(1.0 if root else 1 / power),
    )  # fmt: skip
    record = np.concatenate([tables.record, pack(job)])
    items, workers = -(-total // V), min(team_size(), -(-total // V))
    work = total * (rounds + 1) * (2 * tables.through.weights.size + tables.start.weights.size + 8 * bins)
    room = aligned(job.scratch * workers, dtype)
    each_strip(items, workers, new_board(), compiled.unfilter_strip(dtype).address, record, room, work=work)
