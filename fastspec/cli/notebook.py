"""The notebook's spectrogram and its inversion, in memory: `--notebook` and `--method notebook`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import typer

from .. import atomic, pretty_spectrogram
from .._typing import Real
from ..files import audio
from ..files.names import displayable
from ..plot import figures
from ..plot.canvas import literal
from ..transform.framing import window_size
from . import bars, methods, summaries


class NotebookOptions(NamedTuple):
    """Options of the notebook's spectrogram."""

    sr: int | None  #: Hz; resample to this rate
    n_fft: int | None
    hop: int | None  #: n_fft / 16 by default
    threshold: float  #: powers of ten of magnitude below the peak

    def hop_for(self, n_fft: int) -> int:
        """The hop in samples."""
        return self.hop or max(1, n_fft // 16)


class _Spectrogram(NamedTuple):
    """A signal and its log10 spectrogram."""

    S: Real  #: (frames, n_fft / 2)
    n_fft: int
    hop: int
    rate: int  #: Hz
    y: Real | None  #: None if only the spectrogram is known


def spectrogram(source: Path, target: Path, options: NotebookOptions, *, quiet: bool) -> None:
    """Write the notebook's spectrogram of a sound as .npy or .png."""
    suffix = target.suffix.lower()
    if suffix not in (".npy", ".png"):
        raise typer.BadParameter(f"OUT must end in .npy or .png with --notebook, got {target.name}.")
    S, n_fft, hop, rate, y = _analyse(source, options)
    if suffix == ".npy":
        atomic.save_array(target, S)
    else:
        assert y is not None
        figure = figures.spectrogram(
            S,
            rate=rate,
            n_fft=n_fft,
            hop=hop,
            title=literal(displayable(source)),
            seconds=len(y) / rate,
            db_range=20 * options.threshold,
        )
        figures.save(figure, target)
    text = f"{S.shape[0]} frames × {S.shape[1]} bins, n_fft {n_fft}, hop {hop}, {rate} Hz"
    summaries.print_summary(target, text, quiet=quiet)


def invert(
    source: Path, target: Path, options: NotebookOptions, rounds: int, *, npy_rate: int | None, quiet: bool
) -> None:
    """Invert as the notebook does; `npy_rate` is the sample rate of a .npy in Hz, None for a sound file."""
    audio.check_format(target)
    S, n_fft, hop, rate, y = _analyse(source, options) if npy_rate is None else _load(source, options, npy_rate)
    with bars.stage_bars() as update:

        def progress(done: int, total: int) -> None:
            if not quiet:
                update("inversion", done, total)

        recovered, convergence = methods.invert_notebook(S, n_fft, hop, rounds, progress)
    audio.write(target, audio.level(recovered, like=y), rate)
    text = f"{len(recovered) / rate:.2f} s at {rate} Hz, spectral convergence {convergence:.2f} dB"
    summaries.print_summary(target, text, quiet=quiet)


def _analyse(source: Path, options: NotebookOptions) -> _Spectrogram:
    """The notebook's spectrogram of a sound file."""
    y, rate = audio.read(source, rate=options.sr)
    n_fft = options.n_fft or window_size(rate)
    hop = options.hop_for(n_fft)
    S = pretty_spectrogram(y, log=True, thresh=options.threshold, fft_size=n_fft, step_size=hop)
    return _Spectrogram(S=S, n_fft=n_fft, hop=hop, rate=rate, y=y)


def _load(source: Path, options: NotebookOptions, rate: int) -> _Spectrogram:
    """A spectrogram from .npy, whose bins determine n_fft."""
    S = methods.load_spectrogram(source)
    n_fft = 2 * S.shape[1]
    if options.n_fft not in (None, n_fft):
        raise ValueError(f"{source}: has {S.shape[1]} bins, so --n-fft must be {n_fft}, got {options.n_fft}")
    return _Spectrogram(S=S, n_fft=n_fft, hop=options.hop_for(n_fft), rate=rate, y=None)
