"""Everything there is to compile, in steps, so that later calls find it in the cache."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import plan
from .features import cepstrum, decibels
from .kernels import compiled
from .notebook import inversion, spectra
from .recovery import pghi, phase, spsi

Step = tuple[str, Callable[[], object]]


def steps(*dtypes: DTypeLike, notebook: bool = False) -> list[Step]:
    """(what it is, what compiles or loads it) for each kernel and dtype; without dtypes for float32 and float64.

    With `notebook` only for those that the notebook's functions need at sizes that are even and above 64.
    """
    found = [step for dtype in dtypes or (np.float32, np.float64) for step in _of(np.dtype(dtype))]
    return [(name, step) for name, step in found if not notebook or name.rpartition(",")[0] not in _OTHERS]


_OTHERS = (
    "small forward transforms",
    "odd forward transforms",
    "output of filtered levels",
    "short signals",
    "frames for SciPy's transforms",
    "decibels",
    "levels of decibels",
    "cepstrum",
    "overlap-add of spectra",
    "rounds of recovery",
    "convergence of recovery",
    "frames one by one",
    "shifted frames",
    "chains in runs",
    "phases frame by frame",
    "phases by their gradient",
    "phases of peaks",
    "magnitudes and phases",
    "unfiltering",
)
"""Steps for what the notebook does not have."""


def _runs(dtype: np.dtype[Any]) -> object:
    """They are made in float32 alone."""
    return compiled.chain_walk(np.dtype(np.float32)) if dtype == np.float32 else None


def _of(dtype: np.dtype[Any]) -> list[Step]:
    x = np.zeros(64, dtype)
    x[0] = 1
    many = np.ones(decibels.KERNEL_MIN_VALUES, dtype)
    S, D = x.reshape(2, 32), np.ones((2, 32), np.result_type(dtype, np.complex64))
    built = [
        (name, lambda build=build: build(dtype))
        for name, build in (
            ("row transform", compiled.transform_rows),
            ("forward transform", compiled.forward),
            ("small forward transforms", compiled.forward_whole),
            ("odd forward transforms", compiled.forward_odd),
            ("analysis", compiled.analysis_strip),
            ("output of spectra", compiled.put_complex),
            ("output of levels", compiled.put_levels),
            ("output of filtered levels", compiled.put_filtered),
            ("inverse transform", compiled.inverse),
            ("magnitudes", compiled.arrange_strip),
            ("rounds of recovery", compiled.round_strip),
            ("convergence of recovery", compiled.round_misfit),
            ("frames ahead", compiled.prepare),
            ("chain of offsets", compiled.chain),
            ("workers", compiled.duty),
            ("overlap-add", compiled.synthesis_strip),
            ("tails of strips", compiled.synthesis_join),
            ("overlap-add of spectra", compiled.runs_strip),
            ("frames one by one", compiled.rtisi_steps),
            ("phases frame by frame", compiled.rtpghi_steps),
            ("unfiltering", compiled.unfilter_strip),
            ("shifted frames", compiled.shift_steps),
            ("chains in runs", _runs),
        )
    ]
    called: list[Step] = [
        ("spectrum", lambda: spectra.complex_spectrum(x, 72, 8, 4, bins=36)),
        ("log spectrum", lambda: spectra.log_magnitude(x, 72, 8, 4, thresh=4.0)),
        ("short signals", lambda: plan.STFT(32, dtype=dtype).forward(x)),
        ("frames for SciPy's transforms", lambda: plan.STFT(22, dtype=dtype).forward(x)),
        ("inversion", lambda: inversion.recover(S, 32, 8, 0)),
        ("inversion without offsets", lambda: inversion.invert_complex(D, 1.0, 8, search=False)),
        (
            "decibels",
            lambda: decibels.to_db(many, 1.0, factor=10.0, amin=1e-5, top_db=80.0, axes=(0,), magnitude=False),
        ),
        ("levels of decibels", lambda: decibels.from_db(many, factor=10.0, scale=1.0)),
        ("cepstrum", lambda: cepstrum.cepstrum(many.reshape(2, -1), 2)),
        (
            "phases by their gradient",
            lambda: pghi.phases(plan.STFT(32, dtype=dtype), S.T[None, :17], tol=0.1, rng=np.random.default_rng(0)),
        ),
        ("phases of peaks", lambda: spsi.phases(plan.STFT(32, dtype=dtype), S.T[None, :17])),
        ("magnitudes and phases", lambda: phase.polar(S, S)),
        ("offset of two segments", lambda: inversion.segment_offset(x, x)),
    ]
    return [(f"{name}, {dtype}", step) for name, step in [*built, *called]]
