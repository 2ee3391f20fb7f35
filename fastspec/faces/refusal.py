"""What replacements refuse, so that the original runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..kaldi import tensors


class Unsupported(NotImplementedError):
    """Arguments with which the original has to run: the message says why, in a few words."""


def array_of(name: str, tensor: Any) -> NDArray[Any]:
    """The memory of a tensor of float32 or float64 on the CPU, of which no gradient is needed.

    Raises
    ------
    Unsupported
        For anything else.
    """
    if not tensors.is_tensor(tensor):
        raise Unsupported(f"{name} is a {type(tensor).__name__}")
    reason = tensors.refusal(tensor)
    if reason is not None:
        raise Unsupported(f"{name}: {reason}")
    if str(tensor.dtype) not in ("torch.float32", "torch.float64"):
        raise Unsupported(f"{name} has dtype {tensor.dtype}")
    return np.asarray(tensor.detach().numpy())
