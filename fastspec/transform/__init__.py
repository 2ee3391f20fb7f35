"""The transforms between arrays in memory and the kernels.

framing.py        sizes, padding, windows, counts
memory.py         the layout of arrays in memory
epilogue.py       bins of a tile -> output
prepared.py       calls that are prepared once, and repeated with other arrays
forward.py        frames of signals -> bins, levels, filtered levels
signals.py        whole signals: by a prepared call, at once, or block by block
inverse.py        spectra -> signals
spectra.py        whole signals from their spectra: by a prepared call, or after a conversion
ends.py           limits of inverted signals where few frames cover them
"""
