"""`StreamingRecover`: magnitudes, block by block -> the samples that are final."""

import warnings
from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array, Real
from ..features.banks import FilterBank
from ..plan import STFT
from ..stream.iterators import push_blocks
from .blocks import Signals, checked_block
from .engines import Engine, engine_of
from .methods import STARTING, Chain, stages_of
from .recover import TOLERANCE, Seed, begin, share
from .recover_mel import recipe_of
from .solve import Recipe


def recover(blocks: Iterable[ArrayLike], plan: STFT, *, length: int | None = None, **options: Any) -> Iterator[Array]:
    """Signals with the magnitudes of blocks (..., n_bins, m), by `StreamingRecover(plan, **options)`; see `istft`."""
    return push_blocks(StreamingRecover(plan, **options), blocks, length)


NAMES = {"pghi": "rtpghi"}
"""Methods of streams that `recover` knows by another name, as "pghi" is a start there."""


class StreamingRecover:
    """`recover` for magnitudes that come block by block, as they come: with its bits, whatever the blocks are.

    The bits are those of `recover(S, plan, method="rtisi", segments=1)`, of `recover(S, plan, method="rtpghi")` for
    "pghi", and of `recover(S, plan, block=block, ...)` for all others, with the same options; with the former two as
    long as the largest magnitude is between 1e-20 and 1e20 (float64: 1e-200 and 1e200) and none but 0 is below
    1e-10 (1e-100) of it.  Sounds of any level, and silences of any length, are no trouble.

    A stream belongs to one thread at a time; different streams are independent.  An error in an argument leaves it as
    it was.

    Parameters
    ----------
    plan : STFT
        The transform that the magnitudes are of; its dtype is that of the samples.
    method : str or list of tuple
        "rtisi"  rounds on the frames at hand (`recovery.rtisi`): look_ahead=3 frames, n_iter=5 rounds
        "pghi"   the gradient of the phase, no rounds (`recovery.rtpghi`): look_ahead=1 frame or 0
        others   any method or chain of `recover`, in blocks of frames: better, and later
    init, n_iter, tolerance, **options
        As in `recover`.
    rng : int, np.random.Generator or what np.random.default_rng takes
        As in `recover`.  A Generator goes on when the stream is reset; a number begins anew.
    block : int or "auto"
        Frames of a block, for the methods that go in blocks; see `recover`.

    Attributes
    ----------
    plan : STFT
    latency : int
        Samples from the last that is final to the end of the newest frame, from 0 up, where that is farthest.  For
        "rtisi" and "pghi" it is n_fft - hop_length + look_ahead hop_length where hop_length is at most n_fft, of
        centred frames n_fft / 2.  Where frames overlap less it may be more: any frame may be the last, and what no
        frame tells of or is cut at the end is not given before.  For others it is a block and the frames ahead of it.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, or is none of the method's; the error names it.

    Warns
    -----
    UserWarning
        If the window and the hop of the plan leave samples that no frame tells of.

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
        **options: Any,
    ) -> None:
        if not isinstance(plan, STFT):
            raise TypeError(f"plan must be a fastspec.STFT, got {plan!r}")
        name = NAMES.get(method, method) if isinstance(method, str) else method
        if isinstance(name, str) and name in STARTING and options.pop("segments", 1) != 1:
            raise ValueError("segments must be 1 for a stream, which does not know how many frames will come")
        stages = stages_of(name, n_iter, options)
        if not isinstance(init, str):
            raise TypeError(f"init must be the name of a start for a stream, got {type(init)!r}")
        start = begin("init", init, (), stages)
        self._begin(Recipe(plan, stages, start, share("tolerance", tolerance)), block, rng)

    def _begin(self, recipe: Recipe, block: int | str, rng: Seed) -> None:
        plan = self.plan = recipe.plan
        self._recipe, self._block, self._rng = recipe, checked_block(plan, block), rng
        if not plan.invertible:
            warnings.warn(
                f"hop_length {plan.hop_length} is too large for the window, so that {self._name} does not tell all "
                "samples",
                UserWarning,
                stacklevel=3,
            )
        np.random.default_rng(rng)
        self.latency = self._lag(self._make(1, 0))
        self.reset()

    def _make(self, signals: int, rng: Seed) -> Engine:
        """The engine of so many signals."""
        recipe = self._recipe
        if recipe.running and len(recipe.stages) == 1:
            return engine_of(self.plan, signals, recipe.running, np.random.default_rng(rng), recipe.tolerance)
        return Signals(recipe, self._block, rng, signals)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.plan!r}, {[stage.name for stage in self._recipe.stages]})"

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError(f"a {type(self).__name__} can be neither copied nor pickled: make another")

    def reset(self) -> None:
        """Forget everything: as new."""
        self._engine: Engine | None = None
        self._lead: tuple[int, ...] = ()
        self._frames = self._given = 0  # that came, and samples that went
        self._held, self._room = np.empty((0, 0), self.plan.dtype), np.empty(0, self.plan.dtype)
        self._over = False

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
            Those after the ones given before; a part of `out` if that is given.

        Raises
        ------
        TypeError, ValueError
            If S is not of this shape or not finite and >= 0, if out is too small or of another dtype, or if the stream
            has ended.
        """
        magnitudes = self._checked(S)
        lead, frames = magnitudes.shape[:-2], self._frames + magnitudes.shape[-1]
        engine = self._engine
        if engine is None:
            engine = self._make(prod(lead), self._rng)
        ready, end = engine.ready(frames), self._end(engine, frames)
        y = checks.stream_out("out", out, lead, end - self._given, self.plan.dtype, magnitudes)
        self._engine, self._lead = engine, lead
        flat = magnitudes.reshape(prod(lead), *magnitudes.shape[-2:])
        straight = ready == end and not self._held.size and y.flags.c_contiguous
        made = self._made(engine, flat, ready - engine.ready(self._frames), y if straight else None)
        if not straight:
            self._hand_out(made, y)
        self._frames, self._given = frames, end
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
            Those after the ones given before.  Without any frame there are none.

        Raises
        ------
        TypeError, ValueError
            If length does not give as many frames as came, or if the stream has ended.
        """
        self._going()
        if self._engine is None or not self._frames:
            if length is not None and checks.as_int("length", length, 0):
                raise ValueError(f"length={length}, but no frame has come")
            self._over = True
            return np.empty((*self._lead, 0), self.plan.dtype)
        end = self.plan.n_samples(self._frames) if length is None else checks.as_int("length", length, 0)
        if end < self._given:
            raise ValueError(f"length must be at least {self._given}, the samples given so far, got {length!r}")
        if end and self.plan.n_frames(end) != self._frames:
            raise ValueError(f"length={length} gives {self.plan.n_frames(end)} frames, but {self._frames} have come")
        rest = self._engine.finish(end) if end else self._held
        rest = np.concatenate([self._held, rest], axis=1) if self._held.size else rest
        self._over = True
        return rest[:, : end - self._given].reshape(*self._lead, end - self._given)

    # ---- checks ----
    def _going(self) -> None:
        if self._over:
            raise ValueError("the stream has ended with flush(): reset() it first")

    def _checked(self, S: ArrayLike) -> Real:
        """The block in the plan's dtype."""
        self._going()
        name, rows, lead = self._name, self._recipe.rows, self._lead
        block = checks.as_array(name, S)
        if block.ndim < 2 or block.shape[-2] != rows:
            raise ValueError(f"{name} must have shape (..., {rows}, frames), got {block.shape}")
        if self._engine is not None and block.shape[:-2] != lead:
            raise ValueError(f"{name} must have the leading axes of the first block, {lead}, got shape {block.shape}")
        if not prod(block.shape[:-2]):
            raise ValueError(f"{name} must be of a signal at least, got shape {block.shape}")
        return self._recipe.levels(name, block) if block.size else block

    # ---- work ----
    def _end(self, engine: Engine, frames: int) -> int:
        """Samples that are final with so many frames: the signal may end with the last of them."""
        return min(engine.ready(frames), self.plan.n_samples(frames)) if frames else 0

    def _lag(self, engine: Engine) -> int:
        """The latency; it is the same for any number of frames, once samples come."""
        g, frames = self.plan._geometry, engine.slowest()
        return (frames - 1) * g.hop_length + g.n_fft + g.start - self._end(engine, frames)

    def _made(self, engine: Engine, S: Real, count: int, y: Real | None) -> Real:
        """The engine's samples (signals, count): in `y`, or in memory of ours."""
        signals = len(S)
        if y is None:
            if self._room.size < signals * count:
                self._room = np.empty(signals * count, self.plan.dtype)
            y = self._room[: signals * count]
        room = y.reshape(signals, count)
        room[...] = 0
        S = S.astype(self.plan.dtype, copy=False)
        alone = self._recipe.running is not None and len(self._recipe.stages) == 1
        made = engine.push(self._recipe.magnitudes(S) if alone else S, room)
        if made is not room:
            room[...] = made
        return room

    def _hand_out(self, made: Real, y: Real) -> None:
        """What was held and what is new goes to y as far as there is room, and what remains is held."""
        held, count = self._held, y.shape[-1]
        first = min(count, held.shape[-1])
        for row, index in enumerate(np.ndindex(self._lead)):
            y[index][:first] = held[row, :first] if first else 0
            y[index][first:] = made[row, : count - first]
        if held.size or made.shape[1] > count:
            kept = held[:, first:] if held.size else made[:, :0]
            self._held = np.concatenate([kept, made[:, count - first :]], axis=1)


class StreamingRecoverMel(StreamingRecover):
    """`recover_mel` for mels that come block by block; see `StreamingRecover`, whose methods it has.

    The bits are those of `recover_mel(M, bank, plan, block=block, ...)` with the same options.

    Parameters
    ----------
    plan, init, n_iter, rng, tolerance, block
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
        **options: Any,
    ) -> None:
        if not isinstance(plan, STFT):
            raise TypeError(f"plan must be a fastspec.STFT, got {plan!r}")
        if not isinstance(init, str):
            raise TypeError(f"init must be the name of a start for a stream, got {type(init)!r}")
        recipe = recipe_of(plan, bank, power, log, method, rounds, n_iter, options, share("tolerance", tolerance))
        self._begin(recipe._replace(init=str(begin("init", init, (), recipe.stages))), block, rng)
