"""Roots of unity to the last place: the angle is reduced in whole numbers, before anything is rounded."""

import numpy as np

_QUARTER = np.arctan(np.longdouble(1)) * 2  # of a turn


def roots(numerator, denominator):
    """exp(-2 pi i numerator / denominator) of whole numbers, complex128.

    The nearest quarter of a turn is taken off as a whole number; what is left is at most an eighth, and its cosine and
    sine are taken in long double and rounded once: half a unit in the last place, and one and a half where long double
    is no wider than double.
    """
    turned = 4 * (np.asarray(numerator, np.int64) % denominator)
    quarters = (2 * turned + denominator) // (2 * denominator)
    angle = (turned - quarters * denominator) * _QUARTER / denominator
    c, s = np.cos(angle).astype(np.float64), np.sin(angle).astype(np.float64)
    return np.choose(quarters % 4, (c, -s, -c, s)) + 1j * np.choose(quarters % 4, (-s, -c, s, c))
