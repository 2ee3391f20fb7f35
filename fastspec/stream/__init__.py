"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks.

forward.py    StreamingSTFT, StreamingPower, StreamingMel: samples -> frames (prepared.py: what comes again and again)
inverse.py    StreamingISTFT: spectra -> samples
recovery.py   StreamingRecover: magnitudes -> samples
iterators.py  stft, power, mel, istft, recover: the same over any iterable of blocks
"""

from .forward import StreamingMel, StreamingPower, StreamingSTFT
from .inverse import StreamingISTFT

__all__ = [
    "StreamingISTFT",
    "StreamingMel",
    "StreamingPower",
    "StreamingSTFT",
]
