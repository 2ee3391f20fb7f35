"""The short-time Fourier transform, its inverse, and overlap-add."""
