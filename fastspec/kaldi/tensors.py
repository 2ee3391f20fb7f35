"""Tensors of torch as arrays, and back, without a copy; torch is never imported."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor of torch."""
    torch = sys.modules.get("torch")
    kind = getattr(torch, "Tensor", None)
    return kind is not None and isinstance(x, kind)


def refusal(tensor: Any) -> str | None:
    """Why a tensor cannot be an array: a few words, or None."""
    torch: Any = sys.modules["torch"]
    if type(tensor) is not torch.Tensor:
        return f"it is a {type(tensor).__name__}"
    if tensor.device.type != "cpu":
        return f"it is on {tensor.device}, not on the CPU"
    if tensor.layout is not torch.strided:
        return f"its layout is {tensor.layout}"
    if tensor.requires_grad and torch.is_grad_enabled():
        return "it needs a gradient"
    if tensor.is_conj() or tensor.is_neg():
        return "it is a lazy conjugate"
    if _is_traced(torch, tensor):
        return "it is traced, compiled or transformed"
    return None


def _is_traced(torch: Any, tensor: Any) -> bool:
    """Whether the tensor stands for others: under vmap, grad, jit or compile."""
    functorch = getattr(torch._C, "_functorch", None)
    wraps = getattr(functorch, "is_functorch_wrapped_tensor", None)
    if wraps is not None and wraps(tensor):
        return True
    if torch._C._get_tracing_state() is not None:
        return True
    compiler = getattr(torch, "compiler", None)
    return bool(compiler is not None and compiler.is_compiling())


def as_array(name: str, x: Any) -> NDArray[Any]:
    """An array, or the memory of a tensor.

    Raises
    ------
    ValueError
        If a tensor is not plain memory of the CPU, and what to do.
    """
    if not is_tensor(x):
        return np.asarray(x)
    reason = refusal(x)
    if reason is not None:
        raise ValueError(f"{name} must be an array or a tensor on the CPU without gradient, but {reason}")
    try:
        array: NDArray[Any] = x.detach().numpy()
    except TypeError:
        raise TypeError(f"{name} must hold real numbers that NumPy knows, got {x.dtype}") from None
    return array


def like(result: NDArray[Any], x: Any) -> Any:
    """The result as a tensor if x is one."""
    return sys.modules["torch"].from_numpy(result) if is_tensor(x) else result
