"""Kernels built once a dtype and called by address, and every signature they are called with.

`calls.call` checks nothing: what a caller passes must be what stands here.
"""

from functools import cache

import numpy as np

from .features import nnls
from .fft import realfft, rows, splits
from .fft import tables as fft_tables
from .fft.single import Correlator
from .framing import magnitudes
from .notebook import align, segments
from .notebook.align import Alignment, Ring, Sound, Turn
from .recovery import griffin_lim, rtisi, rtpghi, shifted
from .runtime.jit import entry, from_dtype, types
from .stft import forward as stft_forward
from .stft import inverse as stft_inverse
from .stft import overlap_add
from .stft.forward import Job, Last

i64 = types.int64


def _types(dtype):
    """(scalar, real array, int array) types."""
    real = from_dtype(np.dtype(dtype))
    return real, types.Array(real, 1, "C"), types.Array(i64, 1, "C")


def tables_type(dtype):
    """Type of plan.Tables."""
    _, reals, ints = _types(dtype)
    offsets = types.Array(types.uint32, 1, "C")
    return types.NamedTuple([i64] * 6 + [ints] + [reals] * 3 + [offsets] + [reals] * 2, fft_tables.Tables)


def job_types(dtype):
    """Types of plan.Job and Last."""
    real, reals, ints = _types(dtype)
    job = types.NamedTuple([i64] * 2 + [types.boolean] * 5 + [i64] * 15, Job)
    last = types.NamedTuple([i64, types.boolean] + [real] * 4 + [reals, ints, ints], Last)
    return job, last


@cache
def transform_rows(dtype):
    """rows.transform_rows(work, i, ib, o, ob, tmp, b, n, radices, tw)."""
    _, reals, ints = _types(dtype)
    return entry(rows.transform_rows, reals, *[i64] * 7, ints, reals)


@cache
def forward(dtype):
    """realfft.forward(op, tile, base, p, work, out)."""
    _, reals, _ = _types(dtype)
    return entry(realfft.forward, i64, reals, i64, tables_type(dtype), reals, reals)


@cache
def forward_whole(dtype):
    """realfft.forward_whole, the same for small sizes."""
    _, reals, _ = _types(dtype)
    return entry(realfft.forward_whole, i64, reals, i64, tables_type(dtype), reals, reals)


@cache
def forward_odd(dtype):
    """realfft.forward_odd, the same for odd sizes."""
    _, reals, _ = _types(dtype)
    return entry(realfft.forward_odd, i64, reals, i64, tables_type(dtype), reals, reals)


def forward_of(n_fft, dtype):
    """The one of the three that transforms this size."""
    if n_fft % 2:
        return forward_odd(dtype)
    return (forward_whole if n_fft // 2 in splits.SMALL else forward)(dtype)


@cache
def inverse(dtype):
    """realfft.inverse(source, tile, base, p, work, mag, m, least, bins, y)."""
    real, reals, _ = _types(dtype)
    p = tables_type(dtype)
    return entry(realfft.inverse, i64, reals, i64, p, reals, reals, i64, real, reals, reals)


def _putter(function, dtype):
    _, reals, _ = _types(dtype)
    job, last = job_types(dtype)
    return entry(function, reals, job, last, reals, i64, i64, types.boolean, reals, i64)


@cache
def put_complex(dtype):
    """analysis.put_complex(c, job, last, out, o, ld, streamed, peaks, p0)."""
    return _putter(stft_forward.put_complex, dtype)


@cache
def put_levels(dtype):
    """analysis.put_levels(c, job, last, out, o, ld, streamed, peaks, p0)."""
    return _putter(stft_forward.put_levels, dtype)


@cache
def put_filtered(dtype):
    """analysis.put_filtered(c, job, last, out, o, ld, streamed, peaks, p0)."""
    return _putter(stft_forward.put_filtered, dtype)


def _strip(function, dtype):
    _, reals, ints = _types(dtype)
    return entry(function, i64, i64, ints, reals)


@cache
def analysis_strip(dtype):
    """analysis.strip(s, slot, record, scratch)."""
    return _strip(stft_forward.strip, dtype)


def correlator_type():
    """Type of plan.Correlator."""
    _, reals, ints = _types(np.float32)
    return types.NamedTuple([i64] * 11 + [types.float32, ints, reals, reals, reals], Correlator)


def aligning_types(dtype):
    """Types of plan.Sound, Tables, Correlator, Alignment and Ring, the last arguments of what follows."""
    real, reals, _ = _types(dtype)
    single = types.Array(types.float32, 1, "C")
    sound = types.NamedTuple([reals] * 4, Sound)
    job = types.NamedTuple([i64, types.boolean] + [i64] * 14 + [types.boolean] + [i64] * 3 + [real] * 3, Alignment)
    ring = types.NamedTuple([reals, single, reals, reals, single], Ring)
    return sound, tables_type(dtype), correlator_type(), job, ring


@cache
def prepare(dtype):
    """alignment.prepare(s, slot, sound, t, p, job, ring)."""
    return entry(align.prepare, i64, i64, *aligning_types(dtype))


@cache
def chain(dtype):
    """alignment.chain(lo, hi, slot, sound, p, job, ring)."""
    sound, _, p, job, ring = aligning_types(dtype)
    return entry(align.chain, i64, i64, i64, sound, p, job, ring)


@cache
def duty(dtype):
    """alignment.duty(worker, turn, board, done, sound, t, p, job, ring)."""
    turn, ints = types.NamedTuple([i64] * 4, Turn), types.Array(i64, 1, "C")
    return entry(align.duty, i64, turn, ints, ints, *aligning_types(dtype))


@cache
def chain_walk(dtype):
    """chains.walk(s, slot, record, scratch)."""
    return _strip(segments.walk, dtype)


@cache
def synthesis_strip(dtype):
    """synthesis.strip(s, slot, record, scratch)."""
    return _strip(overlap_add.strip, dtype)


@cache
def synthesis_join(dtype):
    """synthesis.join(s, slot, record, scratch)."""
    return _strip(overlap_add.join, dtype)


@cache
def runs_strip(dtype):
    """runs.strip(s, slot, record, scratch)."""
    return _strip(stft_inverse.strip, dtype)


@cache
def arrange_strip(dtype):
    """arrange.strip(s, slot, record, scratch)."""
    return _strip(magnitudes.strip, dtype)


@cache
def round_strip(dtype):
    """rounds.strip(s, slot, record, scratch)."""
    return _strip(griffin_lim.strip, dtype)


@cache
def round_misfit(dtype):
    """rounds.misfit(s, slot, record, scratch)."""
    return _strip(griffin_lim.misfit, dtype)


@cache
def rtisi_steps(dtype):
    """rtisi.steps(s, slot, record, scratch)."""
    return _strip(rtisi.steps, dtype)


@cache
def rtpghi_steps(dtype):
    """rtpghi.steps(s, slot, record, scratch)."""
    return _strip(rtpghi.steps, dtype)


@cache
def shift_steps(dtype):
    """shifts.steps(s, slot, record, scratch)."""
    return _strip(shifted.steps, dtype)


@cache
def unfilter_strip(dtype):
    """unfilter.strip(s, slot, record, scratch)."""
    return _strip(nnls.strip, dtype)
