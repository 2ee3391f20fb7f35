"""Features of signals that come in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .. import checks
from .._typing import Array
from ..stream.feed import Samples
from ..stream.forward import ForwardStream
from ..transform.memory import MemoryLayout
from .preemphasis import emphasize

if TYPE_CHECKING:
    from .frontend import FrontEnd
    from .recipes import Recipe


class StreamingFeatures(ForwardStream):
    """A `FrontEnd` of signals that come in blocks, with the same bits for any blocks; see `stream.StreamingSTFT`.

    Parameters
    ----------
    frontend : FrontEnd
        Without `dynamic_range`, `relative`, `normalize` and `dither`.
    scale : bool
        As in the call.

    Attributes
    ----------
    latency : int
        As in `stream.StreamingSTFT`.

    Raises
    ------
    ValueError
        If the features of a frame depend on the whole signal, or on noise.
    """

    def __init__(self, frontend: FrontEnd, *, scale: bool = False) -> None:
        for name in ("dynamic_range", "relative", "normalize"):
            if getattr(frontend, name) not in (None, False):
                raise ValueError(
                    f"{name} needs the whole signal, which a stream has not: push without it, and apply it at the end"
                )
        if frontend.dither:
            raise ValueError(f"dither must be 0 for a stream, got {frontend.dither!r}")
        if frontend.drop_last and frontend.geometry.pad_right < frontend.plan.hop_length:
            raise ValueError("drop_last needs a padding of a hop after the signal, or a stream returns its last frame")
        self.frontend = frontend
        super().__init__(frontend, frontend._epilogue, frontend.dtype, "C", scale)  # type: ignore[arg-type]

    def reset(self) -> None:
        """Return to the state of a new stream; the next block may have other leading axes."""
        super().reset()
        self._before: Array | None = None  # the last sample, for the pre-emphasis of the signal

    def push(self, block: ArrayLike, out: Array | None = None) -> Array:
        """Push samples, and return the frames that they complete; see `stream.StreamingSTFT.push`."""
        x = block if type(block) is np.ndarray else checks.as_array("block", block)
        if not self.frontend.signal_preemphasis or self._ended or x.ndim == 0 or x.dtype.kind not in "fiub":
            return super().push(x, out)
        self._check_block(x)
        samples = checks.convert_samples(x, self.plan.dtype, self.scale)
        if not samples.shape[-1]:
            return super().push(samples, out)
        if self._before is None:
            emphasized = emphasize(samples, self.frontend.signal_preemphasis)
        else:
            joined = np.concatenate([self._before, samples], axis=-1)
            emphasized = emphasize(joined, self.frontend.signal_preemphasis)[..., 1:]
        frames = super().push(emphasized, out)
        self._before = samples[..., -1:].copy()
        return frames

    def push_rows(self, x: Array, layout: MemoryLayout, first: int) -> int:
        """`push` without its checks, of one signal x (n,) that is contiguous and writable and has the plan's dtype.

        It follows a `push`, and frames are not those of a signal with `signal_preemphasis`.

        Parameters
        ----------
        x : np.ndarray [shape=(n,)]
        layout : MemoryLayout
            Of an array to write to.
        first : int
            The frame of it that the first one is written to.

        Returns
        -------
        count : int
            Frames written.
        """
        assert self._feed is not None
        n = len(x)
        return self._push_samples(self._feed, Samples(x, n, n), layout, first)

    def flush(self, out: Array | None = None) -> Array:
        """End the stream, and return the frames that reach past the end; see `stream.StreamingSTFT.flush`."""
        if not self.frontend.drop_last:
            return super().flush(out)
        frames = super().flush()[..., :-1]
        if out is None:
            return frames
        target = checks.stream_out("out", out, frames.shape[:-1], frames.shape[-1], self._dtype, frames)
        target[...] = frames
        return target


class RecipeStream(StreamingFeatures):
    """The stream of a recipe, which brings integers to the level that the recipe expects; see `Recipe.stream`."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        super().__init__(recipe.frontend, scale=recipe.full_scale == 1)

    def push(self, block: ArrayLike, out: Array | None = None) -> Array:
        """Push samples, and return the frames that they complete; see `stream.StreamingSTFT.push`."""
        x = block if type(block) is np.ndarray else checks.as_array("block", block)
        if x.dtype.kind == "f":
            self.recipe.check_level(x, "block", is_block=True)
        return super().push(self.recipe.scale_integers("block", x), out)
