"""Features of spectrograms and their inverses: filter banks, logarithms, decibels, cepstra.

scales.py       Hz <-> mel
banks.py        FilterBank, MelBank
kaldi.py        KaldiMelBank, Kaldi's windows
band_matrix.py  band storage of filters: the first bin and the weights of each
nnls.py         filtered levels M -> levels S >= 0 with bank @ S close to M
log.py          filtered levels <-> their logarithms
decibels.py     levels <-> decibels
cepstrum.py     log levels <-> cepstral coefficients (MFCC)
"""
