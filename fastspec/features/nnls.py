"""From what filters have made of levels back to levels: M -> S >= 0 with bank @ S near M, frames as lanes."""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Real
from ..kernels.features import nnls
from ..kernels.features.levels import Bands
from ..kernels.fft.tables import lane_count
from ..kernels.runtime.layout import pack, scratch_size
from ..kernels.runtime.tasks import run_items
from ..transform.memory import MemoryLayout, layout_of
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
    """The filters, their adjoint times the step of each bin, and the pseudo-inverse of their product."""

    filters: Bands
    adjoint: Bands
    pseudo_inverse: Bands
    records: tuple[NDArray[np.int64], ...]  # the same as kernels unpack them


def _bands(dense: NDArray[np.float64], dtype: np.dtype[Any]) -> Bands:
    first, starts, weights = bands_of(dense)
    return Bands(first, starts, np.ascontiguousarray(weights, dtype))


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
    significant = values > values[-1] * len(B) * np.finfo(np.float64).eps
    inverse = (Q[:, significant] / values[significant]) @ Q[:, significant].T
    if scaled and significant.any():
        T, inverse = T / values[-1], inverse * values[-1]
    size = np.abs(inverse)
    inverse[size < size.max(axis=1, keepdims=True) * (np.finfo(dtype).eps / len(B))] = 0
    bands = _bands(B, dtype), _bands((B * T).T, dtype), _bands(inverse, dtype)
    return Tables(*bands, tuple(pack(each) for each in bands))


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
        layout, target = layout_of(S[..., part]), S[..., part]
        if layout is None:
            target = np.empty(target.shape, dtype)
            layout = layout_of(target)
            assert layout is not None
        _run(tables, given, layout, given.shape[-1], rounds, tolerance, exponent)
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


def _run(
    tables: Tables, levels: Real, layout: MemoryLayout, frames: int, rounds: int, tolerance: float, power: float
) -> None:
    dtype, V = levels.dtype, lane_count(levels.dtype)
    rows, bins = len(tables.filters.first), len(tables.adjoint.first)
    limit = np.finfo(dtype).maxexp - 2
    top = min(int(np.frexp(max(float(levels.max()), -float(levels.min())))[1]), limit)
    # in the middle of what the dtype can hold; as a power of two, so that no bit of the result depends on it
    M = np.moveaxis(np.ldexp(levels, -top), -2, 0)
    M = np.ascontiguousarray(M, dtype).reshape(-1)
    total = M.size // rows
    root = power == 2
    args = nnls.NnlsArgs(
        M=M,
        out=layout.flat,
        out_offsets=layout.offsets,
        total=total,
        frames=frames,
        frames_contiguous=layout.frames_contiguous,
        row_stride=layout.row_stride,
        width=bins,
        reals_per_value=1,
        filters=rows,
        rounds=rounds,
        root=root,
        tolerance=tolerance,
        gain=2.0**top,
        exponent=1.0 if root else 1 / power,
    )
    record, scratch = nnls.LAYOUT.pack(*tables.records, args), scratch_size(nnls.scratch_sizes(args, V))
    work = total * (rounds + 1) * (2 * tables.filters.weights.size + tables.pseudo_inverse.weights.size + 8 * bins)
    run_items(nnls.solve_tile, dtype, -(-total // V), record, work=work, scratch=scratch)
