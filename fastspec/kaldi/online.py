"""Kaldi's features of signals that come in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import checks
from .._typing import Array, Real
from . import tensors
from .blocks import FittingFrames, StreamedFrames
from .options import NAMES, FbankOptions, MfccOptions, settings_of
from .settings import front_end

LEAST_FRAMES = 64  # of a buffer of frames
SINGLE = np.dtype(np.float32)


class OnlineFeatures:
    """The frames of a stream, kept until they are dropped."""

    __slots__ = (
        "_base",
        "_frames",
        "_hop",
        "_is_finished",
        "_popped",
        "_rate",
        "_ready",
        "_rows",
        "_shift",
        "_source",
        "_tail",
        "frontend",
    )

    def __init__(self, kind: str, opts: Any) -> None:
        frontend = front_end(settings_of(kind, opts), np.float32, NAMES)
        frame = opts.frame_opts
        self.frontend, plan = frontend, frontend.plan
        self._source = FittingFrames(frontend) if frame.snip_edges else StreamedFrames(frontend)
        self._hop, self._tail = plan.hop_length, 1 + plan.n_fft // plan.hop_length  # frames of the end, at most
        self._rate = float(frame.samp_freq)
        self._shift = float(np.float32(frame.frame_shift_ms) / np.float32(1000))
        self._frames: Real = np.empty((LEAST_FRAMES, frontend.n_rows), np.float32)
        self._rows: list[Real] = []  # views of the frames
        self._base = self._popped = self._ready = 0  # frame i is row i - base, for popped <= i < ready
        self._is_finished = False

    # ---- samples ----
    def accept_waveform(self, sampling_rate: float, waveform: Any) -> None:
        """Take samples, and compute the frames that they complete.

        Parameters
        ----------
        sampling_rate : float
            In Hz; that of the options.
        waveform : array or sequence of numbers [shape=(n,)]
            The next samples, of any real dtype.  They are not kept.

        Raises
        ------
        TypeError, ValueError
            If the sampling rate is another one, or waveform is not one-dimensional and real.
        RuntimeError
            After `input_finished`.
        """
        if sampling_rate != self._rate:
            raise ValueError(f"sampling_rate must be {self._rate:g} as in the options, got {sampling_rate!r}")
        x = waveform
        if type(x) is not np.ndarray or x.dtype != SINGLE or x.ndim != 1 or not x.flags.carray:
            x = _as_samples(x)
        n = len(x)
        if not n:
            return
        if self._is_finished:
            raise RuntimeError("waveform must not follow input_finished(): make another extractor")
        row = self._reserve(1 + n // self._hop)
        self._add(row, self._source.push(x, self._frames, row))

    def input_finished(self) -> None:
        """End the signal, and compute the frames that reach past its end, if snip_edges is False."""
        if self._is_finished:
            return
        row = self._reserve(self._tail)
        self._add(row, self._source.flush(self._frames, row))
        self._is_finished = True

    def _add(self, row: int, count: int) -> None:
        """Rows from `row` on are frames now."""
        if count:
            self._ready += count
            self._rows.extend(self._frames[row : row + count])

    def _reserve(self, count: int) -> int:
        """Make `count` rows free; returns the first of them.  Rows that callers hold are never overwritten."""
        row = self._ready - self._base
        if row + count > len(self._frames):
            kept = self._frames[self._popped - self._base : row]
            needed = len(kept) + count
            self._frames = np.empty((max(LEAST_FRAMES, needed + needed // 4), kept.shape[1]), np.float32)
            self._frames[: len(kept)] = kept
            self._base, row = self._popped, len(kept)
            self._rows = list(self._frames[:row])
        return row

    def prepare(self) -> None:
        """Compile, or load, all that blocks call, so that none of them does; see `stream.StreamingSTFT.prepare`."""
        self._source.prepare()

    # ---- frames ----
    @property
    def dim(self) -> int:
        """Features of a frame."""
        return int(self._frames.shape[1])

    @property
    def frame_shift_in_seconds(self) -> float:
        """From a frame to the next, in float32."""
        return self._shift

    @property
    def num_frames_ready(self) -> int:
        """Frames that are computed, those that were dropped included."""
        return self._ready

    def get_frame(self, frame: int) -> Real:
        """A frame.

        Parameters
        ----------
        frame : int
            From the first that is not dropped to num_frames_ready - 1.

        Returns
        -------
        row : np.ndarray [shape=(dim,), dtype=float32]
            Memory of the extractor, whose contents stay.

        Raises
        ------
        IndexError
            If the frame is not computed yet.
        RuntimeError
            If it was dropped.
        """
        if self._popped <= frame < self._ready:
            return self._rows[frame - self._base]
        if frame < self._popped:
            raise RuntimeError(f"frame must be at least {self._popped}, as earlier ones were dropped, got {frame!r}")
        raise IndexError(f"frame must be below num_frames_ready = {self._ready}, got {frame!r}")

    def is_last_frame(self, frame: int) -> bool:
        """Whether it is the last frame of a signal that has ended."""
        return self._is_finished and frame == self._ready - 1

    def pop(self, n: int) -> None:
        """Drop the first n frames that are kept; numbers of frames stay."""
        self._popped = min(self._ready, self._popped + max(0, n))


def _as_samples(waveform: Any) -> Array:
    """Samples (n,) in float32, contiguous."""
    x = tensors.as_array("waveform", waveform)
    if x.ndim != 1 or x.dtype.kind not in "fiub":
        raise ValueError(f"waveform must be real numbers of shape (n,), got {x.dtype} of shape {x.shape}")
    samples = np.require(x, SINGLE, ["C", "ALIGNED"])
    return samples if samples.flags.writeable else checks.writable_view(samples)


class OnlineFbank(OnlineFeatures):
    """Filter bank features of a signal that comes in blocks: frame by frame the bits of `fbank`, for any blocks.

    Parameters
    ----------
    opts : FbankOptions
        Of this module, or of kaldi_native_fbank.

    Raises
    ------
    TypeError, ValueError
        If an option is out of its range; dither must be 0.

    Examples
    --------
    >>> online = fastspec.kaldi.OnlineFbank(fastspec.kaldi.FbankOptions())
    >>> online.accept_waveform(16000, block)
    >>> rows = [online.get_frame(i) for i in range(online.num_frames_ready)]
    """

    __slots__ = ()

    def __init__(self, opts: Any = None) -> None:
        super().__init__("fbank", FbankOptions() if opts is None else opts)


class OnlineMfcc(OnlineFeatures):
    """Cepstra of a signal that comes in blocks: frame by frame the bits of `mfcc`, for any blocks.

    Parameters
    ----------
    opts : MfccOptions
        Of this module, or of kaldi_native_fbank.

    Raises
    ------
    TypeError, ValueError
        If an option is out of its range; dither must be 0.
    """

    __slots__ = ()

    def __init__(self, opts: Any = None) -> None:
        super().__init__("mfcc", MfccOptions() if opts is None else opts)
