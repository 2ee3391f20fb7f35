"""Arrays in memory and the kernels of the transform: what stands between `fastspec.plan` and `fastspec.kernels`.

framing.py        sizes, padding, windows, counts
memory.py         where arrays lie in memory
epilogue.py       what becomes of the bins of a tile
forward.py        signals -> bins, levels, filtered levels
inverse.py        spectra -> signals
inverse_scipy.py  the same for sizes that the kernels lack
short.py          short signals, prepared once for all that are like them
"""
