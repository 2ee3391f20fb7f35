"""Matrices kept as the bands in which their rows are not zero."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Bands(NamedTuple):
    """Row i of a matrix holds weights[starts[i] : starts[i + 1]] from column first[i] on, and zeros elsewhere."""

    first: NDArray[np.int64]
    starts: NDArray[np.int64]
    weights: NDArray[Any]


def bands_of(dense: NDArray[Any]) -> Bands:
    """The bands of a matrix; a row of zeros has none."""
    used = dense != 0
    some = used.any(axis=1)
    first = np.where(some, used.argmax(axis=1), 0)
    last = np.where(some, dense.shape[1] - used[:, ::-1].argmax(axis=1), 0)
    weights = np.concatenate([row[a:b] for row, a, b in zip(dense, first, last, strict=True)])
    return Bands(first.astype(np.int64), np.concatenate([[0], np.cumsum(last - first)]).astype(np.int64), weights)
