"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks."""

from .inverse import StreamingISTFT
from .recovery import StreamingRecover

__all__ = ["StreamingISTFT", "StreamingRecover"]
