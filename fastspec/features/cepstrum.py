"""From log spectrum to cepstrum, the first coefficients of a discrete cosine transform over the bands; and back."""

from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import Array
from ..checks import writable_view
from ..kernels.features import matmul
from ..kernels.runtime.tasks import run_items

CHUNK = 256  # columns a work item
FEW = 32  # fewer columns are left to NumPy


@lru_cache(16)
def _matrix(bands: int, n_mfcc: int, dct_type: Any, norm: Any, lifter: float, dtype: np.dtype[Any]) -> Array:
    """The transform and the lifter as one matrix, (coefficients, bands)."""
    from scipy.fft import dct

    rows = dct(np.eye(bands), axis=0, type=dct_type, norm=norm)[:n_mfcc]
    return np.ascontiguousarray(rows * lifting(len(rows), lifter)[:, None], dtype)


def cepstrum(S: Array, n_mfcc: int, *, dct_type: int = 2, norm: str | None = "ortho", lifter: float = 0.0) -> Array:
    """The first coefficients of the DCT over the axis before the last, liftered.

    C[n] = (1 + lifter / 2 sin(pi (n + 1) / lifter)) DCT(S)[n] (Juang, Rabiner & Wilpon, IEEE Trans. ASSP-35, 1987);
    lifter 0 is none.  Only the coefficients that are asked for are computed, as a product of matrices.

    Parameters
    ----------
    S : np.ndarray [shape=(..., bands, n)]
        Logarithms of band energies.
    n_mfcc : int
        How many coefficients; there are no more than bands.
    dct_type : 1, 2, 3 or 4
        See `scipy.fft.dct`.
    norm : "ortho", "forward", "backward" or None
        See `scipy.fft.dct`.
    lifter : float >= 0
        The lifter's length in coefficients.

    Returns
    -------
    C : np.ndarray [shape=(..., min(n_mfcc, bands), n)]
        float32 for float32, else float64 (complex if S is).

    Raises
    ------
    ValueError
        For any other type or norm.
    """
    dtype = _precision(S)
    return _product(_matrix(S.shape[-2], n_mfcc, dct_type, norm, float(lifter), dtype), S)


@lru_cache(16)
def _inverse_matrix(count: int, bands: int, dct_type: Any, norm: Any, lifter: float, dtype: np.dtype[Any]) -> Array:
    """The inverse transform and what undoes the lifter as one matrix, (bands, coefficients)."""
    from scipy.fft import idct

    columns = idct(np.eye(count), axis=0, n=bands, type=dct_type, norm=norm)
    return np.ascontiguousarray(columns / lifting(count, lifter), dtype)


def lifting(count: int, lifter: float) -> Array:
    """What the coefficients 0 .. count - 1 are multiplied by."""
    if lifter <= 0:
        return np.ones(count)
    return 1 + lifter / 2 * np.sin(np.pi * np.arange(1, count + 1) / lifter)


def bands_of_cepstrum(
    C: Array, bands: int, *, dct_type: int = 2, norm: str | None = "ortho", lifter: float = 0.0
) -> Array:
    """The logarithms of band energies whose `cepstrum` is C, and zero from there on.

    Parameters
    ----------
    C : np.ndarray [shape=(..., n_mfcc, n)]
        Coefficients.
    bands : int >= 1
        How many bands; fewer than coefficients leave the last of these out.
    dct_type, norm, lifter
        As in `cepstrum`.

    Returns
    -------
    S : np.ndarray [shape=(..., bands, n)]
        float32 for float32, else float64 (complex if C is); infinite or NaN where the lifter has taken coefficients.

    Raises
    ------
    ValueError
        For any other type or norm.
    """
    dtype = _precision(C)
    with np.errstate(divide="ignore", invalid="ignore"):
        A = _inverse_matrix(C.shape[-2], bands, dct_type, norm, float(lifter), dtype)
    return _product(A, C)


def _precision(S: Array) -> np.dtype[Any]:
    return np.dtype(np.float32 if S.dtype in (np.float32, np.complex64, np.float16) else np.float64)


def _product(A: Array, S: Array) -> Array:
    """A @ S, S (..., bands, n)."""
    dtype = A.dtype
    *leading, bands, n = S.shape
    if S.dtype.kind == "c" or n < FEW or not S.size or not A.size:
        return np.matmul(A, S)
    C = np.empty((*leading, len(A), n), dtype)
    x = writable_view(np.ascontiguousarray(S, dtype)).reshape(-1)
    items = x.size // (bands * n) * -(-n // CHUNK)
    args = matmul.ProductArgs(
        A=A.reshape(-1), S=x, out=C.reshape(-1), rows=len(A), inner=bands, columns=n, item_columns=CHUNK
    )
    run_items(matmul.multiply_columns, dtype, items, matmul.LAYOUT.pack(args), work=2 * C.size * bands)
    return C
