"""Levels in lanes, scaled frame by frame, and their range, against NumPy, in any order of memory."""

from typing import Any

import numpy as np
import pytest

import fastspec
from fastspec.kernels.fft.tables import lane_count
from fastspec.transform.magnitudes import arrange_in_lanes, range_of, scale_frames

DTYPES = ["float32", "float64"]
SHAPES = [(1, 1, 1), (1, 3, 40), (2, 33, 5), (3, 17, 16), (2, 65, 131)]
ORDERS = {
    "C": lambda S: S,
    "frames first": lambda S: np.ascontiguousarray(S.swapaxes(1, 2)).swapaxes(1, 2),
    "backwards": lambda S: np.ascontiguousarray(S[:, ::-1, ::-1])[:, ::-1, ::-1],
    "every other": lambda S: np.repeat(np.repeat(S, 2, axis=2), 2, axis=1)[:, ::2, ::2],
}


def levels(shape: tuple[int, ...], dtype: str, order: str) -> Any:
    S = np.abs(np.random.default_rng(1).standard_normal(shape)).astype(dtype)
    return ORDERS[order](S)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_levels_are_scaled_and_their_rows_become_neighbours(dtype: str, shape: tuple[int, ...], order: str) -> None:
    S = levels(shape, dtype, order)
    scales = 2.0 ** np.arange(-1, len(S) - 1)
    for count in (1, 2):
        with fastspec.threads(count):
            out = scale_frames(S, scales)
        np.testing.assert_array_equal(out, S * scales[:, None, None].astype(dtype))
        assert out.dtype == S.dtype
        assert out.swapaxes(1, 2).flags.c_contiguous


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_range_is_of_all_numbers_and_of_0(dtype: str, shape: tuple[int, ...], order: str) -> None:
    S = levels(shape, dtype, order)
    for sign in (1, -1):
        least, most = range_of(sign * S)
        np.testing.assert_array_equal(least, np.minimum(sign * S, 0).min(axis=(1, 2)))
        np.testing.assert_array_equal(most, np.maximum(sign * S, 0).max(axis=(1, 2)))
    at = tuple(n - 1 for n in shape)
    for value in (np.nan, np.inf, -np.inf):
        S = S.copy()
        S[at] = value
        least, most = range_of(S)
        expected = S[-1].min(initial=0), S[-1].max(initial=0)
        np.testing.assert_array_equal([least[-1], most[-1]], expected)
        assert np.isfinite(least[:-1]).all()
    tiny = np.finfo(dtype).smallest_subnormal
    assert range_of(np.full(shape, tiny, dtype))[1].tolist() == [tiny] * len(S)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_arranged_in_lanes_with_zeros_past_the_last_frame(dtype: str, order: str) -> None:
    S, V = levels((2, 33, 21), dtype, order), lane_count(np.dtype(dtype))
    first, second = np.array([3, 0, 32, 3]), np.array([3, 1, 32, 7])
    out = arrange_in_lanes(S, first, second, scales=np.array([0.5, 2.0]))
    rows = (S[:, first] + S[:, second]) / 2 * np.array([0.5, 2], dtype)[:, None, None]
    padded = np.pad(rows, [(0, 0), (0, 0), (0, -21 % V)])
    expected = padded.reshape(2, 4, -1, V).swapaxes(1, 2)
    np.testing.assert_array_equal(out, expected.reshape(-1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_frames_have_no_range(dtype: str) -> None:
    S = np.zeros((2, 5, 0), dtype)
    assert [a.tolist() for a in range_of(S)] == [[0, 0], [0, 0]]
    assert scale_frames(S, np.ones(2)).shape == S.shape


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_frame_and_no_row_is_left_out_of_the_range(dtype: str, order: str) -> None:
    for k in range(70):
        S = np.zeros((1, 35, 70), dtype)
        S[0, k // 2, k] = 1
        least, most = range_of(ORDERS[order](-S))[0], range_of(ORDERS[order](S))[1]
        assert (least, most) == (-1, 1), k
