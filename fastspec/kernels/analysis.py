"""Driver of the forward transform: strips of tiles -> spectrum, magnitudes or log magnitudes, frame by frame."""

from .calls import call, claim, out_of_line
from .frames import write_complex, write_levels
from .jit import int64, kernel, parallel_kernel, prange
from .lanes import polyphase
from .logs import log10
from .transpose import memory_fence
from .vector import lane_max, lanes, load, maximum, splat, store


@kernel
def mirror(c, h):
    """Bins h + 1 .. 2 h - 1 of a tile: the conjugates of bins h - 1 .. 1."""
    V = lanes(c)
    minus = splat(c, c.dtype.type(-1))
    for k in range(1, h):
        store(c, 2 * V * (2 * h - k), load(c, 2 * V * k))
        store(c, 2 * V * (2 * h - k) + V, load(c, 2 * V * k + V) * minus)


@kernel
def copy_rows(src, width, out, o, ld, count):
    """out[o + f ld + k] = src[f width + k] for f < count, k < width."""
    for f in range(count):
        for k in range(width):
            out[o + f * ld + k] = src[f * width + k]


def put_complex(c, f0, h, job, out, peaks, tmp):
    """Frames f0 and on of a tile of complex bins to their rows of `out`; a tile that is not full goes through tmp."""
    V, width = lanes(c), 2 * job.bins
    if job.full:
        mirror(c, h)
    if f0 + V <= job.frames:
        write_complex(c, job.bins, out, f0 * job.ld, job.ld, job.streamed)
    else:
        write_complex(c, job.bins, tmp, int64(0), width, False)
        copy_rows(tmp, width, out, f0 * job.ld, job.ld, job.frames - f0)


def put_levels(c, f0, h, job, out, peaks, tmp):
    """The same for a tile of powers, which become levels; peaks[f0 + lane] is the largest power of a frame."""
    V, width = lanes(c), job.bins
    if f0 + V <= job.frames:
        write_levels(c, width, job.shape, job.floor, peaks, f0, out, f0 * job.ld, job.ld, job.streamed)
    else:
        write_levels(c, width, job.shape, job.floor, peaks, f0, tmp, int64(0), width, False)
        copy_rows(tmp, width, out, f0 * job.ld, job.ld, job.frames - f0)


def strip(s, slot, x, p, job, out, peaks, scratch):
    """Strip s: job.group tiles of frames that share one polyphase buffer; scratch row `slot` is ours alone."""
    out_of_line()
    V = lanes(x)
    a = slot * job.scratch
    b = a + job.rows * job.lead
    c = b + job.work * 2 * V
    d = c + job.tile
    t, work, bins, tmp = scratch[a:b], scratch[b:c], scratch[c:d], scratch[d : d + job.tile]
    first = s * job.group * V
    polyphase(x, first * job.hop, job.hop, job.rows, job.mean, job.scale, t, job.lead)
    for g in range(min(job.group, (job.frames - first + V - 1) // V)):
        call(p.forward, (job.op, t, g * V, p, work, bins))
        call(job.put, (bins, first + g * V, p.n1 * p.n2, job, out, peaks, tmp))
    if job.streamed:
        memory_fence()


@parallel_kernel
def analyse(serial, lo, hi, workers, board, function, x, p, job, out, peaks, scratch):
    """Strips lo .. hi - 1, each by whichever worker is free: processors are not equally fast, or not equally idle."""
    if serial:
        for s in range(lo, hi):
            call(function, (s, int64(0), x, p, job, out, peaks, scratch))
    else:
        for worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                call(function, (s, worker, x, p, job, out, peaks, scratch))
                s = claim(board, 0, hi)


@kernel
def lower(out, start, stop, power, floor):
    """out[start:stop] = max(out - log10(power) / 2, floor)."""
    V = lanes(out)
    down, low = log10(splat(out, power)) * splat(out, out.dtype.type(0.5)), splat(out, floor)
    i = start
    while i + V <= stop:
        store(out, i, maximum(load(out, i) - down, low))
        i += V
    shift = lane_max(down)
    while i < stop:
        out[i] = max(out[i] - shift, floor)
        i += 1


@parallel_kernel
def settle(serial, lo, hi, workers, board, out, chunk, power, floor):
    """out = max(out - log10(power) / 2, floor), in chunks."""
    if serial:
        for s in range(lo, hi):
            lower(out, s * chunk, min(out.size, (s + 1) * chunk), power, floor)
    else:
        for _worker in prange(workers):
            s = claim(board, 0, hi)
            while s >= 0:
                lower(out, s * chunk, min(out.size, (s + 1) * chunk), power, floor)
                s = claim(board, 0, hi)
