"""`StreamingRecover`: magnitudes, block by block -> the samples that are final."""

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array, Real
from ..features.banks import FilterBank
from ..kernels.runtime.tasks import prepare_team
from ..plan import STFT, as_plan
from ..stream.iterators import push_blocks
from .blocks import BlockEngine, check_block, margin_frames
from .engines import Engine, make_engine
from .methods import ONLINE, Chain, parse_stages
from .recover import Seed, check_init, fraction
from .recover_mel import Mels, make_mel_problem
from .solve import TOLERANCE, Problem, warn_unless_invertible


def recover(blocks: Iterable[ArrayLike], plan: STFT, *, length: int | None = None, **options: Any) -> Iterator[Array]:
    """Signals with the magnitudes of blocks (..., n_bins, m), by `StreamingRecover(plan, **options)`; see `istft`."""
    return push_blocks(StreamingRecover(plan, **options), blocks, length)


ALIASES = {"pghi": "rtpghi"}
"""Methods' names of streams alone, and those of `recover`, where "pghi" is a start."""


class StreamingRecover:
    """`recover` for magnitudes that come block by block: with its bits, whatever the blocks are.

    The bits are those of `recover(S, plan, method="rtisi", segments=1)`, of `recover(S, plan, method="rtpghi")` for
    "pghi", and of `recover(S, plan, block=block, ...)` for all others, with the same options; with the former two as
    long as the largest magnitude is between 1e-20 and 1e20 (float64: 1e-200 and 1e200) and none but 0 is below
    1e-10 (1e-100) of it.  Signals may have any level, and silences any length.

    A stream belongs to one thread at a time; different streams are independent.  An error in an argument leaves it as
    it was.

    Parameters
    ----------
    plan : STFT
        The transform that the magnitudes are of; its dtype is that of the samples.
    method : str or list of tuple
        "rtisi"  rounds on the frames at hand (`recovery.rtisi`): look_ahead=3 frames, n_iter=5 rounds
        "pghi"   the gradient of the phase, no rounds (`recovery.rtpghi`): look_ahead=1 frame or 0
        any method or chain of `recover` else, in blocks of frames: better, with more latency
    init, n_iter, tolerance, **options
        As in `recover`.
    rng : int, np.random.Generator or anything that np.random.default_rng takes
        As in `recover`.  A Generator goes on when the stream is reset; a number begins anew.
    block : int or "auto"
        Frames of a block, for the methods that go in blocks; see `recover`.
    limit_ends : bool
        As in `recover`.

    Attributes
    ----------
    plan : STFT
    latency : int
        Samples from the last that is final to the end of the newest frame, at most; at least 0.  For "rtisi" and "pghi"
        it is n_fft - hop_length + look_ahead hop_length where hop_length is at most n_fft, of centred frames
        n_fft / 2.  Where frames overlap less it may be more: any frame may be the last, and samples that no frame
        covers, or that are cut off at the end, are not given before.  Else it is a block and the frames ahead of it.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or is none of the method's; the error names it.

    Warns
    -----
    UserWarning
        If the window and the hop of the plan violate NOLA: some samples cannot be reconstructed.

    Examples
    --------
    >>> stream = fastspec.stream.StreamingRecover(plan)
    >>> for S in blocks:  # (..., n_bins, frames), any number of frames
    ...     play(stream.push(S))
    >>> play(stream.flush())
    """

    _name = "S"

    def __init__(
        self,
        plan: STFT,
        method: Chain = "rtisi",
        *,
        init: str = "auto",
        n_iter: int | str = "auto",
        rng: Seed = None,
        tolerance: float = TOLERANCE,
        block: int | str = "auto",
        limit_ends: bool = True,
        **options: Any,
    ) -> None:
        plan = as_plan("plan", plan)
        name = ALIASES.get(method, method) if isinstance(method, str) else method
        if isinstance(name, str) and name in ONLINE and options.pop("segments", 1) != 1:
            raise ValueError("segments must be 1 for a stream, whose number of frames is not known in advance")
        stages = parse_stages(name, n_iter, options)
        if not isinstance(init, str):
            raise TypeError(f"init must be the name of a start for a stream, got {type(init)!r}")
        start = check_init("init", init, (), stages)
        problem = Problem(plan, stages, start, fraction("tolerance", tolerance), limits_ends=bool(limit_ends))
        self._set_up(problem, block, rng)

    def _set_up(self, problem: Problem, block: int | str, rng: Seed) -> None:
        plan = self.plan = problem.plan
        self._problem, self._block, self._rng = problem, check_block(plan, block), rng
        warn_unless_invertible(self._name, plan)
        checks.as_generator("rng", rng)
        self.latency = self._latency_of(self._make_engine(1, 0))
        self.reset()

    def _make_engine(self, signals: int, rng: Seed) -> Engine:
        """An online engine, which takes magnitudes, or one of blocks, which takes levels."""
        problem = self._problem
        if problem.is_online and problem.online_stage is not None:
            generator = np.random.default_rng(rng)
            stage, limits_ends = problem.online_stage, problem.limits_ends
            return make_engine(self.plan, signals, stage, generator, problem.tolerance, limits_ends=limits_ends)
        return BlockEngine(problem, self._block, rng, signals)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.plan!r}, {[stage.name for stage in self._problem.stages]})"

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError(f"a {type(self).__name__} can be neither copied nor pickled: make another")

    def prepare(self) -> None:
        """Compile, or load, all that `push` and `flush` call, so that no first push does in an audio callback.

        The state of the stream, and of a generator that is its `rng`, stay as they are.  It takes as long as the
        recovery of a short signal; for methods in blocks, of one of two of their smallest blocks.
        """
        prepare_team(self.plan.dtype)
        spare = object.__new__(type(self))
        vars(spare).update(vars(self))
        spare._rng, spare._block = 0, margin_frames(self.plan)
        spare.reset()
        levels = np.random.default_rng(0).random((self._problem.n_rows, 3 * spare._block))
        for block in np.array_split(levels, 2, axis=1):
            spare.push(block)
        spare.flush()

    def reset(self) -> None:
        """Forget everything: as new."""
        self._engine: Engine | None = None
        self._leading: tuple[int, ...] = ()
        self._n_frames = self._n_returned = 0  # frames pushed, samples returned
        self._pending = np.empty((0, 0), self.plan.dtype)  # samples (signals, n) of the engine not yet returned
        self._scratch = np.empty(0, self.plan.dtype)
        self._is_closed = False

    def push(self, S: ArrayLike, out: Real | None = None) -> Real:
        """The samples that are final with these frames.

        Parameters
        ----------
        S : np.ndarray [shape=(..., n_bins, m)]
            The next m frames of finite magnitudes >= 0, 0 or more, in any order of memory.  Leading axes as in the
            first block.
        out : np.ndarray [shape=(..., at least as many samples)]
            Array of the plan's dtype to write to.  With it nothing of a block's size is allocated if S has that dtype,
            too, for the sizes that the kernels transform (even ones with no prime factor above 5).

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            Those after the samples returned before; the first of `out` if that is given.

        Raises
        ------
        TypeError, ValueError
            If S is not of this shape or not finite and >= 0, if out is too small or of another dtype, or if the stream
            has ended.
        """
        magnitudes = self._check_block(S)
        leading, n_frames = magnitudes.shape[:-2], self._n_frames + magnitudes.shape[-1]
        engine = self._engine
        if engine is None:
            engine = self._make_engine(prod(leading), self._rng)
        n_engine, n_final = engine.n_final(n_frames), self._n_final(engine, n_frames)
        y = checks.stream_out("out", out, leading, n_final - self._n_returned, self.plan.dtype, magnitudes)
        self._engine, self._leading = engine, leading
        flat = magnitudes.reshape(prod(leading), *magnitudes.shape[-2:])
        in_place = n_engine == n_final and not self._pending.size and y.flags.c_contiguous
        n_new = n_engine - engine.n_final(self._n_frames)
        new = self._run_engine(engine, flat, n_new, y if in_place else None)
        if not in_place:
            self._write_out(new, y)
        self._n_frames, self._n_returned = n_frames, n_final
        return y

    def flush(self, length: int | None = None) -> Real:
        """The rest of the signal; then the stream has ended, until it is reset.

        Parameters
        ----------
        length : int
            Samples of the whole signal, as many as give the frames that came; `plan.n_samples` of them by default.

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            Those after the samples returned before.  Without any frame there are none.

        Raises
        ------
        TypeError, ValueError
            If length does not give as many frames as came, or if the stream has ended.
        """
        self._check_open()
        if self._engine is None or not self._n_frames:
            if length is not None and checks.as_int("length", length, 0):
                raise ValueError(f"length={length}, but no frame was pushed")
            self._is_closed = True
            return np.empty((*self._leading, 0), self.plan.dtype)
        end = self.plan.n_samples(self._n_frames) if length is None else checks.as_int("length", length, 0)
        if end < self._n_returned:
            raise ValueError(f"length must be at least {self._n_returned}, the samples returned so far, got {length!r}")
        if end and self.plan.n_frames(end) != self._n_frames:
            raise ValueError(
                f"length={length} gives {self.plan.n_frames(end)} frames, but {self._n_frames} were pushed"
            )
        rest = self._engine.finish(end) if end else self._pending
        rest = np.concatenate([self._pending, rest], axis=1) if self._pending.size else rest
        self._is_closed = True
        return rest[:, : end - self._n_returned].reshape(*self._leading, end - self._n_returned)

    # ---- checks ----
    def _check_open(self) -> None:
        if self._is_closed:
            raise ValueError("the stream has ended with flush(): reset() it first")

    def _check_block(self, S: ArrayLike) -> Real:
        """The block in the plan's dtype."""
        self._check_open()
        name, n_rows, leading = self._name, self._problem.n_rows, self._leading
        block = checks.as_array(name, S)
        if block.ndim < 2 or block.shape[-2] != n_rows:
            raise ValueError(f"{name} must have shape (..., {n_rows}, frames), got {block.shape}")
        if self._engine is not None and block.shape[:-2] != leading:
            raise ValueError(
                f"{name} must have the leading axes of the first block, {leading}, got shape {block.shape}"
            )
        if not prod(block.shape[:-2]):
            raise ValueError(f"{name} must hold at least one signal, got shape {block.shape}")
        return self._problem.to_levels(name, block) if block.size else block

    # ---- work ----
    def _n_final(self, engine: Engine, n_frames: int) -> int:
        """Samples that are final with n_frames frames: the signal may end with the last of them."""
        return min(engine.n_final(n_frames), self.plan.n_samples(n_frames)) if n_frames else 0

    def _latency_of(self, engine: Engine) -> int:
        """Samples from the last final one to the end of the newest frame, where they are most."""
        g, n_frames = self.plan.geometry, engine.n_frames_at_latency()
        return (n_frames - 1) * g.hop_length + g.n_fft + g.start - self._n_final(engine, n_frames)

    def _run_engine(self, engine: Engine, M: Real, n_samples: int, out: Real | None) -> Real:
        """The engine's samples (signals, n_samples) for levels M: in `out`, or in scratch."""
        signals = len(M)
        if out is None:
            if self._scratch.size < signals * n_samples:
                self._scratch = np.empty(signals * n_samples, self.plan.dtype)
            out = self._scratch[: signals * n_samples]
        out = out.reshape(signals, n_samples)
        out[...] = 0
        M = M.astype(self.plan.dtype, copy=False)
        y = engine.push(self._problem.to_magnitudes(M) if self._problem.is_online else M, out)
        if y is not out:
            out[...] = y
        return out

    def _write_out(self, new: Real, y: Real) -> None:
        """Pending and new samples to y, as many as it holds; the rest is pending."""
        pending, n_samples = self._pending, y.shape[-1]
        n_pending = min(n_samples, pending.shape[-1])
        for row, index in enumerate(np.ndindex(self._leading)):
            y[index][:n_pending] = pending[row, :n_pending] if n_pending else 0
            y[index][n_pending:] = new[row, : n_samples - n_pending]
        if pending.size or new.shape[1] > n_samples:
            rest = pending[:, n_pending:] if pending.size else new[:, :0]
            self._pending = np.concatenate([rest, new[:, n_samples - n_pending :]], axis=1)


class StreamingRecoverMel(StreamingRecover):
    """`recover_mel` for mels that come block by block; it has the methods of `StreamingRecover`.

    The bits are those of `recover_mel(M, bank, plan, block=block, ...)` with the same options.

    Parameters
    ----------
    plan, init, n_iter, rng, tolerance, block, limit_ends
        As of `StreamingRecover`.
    bank, power, log, method, rounds, **options
        As in `recover_mel`, but for log="notebook".

    Attributes
    ----------
    plan : STFT
    latency : int
        As of `StreamingRecover`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or is none of the method's; the error names it.
    """

    _name = "M"

    def __init__(
        self,
        plan: STFT,
        bank: FilterBank | ArrayLike,
        *,
        power: float = 2.0,
        log: str | None = None,
        method: str = "joint",
        rounds: Chain = "accelerated",
        init: str = "auto",
        n_iter: int | str = "auto",
        rng: Seed = None,
        tolerance: float = TOLERANCE,
        block: int | str = "auto",
        limit_ends: bool = True,
        **options: Any,
    ) -> None:
        plan = as_plan("plan", plan)
        if not isinstance(init, str):
            raise TypeError(f"init must be the name of a start for a stream, got {type(init)!r}")
        mels, share = Mels(bank, power, log), fraction("tolerance", tolerance)
        problem = make_mel_problem(plan, mels, method, rounds, n_iter, options, share)
        start = check_init("init", init, (), problem.stages)
        self._set_up(problem._replace(init=start, limits_ends=bool(limit_ends)), block, rng)
