"""Numba kernels in which the frames of a spectrogram are the lanes of vectors.

A tile is `V` neighbouring frames, as many as fill 64 bytes (16 in float32, 8 in float64).  The frame is the innermost
axis of every buffer, so each step is a loop over vectors at unit stride::

    signal x        x0 x1 x2 x3 ...                       frame f is samples f hop .. f hop + n_fft - 1

    strip           phase 0        | x[0]   x[hop]    x[2 hop]   ... |     sample j of frames f .. f + V - 1
    (polyphase)     phase 1        | x[1]   x[hop+1]  x[2 hop+1] ... |     is contiguous:
                    ...            | ...                             |     row j % hop, column j // hop + f
                    phase hop - 1  | ...                             |

    tile of bins    bin 0          | re of V frames | im of V frames |     a complex element is 2 V numbers
    (realfft)       bin 1          | re             | im             |
                    ...

    output          frame 0        | re im re im ...                 |     transposed in registers,
    (memory)        frame 1        | re im re im ...                 |     V / 2 bins at a time
                    ...

Sizes are numbers in tables (`fft.tables`), never compiled in.  Kernels are compiled once for each dtype and call each
other by address (`runtime.tasks`, `runtime.calls`).  Each folder imports only from those above it::

    runtime               compiling, cache, threads, arguments; the only folder that imports Numba
    simd                  vectors in registers: arithmetic, transposes, log10, sine
    fft                   codelets, rows, real transforms, their tables
    framing               polyphase strips, tiles <-> memory, magnitudes -> lanes
    features              levels, filters, decibels, NNLS, products of matrices
    stft                  forward transform, inverse transform, overlap-add
    notebook, recovery    aligned overlap-add, cross-correlation; Griffin-Lim and its kin, RTISI, PGHI, SPSI
"""
