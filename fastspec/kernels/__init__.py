"""The ground floor: Numba kernels in which the frames of a spectrogram are the lanes of vectors.

A tile is `V` neighbouring frames, as many as fill 64 bytes (16 in float32, 8 in float64).  The frame is the innermost
axis of every buffer, so each step of the work is one program over vectors at unit stride::

    signal x        x0 x1 x2 x3 ...                       frame f holds samples f hop .. f hop + n_fft - 1

    strip           phase 0        | x[0]   x[hop]    x[2 hop]   ... |     sample j of frames f .. f + V - 1
    (lanes)         phase 1        | x[1]   x[hop+1]  x[2 hop+1] ... |     is one run:
                    ...            | ...                             |     row j % hop, column j // hop + f
                    phase hop - 1  | ...                             |

    tile of bins    bin 0          | re of V frames | im of V frames |     a complex element is 2 V numbers
    (realfft)       bin 1          | re             | im             |
                    ...

    output          frame 0        | re im re im ...                 |     turned on its side again,
    (frames)        frame 1        | re im re im ...                 |     V / 2 bins at a time, in registers

Sizes are numbers in tables (`plan`), never compiled in.  Large kernels are built once a dtype (`compiled`) and call
each other by address (`calls`).  Only `jit` imports Numba.
"""
