"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks."""

from .forward import StreamingMel, StreamingPower, StreamingSTFT

__all__ = ["StreamingMel", "StreamingPower", "StreamingSTFT"]
