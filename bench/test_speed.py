"""The timed cases under pytest-benchmark, ten seconds of speech each: `pytest bench`. The twins run one round."""

from typing import Any

import cases
import numpy as np
import pytest
import twins

import fastspec

TEN_SECONDS = 10 * cases.RATE


@pytest.mark.parametrize("case", cases.TIMED, ids=lambda case: case.name)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fastspec(benchmark: Any, case: cases.Case, dtype: str) -> None:
    given = case.input(cases.speech(TEN_SECONDS))
    given = given.astype(np.result_type(np.complex64, dtype) if np.iscomplexobj(given) else dtype)
    benchmark.group = case.name
    result = benchmark.pedantic(case.run, (fastspec, given), rounds=7, warmup_rounds=1)
    assert np.isfinite(result).all()


@pytest.mark.parametrize("case", cases.TIMED, ids=lambda case: case.name)
def test_twin(benchmark: Any, case: cases.Case) -> None:
    given = case.input(cases.speech(TEN_SECONDS))
    benchmark.group = case.name
    result = benchmark.pedantic(case.run, (twins, given), rounds=1)
    assert np.isfinite(result).all()
