"""Functions that compute what functions of other libraries do, with their arguments; `fastspec.patch` puts them in.

Each raises `Unsupported`, before it changes anything, for arguments that the library's own function is to treat.
"""


class Unsupported(NotImplementedError):
    """The original is to run; the text says why."""
