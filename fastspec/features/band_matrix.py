"""Band storage of matrices: of each row only the columns from its first to its last nonzero value."""

from typing import NamedTuple

import numpy as np

from .._typing import Array, Integer


class Bands(NamedTuple):
    """Row i of a matrix holds weights[starts[i] : starts[i + 1]] from column first[i] on, and zeros elsewhere.

    Shapes: first (rows,), starts (rows + 1,), weights (starts[-1],).
    """

    first: Integer
    starts: Integer
    weights: Array


def to_bands(dense: Array) -> Bands:
    """The bands of a matrix [shape=(rows, columns)]; the band of a row of zeros is empty."""
    is_nonzero = dense != 0
    row_has_band = is_nonzero.any(axis=1)
    first = np.where(row_has_band, is_nonzero.argmax(axis=1), 0)
    stop = np.where(row_has_band, dense.shape[1] - is_nonzero[:, ::-1].argmax(axis=1), 0)
    weights = np.concatenate([row[a:b] for row, a, b in zip(dense, first, stop, strict=True)])
    return Bands(first.astype(np.int64), np.concatenate([[0], np.cumsum(stop - first)]).astype(np.int64), weights)


def join_bands(parts: list[Bands]) -> Bands:
    """The bands of matrices below one another."""
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.diff(part.starts) for part in parts])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Bands(np.concatenate([part.first for part in parts]), starts, np.concatenate([p.weights for p in parts]))
