"""Rounds of phase recovery: magnitudes laid out once, then from signal to signal."""

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Real
from ..features.bands import to_bands
from ..features.banks import FilterBank
from ..immutable import cached_attribute
from ..kernels import compiled
from ..kernels.features.levels import OTHER, ROOT, SQUARE, Rows
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS
from ..kernels.recovery import griffin_lim
from ..kernels.recovery.griffin_lim import Round
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import pack, places
from ..kernels.runtime.threads import team_size
from ..kernels.stft.overlap_add import Synthesis
from ..plan import STFT
from ..transform import memory
from ..transform.inverse import Space, Task, add_up, run_strips, sum_size, task_of
from ..transform.memory import address, extent
from .methods import Method, Momentum, Relaxation

STRIP_BYTES = 96 << 10  # a strip, as long a piece of the signal and the sum of its frames share the second-level cache
STRIPS = 8  # enough of them to share out
NOW, PEAKS = (places(Round, name) for name in ("now", "peaks"))  # where they stand in a packed Round
LEAST = 1e-15  # what is below has no phase, if the largest magnitude is about 1


class Rounds:
    """Magnitudes, or levels filtered by a bank, for which signals are sought; the largest should be about 1, scaled.

    Parameters
    ----------
    made : STFT
        Of a size that the kernels transform (`plan.supported`).
    S : np.ndarray [shape=(signals, rows, frames)]
        Magnitudes, or with a bank what it gives of |D|**power.
    length : int
        Samples of a signal, of which there are as many frames.
    scales : np.ndarray [shape=(signals,)]
        What signals and magnitudes are multiplied by; S by scales**power.
    """

    def __init__(
        self,
        made: "STFT",
        S: Real,
        length: int,
        *,
        scales: NDArray[np.float64],
        bank: FilterBank | None = None,
        power: float = 1.0,
    ) -> None:
        self.made, self.S, self.length, self.scales, self.bank, self.power = made, S, length, scales, bank, power
        self.dtype, self.frames, V = made.dtype, S.shape[2], fft_tables.lanes(made.dtype)
        self.tiles = -(-self.frames // V)
        self.group = self._group(V)
        n_fft, hop = made.n_fft, made.hop_length
        self.lead = fft_tables.lead(n_fft, hop, self.group, self.dtype)
        addresses = (
            compiled.transform_rows(self.dtype).address,
            compiled.forward_of(n_fft, self.dtype).address,
            compiled.inverse(self.dtype).address,
        )
        self.tables = fft_tables.tables(n_fft, hop, self.lead, made.window, made.window, self.dtype, addresses)
        self.tasks: dict[object, Task] = {}
        self.space = Space(self.dtype)
        self.packed: dict[tuple[int, Method], NDArray[np.int64]] = {}  # by task

    def _group(self, V: int) -> int:
        """Tiles of a strip: they depend on the sizes of one signal alone, and so do its bits."""
        n_fft, hop, group = self.made.n_fft, self.made.hop_length, 1
        rows, itemsize = min(hop, n_fft), self.dtype.itemsize
        while 2 * group <= self.tiles // STRIPS:
            if rows * fft_tables.lead(n_fft, hop, 2 * group, self.dtype) * itemsize > STRIP_BYTES:
                break
            group *= 2
        return group

    @cached_attribute
    def in_pairs(self) -> Real:
        """Magnitudes in the order in which the inverse transform meets them."""
        return memory.in_lanes(self.S, fft_tables.pairs(self.tables), scales=self.scales**self.power)

    @cached_attribute
    def in_order(self) -> Real:
        """Magnitudes or mels in their own order."""
        return memory.in_lanes(self.S, np.arange(self.S.shape[1]), scales=self.scales**self.power)

    @cached_attribute
    def state(self) -> Real:
        """A complex number a bin, for relaxations."""
        state = aligned(len(self.S) * self.tiles * fft_tables.lanes(self.dtype) * 2 * self.made.n_bins, self.dtype)
        state[:] = 0
        return state

    @cached_attribute
    def filters(self) -> list[NDArray[np.int64]]:
        """The bank B, and B' with its rows divided by their sums, as kernels unpack them."""
        none = np.zeros((1, 1))
        banks = [none, none] if self.bank is None else [np.asarray(self.bank), back_of(self.bank)]
        self.kept = [to_bands(B.astype(self.dtype)) for B in banks]
        return [pack(Rows(*bands)) for bands in self.kept]

    @cached_attribute
    def norms(self) -> NDArray[np.float64]:
        """The size of each signal's S, root of the sum of squares."""
        norms: NDArray[np.float64] = np.sqrt(np.einsum("brf,brf->b", self.S, self.S, dtype=np.float64))
        return self.scales**self.power * norms

    # ---- the start ----
    def signals_of(self, D: Complex) -> Real:
        """The signals (signals, length) of spectra D (signals, n_bins, n_frames), in strips of the same sizes."""
        width, y = self.dtype.itemsize, np.empty((len(D), self.length), self.dtype)
        before, reach = extent(D, width)
        steps = [stride // width for stride in D.strides]
        task = self._task(griffin_lim.MAGNITUDES, 1.0)
        job = task.job._replace(
            origin=before, signal_step=steps[0], bin_step=steps[1], frame_step=steps[2], lane_step=steps[2]
        )
        task, wave = task_of(self.tables, job, task.weight), (address(y), y.size)
        given = address(D) - before * width, reach
        add_up(task, self.dtype, wave, wave, given, y.size * 100)
        return y

    # ---- one round ----
    def step(self, now: Real, before: Real, out: Real, method: Method) -> None:
        """out = the signals (signals, length) after `now` and `before`."""
        if isinstance(method, Relaxation):
            gain, kind, given = 1.0, griffin_lim.RELAXED, self.in_order
        else:
            gain = method.gain
            kind, given = (
                (griffin_lim.MAGNITUDES, self.in_pairs) if self.bank is None else (griffin_lim.FILTERED, self.in_order)
            )
        task = self._task(kind, gain)
        record, edges = self._record(task, kind, now, before, method)
        wave, previous, known = ((address(a), a.size) for a in (out, now, given))
        work = now.shape[0] * self.frames * self.made.n_fft * 64
        add_up(
            task._replace(record=record), self.dtype, wave, previous, known, work,
            compiled.round_strip(self.dtype).address, self.space,
        )  # fmt: skip
        del edges  # whose address stood in the record

    def convergence(self, y: Real) -> NDArray[np.float64]:
        """20 log10 (||levels of y - S|| / ||S||) of each signal, in dB, over all rows and frames."""
        V, kind = fft_tables.lanes(self.dtype), griffin_lim.MAGNITUDES if self.bank is None else griffin_lim.FILTERED
        sums = np.empty(len(y) * self.tiles * V, self.dtype)
        task, given = self._task(griffin_lim.FILTERED, 1.0), self.in_order
        record, edges = self._record(task, kind, y, y, Momentum(1.0))
        record[:8] = 0, 0, 0, 0, address(given), given.size, 0, 0
        peaks = len(task.record) + PEAKS
        record[peaks : peaks + 2] = address(sums), sums.size
        self.space.fit(task, team_size())
        run_strips(task, record, compiled.round_misfit(self.dtype).address, y.size * 100, self.space)
        del edges  # whose address stood in the record
        misfits = sums.reshape(len(y), -1)[:, : self.frames].sum(axis=1, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.norms > 0, 10 * np.log10(misfits) - 20 * np.log10(self.norms), -np.inf)

    @property
    def padded(self) -> bool:
        """Whether anything but zeros stands beside signals."""
        return self.made.center and self.made.pad_mode != "constant"

    def _beside(self, now: Real, before: Real, gains: tuple[float, float]) -> Real:
        """What stands beside the mixture of signals: the mixture of what stands beside each."""
        geometry, number = self.made._geometry, self.dtype.type
        edges = number(gains[0]) * geometry.beside(now)[0]
        if gains[1]:
            edges += number(gains[1]) * geometry.beside(before)[0]
        return np.ascontiguousarray(edges, self.dtype).reshape(-1)

    def _record(
        self, task: Task, kind: int, now: Real, before: Real, method: Method
    ) -> tuple[NDArray[np.int64], Real | None]:
        """(all that kernels unpack, what stands beside signals and is to be kept alive)."""
        key, edges, at = (id(task), method), None, len(task.record) + NOW
        if key not in self.packed:
            self.packed[key] = np.concatenate([task.record, pack(self._round(kind, now, method)), *self.filters])
        record = self.packed[key].copy()
        record[at : at + 4] = address(now), now.size, address(before), before.size
        if self.padded:
            mixed = (method.now, method.before) if isinstance(method, Momentum) else (1.0, 0.0)
            edges = self._beside(now, before, mixed)
            record[at + 4 : at + 6] = address(edges), edges.size
        return record, edges

    def _round(self, kind: int, some: Real, method: Method) -> Round:
        """What a round is told, but where signals, edges and sums are."""
        mixed = (method.now, method.before) if isinstance(method, Momentum) else (1.0, 0.0)
        pad = -self.made._geometry.start if self.padded else 0
        shape = {1.0: ROOT, 2.0: SQUARE}.get(self.power, OTHER)
        back = {1.0: SQUARE, 2.0: ROOT}.get(self.power, OTHER)
        relaxed = tuple(method)[:7] if isinstance(method, Relaxation) else (0.0,) * 7
        kept = (method.kept_now, method.kept_before) if isinstance(method, Momentum) else (0.0, 0.0)
        state = self.state if kind == griffin_lim.RELAXED else np.zeros(0, self.dtype)
        gains = map(self.dtype.type, (*mixed, *kept, *relaxed, self.power / 2, 1 / self.power))
        return Round(
            kind, shape, back, self.length, pad, pad, self.tiles, 0 if self.bank is None else len(self.bank),
            self._room, some, some, some[:0], state, some[:0], *gains,
        )  # fmt: skip

    @property
    def _room(self) -> int:
        hop, rows = self.made.hop_length, min(self.made.hop_length, self.made.n_fft)
        V, filters = fft_tables.lanes(self.dtype), 0 if self.bank is None else len(self.bank)
        return -(-max((self.lead - 1) * hop + rows, V * (3 * self.made.n_bins + filters)) // 16) * 16

    def _task(self, kind: int, gain: float) -> Task:
        """The strips of a round, and their scratch."""
        if (kind, gain) not in self.tasks:
            made, V = self.made, fft_tables.lanes(self.dtype)
            n_fft, hop, lead, signals = made.n_fft, made.hop_length, self.lead, len(self.S)
            count = fft_tables.pairs(self.tables).size if kind == griffin_lim.MAGNITUDES else self.S.shape[1]
            rows = min(hop, n_fft)
            job = Synthesis(
                BINS, False, False, hop, n_fft, n_fft, 0, 1, -(-n_fft // hop), signals,
                strips=-(-self.tiles // self.group), frames=self.frames, number=0, total=self.frames, origin=0,
                signal_step=self.tiles * V * count, frame_step=count, lane_step=0, bin_step=0,
                start=-made._geometry.start, length=self.length, place=0, wave_step=self.length, group=self.group,
                rows=rows, lead=lead, bins=made.n_bins, work=fft_tables.work_size(self.tables), scratch=0,
                sum_rows=rows, sum_lead=lead, sums=sum_size(rows, lead, self.dtype), mean=0.0, least=LEAST,
            )  # fmt: skip
            weight = made._synthesis._weight(self.frames) * self.dtype.type(gain)
            self.tasks[kind, gain] = task_of(self.tables, job, weight.reshape(-1), self._room)
        return self.tasks[kind, gain]


def back_of(bank: FilterBank) -> NDArray[np.float64]:
    """The transpose of non-negative filters, each row divided by its sum; rows of zeros stay."""
    B = np.asarray(bank, np.float64).T
    total = B.sum(axis=1, keepdims=True)
    return B / np.where(total > 0, total, 1)
