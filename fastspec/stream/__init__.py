"""Streams: block to block, with the bits of the whole-signal call whatever the sizes of the blocks.

forward.py    StreamingSTFT, StreamingPower, StreamingMel: samples -> frames (feed.py: what comes again and again)
inverse.py    StreamingISTFT: spectra -> samples
iterators.py  stft, power, mel, istft: the same over any iterable of blocks

StreamingRecover, StreamingRecoverMel and `recover` are those of `fastspec.recovery.streaming`, which stands above this
folder, as recovery needs `inverse`; they are loaded when they are first used.
"""

from typing import TYPE_CHECKING, Any

from ..forks import import_module
from .forward import StreamingMel, StreamingPower, StreamingSTFT
from .inverse import StreamingISTFT
from .iterators import istft, mel, power, stft

if TYPE_CHECKING:
    from ..recovery.streaming import StreamingRecover, StreamingRecoverMel, recover

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


def __getattr__(name: str) -> Any:
    if name not in ("StreamingRecover", "StreamingRecoverMel", "recover"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("fastspec.recovery.streaming"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
