"""Recipes: the front ends of programs for speech recognition and of vocoders, by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import checks
from .._typing import Integer, Real
from ..forks import forks_wait
from ..immutable import Immutable
from ..plan import STFT, Order
from ..warning import warn
from .frontend import FrontEnd
from .recipe_table import TABLE, UNIT, Row, Source, make_bank

if TYPE_CHECKING:
    from .stream import RecipeStream

LOUDEST_UNIT = 8.0
"""Samples that a recipe for samples within ±1 takes without a warning."""
_SAMPLED = 1024  # samples of a signal that are looked at before all are
_ROWS = {row.name: row for row in TABLE}
_cached: dict[tuple[str, np.dtype[Any]], Recipe] = {}


def recipes() -> tuple[str, ...]:
    """The names of all recipes, which `recipe` takes."""
    return tuple(_ROWS)


def recipe(name: str, *, dtype: DTypeLike = "float32") -> Recipe:
    """The front end of a program for speech recognition, or of a vocoder.

    Parameters
    ----------
    name : str
        One of `recipes()`, such as "whisper-80" or "hifigan-22k".
    dtype : float32 or float64

    Returns
    -------
    recipe : Recipe
        The same object for the same arguments.

    Raises
    ------
    ValueError
        If there is no recipe of that name.

    Examples
    --------
    >>> M = fastspec.recipe("hifigan-22k")(y)  # (..., 80, n // 256), of y at 22,050 Hz
    """
    key = name, checks.as_real_dtype("dtype", dtype)
    if key not in _cached:
        _cached.setdefault(key, Recipe(_find_row(name), key[1]))
    return _cached[key]


def _find_row(name: str) -> Row:
    """The row of that name."""
    if not isinstance(name, str) or name not in _ROWS:
        near = difflib.get_close_matches(name.lower(), _ROWS, n=3, cutoff=0.4) if isinstance(name, str) else []
        hint = f"near it are {', '.join(near)}" if near else "fastspec.recipes() lists them"
        raise ValueError(f"name must be that of a recipe, got {name!r}: {hint}")
    return _ROWS[name]


class Recipe(Immutable):
    """A `FrontEnd` with a name, the sampling rate of its sounds and the level of samples that it expects.

    Attributes
    ----------
    name : str
    sr : int
        Hz.
    full_scale : float
        1 if samples are expected within ±1; 32768 if they are numbers of 16 bits.
    frontend : FrontEnd
    source : Source
        project, file, licence, year.
    remark : str
        What programs do beside, which is left to the caller.

    Notes
    -----
    `fastspec.recipe` makes it.  Integers of 8, 16 and 32 bits have a full scale, which is brought to that of the
    recipe: int16 is divided by 32768 where ±1 is expected.
    """

    def __init__(self, row: Row, dtype: np.dtype[Any]) -> None:
        plan = STFT(**row.plan, dtype=dtype)
        bank = None if row.filters is None else make_bank(row.filters, row.sr, plan.n_fft, dtype)
        self.name, self.sr, self.source, self.remark = row.name, row.sr, row.source, row.remark
        self.full_scale: float = row.full_scale
        self.frontend = FrontEnd(plan, bank, **row.options)

    def __repr__(self) -> str:
        source: Source = self.source
        lines = [
            f"recipe({self.name!r}): {self.frontend.n_rows} rows, a frame each {self.frontend.plan.hop_length} samples "
            f"at {self.sr} Hz, of samples {self.level}",
            f"  {source.project} ({source.year}): {source.file} ({source.licence})",
            *([f"  {self.remark}"] if self.remark else []),
            f"  {self.frontend!r}",
        ]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.name, self.dtype.name)

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self.frontend.dtype

    @property
    def level(self) -> str:
        """The level of samples that is expected, as text: "within ±1" or "of 16 bits"."""
        return "within ±1" if self.full_scale == UNIT else "of 16 bits"

    def n_frames(self, n_samples: int) -> int:
        """Frames of a signal of n_samples."""
        return self.frontend.n_frames(n_samples)

    def __call__(self, y: ArrayLike, *, out: Real | None = None, order: Order = "C") -> Real:
        """The features of signals at the recipe's rate.

        Parameters
        ----------
        y : np.ndarray [shape=(..., n)]
            Floating-point samples at the recipe's level; or integers of 8, 16 or 32 bits, whose full scale is brought
            to it.
        out, order
            As in `FrontEnd`.

        Returns
        -------
        L : np.ndarray [shape=(..., n_rows, n_frames)]

        Raises
        ------
        TypeError, ValueError
            If y is not real, is too short for a frame, or holds integers of 64 bits, which say nothing of their level.

        Warns
        -----
        UserWarning
            If the level of y is not that of the recipe: above 8 where samples within ±1 are expected, or nowhere above
            1 where they are numbers of 16 bits.
        """
        x = y if type(y) is np.ndarray else checks.as_array("y", y)
        if x.dtype.kind == "f":
            self.check_level(x)
            return self.frontend(x, out=out, order=order)
        return self.frontend(self.scale_integers("y", x), out=out, order=order, scale=self.full_scale == UNIT)

    def batch(self, signals: Sequence[ArrayLike], *, fill: float = 0.0) -> tuple[Real, Integer]:
        """The features of signals of unequal lengths, padded to the longest, and the frames of each.

        L[i, :, :n_frames[i]] has the bits of the call for signal i alone.  See `FrontEnd.batch`; levels as in the call.
        """
        samples = []
        for i, y in enumerate(signals):
            x = checks.as_array(f"signals[{i}]", y)
            if x.dtype.kind == "f":
                self.check_level(x, f"signals[{i}]")
            elif x.dtype.kind in "iu":
                x = checks.convert_samples(self.scale_integers(f"signals[{i}]", x), self.dtype, self.full_scale == UNIT)
            samples.append(x)
        return self.frontend.batch(samples, fill=fill)

    def stream(self) -> RecipeStream:
        """A stream of these features: `push` blocks of samples, `flush` at the end; the bits are those of the call.

        Integers are brought to the recipe's level as in the call, and loud blocks are warned of where samples within ±1
        are expected.

        Raises
        ------
        ValueError
            If the features of a frame depend on the whole signal.
        """
        with forks_wait:
            from .stream import RecipeStream

        return RecipeStream(self)

    def inverse(self, L: ArrayLike, **options: Any) -> Real:
        """Signals at the recipe's level whose features are near L, by `fastspec.recover_mel`.

        Parameters
        ----------
        L : np.ndarray [shape=(..., n_rows, n_frames)]
        **options
            Of `fastspec.recover_mel`: method, n_iter, rng, length and others.

        Returns
        -------
        y : np.ndarray [shape=(..., length)]

        Raises
        ------
        ValueError
            If rows were normalized, which cannot be undone.

        Warns
        -----
        UserWarning
            If values are at a bound of the recipe: what was beyond it is lost.
        """
        return self.frontend.inverse(L, **options)

    # ---- levels ----
    def scale_integers(self, name: str, x: Any) -> Any:
        """Integers that a `FrontEnd` with scale=True, or without for 16 bits, brings to the recipe's level."""
        if x.dtype.kind not in "iu":
            return x  # the front end says what is wrong
        if x.dtype.itemsize > 4:
            raise ValueError(
                f"{name} must hold floating-point numbers, or integers of 8, 16 or 32 bits, whose full scale is known, "
                f"got {x.dtype}"
            )
        if self.full_scale == UNIT or x.dtype == np.int16:
            return x
        return checks.convert_samples(x, self.dtype, True) * self.dtype.type(self.full_scale)

    def check_level(self, x: Any, name: str = "y", *, is_block: bool = False) -> None:
        """Warn if floating-point samples are not at the recipe's level; looks at a few before it looks at all.

        A block of a stream may be quiet whatever its level.
        """
        if not x.size or not x.ndim:
            return
        signal = x if x.ndim == 1 else x[(0,) * (x.ndim - 1)]
        few = signal[:: max(1, len(signal) // _SAMPLED)]
        loudest = max(float(few.max()), -float(few.min()))
        if self.full_scale == UNIT:
            if loudest > LOUDEST_UNIT:
                warn(
                    f"{name} goes up to {loudest:g}, but recipe {self.name!r} expects samples within ±1: "
                    "divide those of 16 bits by 32768"
                )
        elif not is_block and loudest <= 1 and 0 < float(np.abs(x).max()) <= 1:
            warn(
                f"{name} is within ±1, but recipe {self.name!r} expects samples of 16 bits, up to ±32768: "
                "multiply by 32768"
            )


def _restore(name: str, dtype: str) -> Recipe:
    """An unpickled recipe."""
    return recipe(name, dtype=dtype)
