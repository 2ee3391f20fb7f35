"""`StreamingISTFT`: spectra, block by block -> the samples that are final.

What is kept between blocks is the sum of the frames so far, as far as more frames reach into it: about n_fft numbers a
signal, whatever the hop.  As frames are added up in their order (see `synthesis`), going on from there gives the bits
of the whole.
"""

import warnings
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Complex, Real
from ..kernels.runtime.threads import team_size
from ..kernels.stft import inverse as inverse_kernel
from ..plan import STFT
from ..transform import inverse_scipy
from ..transform.inverse import Prepared, Workspace, arrays_at, run_overlap_add
from ..transform.memory import address, pair_signals, writable

ENDLESS = 1 << 60  # frames of a signal that goes on
PIECE = 1 << 18  # numbers that are held where a block has to be converted, or results to be put into place
KNOWN = 16  # kinds of blocks for which everything is kept ready


class StreamingISTFT:
    """`plan.inverse` for spectra that come block by block, with its bits whatever the blocks are.

    A sample is final once all frames that reach it are there.  After g frames those are the first g hop_length samples
    of the sum, of which a centred plan's start, n_fft // 2 samples, is cut; but never more than plan.n_samples(g), as
    the signal may end there.

    A stream belongs to one thread at a time; different streams are independent.  An error leaves it as it was.

    Parameters
    ----------
    plan : STFT
        Size, hop, window and dtype.

    Attributes
    ----------
    plan : STFT
    latency : int
        Samples from the last that is final to the end of the newest frame: n_fft - hop_length, or half a frame of a
        centred plan, n_fft // 2, if that is more, as it can be the signal's end that is cut; at least 0.

    Raises
    ------
    TypeError
        If plan is not an STFT.

    Warns
    -----
    UserWarning
        If the window and the hop leave samples that no frame tells of (the NOLA condition fails).

    Examples
    --------
    >>> stream = fastspec.stream.StreamingISTFT(plan)
    >>> for block in blocks:  # (..., n_bins, frames), any number of frames
    ...     play(stream.push(block))
    >>> play(stream.flush())
    """

    def __init__(self, plan: STFT) -> None:
        if not isinstance(plan, STFT):
            raise TypeError(f"plan must be a fastspec.STFT, got {plan!r}")
        self._tell_of_gaps(plan)
        self.plan = plan
        self._cut = -plan.geometry.start  # samples of the sum before the first that is given
        self._lag = int(plan.hop_length + self._cut > plan.n_fft)
        self.latency = max(plan.n_fft - plan.hop_length, self._cut)
        self._workspace = Workspace(plan.dtype)
        self._ready: dict[object, Prepared] = {}
        self.reset()

    def __repr__(self) -> str:
        return f"StreamingISTFT({self.plan!r})"

    def __getstate__(self) -> dict[str, Any]:
        """Without what holds addresses of this process."""
        return {**vars(self), "_ready": {}, "_places": [], "_workspace": Workspace(self.plan.dtype)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({**state, "_places": [address(sums) for sums in state["_sums"]]})

    def reset(self) -> None:
        """Forget everything: as new."""
        self._frames = self._given = 0  # that came, and samples that went
        self._over = False
        self._lead: tuple[int, ...] | None = None
        self._sums: list[Real] = []  # those kept, and where the next go
        self._places: list[int] = []  # their addresses

    def push(self, block: ArrayLike, out: Real | None = None) -> Real:
        """The samples that are final with these frames.

        Parameters
        ----------
        block : np.ndarray [shape=(..., n_bins, m)]
            The next m frames, 0 or more; complex, in any order of memory.  Leading axes as in the first block.
        out : np.ndarray [shape=(..., at least as many samples)]
            Real array to write to, of the plan's dtype.  With it nothing of a block's size is allocated, as long as
            the block has the complex dtype of the plan, and the samples of `out` are neighbours in memory.

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            Those after the ones given before; a part of `out` if that is given.

        Raises
        ------
        TypeError, ValueError
            If the block has not n_bins rows or other leading axes than the first, if out is too small or of another
            dtype, or if the stream has ended.
        """
        D = self._checked(block)
        count = self.final(self._frames + D.shape[-1]) - self._given
        y = checks.stream_out("out", out, D.shape[:-2], count, self.plan.dtype, D)
        if self._lead is None:
            self._begin(D.shape[:-2])
        if D.dtype == self.plan.complex_dtype and D.flags.aligned and writable(y):
            self._go_on(D, y)
        else:
            self._in_pieces(D, y)
        return y

    def flush(self, length: int | None = None) -> Real:
        """The rest of the signal; then the stream has ended, until it is reset.

        Parameters
        ----------
        length : int
            Samples of the whole signal: zeros past the last frame.  `plan.n_samples` of all frames by default.

        Returns
        -------
        y : np.ndarray [shape=(..., samples)]
            Those after the ones given before.  Without any frame there are none.

        Raises
        ------
        TypeError, ValueError
            If more samples have been given than length, or if the stream has ended.
        """
        self._going()
        whole = self._given if length is None else checks.as_int("length", length, 0)
        if self._frames and length is None:
            whole = self.plan.n_samples(self._frames)
        if whole < self._given:
            raise ValueError(f"length must be at least {self._given}, the samples given so far, got {length!r}")
        lead = self._lead or ()
        y = np.empty((*lead, whole - self._given if self._frames else 0), self.plan.dtype)
        if y.size:
            self._add(np.empty((*lead, self.plan.n_bins, 0), self.plan.complex_dtype), y, self._frames)
        self._given, self._over = self._given + y.shape[-1], True
        return y

    # ---- checks ----
    def _tell_of_gaps(self, plan: STFT) -> None:
        if not plan.invertible:
            warnings.warn(
                f"hop_length {plan.hop_length} is too large for the window, so that spectra do not tell all samples",
                UserWarning,
                stacklevel=3,
            )

    def _going(self) -> None:
        if self._over:
            raise ValueError("the stream has ended with flush(): reset() it first")

    def _checked(self, block: ArrayLike) -> NDArray[Any]:
        """The block, in whatever dtype it has."""
        self._going()
        D, bins = checks.as_array("block", block), self.plan.n_bins
        if D.dtype.kind not in "fciu":
            raise TypeError(f"block must hold complex numbers, got dtype {D.dtype}")
        if D.ndim < 2 or D.shape[-2] != bins:
            raise ValueError(f"block must have shape (..., {bins}, frames), got {D.shape}")
        if self._lead is not None and D.shape[:-2] != self._lead:
            raise ValueError(f"block must have the leading axes of the first, {self._lead}, got shape {D.shape}")
        return D

    # ---- work ----
    def final(self, frames: int) -> int:
        """Samples that are final with so many frames."""
        plan = self.plan
        return max(0, min(frames * plan.hop_length - self._cut, plan.n_samples(frames))) if frames else 0

    def _begin(self, lead: tuple[int, ...]) -> None:
        """No sums yet, for signals of these leading axes."""
        n_fft, hop = self.plan.n_fft, self.plan.hop_length
        shape = prod(lead), -(-n_fft // hop) - 1 + self._lag, min(hop, n_fft)
        self._lead, self._sums = lead, [np.zeros(shape, self.plan.dtype) for _ in range(2)]
        self._places = [address(sums) for sums in self._sums]

    def _go_on(self, D: Complex, y: Real) -> None:
        """The next frames; y takes all samples that are final with them."""
        if D.shape[-1] and self._sums[0].shape[0]:
            self._add(D, y, ENDLESS)
            self._sums.reverse()
            self._places.reverse()
        self._frames += D.shape[-1]
        self._given += y.shape[-1]

    def _in_pieces(self, D: NDArray[Any], y: Real) -> None:
        """The same by way of pieces, where kernels cannot read D or write y."""
        before = self._frames, self._given, self._sums[0].copy()
        some = max(1, PIECE // (prod(D.shape[:-2]) * max(2 * self.plan.n_bins, self.plan.hop_length) + 1))
        try:
            for f in range(0, D.shape[-1], some):
                piece = D[..., f : f + some].astype(self.plan.complex_dtype)
                at, count = self._given - before[1], self.final(self._frames + piece.shape[-1]) - self._given
                samples = np.empty((*D.shape[:-2], count), y.dtype)
                self._go_on(piece, samples)
                y[..., at : at + count] = samples
        except BaseException:
            self._frames, self._given, self._sums[0][:] = before
            raise

    def _add(self, D: Complex, y: Real, total: int) -> None:
        """Samples from the first not yet given on; without `total` frames yet, the sums go to the second place."""
        transform, b = self.plan.inverse_transform, 0
        for spectra, target in pair_signals(D, y):
            if transform.in_lanes:
                self._run_in_lanes(spectra, target, total, b)
            else:
                frame_range = transform.frame_range(self._cut + self._given, self._frames, total, self._lag)
                before, after = (sums[b : b + len(spectra)] for sums in self._sums)
                inverse_scipy.add_frames(spectra, target, frame_range, before, after if total == ENDLESS else None)
            b += len(spectra)

    def _run_in_lanes(self, D: Complex, y: Real, total: int, b: int) -> None:
        """By the kernels; D[0] is of signal b."""
        prepared, width = self._prepare(D, y, total), y.itemsize
        record, layout = prepared.overlap_add.record.copy(), inverse_kernel.LAYOUT
        layout.set_numbers(record, first_frame=self._frames, start=self._cut + self._given)
        signal_size = self._sums[0][0].size
        before, after = (sums + b * signal_size * width for sums in self._places)
        size = len(D) * signal_size
        kept = size if total == ENDLESS else 0
        layout.set_memory(record, sums_before=(before, size), sums_after=(after, kept))
        arrays = arrays_at(prepared, address(D), address(y), width)
        task = inverse_kernel.inverse_strip
        run_overlap_add(prepared.overlap_add, task, arrays, prepared.work, self._workspace, record)

    def _prepare(self, D: Complex, y: Real, total: int) -> Prepared:
        """The overlap-add for arrays like these, prepared now or before."""
        transform = self.plan.inverse_transform
        key = D.shape, D.strides, y.shape, y.strides, total, team_size()
        prepared = self._ready.get(key)
        if prepared is None:
            if len(self._ready) == KNOWN:
                self._ready.clear()
            frame_range = transform.frame_range(self._cut + self._given, self._frames, total, self._lag)
            prepared = self._ready[key] = transform.prepare(key, D, y, frame_range, D.shape[2])
        return prepared
