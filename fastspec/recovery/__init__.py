"""Phase recovery: from magnitudes or mels to signals.

recover.py  recover_mel.py  streaming.py   S -> y, M -> y, and block by block: arguments, output, information
solve.py                                   start, iterate, monitor, scale: the one way that all of them go
blocks.py                                  long signals in blocks of frames, upon `solve`
methods.py                                 the rounds of each method; names, options and chains of methods
rounds.py  rounds_scipy.py                 a round from signal to signal, fused, or by SciPy for sizes that kernels lack
starts.py                                  signals to start from, with phases by
pghi.py  spsi.py                             the phase's gradient; spectral peaks
shifted.py                                   frames shifted to where they correlate best
engines.py                                 online methods, frame by frame:
rtisi.py  rtpghi.py                          rounds with look-ahead; the phase's gradient
segments.py                                long signals in segments, recovered side by side and cross-faded
phase.py                                   magnitudes and phases to complex numbers
"""
