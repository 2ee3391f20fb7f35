"""Roots of unity, accurate to the last place: the angle is reduced in integers, before anything is rounded."""

import numpy as np

HALF_PI = np.arctan(np.longdouble(1)) * 2


def roots(numerator, denominator):
    """exp(-2 pi i numerator / denominator) of integers, complex128.

    The nearest multiple of pi / 2 is subtracted in integers; cosine and sine of the remainder, at most pi / 4, are
    computed in long double and rounded once.  The error is half a unit in the last place, and one and a half where long
    double is no wider than double.
    """
    quadrupled = 4 * (np.asarray(numerator, np.int64) % denominator)
    quarters = (2 * quadrupled + denominator) // (2 * denominator)
    angle = (quadrupled - quarters * denominator) * HALF_PI / denominator
    c, s = np.cos(angle).astype(np.float64), np.sin(angle).astype(np.float64)
    return np.choose(quarters % 4, (c, -s, -c, s)) + 1j * np.choose(quarters % 4, (-s, -c, s, c))
