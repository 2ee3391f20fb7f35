"""Streams as generators: over any iterable of blocks, one result for each, and the end."""

from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..compression import Log
from ..mel import FilterBank
from ..spectrum import STFT
from .forward import StreamingMel, StreamingSTFT

Array = NDArray[Any]


def _through(stream: Any, blocks: Iterable[ArrayLike], **ending: Any) -> Iterator[Array]:
    """What the stream gives of each block, and at the end; nothing where that is nothing."""
    for block in blocks:
        part = stream.push(block)
        if part.shape[-1]:
            yield part
    part = stream.flush(**ending)
    if part.shape[-1]:
        yield part


def stft(blocks: Iterable[ArrayLike], plan: STFT, *, scale: bool = False) -> Iterator[Array]:
    """Parts of the spectrogram: side by side along the last axis they are `plan.forward` of the whole signal.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n)]
        The signal in blocks of any sizes, time along the last axis, as `librosa.stream` gives them.  `soundfile.blocks`
        gives files of several channels as (n, channels): pass `(block.T for block in soundfile.blocks(path, ...))`.
    plan, scale
        As in `StreamingSTFT`.

    Yields
    ------
    D : np.ndarray [shape=(..., n_bins, count)]
        With count >= 1: blocks that complete no frame give nothing.

    Raises
    ------
    TypeError, ValueError
        As `StreamingSTFT`, at once; of a block, when it is reached.
    """
    return _through(StreamingSTFT(plan, scale=scale), blocks)


def mel(
    blocks: Iterable[ArrayLike],
    plan: STFT,
    bank: FilterBank | ArrayLike,
    *,
    power: float = 2.0,
    log: Log | None = None,
    scale: bool = False,
) -> Iterator[Array]:
    """Parts of the mel spectrogram: side by side along the last axis they are `plan.mel` of the whole signal.

    Parameters
    ----------
    blocks, plan, scale
        As in `stft`.
    bank, power, log
        As in `StreamingMel`.

    Yields
    ------
    M : np.ndarray [shape=(..., n_mels, count)]
        With count >= 1.

    Raises
    ------
    TypeError, ValueError
        As `StreamingMel`, at once; of a block, when it is reached.
    """
    return _through(StreamingMel(plan, bank, power=power, log=log, scale=scale), blocks)


def istft(blocks: Iterable[ArrayLike], plan: STFT, *, length: int | None = None) -> Iterator[Array]:
    """Parts of the signal whose spectrogram comes in blocks: side by side they are `plan.inverse` of the whole.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n_bins, m)]
        Frames along the last axis.
    plan : STFT
    length : int
        Samples to give in all, as in `STFT.inverse`.

    Yields
    ------
    y : np.ndarray [shape=(..., count)]
        With count >= 1.

    Raises
    ------
    TypeError, ValueError
        As `StreamingISTFT`.
    """
    from .inverse import StreamingISTFT

    return _through(StreamingISTFT(plan), blocks, length=length)


def recover(blocks: Iterable[ArrayLike], plan: STFT, **options: Any) -> Iterator[Array]:
    """Parts of a signal whose magnitudes come in blocks: what `StreamingRecover` gives of them.

    Parameters
    ----------
    blocks : iterable of np.ndarray [shape=(..., n_bins, m)]
        Magnitudes, frames along the last axis.
    plan : STFT
    **options
        As `StreamingRecover` takes them; and `length`, as in `STFT.inverse`.

    Yields
    ------
    y : np.ndarray [shape=(..., count)]
        With count >= 1.

    Raises
    ------
    TypeError, ValueError
        As `StreamingRecover`.
    """
    from .recovery import StreamingRecover

    length = options.pop("length", None)
    return _through(StreamingRecover(plan, **options), blocks, length=length)
