"""What `rtisi` is to do, and with what; see there."""

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
