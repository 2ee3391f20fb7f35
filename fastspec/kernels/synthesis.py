"""Driver of the plain overlap-add: strips of rebuilt frames -> signal.

Each strip adds its frames up in lanes and lays the sum out in time.  What reaches past its last frame's start, the
tail, belongs to the strips after it: tails are kept apart and added in a second pass, in order, so that the bits do not
depend on the number of threads.
"""

from .calls import call, claim, out_of_line
from .jit import int64, kernel, parallel_kernel, prange
from .lanes import overlap_add, unroll
from .realfft import PHASES
from .rebuild import carve, lay_strip, rebuild_tile
from .vector import lanes


def strip(s, slot, sound, t, job, tails, scratch, sums):
    """Strip s: its frames added up; the body goes to the wave, the tail to row s of `tails`.

    Of each frame the samples n_fft - 1 - (job.first + k) count, k < job.size: it is reversed in time.  sums holds a
    strip a thread.
    """
    out_of_line()
    V = lanes(sound.wave)
    laid, work, y, bins, tmp = carve(scratch, slot, job, V)
    o = sums[slot * job.sum_rows * job.sum_lead : (slot + 1) * job.sum_rows * job.sum_lead]
    o[:] = 0
    first = s * job.group * V
    if job.source == PHASES:
        lay_strip(sound.previous, first, job, laid, work)
    for g in range(min(job.group, (job.frames - first + V - 1) // V)):
        rebuild_tile(first + g * V, g * V, sound.given, t, job, laid, work, y, bins, tmp)
        last = (job.n_fft - 1 - job.first) * V
        overlap_add(y, last, -V, job.size, o, g * V, job.step, job.sum_lead)
    body = min(job.group * V, job.frames - first)
    unroll(o, body, job.sum_rows, job.step, job.sum_lead, sound.wave, first * job.step)
    unroll(o[body:], job.tail, job.sum_rows, job.step, job.sum_lead, tails, s * job.tail * job.step)


@parallel_kernel
def synthesise(serial, lo, hi, workers, board, function, sound, t, job, tails, scratch, sums):
    """Strips lo .. hi - 1."""
    if serial:
        for s in range(lo, hi):
            call(function, (s, int64(0), sound, t, job, tails, scratch, sums))
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                call(function, (s, worker, sound, t, job, tails, scratch, sums))
                s = claim(board, 0, hi)


@kernel
def add_tails(tails, strips, width, length, frames, step, wave):
    """wave += the tails of all strips, each where its strip of `width` frames ends."""
    for s in range(strips):
        at = min(frames, (s + 1) * width) * step
        for k in range(min(length, wave.size - at)):
            wave[at + k] += tails[s * length + k]
