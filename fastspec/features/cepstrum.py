"""Cepstral coefficients of log spectra, the first of a discrete cosine transform (DCT) over the bands; and back."""

from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import Array
from ..checks import writable_view
from ..forks import forks_wait, while_none_forks
from ..kernels.features import matmul
from ..kernels.runtime.tasks import run_items

ITEM_COLUMNS = 256  # of an item of `run_items`
KERNEL_MIN_COLUMNS = 32  # fewer columns are multiplied in NumPy


@lru_cache(16)
def _matrix(bands: int, n_mfcc: int, dct_type: Any, norm: Any, lifter: float, dtype: np.dtype[Any]) -> Array:
    """DCT and liftering as one matrix [shape=(coefficients, bands)]."""
    with forks_wait:
        from scipy.fft import dct

    with while_none_forks():
        rows = dct(np.eye(bands), axis=0, type=dct_type, norm=norm)[:n_mfcc]
    return np.ascontiguousarray(rows * lifter_weights(len(rows), lifter)[:, None], dtype)


def cepstrum_matrix(bands: int, n_cepstra: int, lifter: float, *, zeroth_last: bool = False) -> Array:
    """The orthonormal DCT-II of `bands` logarithms, its first rows, float64 [shape=(n_cepstra, bands)].

    Row r is times 1 + lifter / 2 sin(pi r / lifter), as in Kaldi; `cepstrum` has r + 1 there, as librosa.  With
    `zeroth_last` row 0 comes after the others, times sqrt 2, as in HTK.
    """
    r = np.arange(n_cepstra)
    weights = 1 + lifter / 2 * np.sin(np.pi * r / lifter) if lifter else np.ones(n_cepstra)
    rows: Array = _matrix(bands, n_cepstra, 2, "ortho", 0.0, np.dtype(np.float64)) * weights[:, None]
    return np.concatenate([rows[1:], np.sqrt(2) * rows[:1]]) if zeroth_last else rows


def cepstrum(S: Array, n_mfcc: int, *, dct_type: int = 2, norm: str | None = "ortho", lifter: float = 0.0) -> Array:
    """The first coefficients of the DCT over the second-last axis, liftered.

    C[n] = (1 + lifter / 2 sin(pi (n + 1) / lifter)) DCT(S)[n] (Juang, Rabiner & Wilpon, IEEE Trans. ASSP-35, 1987);
    without liftering if lifter is 0.  Only these coefficients are computed, as a matrix product.

    Parameters
    ----------
    S : np.ndarray [shape=(..., bands, n)]
        Logarithms of band energies.
    n_mfcc : int
        Number of coefficients; at most the number of bands.
    dct_type : 1, 2, 3 or 4
        Type of the DCT; see `scipy.fft.dct`.
    norm : "ortho", "forward", "backward" or None
        Normalization of the DCT; see `scipy.fft.dct`.
    lifter : float >= 0
        Length of the lifter in coefficients.

    Returns
    -------
    C : np.ndarray [shape=(..., min(n_mfcc, bands), n)]
        float32 for float32, else float64 (complex if S is).

    Raises
    ------
    ValueError
        For an unknown dct_type or norm.
    """
    dtype = _working_dtype(S)
    return _product(_matrix(S.shape[-2], n_mfcc, dct_type, norm, float(lifter), dtype), S)


@lru_cache(16)
def _inverse_matrix(count: int, bands: int, dct_type: Any, norm: Any, lifter: float, dtype: np.dtype[Any]) -> Array:
    """Inverse DCT and inverse liftering as one matrix [shape=(bands, coefficients)]."""
    with forks_wait:
        from scipy.fft import idct

    with while_none_forks():
        columns = idct(np.eye(count), axis=0, n=bands, type=dct_type, norm=norm)
    return np.ascontiguousarray(columns / lifter_weights(count, lifter), dtype)


def lifter_weights(count: int, lifter: float) -> Array:
    """Weights of the coefficients 0 .. count - 1: 1 + lifter / 2 sin(pi (n + 1) / lifter)."""
    if lifter <= 0:
        return np.ones(count)
    return 1 + lifter / 2 * np.sin(np.pi * np.arange(1, count + 1) / lifter)


def inverse_cepstrum(
    C: Array, bands: int, *, dct_type: int = 2, norm: str | None = "ortho", lifter: float = 0.0
) -> Array:
    """Logarithms of band energies from their first cepstral coefficients C, the others taken as zero.

    Parameters
    ----------
    C : np.ndarray [shape=(..., n_mfcc, n)]
        Coefficients as from `cepstrum`.
    bands : int >= 1
        Number of bands; if there are more coefficients, the last ones are ignored.
    dct_type, norm, lifter
        As in `cepstrum`.

    Returns
    -------
    S : np.ndarray [shape=(..., bands, n)]
        float32 for float32, else float64 (complex if C is); infinite or NaN if the lifter has a weight of 0.

    Raises
    ------
    ValueError
        For an unknown dct_type or norm.
    """
    dtype = _working_dtype(C)
    with np.errstate(divide="ignore", invalid="ignore"):
        A = _inverse_matrix(C.shape[-2], bands, dct_type, norm, float(lifter), dtype)
        return _product(A, C)


def _working_dtype(S: Array) -> np.dtype[Any]:
    """The real dtype to compute in: float32 for float16, float32 and complex64, else float64."""
    return np.dtype(np.float32 if S.dtype.newbyteorder("=") in (np.float32, np.complex64, np.float16) else np.float64)


def _product(A: Array, S: Array) -> Array:
    """A @ S, S (..., bands, n)."""
    dtype = A.dtype
    *leading, bands, n = S.shape
    if S.dtype.kind == "c" or n < KERNEL_MIN_COLUMNS or not S.size or not A.size:
        with while_none_forks():
            return np.matmul(A, S)
    C = np.empty((*leading, len(A), n), dtype)
    x = writable_view(np.ascontiguousarray(S, dtype)).reshape(-1)
    items = x.size // (bands * n) * -(-n // ITEM_COLUMNS)
    args = matmul.ProductArgs(
        A=A.reshape(-1), S=x, out=C.reshape(-1), rows=len(A), inner=bands, columns=n, item_columns=ITEM_COLUMNS
    )
    run_items(matmul.multiply_columns, dtype, items, matmul.LAYOUT.pack(args), work=2 * C.size * bands)
    return C
