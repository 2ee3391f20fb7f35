"""Magnitudes laid out in lanes: once, in the order in which kernels will meet them."""

import math
from typing import NamedTuple

import numpy as np

from ..runtime.calls import out_of_line
from ..runtime.jit import kernel
from ..runtime.layout import _unpacker
from ..simd.log import exp10
from ..simd.transpose import transpose_block
from ..simd.vector import lanes, load, load_part, splat, store


@kernel
def rows_of(job, at, f0, c):
    """c[r lanes + f] = row r of frame f0 + f of a signal whose numbers begin at S[at]; frames past the last are 0."""
    out_of_line()
    V = lanes(c)
    count, rows = min(V, job.frames - f0), job.rows
    i = at + f0 * job.frame_step
    nothing = c.dtype.type(-math.inf if job.logarithmic else 0)
    if count == V and job.row_step == 1 and rows >= V:
        k = 0
        while k < rows:
            k = min(k, rows - V)
            transpose_block(job.S, i + k, job.frame_step, c, V * k, V)
            k += V
    elif count == V and job.frame_step == 1:
        for k in range(rows):
            store(c, V * k, load(job.S, i + k * job.row_step))
    elif job.frame_step == 1 and not job.logarithmic:
        for k in range(rows):
            store(c, V * k, load_part(job.S, i + k * job.row_step, count))
    else:
        for k in range(rows):
            for f in range(V):
                c[V * k + f] = job.S[i + f * job.frame_step + k * job.row_step] if f < count else nothing
    if job.logarithmic:
        for k in range(rows):
            store(c, V * k, exp10(load(c, V * k)))


def strip(s, slot, record, scratch):
    """Tile s of all signals: row m of it at out[(s one.size + m) lanes]."""
    out_of_line()
    job = unpack_arrangement(scratch, record)
    V, size = lanes(scratch), job.one.size
    c = scratch[slot * job.rows * V : (slot + 1) * job.rows * V]
    rows_of(job, job.starts[s // job.tiles], s % job.tiles * V, c)
    half = splat(c, c.dtype.type(0.5) * job.scales[s // job.tiles])
    o = s * size * V
    for m in range(size):
        store(job.out, o + m * V, (load(c, V * job.one[m]) + load(c, V * job.other[m])) * half)


class Arrangement(NamedTuple):
    """Magnitudes or mels, and the order in which `arrange` lays them out in lanes."""

    S: np.ndarray  # their memory
    starts: np.ndarray  # where each signal's begin
    scales: np.ndarray  # a number for each signal
    one: np.ndarray  # row m of the output is (row one[m] + row other[m]) / 2 times the signal's scale
    other: np.ndarray
    out: np.ndarray
    frames: int  # of a signal
    tiles: int
    rows: int
    frame_step: int  # from one frame to the next in S
    row_step: int  # from one row to the next
    logarithmic: bool  # they are decimal logarithms


unpack_arrangement = _unpacker(Arrangement, 0)  # for `arrange`
