"""librosa's names on this library's engine: ``import fastspec.librosa as librosa``.

`stft`, `istft`, `griffinlim`, `magphase`, the decibels and their inverses, `feature.melspectrogram`, `feature.mfcc`,
`feature.inverse`, `filters.mel`, `filters.get_window`, `util.frame`, the conversions of units and others are computed
by this library, with the names, defaults, shapes, dtypes and errors of librosa 1.0 (and of 0.11).  Any other name is
the real librosa's, if that is installed.  Modules are imported on first use.  `set_precision` is this library's.
"""

from typing import Any

from ._names import install_finder, librosa_version, list_names, resolve

_SOURCES = {
    **dict.fromkeys(
        ("amplitude_to_db", "db_to_amplitude", "db_to_power", "griffinlim", "istft", "magphase", "power_to_db", "stft"),
        "fastspec.librosa.core.spectrum",
    ),
    **dict.fromkeys(
        (
            "blocks_to_frames",
            "blocks_to_samples",
            "blocks_to_time",
            "fft_frequencies",
            "frames_to_samples",
            "frames_to_time",
            "hz_to_mel",
            "mel_frequencies",
            "mel_to_hz",
            "samples_like",
            "samples_to_frames",
            "samples_to_time",
            "time_to_frames",
            "time_to_samples",
            "times_like",
        ),
        "fastspec.librosa.core.convert",
    ),
    "ParameterError": "fastspec.librosa.util.exceptions",
    "Unsupported": "fastspec.librosa._names",
    "set_precision": "fastspec.librosa._precision",
    **{name: f"fastspec.librosa.{name}" for name in ("core", "feature", "filters", "util")},
}
__all__ = [name for name in _SOURCES if name[0].islower()]

install_finder()


def __getattr__(name: str) -> Any:
    return librosa_version() if name == "__version__" else resolve(__name__, name, _SOURCES)


def __dir__() -> list[str]:
    return list_names(__name__, _SOURCES)
