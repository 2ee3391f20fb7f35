"""Phases from magnitudes, frame by frame: real-time phase gradient heap integration; see `kernels.recovery.rtpghi`."""

import math

import numpy as np

from .. import checks
from .._typing import Complex, Real
from ..kernels.fft.tables import lane_count
from ..kernels.recovery import rtpghi as kernels
from ..kernels.recovery.rtpghi import RtpghiArgs
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..stream.inverse import StreamingISTFT
from ..transform.memory import address, extent, nonnegative_strides
from .phase import gaussian_constant, turn_of_middle


class _Inverse(StreamingISTFT):
    """The same, of whose gaps somebody else has told."""

    def _warn_if_not_invertible(self, plan: STFT) -> None:
        pass


class Gradients:
    """The engine of "rtpghi": phases by `recovery.rtpghi`, samples by `StreamingISTFT`."""

    def __init__(
        self, plan: STFT, signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self._plan, self._look_ahead = plan, look_ahead
        self._spectra = Spectra(plan, signals, look_ahead=look_ahead, tolerance=tolerance, rng=rng)
        self._inverse = _Inverse(plan)

    def n_final(self, frames: int) -> int:
        """See `Engine`."""
        return self._inverse.count_final(max(0, frames - self._look_ahead))

    def n_frames_at_latency(self) -> int:
        """See `Engine`."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def push(self, S: Real, out: Real | None = None) -> Real:
        """See `Engine`."""
        made = self._inverse.push(self._spectra.push(S), out)
        return made if out is None else out

    def finish(self, length: int | None = None) -> Real:
        """See `Engine`."""
        rest = self._inverse.push(self._spectra.finish())
        return np.concatenate([rest, self._inverse.flush(length)], axis=1)


ENDLESS = 1 << 60  # frames of a signal that may go on
FLOOR = 2.0**-50  # of the loudest: softer levels are taken to be so loud, as ratios must be numbers of the dtype
CALL_BINS = 1 << 18  # of one signal in one call, so that Ctrl-C is noticed in between


def spectra(plan: STFT, S: Real, *, look_ahead: int = 1, tolerance: float, rng: np.random.Generator) -> Complex:
    """Magnitudes with phases that go with them, as `plan.forward` would give them, each from what came before.

    The slopes of the phase are those of `pghi.phases`.  In frequency its slope takes the change of levels in time:
    the difference of frames n + 1 and n - 1 with look_ahead=1, of n and n - 1 with look_ahead=0.  Beyond both ends
    frames repeat.  Průša & Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration", Proc.
    DAFx-16, 2016.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 of the plan's dtype; any strides.
    look_ahead : int
        0 or 1: frames after the one whose phases are sought.
    tolerance : float
        Bins of no more than tolerance times the largest of their frame and the one before get a random phase.
    rng : np.random.Generator
        Gives one seed a signal; the phases drawn depend on that, the frame's number and the bin alone.

    Returns
    -------
    D : np.ndarray [shape=(signals, n_bins, n_frames)]
        Complex, the bins of a frame side by side.  DC and Nyquist are real.  S times a power of two gives D times that
        power, bit for bit, as long as magnitudes (other than 0) and results are normal numbers of the dtype 2**50 and
        more above the smallest and as far below the largest.

    Raises
    ------
    TypeError, ValueError
        If look_ahead is neither 0 nor 1.
    """
    made = Spectra(plan, len(S), look_ahead=look_ahead, tolerance=tolerance, rng=rng)
    frames = S.shape[2]
    D = np.empty((len(S), frames, plan.n_bins), plan.complex_dtype)
    if D.size:
        made.run(S, 0, frames + made.look_ahead, total=frames, begin=0, D=D)
    return D.swapaxes(1, 2)


class Spectra:
    """The same for signals whose frames come block by block: frame n once frame n + look_ahead is there.

    Parameters
    ----------
    plan : STFT
    signals : int
    look_ahead, tolerance, rng
        As in `spectra`.
    """

    def __init__(
        self, plan: STFT, signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self.plan, self.signals, self.look_ahead = plan, signals, checked(look_ahead)
        self.frames = 0
        dtype, bins, V = plan.dtype, plan.n_bins, lane_count(plan.dtype)
        whole = -(-bins // V) * V
        factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
        turns = np.arange(bins) * (plan.hop_length % plan.n_fft) % plan.n_fft
        self.advance, self.middle = np.zeros(whole, dtype), np.zeros(whole, dtype)
        self.advance[:bins], self.middle[:bins] = np.pi * turns / plan.n_fft, turn_of_middle(plan)
        self.seeds = rng.integers(0, 1 << 32, signals, dtype=np.uint32)
        self.scratch = none = np.empty(0, dtype)
        args = RtpghiArgs(
            spectra=none,
            S=none,
            state=none,
            advance=self.advance,
            middle=self.middle,
            seeds=self.seeds,
            bins=bins,
            odd=plan.n_fft % 2,
            look_ahead=self.look_ahead,
            row_stride=whole + V,
            first=0,
            last=0,
            total=0,
            origin=0,
            signal_stride=0,
            bin_stride=0,
            frame_stride=0,
            first_column=0,
            columns=0,
            tolerance=float(tolerance),
            floor=max(0.1 * tolerance, FLOOR),
            tiny=float(np.finfo(dtype).tiny),
            frequency_factor=math.log(10) * factor / 4,
            time_factor=-math.log(10) / factor / 4,
        )
        self.state = np.zeros(signals * scratch_size(kernels.state_sizes(args)), dtype)
        self.args = args._replace(state=self.state)
        self.record = kernels.LAYOUT.pack(self.args)
        self.spectra = np.empty((signals, 0, bins), plan.complex_dtype)

    def push(self, S: Real) -> Complex:
        """The spectra (signals, n_bins, any number) that are certain with the next frames; good until the next call."""
        first, self.frames = self.frames, self.frames + S.shape[2]
        begin = max(0, first - self.look_ahead)
        D = self._reserve(max(0, self.frames - self.look_ahead) - begin)
        if S.size:
            self.run(S, first, self.frames, total=ENDLESS, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def finish(self) -> Complex:
        """The spectra of the last frames; nothing can be pushed after it."""
        begin = max(0, self.frames - self.look_ahead)
        D = self._reserve(self.frames - begin)
        if D.size:
            S = np.zeros((self.signals, self.plan.n_bins, 1), self.plan.dtype)
            self.run(S, self.frames, self.frames + self.look_ahead, total=self.frames, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def run(self, S: Real, first: int, last: int, *, total: int, begin: int, D: Complex) -> None:
        """Steps first .. last - 1, of which S[:, :, 0] is frame `first`; D (signals, columns, n_bins) from `begin`."""
        dtype, record, layout = self.plan.dtype, self.record, kernels.LAYOUT
        S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(S)
        size = min(team_size(), self.signals) * scratch_size(kernels.scratch_sizes(self.args))
        if self.scratch.size < size:
            self.scratch = aligned(size, dtype)
        layout.set_memory(record, spectra=(address(D), 2 * D.size), S=(address(S), extent(S, S.itemsize)[1]))
        layout.set_numbers(
            record,
            total=total,
            origin=-first * frame_stride,
            signal_stride=signal_stride,
            bin_stride=bin_stride,
            frame_stride=frame_stride,
            first_column=begin,
            columns=D.shape[1],
        )
        steps = max(1, CALL_BINS // self.plan.n_bins)
        for a in range(first, last, steps):
            layout.set_numbers(record, first=a, last=min(last, a + steps))
            work = self.signals * min(steps, last - a) * self.plan.n_bins * 60
            run_items(kernels.run_steps, dtype, self.signals, record, work=work, memory=self.scratch)

    def _reserve(self, columns: int) -> Complex:
        """(signals, columns, n_bins), the same memory each time."""
        size = self.signals * columns * self.plan.n_bins
        if self.spectra.size < size:
            self.spectra = np.empty(size, self.plan.complex_dtype)
        return self.spectra.reshape(-1)[:size].reshape(self.signals, columns, self.plan.n_bins)


def checked(look_ahead: int) -> int:
    """0 or 1."""
    ahead = checks.as_int("look_ahead", look_ahead, 0)
    if ahead > 1:
        raise ValueError(f"look_ahead must be 0 or 1, got {look_ahead!r}")
    return ahead
