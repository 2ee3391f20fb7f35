"""Compiling (jit, nested, apart), keeping (cache, claims, ahead), threads (cores, team), arguments (layout), calls."""


class CompilerDisabled(RuntimeError):
    """A kernel was called where NUMBA_DISABLE_JIT turns the compiler off."""

    def __init__(self) -> None:
        super().__init__(
            "NUMBA_DISABLE_JIT is set, but fastspec computes in compiled kernels only: unset it, or set it to 0, "
            "before Python starts"
        )
