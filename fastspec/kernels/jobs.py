"""What the kernels of inversion are told, as named tuples; those of other kernels are in `plan`."""

from typing import NamedTuple

import numpy as np


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


class Round(NamedTuple):
    """A round of phase recovery: which signals are analysed, what is made of their bins, and what is kept of signals.

    The frames analysed are those of now_gain now + before_gain before; what they add up to becomes
    kept_now previous + kept_before before + it.
    """

    kind: int  # rounds.MAGNITUDES, RELAXED or FILTERED
    shape: int  # frames.SQUARE, ROOT or OTHER: which levels powers become
    back_shape: int  # from the ratio of levels to that of magnitudes
    n: int  # samples of a signal
    left: int  # of them, in `edges`, before and after
    right: int
    tiles: int  # of a signal
    filters: int
    room: int  # real numbers of scratch beside those of `synthesis`
    now: np.ndarray
    before: np.ndarray
    edges: np.ndarray
    state: np.ndarray  # complex bins in lanes, tile by tile, of RELAXED
    peaks: np.ndarray  # `misfit` of each lane of each tile
    now_gain: float | np.floating
    before_gain: float | np.floating
    kept_now: float | np.floating
    kept_before: float | np.floating
    from_state: float | np.floating  # see `rounds.relax`
    from_found: float | np.floating
    to_set: float | np.floating
    to_state: float | np.floating
    to_found: float | np.floating
    out_set: float | np.floating
    out_state: float | np.floating
    exponent: float | np.floating  # of a power, for OTHER
    back_exponent: float | np.floating


class Rows(NamedTuple):
    """A matrix as `bands.Bands`."""

    first: np.ndarray
    starts: np.ndarray
    weights: np.ndarray


class Runs(NamedTuple):
    """How `runs` shares frames out, and between which sums it goes."""

    frames: int  # of a run
    lag: int  # columns that are complete, yet kept
    kept: int  # columns that are kept: reach - 1 + lag
    before: np.ndarray  # of each signal, sums of the frames before the first: (kept, rows); empty if there are none
    after: np.ndarray  # where those of the frames to come go; empty if there are none


class Unfilter(NamedTuple):
    """What `unfilter` is to do: (gain x)**exponent of the x >= 0 whose filtered levels are nearest to those given."""

    given: np.ndarray  # (filters, total) levels
    out: np.ndarray
    places: np.ndarray  # where each signal's part of the output begins
    total: int  # frames of all signals
    frames: int  # of one
    across: bool  # as in Job
    ld: int
    width: int  # bins
    unit: int  # 1
    rounds: int
    root: bool  # sqrt(gain x) in place of gain x, before the exponent
    scratch: int  # for all that a thread needs
    tolerance: float | np.floating  # lanes that a round moves by less, relative to their largest bin, are done; 0: none
    gain: float | np.floating
    exponent: float | np.floating
