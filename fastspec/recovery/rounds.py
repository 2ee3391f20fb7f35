"""Rounds of phase recovery from signal to signal; the magnitudes are transposed to lanes once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._typing import Complex, Integer, Real
from ..features.band_matrix import to_bands
from ..features.banks import FilterBank
from ..immutable import cached_attribute
from ..kernels.features.levels import EXPONENT, ROOT, SQUARE, Bands
from ..kernels.fft import tables as fft_tables
from ..kernels.fft.realfft import BINS
from ..kernels.fft.sizes import addresses
from ..kernels.recovery import griffin_lim
from ..kernels.recovery.griffin_lim import RoundArgs
from ..kernels.runtime.calls import aligned
from ..kernels.runtime.layout import change, data_address, join, pack
from ..kernels.runtime.tasks import run_items
from ..kernels.runtime.threads import LocatedCall, run_at, team_size
from ..kernels.stft import overlap_add
from ..kernels.stft.overlap_add import OverlapAddArgs
from ..plan import STFT
from ..transform.inverse import locate_strips, prepare_overlap_add, run_overlap_add, set_overlap_add, sum_size
from ..transform.magnitudes import arrange_in_lanes
from ..transform.memory import extent
from ..transform.prepared import Prepared, Workspace
from .methods import Method, Momentum, Relaxation

STRIP_BYTES = 96 << 10  # a strip, its samples and the sum of its frames share the second-level cache
MIN_STRIPS = 4  # of a signal that is long enough, for several threads: each reads the samples of its first frames twice
KEPT_STEPS = 32
"""Calls of rounds, by method and the addresses of signals, that are kept: three arrays take turns."""
LEAST_MAGNITUDE = 1e-15  # smaller bins have no phase, where the largest magnitude is about 1


class Step(NamedTuple):
    """A round between signals at certain addresses, which the caller holds and by which it looks the round up."""

    prepared: Prepared
    record: Integer
    scratch: Real  # of the calls
    calls: list[LocatedCall]


class Rounds:
    """Rounds towards signals with magnitudes S, or with levels S = B |D|**power of a bank B; scaled to about 1.

    Parameters
    ----------
    plan : STFT
        Of a size that the kernels transform (`plan.supported`).
    S : np.ndarray [shape=(signals, rows, frames)]
        Magnitudes, or filtered levels.
    length : int
        Samples of a signal; they have the frames of S.
    scales : np.ndarray [shape=(signals,)]
        Factors of signals and magnitudes; levels are multiplied by scales**power.
    """

    def __init__(
        self,
        plan: STFT,
        S: Real,
        length: int,
        *,
        scales: NDArray[np.float64],
        bank: FilterBank | None = None,
        power: float = 1.0,
    ) -> None:
        self.plan, self.S, self.length, self.scales, self.bank, self.power = plan, S, length, scales, bank, power
        self.dtype, self.frames, V = plan.dtype, S.shape[2], fft_tables.lane_count(plan.dtype)
        self.tiles = -(-self.frames // V)
        self.strip_tiles = self._strip_tiles(V)
        n_fft, hop = plan.n_fft, plan.hop_length
        self.strip_stride = fft_tables.strip_stride(n_fft, hop, self.strip_tiles, self.dtype)
        self.tables = plan.inverse_transform.tables._replace(
            forward=addresses(n_fft, self.dtype)[1],
            sample_offsets=fft_tables.sample_offsets(n_fft, hop, self.strip_stride),
        )
        self.workspace = Workspace(self.dtype)
        self._prepared: dict[tuple[int, float], Prepared] = {}  # by kind and gain
        self._records: dict[tuple[object, ...], Integer] = {}
        self._steps: dict[tuple[object, ...], Step] = {}  # by method and addresses

    def _strip_tiles(self, V: int) -> int:
        """Tiles of a strip.  It depends only on the sizes of one signal, as the bits of the result depend on it."""
        n_fft, hop, tiles = self.plan.n_fft, self.plan.hop_length, 1
        rows, itemsize = min(hop, n_fft), self.dtype.itemsize
        while 2 * tiles <= self.tiles // MIN_STRIPS:
            if rows * fft_tables.strip_stride(n_fft, hop, 2 * tiles, self.dtype) * itemsize > STRIP_BYTES:
                break
            tiles *= 2
        return tiles

    @cached_attribute
    def S_in_fft_order(self) -> Real:
        """Magnitudes in lanes, in the order in which the inverse transform reads them."""
        return arrange_in_lanes(self.S, self.plan.inverse_transform.bin_order, scales=self.scales**self.power)

    @cached_attribute
    def S_in_row_order(self) -> Real:
        """Magnitudes or filtered levels in lanes, row by row."""
        return arrange_in_lanes(self.S, np.arange(self.S.shape[1]), scales=self.scales**self.power)

    @cached_attribute
    def state(self) -> Real:
        """The state of relaxations: a complex number a bin, in lanes."""
        state = aligned(len(self.S) * self.tiles * fft_tables.lane_count(self.dtype) * 2 * self.plan.n_bins, self.dtype)
        state[:] = 0
        return state

    @cached_attribute
    def filters(self) -> list[NDArray[np.int64]]:
        """Records of the bank B, and of B' with its rows divided by their sums."""
        no_bank = np.zeros((1, 1))
        banks = [no_bank, no_bank] if self.bank is None else [np.asarray(self.bank), normalize_adjoint(self.bank)]
        return [pack(Bands(*to_bands(B.astype(self.dtype)))) for B in banks]

    @cached_attribute
    def norms(self) -> NDArray[np.float64]:
        """||S|| of each signal."""
        norms: NDArray[np.float64] = np.sqrt(np.einsum("brf,brf->b", self.S, self.S, dtype=np.float64))
        return self.scales**self.power * norms

    # ---- the start ----
    def synthesize(self, D: Complex) -> Real:
        """The signals (signals, length) of spectra D (signals, n_bins, n_frames), in strips as those of rounds."""
        width, y = self.dtype.itemsize, np.empty((len(D), self.length), self.dtype)
        before, reach = extent(D, width)
        signal_stride, bin_stride, frame_stride = (stride // width for stride in D.strides)
        args = self._overlap_add_args(griffin_lim.MAGNITUDES)._replace(
            origin=before,
            signal_stride=signal_stride,
            bin_stride=bin_stride,
            frame_stride=frame_stride,
            lane_stride=frame_stride,
            extra=0,
        )
        prepared = prepare_overlap_add(self.tables, args, self._weight(1.0), y.size * 100)
        signals = data_address(y), y.size
        arrays = {"y": signals, "previous": signals, "spectra": (data_address(D) - before * width, reach)}
        workspace = Workspace(self.dtype)
        run_overlap_add(prepared, overlap_add.overlap_add_strip, arrays, workspace)
        return y

    # ---- one round ----
    def step(self, now: Real, before: Real, out: Real, method: Method) -> None:
        """out = the signals (signals, length) of the round after `now`, which came after `before`; see `methods`."""
        key = method, data_address(now), data_address(before), data_address(out), team_size()
        call = self._steps.get(key)
        if call is None:
            call = self._prepare_step(now, before, out, method)
            if not self.has_edges:  # which differ from round to round
                if len(self._steps) >= KEPT_STEPS:
                    self._steps.clear()
                self._steps[key] = call
        self._run(call)

    def _run(self, step: Step) -> None:
        for call in step.calls:
            run_at(*call)

    def _prepare_step(self, now: Real, before: Real, out: Real, method: Method) -> Step:
        """The call of a round for these arrays."""
        if isinstance(method, Relaxation):
            gain, kind, S = 1.0, griffin_lim.RELAXED, self.S_in_row_order
        elif self.bank is None:
            gain, kind, S = method.gain, griffin_lim.MAGNITUDES, self.S_in_fft_order
        else:
            gain, kind, S = method.gain, griffin_lim.FILTERED, self.S_in_row_order
        prepared = self._prepare(kind, gain)
        record, edges = self._record(prepared, (kind, gain), now, before, method)
        arrays = {name: (data_address(a), a.size) for name, a in {"y": out, "previous": now, "spectra": S}.items()}
        record = set_overlap_add(prepared, arrays, self.workspace, record)
        original = self._records[kind, gain, method, None]
        numbers = {slot: int(record[slot]) for slot in np.flatnonzero(record != original).tolist()}
        record = change(original, numbers, S, self.workspace.shared, edges)
        calls = locate_strips(prepared, griffin_lim.round_strip, record, self.workspace)
        return Step(prepared, record, self.workspace.scratch, calls)

    def convergence(self, y: Real) -> NDArray[np.float64]:
        """20 log10 (||levels of y - S|| / ||S||) of each signal, in dB, over all rows and frames."""
        V, kind = fft_tables.lane_count(self.dtype), griffin_lim.FILTERED
        squared_errors, S = np.empty(len(y) * self.tiles * V, self.dtype), self.S_in_row_order
        prepared = self._prepare(kind, 1.0)
        level_kind = griffin_lim.MAGNITUDES if self.bank is None else griffin_lim.FILTERED
        record, edges = self._record(prepared, (kind, 1.0), y, y, Momentum(1.0), level_kind)
        griffin_lim.LAYOUT.set_memory(
            record,
            spectra=(data_address(S), S.size),
            squared_errors=(data_address(squared_errors), squared_errors.size),
        )
        self.workspace.reserve(prepared, team_size())
        scratch, work = self.workspace.scratch, y.size * 100
        run_items(griffin_lim.measure_strip, self.dtype, prepared.items, record, work=work, memory=scratch)
        del edges  # it had to live as long as the record
        sums = squared_errors.reshape(len(y), -1)[:, : self.frames].sum(axis=1, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.norms > 0, 10 * np.log10(sums) - 20 * np.log10(self.norms), -np.inf)

    @property
    def has_edges(self) -> bool:
        """Whether signals are padded with other values than zeros."""
        return not self.plan.geometry.pads_with_zeros

    def _edges(self, now: Real, before: Real, gains: tuple[float, float]) -> Real:
        """The padding of gains[0] now + gains[1] before."""
        geometry, number = self.plan.geometry, self.dtype.type
        edges = number(gains[0]) * geometry.padding(now)[0]
        if gains[1]:
            edges += number(gains[1]) * geometry.padding(before)[0]
        return np.ascontiguousarray(edges, self.dtype).reshape(-1)

    def _record(
        self,
        prepared: Prepared,
        key: tuple[int, float],
        now: Real,
        before: Real,
        method: Method,
        kind: int | None = None,
    ) -> tuple[Integer, Real | None]:
        """(the record of a round, the padding of its signals, which has to stay alive)."""
        edges, layout = None, griffin_lim.LAYOUT
        record_key = (*key, method, kind)
        if record_key not in self._records:
            args = self._round_args(key[0] if kind is None else kind, method)
            self._records[record_key] = join(prepared.record, pack(args), *self.filters)
        record = self._records[record_key].copy()
        layout.set_memory(record, now=(data_address(now), now.size), before=(data_address(before), before.size))
        if self.has_edges:
            mixed = (method.now, method.before) if isinstance(method, Momentum) else (1.0, 0.0)
            edges = self._edges(now, before, mixed)
            layout.set_memory(record, edges=(data_address(edges), edges.size))
        return record, edges

    def _round_args(self, kind: int, method: Method) -> RoundArgs:
        """The arguments of a round, except for the addresses of signals, edges and squared_errors."""
        geometry = self.plan.geometry
        relaxation = method if isinstance(method, Relaxation) else Relaxation(*(0.0,) * 7)
        momentum = method if isinstance(method, Momentum) else Momentum(1.0)
        unset = np.zeros(0, self.dtype)
        return RoundArgs(
            kind=kind,
            shape={1.0: ROOT, 2.0: SQUARE}.get(self.power, EXPONENT),
            inverse_shape={1.0: SQUARE, 2.0: ROOT}.get(self.power, EXPONENT),
            n=self.length,
            left=max(0, geometry.pad_left) if self.has_edges else 0,
            right=geometry.pad_right if self.has_edges else 0,
            tiles=self.tiles,
            filters=0 if self.bank is None else len(self.bank),
            now=unset,
            before=unset,
            edges=unset,
            state=self.state if kind == griffin_lim.RELAXED else unset,
            squared_errors=unset,
            now_gain=momentum.now,
            before_gain=momentum.before,
            kept_now=momentum.kept_now,
            kept_before=momentum.kept_before,
            from_state=relaxation.from_state,
            from_consistent=relaxation.from_consistent,
            to_set=relaxation.to_set,
            to_state=relaxation.to_state,
            to_consistent=relaxation.to_consistent,
            out_set=relaxation.out_set,
            out_state=relaxation.out_state,
            exponent=self.power / 2,
            inverse_exponent=1 / self.power,
        )

    @property
    def _extra(self) -> int:
        """Real numbers of scratch: samples of a strip, or levels, filtered levels and two sets of gains of a tile."""
        hop, rows = self.plan.hop_length, min(self.plan.hop_length, self.plan.n_fft)
        V, filters = fft_tables.lane_count(self.dtype), 0 if self.bank is None else len(self.bank)
        return -(-max((self.strip_stride - 1) * hop + rows, V * (3 * self.plan.n_bins + filters)) // 16) * 16

    def _prepare(self, kind: int, gain: float) -> Prepared:
        """The overlap-add of a round of this kind, with weights times `gain`."""
        if (kind, gain) not in self._prepared:
            args, work = self._overlap_add_args(kind), len(self.S) * self.frames * self.plan.n_fft * 64
            self._prepared[kind, gain] = prepare_overlap_add(self.tables, args, self._weight(gain), work)
        return self._prepared[kind, gain]

    def _weight(self, gain: float) -> Real:
        """The weights of the overlap-add, times a gain."""
        weight: Real = self.plan.inverse_transform.weight(self.frames) * self.dtype.type(gain)
        return weight.reshape(-1)

    def _overlap_add_args(self, kind: int) -> OverlapAddArgs:
        """The arguments of the overlap-add of rounds of this kind."""
        plan, V = self.plan, fft_tables.lane_count(self.dtype)
        n_fft, hop, stride, signals = plan.n_fft, plan.hop_length, self.strip_stride, len(self.S)
        rows = min(hop, n_fft)
        count = plan.inverse_transform.bin_order.size if kind == griffin_lim.MAGNITUDES else self.S.shape[1]
        return OverlapAddArgs(
            source=BINS,
            folded=False,
            signals_in_lanes=False,
            hop=hop,
            n_fft=n_fft,
            size=n_fft,
            skip=0,
            direction=1,
            reach=-(-n_fft // hop),
            signals=signals,
            strips=-(-self.tiles // self.strip_tiles),
            frames=self.frames,
            first_frame=0,
            total_frames=self.frames,
            origin=0,
            signal_stride=self.tiles * V * count,
            frame_stride=count,
            lane_stride=0,
            bin_stride=0,
            start=-plan.geometry.start,
            length=self.length,
            y_offset=0,
            y_stride=self.length,
            strip_tiles=self.strip_tiles,
            rows=rows,
            strip_stride=stride,
            bins=plan.n_bins,
            fft_elements=fft_tables.scratch_elements(n_fft),
            extra=self._extra,
            sum_rows=rows,
            sum_stride=stride,
            sum_size=sum_size(rows, stride, self.dtype),
            mean=0.0,
            least=LEAST_MAGNITUDE,
        )


def normalize_adjoint(bank: FilterBank) -> NDArray[np.float64]:
    """The transpose of non-negative filters, each row divided by its sum; rows of zeros stay."""
    B = np.asarray(bank, np.float64).T
    total = B.sum(axis=1, keepdims=True)
    return B / np.where(total > 0, total, 1)
