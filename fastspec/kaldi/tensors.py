"""Tensors of torch as arrays, and back, without a copy; torch is never imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faces import Unsupported, tensors


def as_array(name: str, x: Any) -> NDArray[Any]:
    """An array, or the memory of a tensor.

    Raises
    ------
    TypeError, ValueError
        If a tensor is not plain memory of the CPU, and why.
    """
    if not tensors.is_tensor(x):
        return np.asarray(x)
    reason = _refusal(x)
    if reason is not None:
        raise ValueError(f"{name} must be an array or a tensor on the CPU without gradient, but {reason}")
    try:
        array: NDArray[Any] = x.detach().numpy()
    except TypeError:
        raise TypeError(f"{name} must hold real numbers that NumPy knows, got {x.dtype}") from None
    return array


def like(result: NDArray[Any], x: Any) -> Any:
    """The result as a tensor if x is one."""
    return tensors.tensor_of(result) if tensors.is_tensor(x) else result


def _refusal(tensor: Any) -> str | None:
    """Why a tensor cannot be an array: a few words, or None."""
    torch: Any = sys.modules["torch"]
    try:
        tensors.check_eager()
    except Unsupported as reason:
        return str(reason)
    if tensor.device.type != "cpu":
        return f"it is on {tensor.device}, not on the CPU"
    if tensor.layout is not torch.strided or tensor.is_nested:
        return "it is not strided"
    if tensor.requires_grad and torch.is_grad_enabled():
        return "it needs a gradient"
    if tensor.is_conj() or tensor.is_neg():
        return "it is a lazy conjugate or negative"
    return None
