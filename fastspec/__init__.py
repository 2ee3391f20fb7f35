"""Spectrograms, mel spectrograms and their inversion, in Numba kernels.

`from fastspec import *` imports the fifteen functions of the notebook.  Names are loaded at their first use.
"""

from typing import TYPE_CHECKING, Any

from . import moved
from .forks import import_module

if TYPE_CHECKING:
    from .patch import CallableModule

    patch: CallableModule

__version__ = "0.5.0"

_NAMES = {
    "fastspec.notebook.bandpass": ("butter_bandpass", "butter_bandpass_filter"),
    "fastspec.notebook.functions": (
        "invert_pretty_spectrogram",
        "invert_spectrogram",
        "iterate_invert_spectrogram",
        "overlap",
        "pretty_spectrogram",
        "stft",
        "xcorr_offset",
    ),
    "fastspec.notebook.mel": (
        "create_mel_filter",
        "get_filterbanks",
        "hz2mel",
        "make_mel",
        "mel2hz",
        "mel_to_spectrogram",
    ),
}
__all__ = [name for names in _NAMES.values() for name in names]
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names} | {
    "threads": "fastspec.kernels.runtime.threads",
    "STFT": "fastspec.plan",
    "FilterBank": "fastspec.features.banks",
    "MelBank": "fastspec.features.banks",
    "KaldiMelBank": "fastspec.features.kaldi",
    "FrontEnd": "fastspec.frontends.frontend",
    **dict.fromkeys(("recipe", "recipes"), "fastspec.frontends.recipes"),
    "recover": "fastspec.recovery.recover",
    "recover_mel": "fastspec.recovery.recover_mel",
    **dict.fromkeys(("is_patched", "patched", "unpatch"), "fastspec.patch"),
}
# loaded at their first use, too; `patch` is callable
_MODULES = ("files", "kaldi", "librosa", "patch", "picture", "stream")

moved.install()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"fastspec.{name}")  # which sets the attribute
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'fastspec' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, *_MODULES})
