"""Means over frames of powers and of cross spectra, without holding spectra."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kernels.framing.polyphase import SignalArgs
from ..kernels.runtime.layout import pack, scratch_size
from ..kernels.runtime.tasks import run_items
from ..kernels.stft import sums
from .epilogue import complex_bins, epilogue_args, levels_of_bins
from .forward import ForwardTransform
from .memory import MemoryLayout


def sum_over_frames(
    transform: ForwardTransform, origin: int, frames: int, x: SignalArgs, y: SignalArgs | None = None
) -> NDArray[np.float64]:
    """Sums over frames 0 .. frames - 1 (signals, rows, bins): of |X|**2, or with y of `kernels.stft.sums.PRODUCTS`.

    The order of each sum is fixed: it depends neither on threads nor on the other signals.
    """
    dtype, bins, count = transform.dtype, transform.bins, len(x.offsets)
    epilogue = levels_of_bins(bins, epilogue_args(dtype)) if y is None else complex_bins(dtype, bins)
    rows = 1 if y is None else sums.PRODUCTS
    layout = MemoryLayout(np.zeros(0, dtype), np.zeros(count, np.int64), True, frames)
    args = transform.args(count, frames, layout, epilogue, mixed=False)._replace(origin=origin)
    items = count * args.strips
    out = np.empty(items * rows * bins, dtype)
    record = sums.LAYOUT.pack(x._replace(out=out), x if y is None else y, pack(transform.strip_tables), args)
    scratch = scratch_size(sums.scratch_sizes(args, transform.lanes))
    work = transform.work(count * rows, frames, epilogue)
    run_items(sums.sum_strip, dtype, items, record, work=work, scratch=scratch)
    total: NDArray[Any] = out.reshape(count, args.strips, rows, bins).sum(axis=1, dtype=np.float64)
    return total
