"""Phase recovery: from magnitudes or mels to signals.

recover.py  mels.py       S -> y, M -> y: arguments, stages, what is told of them
chains.py   methods.py    names and chains of methods; what a round of each does
rounds.py                 magnitudes laid out once, then from signal to signal (`library_rounds`: sizes for SciPy)
starts.py                 signals to begin with, by the phases of
pghi.py  spsi.py          the gradient of the phase; peaks and what is locked to them
offset_start.py           frames shifted to where they fit
rtisi.py                  frame by frame, with look-ahead: buffers.py, and segments.py for long signals
rtpghi.py                 frame by frame, by the gradient of the phase
polar.py                  magnitudes and phases to complex numbers
"""
