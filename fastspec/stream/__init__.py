"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks.

forward.py    StreamingSTFT, StreamingPower, StreamingMel: samples -> frames (feed.py: what comes again and again)
recovery.py   StreamingRecover: magnitudes -> samples; StreamingRecoverMel: mels -> samples
iterators.py  stft, power, mel, istft, recover: the same over any iterable of blocks

StreamingISTFT, spectra -> samples, is from `fastspec.streamed`: recovery needs it, too.
"""

from ..streamed import StreamingISTFT
from .forward import StreamingMel, StreamingPower, StreamingSTFT
from .iterators import istft, mel, power, recover, stft
from .recovery import StreamingRecover, StreamingRecoverMel

__all__ = [
    "StreamingISTFT",
    "StreamingMel",
    "StreamingPower",
    "StreamingRecover",
    "StreamingRecoverMel",
    "StreamingSTFT",
    "istft",
    "mel",
    "power",
    "recover",
    "stft",
]
