"""Inversion of filter banks: filtered levels M -> levels S >= 0 with bank @ S close to M, by NNLS; frames are lanes."""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Real
from ..forks import while_none_forks
from ..kernels.features import nnls
from ..kernels.features.levels import Bands
from ..kernels.fft.tables import lane_count
from ..kernels.runtime.layout import pack, scratch_size
from ..kernels.runtime.tasks import run_items
from ..transform.memory import MemoryLayout, layout_of
from .band_matrix import to_bands

Method = Literal["fista", "pinv", "nnls"]

FISTA_ITERATIONS = 60
"""Iterations of "fista" by default."""
NNLS_MAX_ITERATIONS = 20000
"""Iterations of "nnls" by default, at most."""
TOLERANCE = {"float32": 1e-6, "float64": 1e-9}
"""Convergence of "nnls": an iteration changes no bin by more than this times the largest bin of its frame."""

NOISE_SHARE = 0.1
"""Of the largest level: what is more negative is no noise."""

BLOCK_VALUES = 1 << 22
"""Values of M and S in a block of frames, about."""


class Tables(NamedTuple):
    """Filters B, their scaled adjoint T B^T and the matrix (B T B^T)^+ of the initial solution, for kernels."""

    filters: Bands
    adjoint: Bands
    pseudo_inverse: Bands
    records: tuple[NDArray[np.int64], ...]  # the same as kernels unpack them


def _bands(dense: NDArray[np.float64], dtype: np.dtype[Any]) -> Bands:
    first, starts, weights = to_bands(dense)
    return Bands(first, starts, np.ascontiguousarray(weights, dtype))


@lru_cache(16)
@while_none_forks()
def _tables(bank: Any, dtype: np.dtype[Any], scaled: bool) -> Tables:
    """B, T B^T and (B T B^T)^+ as bands, B the filters.

    With `scaled`, T is the diagonal matrix of the step sizes of the bins: 1 / (|B|^T |B| 1), for which all eigenvalues
    of B T B^T are at most 1 (Gershgorin), divided by the largest eigenvalue.  Else T = 1.  Values of (B T B^T)^+ that
    are negligible in the dtype beside the largest of their row are set to zero, as it is nearly a band matrix.
    """
    B = np.asarray(bank, np.float64)
    T = np.ones(B.shape[1])
    if scaled:
        row_sums = np.abs(B).T @ np.abs(B).sum(axis=1)
        T = np.divide(1.0, row_sums, out=np.zeros_like(row_sums), where=row_sums > 0)
    eigenvalues, Q = np.linalg.eigh((B * T) @ B.T)
    is_nonzero = eigenvalues > eigenvalues[-1] * len(B) * np.finfo(np.float64).eps
    inverse = (Q[:, is_nonzero] / eigenvalues[is_nonzero]) @ Q[:, is_nonzero].T
    if scaled and is_nonzero.any():
        T, inverse = T / eigenvalues[-1], inverse * eigenvalues[-1]
    magnitude = np.abs(inverse)
    share = dtype.type(np.finfo(dtype).eps / len(B))
    inverse[magnitude < magnitude.max(axis=1, keepdims=True) * share] = 0
    matrices = _bands(B, dtype), _bands((B * T).T, dtype), _bands(inverse, dtype)
    return Tables(*matrices, tuple(pack(bands) for bands in matrices))


def invert_filters(
    bank: Any, M: ArrayLike, *, power: float, method: Method, n_iter: int | str, order: str, out: Real | None
) -> Real:
    """See `FilterBank.inverse`."""
    exponent = checks.as_finite("power", power)
    if exponent <= 0:
        raise ValueError(f"power must be above 0, got {power!r}")
    rounds, to_convergence = _check_iterations(method, n_iter)
    levels = _check_levels(M, len(bank))
    checks.warn_of_logarithms("M", levels, NOISE_SHARE)
    single = levels.dtype.kind == "f" and levels.dtype.itemsize == 4
    dtype, frames = np.dtype(np.float32 if single else np.float64), levels.shape[-1]
    S = checks.output_array("out", out, (*levels.shape[:-2], bank.shape[1], frames), dtype, order, levels)
    tables, tolerance = _tables(bank, dtype, method != "pinv"), TOLERANCE[str(dtype)] if to_convergence else 0.0
    block_frames = max(1, BLOCK_VALUES // max(1, levels[..., :1].size + S[..., :1].size))
    blocks = [slice(first, first + block_frames) for first in range(0, frames if S.size else 0, block_frames)]
    for block in blocks if len(blocks) > 1 else []:
        checks.check_finite("M", levels[..., block])
    for block in blocks:
        M_block = checks.as_float_array("M", levels[..., block])
        if len(blocks) == 1:
            checks.check_finite("M", M_block)
        layout, target = layout_of(S[..., block]), S[..., block]
        if layout is None:
            target = np.empty(target.shape, dtype)
            layout = layout_of(target)
            assert layout is not None
        _run(tables, M_block, layout, M_block.shape[-1], rounds, tolerance, exponent)
        if not np.may_share_memory(target, S):
            S[..., block] = target
    return S


def _check_iterations(method: object, n_iter: object) -> tuple[int, bool]:
    """(iterations at most, whether they stop at convergence)."""
    if not isinstance(method, str) or method not in ("fista", "pinv", "nnls"):
        raise ValueError(f"method must be 'fista', 'pinv' or 'nnls', got {checks.shown(method)}")
    if isinstance(n_iter, str):
        if n_iter != "auto":
            raise ValueError(f"n_iter must be a whole number or 'auto', got {n_iter!r}")
        return {"fista": FISTA_ITERATIONS, "nnls": NNLS_MAX_ITERATIONS, "pinv": 0}[str(method)], method == "nnls"
    iterations = checks.as_int("n_iter", n_iter, 0)
    return 0 if method == "pinv" else iterations, method == "nnls"


def _check_levels(M: ArrayLike, rows: int) -> Real:
    """Filtered levels (..., rows, frames) of any real dtype; whether they are finite is not checked."""
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
