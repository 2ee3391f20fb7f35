"""The transforms between arrays in memory and the kernels.

framing.py        sizes, padding, windows, counts
memory.py         the layout of arrays in memory
epilogue.py       bins of a tile -> output
forward.py        signals -> bins, levels, filtered levels
inverse.py        spectra -> signals
inverse_scipy.py  spectra -> signals, for sizes that the kernels lack
short_signals.py  prepared calls for short signals
"""
