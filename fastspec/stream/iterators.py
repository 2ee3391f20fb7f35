"""Streams as generators: from blocks of samples to frames, from blocks of frames to samples.

    for M in fastspec.stream.mel(soundfile.blocks("long.wav", 1 << 16, dtype="float32"), plan, bank, log="db"):
        ...                                   # (n_mels, any number of frames)

Each yields what has become final with a block, if anything has, and the rest at the end.  Blocks are any arrays, of any
lengths, in any iterable: `soundfile.blocks`, `librosa.stream`, a microphone's queue.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._typing import Array
from ..features.banks import FilterBank
from ..features.log import Log
from ..plan import STFT
from .forward import StreamingMel, StreamingPower, StreamingSTFT
from .inverse import StreamingISTFT


def stft(
    blocks: Iterable[ArrayLike], plan: STFT, *, scale: bool = False, channels_last: bool = False
) -> Iterator[Array]:
    """`plan.forward`, block by block.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n)]
        Real samples.
    plan : STFT
    scale : bool
        As in `StreamingSTFT`.
    channels_last : bool
        Whether blocks of several channels are (n, channels), as soundfile's are.

    Yields
    ------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
    """
    return _run(StreamingSTFT(plan, scale=scale), _turned(blocks, channels_last))


def power(
    blocks: Iterable[ArrayLike],
    plan: STFT,
    *,
    power: float = 2.0,
    scale: bool = False,
    channels_last: bool = False,
) -> Iterator[Array]:
    """`plan.power`, block by block: S (..., n_bins, n_frames).  The arguments are those of `stft` and `STFT.power`."""
    return _run(StreamingPower(plan, power=power, scale=scale), _turned(blocks, channels_last))


def mel(
    blocks: Iterable[ArrayLike],
    plan: STFT,
    bank: FilterBank | ArrayLike,
    *,
    power: float = 2.0,
    log: Log | None = None,
    scale: bool = False,
    channels_last: bool = False,
) -> Iterator[Array]:
    """`plan.mel`, block by block: M (..., n_mels, n_frames).  The arguments are those of `stft` and `StreamingMel`."""
    return _run(StreamingMel(plan, bank, power=power, log=log, scale=scale), _turned(blocks, channels_last))


def istft(blocks: Iterable[ArrayLike], plan: STFT, *, length: int | None = None) -> Iterator[Array]:
    """`plan.inverse`, block by block.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n_bins, m)]
        Spectra, any number of frames at a time.
    plan : STFT
    length : int
        Samples of the whole signal; see `StreamingISTFT.flush`.

    Yields
    ------
    y : np.ndarray [shape=(..., n)]
    """
    return _run(StreamingISTFT(plan), blocks, length)


def _turned(blocks: Iterable[ArrayLike], channels_last: bool) -> Iterable[ArrayLike]:
    if not channels_last:
        return blocks
    return (np.moveaxis(np.asarray(block), 0, -1) for block in blocks)


def _run(stream: Any, blocks: Iterable[ArrayLike], *end: int | None) -> Iterator[Array]:
    """Arguments have been looked at before; blocks are when they come."""
    for block in blocks:
        made = stream.push(block)
        if made.shape[-1]:
            yield made
    made = stream.flush(*end)
    if made.shape[-1]:
        yield made
