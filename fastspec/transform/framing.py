"""Sizes, counts, padding and windows of framed signals, for both directions."""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import checks
from .._typing import Integer
from ..forks import forks_wait

Window = str | float | tuple[Any, ...] | ArrayLike | Callable[[int], ArrayLike]
PadMode = str | Callable[..., Any]
Pad = int | tuple[int, int] | Literal["same"]

LOCAL_PAD_MODES = ("edge", "linear_ramp", "reflect", "symmetric")
"""Modes of `numpy.pad` whose p samples depend on at most the p + 1 samples of the signal beside them."""
REPEATING_PAD_MODES = ("edge", "reflect", "symmetric")
"""Modes of `numpy.pad` that repeat samples of the signal."""
LONGEST_INDEXED_PADDING = 1 << 16
LONGEST_INDEXED_SIGNAL = 1 << 24
"""Samples that float32 counts exactly."""
COSINES = {"hann": (0.5, 0.5), "hamming": (0.54, 1 - 0.54), "blackman": (0.42, 0.5, 0.08), "boxcar": (1.0,)}
"""Coefficients of windows that need no import of `scipy.signal`, which takes half a second."""
LARGEST_N_FFT = 1 << 20
"""The longest frame: a tile of 16, its tables and its transform take a gigabyte."""
LARGEST_HOP = 1 << 48
"""The longest hop: kernels compute offsets of hundreds of frames in 64 bits."""
PAD_MODES = ("constant", *LOCAL_PAD_MODES, "maximum", "mean", "median", "minimum", "wrap")


def frame_count(n: int, n_fft: int, hop_length: int) -> int:
    """Frames of the notebook's framing: n samples, zero-padded by n_fft - n mod n_fft (a whole window at most).

    The notebook takes (padded - n_fft) // hop_length of them, one fewer than fit; here there is always at least one.
    """
    padded = n + n_fft - n % n_fft
    return max(1, (padded - n_fft) // hop_length)


def hamming(n: int) -> NDArray[np.float64]:
    """The symmetric Hamming window, 0.54 - 0.46 cos(2 pi k / (n - 1)); one sample is 1."""
    if n == 1:
        return np.ones(1)
    return 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))


def window_sum(window: NDArray[np.float64], frames: int, hop_length: int) -> NDArray[np.float64]:
    """Sum of the windows of all frames, as long as hop_length * frames + len(window)."""
    size = len(window)
    reach = -(-size // hop_length)  # columns of hop_length samples of a frame
    padded = np.zeros(reach * hop_length)
    padded[:size] = window
    total = np.zeros((frames + reach, hop_length))
    for q, column in enumerate(padded.reshape(reach, hop_length)):
        total[q : q + frames] += column
    return total.ravel()[: hop_length * frames + size]


def power_of_two_scale(largest: float, dtype: np.dtype[Any]) -> float:
    """A power of two that scales numbers up to `largest` far into the range of float32; 1 if they are there."""
    if largest == 0 or 2.0**-40 < largest < 2.0**40:
        return 1.0
    limit = np.finfo(dtype).maxexp - 8
    return 2.0 ** -int(np.clip(np.frexp(largest)[1], -limit, limit))


class Geometry:
    """The framing of signals: sizes, window, padding, counts; the same for both directions.

    Frame f holds samples start + f hop_length ... + frame_length - 1, where start is minus the padding before the
    signal; n_fft - frame_length zeros follow each.

    Parameters
    ----------
    n_fft : int
        Length of the transform, at least 2.
    hop_length : int or None
        From one frame to the next; None is a quarter of win_length.
    win_length : int or None
        Length of the window, at most frame_length, centred in the frame; None is frame_length.
    window : str, tuple, number, callable or array
        An argument of `scipy.signal.get_window` (periodic), a function of win_length that returns it, or the window.
    center : bool
        Whether signals are padded by frame_length // 2 on both sides, so that frame f is around sample f hop_length.
    pad_mode : str or callable
        How the signal is padded; see `numpy.pad`, whose "empty" is no mode here.
    frame_length : int or None
        Samples of a frame, at most n_fft; None is n_fft.
    pad : int, (int, int), "same" or None
        Padding before and after the signal instead of that of `center`.  "same" centres frame f on its hop, around
        sample (f + 1/2) hop_length, for (n + hop_length // 2) // hop_length frames.

    Raises
    ------
    TypeError, ValueError
        If a size is not an integer of at least its minimum, or the window is invalid.
    """

    def __init__(
        self,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: Window,
        center: bool,
        pad_mode: PadMode,
        frame_length: int | None = None,
        pad: Pad | None = None,
    ) -> None:
        self.n_fft = checks.as_int("n_fft", n_fft, 2, LARGEST_N_FFT)
        self.frame_length = self.n_fft if frame_length is None else checks.as_int("frame_length", frame_length, 1)
        if self.frame_length > self.n_fft:
            raise ValueError(f"frame_length must be at most n_fft = {self.n_fft}, got {frame_length!r}")
        self.win_length = self.frame_length if win_length is None else checks.as_int("win_length", win_length, 1)
        if self.win_length > self.frame_length:
            limit = "n_fft" if frame_length is None else "frame_length"
            raise ValueError(f"win_length must be at most {limit} = {self.frame_length}, got {win_length!r}")
        default_hop = max(1, self.win_length // 4)
        self.hop_length = default_hop if hop_length is None else checks.as_int("hop_length", hop_length, 1, LARGEST_HOP)
        if not callable(pad_mode) and not (isinstance(pad_mode, str) and pad_mode in PAD_MODES):
            raise ValueError(f"pad_mode must be a function or one of {', '.join(PAD_MODES)}, got {pad_mode!r}")
        self.center, self.pad_mode = bool(center), pad_mode
        self.pad = None if pad is None else as_pad(pad)
        self.append = 0  # zeros that follow a signal, before its padding
        frame = pad_window(window_of(window, self.win_length), self.frame_length)
        self.window = np.concatenate([frame, np.zeros(self.n_fft - self.frame_length)])
        self.window.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({"frame_length": state["n_fft"], "pad": None, "append": 0} | state)  # pickled by version 0.4

    @property
    def pad_left(self) -> int:
        """Samples of padding before the signal."""
        if self.pad is None:
            return self.frame_length // 2 if self.center else 0
        if self.pad == "same":
            return self.frame_length // 2 - self.hop_length // 2
        return self.pad[0]

    @property
    def pad_right(self) -> int:
        """Samples of padding after the signal; with pad="same", the most that any length needs."""
        if self.pad is None:
            return self.pad_left
        if self.pad == "same":
            return max(0, self.frame_length - self.pad_left - (self.hop_length + 1) // 2)
        return self.pad[1]

    @property
    def start(self) -> int:
        """The sample at which frame 0 starts."""
        return -self.pad_left

    @property
    def local(self) -> bool:
        """Whether the padding depends only on the ends of a signal."""
        return self.pads_with_zeros or self.pad_mode in LOCAL_PAD_MODES

    @property
    def pads_with_zeros(self) -> bool:
        """Whether padding, if there is any, is zeros."""
        return self.pad_mode == "constant" or (self.pad_left <= 0 and self.pad_right == 0)

    def count_frames(self, n: int) -> int:
        """Frames of n samples, which may be 0: 1 + (n + padding - frame_length) // hop_length."""
        n += self.append
        if self.pad == "same":
            return (n + self.hop_length // 2) // self.hop_length
        return max(0, 1 + (n + self.pad_left + self.pad_right - self.frame_length) // self.hop_length)

    def n_frames(self, n_samples: int) -> int:
        """`count_frames`, at least one.

        Raises
        ------
        ValueError
            If no frame fits.
        """
        n = checks.as_int("n_samples", n_samples, 1)
        self.check_length("n_samples", n)
        return self.count_frames(n)

    @property
    def least_samples(self) -> int:
        """Samples of the shortest signal that has a frame."""
        if self.pad == "same":
            return max(1, self.hop_length - self.hop_length // 2 - self.append)
        return max(1, self.frame_length - self.pad_left - self.pad_right - self.append)

    def check_length(self, name: str, n: int, verb: str = "be", unit: str = "") -> None:
        """Raise a ValueError if n samples have no frame."""
        if n >= self.least_samples:
            return
        least, cause = str(self.least_samples), "with this padding"
        if self.pad is None:
            size = "n_fft" if self.frame_length == self.n_fft else "frame_length"
            least, cause = f"{size} = {self.frame_length}", "without centring"
        raise ValueError(f"{name} must {verb} at least {least}{unit} {cause}, got {n}")

    def n_samples(self, n_frames: int) -> int:
        """hop_length (n_frames - 1) + frame_length - padding: the samples covered by the frames."""
        frames = checks.as_int("n_frames", n_frames, 1)
        if self.pad == "same":
            return self.hop_length * frames
        return max(0, self.hop_length * (frames - 1) + self.frame_length - self.pad_left - self.pad_right)

    def padding(self, x: NDArray[np.floating]) -> tuple[NDArray[np.floating] | None, int, int]:
        """(padding (signals, before + after) of signals x (signals, n), or None for zeros; samples before; after)."""
        if self.pads_with_zeros:
            return None, 0, 0
        zeros = np.zeros((len(x), self.append), x.dtype)
        both = self._pad_ends(lambda a, b: x[:, a:b], x.shape[-1], zeros)
        return both, max(0, self.pad_left), self.append + self.pad_right

    def padding_indices(self, n: int) -> tuple[Integer, int, int] | None:
        """(the sample of n that each sample of the padding repeats, -1 for a zero; samples before; after).

        None where the padding is zeros, or not of samples that are repeated, or long: see `padding`.
        """
        left, right = max(0, self.pad_left), self.append + self.pad_right
        is_long = left + right > LONGEST_INDEXED_PADDING or n > LONGEST_INDEXED_SIGNAL
        if self.pads_with_zeros or self.pad_mode not in REPEATING_PAD_MODES or is_long or n < 1:
            return None
        minus = np.full((1, self.append), -1)
        indices = self._pad_ends(lambda a, b: np.arange(a, max(a, min(b, n)))[None], n, minus)
        return indices[0], left, right

    def _pad_ends(self, samples: Callable[[int, int], NDArray[Any]], n: int, zeros: NDArray[Any]) -> NDArray[Any]:
        """(signals, before + after): the padding of signals of n samples that zeros (signals, append) follow.

        samples(a, b) are samples a .. b - 1 of the signals.
        """
        left, right, size = max(0, self.pad_left), self.pad_right, n + zeros.shape[1]
        mode: Any = self.pad_mode
        if mode in LOCAL_PAD_MODES and size > max(left, right):
            first = np.concatenate([samples(0, left + 1), zeros[:, : left + 1]], axis=1)[:, : left + 1]
            last = np.concatenate([samples(max(0, n - right - 1), n), zeros], axis=1)[:, -right - 1 :]
            head = np.pad(first, ((0, 0), (left, 0)), mode)[:, :left]
            tail = np.pad(last, ((0, 0), (0, right)), mode)[:, right + 1 :]
        else:
            widths, signals = (left, right), np.concatenate([samples(0, n), zeros], axis=1)
            padded = (
                np.stack([np.pad(signal, widths, mode) for signal in signals])  # a function gets a signal at a time
                if callable(mode)
                else np.pad(signals, ((0, 0), widths), mode)
            )
            head, tail = padded[:, :left], padded[:, left + size :]
        return np.concatenate([head, zeros, tail], axis=1)


def as_pad(pad: Pad) -> Literal["same"] | tuple[int, int]:
    """The padding (before, after), or "same"."""
    if isinstance(pad, str):
        if pad != "same":
            raise ValueError(f"pad must be a number of samples, two of them, 'same' or None, got {pad!r}")
        return "same"
    both = tuple(pad) if isinstance(pad, tuple | list) else (pad, pad)
    if len(both) != 2:
        raise ValueError(f"pad must hold the samples before and after the signal, got {pad!r}")
    left, right = (checks.as_int("pad", size, 0, LARGEST_N_FFT) for size in both)
    return left, right


def window_of(window: Window, size: int) -> NDArray[np.float64]:
    """The window of `size` samples: by name (periodic), from a function, or the array itself."""
    if callable(window):
        w = checks.as_array("window", window(size))
    elif isinstance(window, str) and window in COSINES:
        w = cosine_window(COSINES[window], size)
    elif isinstance(window, str | tuple | int | float):
        with forks_wait:
            from scipy.signal import get_window

        try:
            w = get_window(window, size, fftbins=True)
        except (TypeError, ValueError, IndexError) as error:
            raise (TypeError if isinstance(error, TypeError) else ValueError)(
                f"window must be one that scipy.signal.get_window knows, got {window!r}: {error}"
            ) from None
    else:
        w = checks.as_array("window", window)
    if w.ndim != 1 or w.dtype.kind not in "fiu":
        raise ValueError(f"window must be one-dimensional and real, got shape {w.shape} of {w.dtype}")
    if len(w) != size:
        raise ValueError(f"window must have win_length = {size} samples, got {len(w)}")
    checks.check_finite("window", w.astype(np.float64))
    return w.astype(np.float64)


def cosine_window(coefficients: tuple[float, ...], size: int) -> NDArray[np.float64]:
    """sum_k coefficients[k] cos(k t), t = -pi + 2 pi n / size, summed in the order of k, as SciPy does."""
    t, w = np.linspace(-np.pi, np.pi, size + 1)[:-1], np.zeros(size)
    for k, coefficient in enumerate(coefficients):
        w += coefficient * np.cos(k * t)
    return w if size > 1 else np.ones(size)


def pad_window(window: NDArray[np.float64], n_fft: int) -> NDArray[np.float64]:
    """The window with zeros on both sides, (n_fft - len(window)) // 2 of them before it."""
    out = np.zeros(n_fft)
    before = (n_fft - len(window)) // 2
    out[before : before + len(window)] = window
    return out


def window_size(rate: int) -> int:
    """The power of two nearest to the duration of the notebook's window, 2048 at 44.1 kHz; from 16 to 65,536."""
    return 1 << min(max(4, round(math.log2(2048 * rate / 44100))), 16)
