"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks."""

from .forward import StreamingMel, StreamingPower, StreamingSTFT
from .iterators import istft, mel, recover, stft

__all__ = ["StreamingMel", "StreamingPower", "StreamingSTFT", "istft", "mel", "recover", "stft"]
