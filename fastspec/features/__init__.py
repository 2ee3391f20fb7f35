"""Between spectrograms and their features: filter banks, logarithms, decibels, cepstra, and back again.

scales.py    Hz and mels
banks.py     FilterBank, MelBank
bands.py     filters as bands: for each its first bin and its weights
nnls.py      S >= 0 with bank @ S near M
log.py       logarithms of mels, and what they are logarithms of
decibels.py  levels and decibels
cepstrum.py  MFCCs and back
"""
