"""Phase recovery: from magnitudes or mels to signals.

recover.py  recover_mel.py  streaming.py   S -> y, M -> y, and block by block: arguments, output, information
methods.py                                 the rounds of each method; names, options and chains of methods
blocks.py                                  long signals in blocks of frames, upon `solve`
solve.py                                   scale, start, iterate, monitor: common to all of them
starts.py                                  signals to start from, with phases by
pghi.py  spsi.py                             the gradient of the phase; spectral peaks; or
shifted.py                                   frames shifted to where they correlate best
engines.py                                 online methods, frame by frame:
rtisi.py  rtpghi.py                          rounds with look-ahead; the gradient of the phase
segments.py                                long signals in segments, recovered side by side and cross-faded
phase.py                                   magnitudes and phases -> complex numbers
rounds.py                                  a round from signal to signal, fused
"""
