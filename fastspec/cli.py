"""The commands: each reads its arguments, calls the library and says where the result lies."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

import fastspec

from . import extras

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Abort = typer.Abort
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

Sound = Annotated[
    Path,
    typer.Argument(
        metavar="IN", help="A sound file; its channels are mixed.", exists=True, dir_okay=False, readable=True
    ),
]
Rate = Annotated[
    int | None, typer.Option("--rate", min=1, help="Sample rate to work at, in Hz; the file's by default.")
]
WindowSize = Annotated[
    int | None, typer.Option("--n-fft", min=2, help="Samples in a window, an even number; about 46 ms by default.")
]
Step = Annotated[
    int | None, typer.Option("--step", min=1, help="Samples from window to window; n_fft / 16 by default.")
]
Threshold = Annotated[
    float,
    typer.Option("--threshold", min=0.1, max=300, help="Powers of ten below the loudest that are kept; 4 is 80 dB."),
]


@app.callback(invoke_without_command=True)
def fastspec_(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Turn sound into spectrograms, and spectrograms back into sound.

    Start with [bold]fastspec demo[/bold]: it shows and plays everything on a recording that comes with the package.
    """
    if version:
        print(f"fastspec {fastspec.__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def demo(
    file: Annotated[
        Path | None,
        typer.Argument(help="Your own sound file instead of the bundled recording.", exists=True, dir_okay=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; made if need be.")] = Path(
        "fastspec-demo"
    ),
    seconds: Annotated[float, typer.Option("--seconds", min=0.25, max=60, help="How much of the file to use.")] = 10.0,
) -> None:
    """Take a recording through everything: sounds, pictures and one page to look at and listen to."""
    from . import report

    with _progress() as stage:
        page = report.demo(file, out, seconds=seconds, progress=stage)
    print(f"Open this in a browser: {page}")


@app.command()
def spectrogram(
    source: Sound,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="OUT.png for a picture, OUT.npy for the numbers.")],
    n_fft: WindowSize = None,
    step: Step = None,
    threshold: Threshold = 4.0,
    rate: Rate = None,
) -> None:
    """Draw the spectrogram of a sound, in seconds, Hz and dB.

    As .npy it is an array (frames, bins) of log10 magnitudes, 0 at the loudest point, which `fastspec invert` reads.
    """
    from . import atomic, audio, display

    _check_target(target, {".png", ".npy"})
    y, rate = audio.read(source, rate=rate)
    n_fft, step = _window(rate, n_fft, step)
    S = fastspec.pretty_spectrogram(y, log=True, thresh=threshold, fft_size=n_fft, step_size=step)
    if target.suffix.lower() == ".png":
        figure = display.spectrogram(
            S, rate=rate, n_fft=n_fft, hop=step, title=source.name, seconds=len(y) / rate, db_range=20 * threshold
        )
        display.save(figure, target)
    else:
        atomic.save_array(target, S)
    print(f"{target}: {S.shape[0]} frames × {S.shape[1]} bins, n_fft {n_fft}, step {step}, {rate} Hz")


@app.command()
def invert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="A sound file, or .npy with a log10 spectrogram (frames, bins).",
            exists=True,
            dir_okay=False,
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The sound file to write, OUT.wav.")],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="griffinlim, fast, accelerated, admm, raar, rtisi, rtpghi, best, a chain such as "
            "raar:10,griffinlim:1, or notebook.",
        ),
    ] = "accelerated",
    init: Annotated[
        str, typer.Option("--init", help="Phases to begin with: pghi, spsi, offset, random or zero.")
    ] = "auto",
    n_iter: Annotated[
        int | None, typer.Option("--n-iter", min=0, help="Rounds; more take longer. The method's own by default.")
    ] = None,
    n_fft: WindowSize = None,
    step: Annotated[
        int | None,
        typer.Option("--step", min=1, help="Samples from window to window; n_fft / 4 for a sound, else n_fft / 16."),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0.1, max=300, help="Of notebook: powers of ten below the loudest kept."),
    ] = 4.0,
    rate: Annotated[
        int | None, typer.Option("--rate", min=1, help="Sample rate in Hz: required for .npy, else the file's.")
    ] = None,
) -> None:
    """Throw away the phase of a sound and find another that fits, or turn a stored spectrogram into sound."""
    from . import audio, resound

    audio.check_format(target)
    _check_target(target)
    S, y = None, None
    resound.How(method, init, n_iter, threshold).check()
    if source.suffix.lower() == ".npy":
        if rate is None:
            raise typer.BadParameter("a .npy spectrogram does not know its sample rate: add --rate HZ.")
        S = _load_spectrogram(source)
        n_fft, step = _window(rate, n_fft or 2 * S.shape[1], step)
        if n_fft != 2 * S.shape[1]:
            raise ValueError(f"{source}: has {S.shape[1]} bins, so --n-fft must be {2 * S.shape[1]}, got {n_fft}")
    else:
        y, rate = audio.read(source, rate=rate)
    with _progress() as stage:
        how = resound.How(method, init, n_iter, threshold, partial(stage, "inversion"))
        if S is None:
            assert y is not None
            wave, reached = resound.sound(y, *_window(rate, n_fft, step, 16 if method == "notebook" else 4), how)
        else:
            wave, reached = resound.stored(S, n_fft or 0, step or 0, how)
    audio.write(target, audio.level(wave, like=y), rate)
    print(f"{target}: {len(wave) / rate:.2f} s at {rate} Hz, spectral convergence {reached:.2f} dB")


@app.command()
def warmup() -> None:
    """Compile everything now and keep it on disk, so that later calls start at once."""
    from . import warmup as everything
    from .kernels import jit

    start, steps = perf_counter(), everything.steps()
    with _progress() as stage:
        for done, (_, compile_one) in enumerate(steps):
            stage("kernels", done, len(steps))
            compile_one()
        stage("kernels", len(steps), len(steps))
    kept = (
        f"kept in {jit.cache_directory()}" if jit.cache_writable() else "not kept: the cache folder cannot be written"
    )
    print(f"{len(steps)} kernels ready in {perf_counter() - start:.1f} s, {kept}")


@app.command()
def doctor(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the kernels of other versions from the cache.")
    ] = False,
) -> None:
    """Say what is installed, how many threads are used and where compiled kernels are kept."""
    from .kernels import jit

    if prune:
        for folder in jit.prune_cache():
            print(f"removed {folder}")
    facts: dict[str, Callable[[], object]] = {
        "fastspec": lambda: f"{fastspec.__version__} in {Path(__file__).parent}",
        "Python": lambda: f"{platform.python_version()} at {sys.executable}",
        "system": platform.platform,
        **{name: _version_of(name) for name in ("numpy", "scipy", "numba", "llvmlite")},
        "CPU": lambda: f"{jit.cpu_name()}, {os.cpu_count()} cores",
        "threads": lambda: jit.thread_count(),
        "FASTSPEC_NUM_THREADS": lambda: os.environ.get("FASTSPEC_NUM_THREADS", "not set"),
        "threading layer": lambda: jit.threading_layer(),
        "cache folder": lambda: jit.cache_directory(),
        "cache writable": lambda: (
            "yes" if jit.cache_writable() else "no, so every process compiles anew; see FASTSPEC_CACHE_DIR"
        ),
    }
    for extra, names in extras.EXTRAS.items():
        facts |= {f"{name} [{extra}]": _version_of(name, extra) for name in names}
    width = max(map(len, facts))
    for name, fact in facts.items():
        try:
            value = fact()
        except Exception as error:  # one broken part must not hide the others
            value = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
        print(f"{name:<{width}}  {value}")


def _version_of(name: str, extra: str | None = None) -> Callable[[], str]:
    """Looks up a package's version later; for one of an extra, absence comes with the command that ends it."""
    absent = f'absent: pip install "fastspec[{extra}]"' if name != "torch" else "absent: pip install torch"
    return lambda: extras.version(name) or (absent if extra else "absent")


def _window(rate: int, n_fft: int | None, step: int | None, share: int = 16) -> tuple[int, int]:
    """The window and step asked for, else the notebook's window at this rate, and a share of it."""
    from .story import window_size

    n_fft = n_fft or window_size(rate)
    return n_fft, step or max(1, n_fft // share)


def _check_target(target: Path, suffixes: set[str] | None = None) -> None:
    """Refuse before the work what could not be written after it."""
    if suffixes and target.suffix.lower() not in suffixes:
        raise typer.BadParameter(f"OUT must end in {' or '.join(sorted(suffixes))}, got {target.name}.")
    if not target.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder {target.parent} does not exist.")


def _load_spectrogram(path: Path) -> NDArray[np.floating[Any]]:
    """A real matrix from .npy; mapped first, so that a header that promises too much allocates nothing."""
    import numpy as np

    from . import checks

    try:
        S = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a readable .npy array ({error})") from None
    try:
        return checks.spectrogram(path.name, S)
    except TypeError as error:
        raise ValueError(error) from None


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a stage on stderr, from the first stage on; yields what moves them, stage(name, done, total)."""
    columns = (TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    bars = Progress(*columns, console=Console(stderr=True))

    def stage(name: str, done: int, total: int) -> None:
        bars.start()
        if name not in tasks:
            tasks[name] = bars.add_task(name)
        bars.update(tasks[name], completed=done, total=total)

    try:
        yield stage
    finally:
        if tasks:
            bars.stop()
