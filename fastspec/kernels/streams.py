"""What `rtisi`, `rtpghi`, `shifts` and `chains` are to do, and with what; see there."""

from typing import NamedTuple

import numpy as np


class Streams(NamedTuple):
    """Memory of signals that are made frame by frame."""

    wave: np.ndarray  # what is made
    given: np.ndarray  # magnitudes
    places: np.ndarray  # where frame 0 of each signal stands in them, or would, were it there
    state: np.ndarray  # of each group, what one step leaves for the next
    ahead: np.ndarray  # (look_ahead + 1, n_fft): what the frames of a full buffer add to the sum of squares at each
    energy: np.ndarray  # squares of the window
    order: np.ndarray  # bins in the order in which they are met


class Recursion(NamedTuple):
    """Sizes and places."""

    rounds: int
    look_ahead: int
    hop: int
    n_fft: int
    reach: int  # frames that a sample is in
    signals: int
    width: int  # of a group
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    frame_step: int  # from one frame to the next in `given`
    bin_step: int
    start: int  # samples start .. start + length - 1 are written
    length: int
    peak: int  # sample at which the window is largest
    work: int  # complex elements of scratch for the transform
    state: int  # real numbers that a group keeps
    scratch: int  # real numbers of scratch a thread
    least: float | np.floating  # below this a bin has no phase
    none: float | np.floating  # a sum of squares that is no larger does not divide
    momentum: float | np.floating
    pulse: float | np.floating
    fade: float | np.floating  # what is left of a level a frame later


class Integration(NamedTuple):
    """Signals whose phases are found frame by frame: memory and sizes."""

    spectra: np.ndarray  # (signals, columns, 2 bins): real and imaginary parts
    given: np.ndarray  # magnitudes
    state: np.ndarray  # of each signal, what one frame leaves for the next
    advance: np.ndarray  # half of what each bin's phase advances a frame
    middle: np.ndarray  # how far the phase about the window's middle is ahead
    seeds: np.ndarray  # of each signal
    bins: int
    odd: int  # n_fft % 2
    look_ahead: int
    width: int  # from a row of state and scratch to the next
    first: int  # steps first .. last - 1 are done
    last: int
    total: int  # frames of a signal
    origin: int  # where frame 0 of the first signal stands in `given`, or would, were it there
    signal_step: int
    bin_step: int
    frame_step: int
    begin: int  # columns begin .. begin + columns - 1 are written
    columns: int
    scratch: int  # real numbers of scratch a thread
    tolerance: float | np.floating
    floor: float | np.floating  # levels are at least so much of the loudest,
    tiny: float | np.floating  # and this
    along: float | np.floating  # factors of the slopes
    across: float | np.floating


class Shifts(NamedTuple):
    """Memory of signals made of shifted frames."""

    wave: np.ndarray  # what is made
    given: np.ndarray  # magnitudes
    places: np.ndarray  # where frame 0 of each signal stands in them
    gains: np.ndarray  # of each signal, what brings it to about 1, in whole groups
    state: np.ndarray  # of each group, what one frame leaves for the next
    ahead: np.ndarray  # what the frame at hand and those to come add to the sum of squares
    window: np.ndarray


class Shifting(NamedTuple):
    """Sizes and places.  Where they have the names of those of Recursion, fields mean the same."""

    hop: int
    n_fft: int
    signals: int
    first: int
    last: int
    total: int
    frame_step: int
    bin_step: int
    start: int
    length: int
    lead: int  # row length of the sums: room for whole vectors, and some more
    work: int
    state: int
    scratch: int
    none: float | np.floating


class Chains(NamedTuple):
    """Chains of frames, and the search within them; the rest stands in plan.Alignment."""

    starts: np.ndarray  # first frame of each, a whole number of tiles from the first that is given
    stops: np.ndarray  # one past its last
    samples: int  # of the wave, for each run
    n1: int  # length of the first segment
    n2: int
    low: int  # first and last lag that count
    high: int
    levels: int  # how often segments are halved
    room: int  # of a segment and all its halves
    quick: int  # real numbers of scratch for the search
