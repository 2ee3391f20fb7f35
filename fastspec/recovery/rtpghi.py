"""Phases from magnitudes, frame by frame: real-time phase gradient heap integration; see `kernels.recovery.rtpghi`."""

import math

import numpy as np

from .. import checks
from .._typing import Complex, Real
from ..kernels.fft.tables import lane_count
from ..kernels.recovery import rtpghi as kernels
from ..kernels.recovery.rtpghi import RtpghiArgs
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import data_address, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import team_size
from ..plan import STFT
from ..stream.inverse import StreamingISTFT
from ..transform.memory import extent, nonnegative_strides
from .phase import centre_phase, gaussian_constant


class RtpghiEngine:
    """The engine of "rtpghi", see `Engine`: phases by `PhaseIntegrator`, samples by `StreamingISTFT`."""

    def __init__(
        self, plan: STFT, signals: int, *, look_ahead: int, tolerance: float, rng: np.random.Generator
    ) -> None:
        self._plan, self._look_ahead = plan, look_ahead
        self._integrator = PhaseIntegrator(plan, signals, look_ahead=look_ahead, tolerance=tolerance, rng=rng)
        self._inverse = StreamingISTFT(plan, warn=False, limit_ends=False)

    def n_final(self, frames: int) -> int:
        """See `Engine`."""
        return self._inverse.count_final(max(0, frames - self._look_ahead))

    def n_frames_at_latency(self) -> int:
        """See `Engine`."""
        return self._look_ahead + self._plan.n_fft // self._plan.hop_length + 2

    def push(self, S: Real, out: Real | None = None) -> Real:
        """See `Engine`."""
        y = self._inverse.push(self._integrator.push(S), out)
        return y if out is None else out

    def finish(self, length: int | None = None) -> Real:
        """See `Engine`."""
        rest = self._inverse.push(self._integrator.finish())
        return np.concatenate([rest, self._inverse.flush(length)], axis=1)


ENDLESS_FRAMES = 1 << 60  # of a signal that has not ended
LEVEL_FLOOR = 2.0**-50  # of the largest magnitude: slopes take smaller ones for this, lest ratios overflow
CALL_BINS = 1 << 18  # of a signal in a call of the kernels: between calls Ctrl-C acts


def spectra(plan: STFT, S: Real, *, look_ahead: int = 1, tolerance: float, rng: np.random.Generator) -> Complex:
    """Magnitudes with estimates of the phases of `plan.forward`, frame by frame.

    The slopes of the phase are those of `pghi.phases`.  The slope in frequency depends on the change of levels in time:
    the difference of frames n + 1 and n - 1 with look_ahead=1, of n and n - 1 with look_ahead=0.  The first and the
    last frame are repeated.  Průša & Søndergaard, "Real-time spectrogram inversion using phase gradient heap
    integration", Proc. DAFx-16, 2016.

    Parameters
    ----------
    plan : STFT
    S : np.ndarray [shape=(signals, n_bins, n_frames)]
        Finite magnitudes >= 0 of the plan's dtype; any strides.
    look_ahead : int
        0 or 1: frames after frame n that its phases depend on.
    tolerance : float
        Bins up to tolerance times the largest of their frame and the one before get a random phase.
    rng : np.random.Generator
        Draws one seed a signal; random phases depend only on that, the index of the frame, and the bin.

    Returns
    -------
    D : np.ndarray [shape=(signals, n_bins, n_frames)]
        Complex, the bins of a frame contiguous.  DC and Nyquist are real.  S times a power of two gives D times that
        power, bit for bit, as long as magnitudes (other than 0) and results are between 2**50 times the smallest normal
        number of the dtype and 2**-50 times the largest.

    Raises
    ------
    TypeError, ValueError
        If look_ahead is neither 0 nor 1.
    """
    integrator = PhaseIntegrator(plan, len(S), look_ahead=look_ahead, tolerance=tolerance, rng=rng)
    frames = S.shape[2]
    D = np.empty((len(S), frames, plan.n_bins), plan.complex_dtype)
    if D.size:
        integrator.integrate(S, 0, frames + integrator.look_ahead, total=frames, begin=0, D=D)
    return D.swapaxes(1, 2)


class PhaseIntegrator:
    """`spectra` for signals whose frames come in blocks: frame n is final with frame n + look_ahead.

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
        self.plan, self.signals, self.look_ahead = plan, signals, check_look_ahead(look_ahead)
        self.frames = 0
        dtype, bins, V = plan.dtype, plan.n_bins, lane_count(plan.dtype)
        padded_bins = -(-bins // V) * V
        factor = plan.hop_length * plan.n_fft / gaussian_constant(plan.window)
        advance = np.arange(bins) * (plan.hop_length % plan.n_fft) % plan.n_fft  # hop k mod n_fft
        self.half_advance, self.centre_phase = np.zeros(padded_bins, dtype), np.zeros(padded_bins, dtype)
        self.half_advance[:bins], self.centre_phase[:bins] = np.pi * advance / plan.n_fft, centre_phase(plan)
        self.seeds = rng.integers(0, 1 << 32, signals, dtype=np.uint32)
        self.scratch = unset = np.empty(0, dtype)
        args = RtpghiArgs(
            spectra=unset,
            S=unset,
            state=unset,
            half_advance=self.half_advance,
            centre_phase=self.centre_phase,
            seeds=self.seeds,
            bins=bins,
            odd=plan.n_fft % 2,
            look_ahead=self.look_ahead,
            row_stride=padded_bins + V,
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
            floor=max(0.1 * tolerance, LEVEL_FLOOR),
            tiny=float(np.finfo(dtype).tiny),
            frequency_factor=math.log(10) * factor / 4,
            time_factor=-math.log(10) / factor / 4,
        )
        self.state = np.zeros(signals * scratch_size(kernels.state_sizes(args)), dtype)
        self.args = args._replace(state=self.state)
        self.record = kernels.LAYOUT.pack(self.args)
        self.spectra = np.empty((signals, 0, bins), plan.complex_dtype)

    def push(self, S: Real) -> Complex:
        """The spectra (signals, n_bins, any number) that become final with the next frames, until the next call."""
        first, self.frames = self.frames, self.frames + S.shape[2]
        begin = max(0, first - self.look_ahead)
        D = self._reserve(max(0, self.frames - self.look_ahead) - begin)
        if S.size:
            self.integrate(S, first, self.frames, total=ENDLESS_FRAMES, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def finish(self) -> Complex:
        """The spectra of the last frames; nothing can be pushed after it."""
        begin = max(0, self.frames - self.look_ahead)
        D = self._reserve(self.frames - begin)
        if D.size:
            S = np.zeros((self.signals, self.plan.n_bins, 1), self.plan.dtype)
            self.integrate(S, self.frames, self.frames + self.look_ahead, total=self.frames, begin=begin, D=D)
        return D.swapaxes(1, 2)

    def integrate(self, S: Real, first: int, last: int, *, total: int, begin: int, D: Complex) -> None:
        """Steps first .. last - 1: frame `first` is S[:, :, 0], frame `begin` goes to D[:, 0]."""
        dtype, record, layout = self.plan.dtype, self.record.copy(), kernels.LAYOUT
        S, (signal_stride, bin_stride, frame_stride) = nonnegative_strides(S)
        size = min(team_size(), self.signals) * scratch_size(kernels.scratch_sizes(self.args))
        if self.scratch.size < size:
            self.scratch = aligned(size, dtype)
        layout.set_memory(record, spectra=(data_address(D), 2 * D.size), S=(data_address(S), extent(S, S.itemsize)[1]))
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
            work = self.signals * min(steps, last - a) * self.plan.n_bins * 1000
            run_items(kernels.run_steps, dtype, self.signals, record, work=work, memory=self.scratch)

    def _reserve(self, columns: int) -> Complex:
        """An array (signals, columns, n_bins), in the same memory each time."""
        size = self.signals * columns * self.plan.n_bins
        if self.spectra.size < size:
            self.spectra = np.empty(size, self.plan.complex_dtype)
        return self.spectra.reshape(-1)[:size].reshape(self.signals, columns, self.plan.n_bins)


def check_look_ahead(look_ahead: int) -> int:
    """look_ahead as a whole number, 0 or 1."""
    ahead = checks.as_int("look_ahead", look_ahead, 0)
    if ahead > 1:
        raise ValueError(f"look_ahead must be 0 or 1, got {look_ahead!r}")
    return ahead
