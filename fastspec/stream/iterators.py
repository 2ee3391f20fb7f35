"""Streams as generators: blocks of samples to frames, blocks of frames to samples.

    for M in fastspec.stream.mel(soundfile.blocks("long.wav", 1 << 16, dtype="float32"), plan, bank, log="db"):
        ...                                   # (n_mels, any number of frames)

Each yields the frames or samples that each block completes, if there are any, and at the end the remaining ones.
Blocks are arrays of any lengths from any iterable: `soundfile.blocks`, `librosa.stream`, a queue of a microphone.
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
        Whether blocks are (n, channels), as from soundfile, instead of (channels, n).

    Yields
    ------
    D : np.ndarray [shape=(..., n_bins, n_frames)]
    """
    return push_blocks(StreamingSTFT(plan, scale=scale), _channels_first(blocks, channels_last))


def power(
    blocks: Iterable[ArrayLike],
    plan: STFT,
    *,
    power: float = 2.0,
    scale: bool = False,
    channels_last: bool = False,
) -> Iterator[Array]:
    """`plan.power`, block by block: S (..., n_bins, n_frames).  The arguments are those of `stft` and `STFT.power`."""
    return push_blocks(StreamingPower(plan, power=power, scale=scale), _channels_first(blocks, channels_last))


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
    return push_blocks(
        StreamingMel(plan, bank, power=power, log=log, scale=scale), _channels_first(blocks, channels_last)
    )


def istft(blocks: Iterable[ArrayLike], plan: STFT, *, length: int | None = None) -> Iterator[Array]:
    """`plan.inverse`, block by block.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n_bins, m)]
        Spectra; any number of frames m in each block.
    plan : STFT
    length : int
        Length of the whole signal; see `StreamingISTFT.flush`.

    Yields
    ------
    y : np.ndarray [shape=(..., n)]
    """
    return push_blocks(StreamingISTFT(plan), blocks, length)


def _channels_first(blocks: Iterable[ArrayLike], channels_last: bool) -> Iterable[ArrayLike]:
    """The blocks with samples along the last axis."""
    if not channels_last:
        return blocks
    return (np.moveaxis(np.asarray(block), 0, -1) for block in blocks)


def push_blocks(stream: Any, blocks: Iterable[ArrayLike], *flush_args: int | None) -> Iterator[Array]:
    """The nonempty results of `stream.push` for each block, and of `stream.flush(*flush_args)` at the end."""
    for block in blocks:
        result = stream.push(block)
        if result.shape[-1]:
            yield result
    result = stream.flush(*flush_args)
    if result.shape[-1]:
        yield result
