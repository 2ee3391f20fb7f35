"""Tensors of torch in and out of faces, without a copy; torch is not imported, but used where the program did so."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._typing import Array
from . import Unsupported

REAL_DTYPES = ("float32", "float64")


def is_tensor(value: object) -> bool:
    """Whether it is a tensor of torch."""
    torch: Any = sys.modules.get("torch")
    return isinstance(value, getattr(torch, "Tensor", ()))


def is_compiling() -> bool:
    """Whether torch compiles the caller, which then gets functions that torch can see through: `torch.compile`."""
    compiler: Any = getattr(sys.modules.get("torch"), "compiler", None)
    return hasattr(compiler, "is_compiling") and compiler.is_compiling()


def check_eager() -> None:
    """torch, if it is imported, computes what it is told to at once.

    Raises
    ------
    Unsupported
        If it compiles, traces or transforms what runs.
    """
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "Tensor"):
        return
    if is_compiling():
        raise Unsupported("torch compiles")
    if _ask(torch, "jit.is_tracing"):
        raise Unsupported("torch traces")
    if _ask(torch, "_C._len_torch_dispatch_stack") or _ask(torch, "_C._len_torch_function_stack"):
        raise Unsupported("a mode of torch is active")
    if _ask(torch, "_C._functorch.peek_interpreter_stack") is not None:
        raise Unsupported("torch.func transforms the caller")
    if getattr(sys.modules.get("torch.autograd.forward_ad"), "_current_level", -1) >= 0:
        raise Unsupported("torch differentiates forwards")


def _ask(torch: Any, name: str) -> Any:
    """The value of a function of torch without arguments, None in versions that have no such function."""
    function = torch
    for part in name.split("."):
        function = getattr(function, part, None)
    return None if function is None else function()


def array_of(tensor: Any) -> Array:
    """The memory of a tensor as an array, not copied.

    Parameters
    ----------
    tensor : torch.Tensor
        Of float32 or float64, strided, on the CPU.

    Returns
    -------
    array : np.ndarray [shape=tensor.shape]

    Raises
    ------
    Unsupported
        For any other tensor, one that needs a gradient while gradients are enabled, and where `check_eager` does.
    """
    torch: Any = sys.modules["torch"]
    check_eager()
    if type(tensor) is not torch.Tensor:
        raise Unsupported(f"a tensor of the class {type(tensor).__name__}")
    if tensor.device.type != "cpu":
        raise Unsupported(f"a tensor on the device {tensor.device.type}")
    if tensor.layout is not torch.strided or tensor.is_nested:
        raise Unsupported("a tensor that is not strided")
    if tensor.dtype not in (torch.float32, torch.float64):
        raise Unsupported(f"a tensor of {tensor.dtype}")
    if tensor.requires_grad and torch.is_grad_enabled():
        raise Unsupported("a tensor that needs a gradient")
    if tensor.is_neg():
        raise Unsupported("a tensor with a negative view")
    array: Array = tensor.detach().numpy()
    return array


def tensor_of(array: Array) -> Any:
    """A tensor on the memory of an array."""
    torch: Any = sys.modules["torch"]
    return torch.from_numpy(array)


def check_cpu(device: Any) -> None:
    """A device as torch takes it, None included, is the CPU.

    Raises
    ------
    Unsupported
        If it is another.
    """
    if device is not None and getattr(device, "type", device) != "cpu":  # of a `torch.device`, or its name
        raise Unsupported(f"the device {device}")


def check_convertible(array: object) -> None:
    """`torch.from_numpy` takes this array of real samples.

    Raises
    ------
    Unsupported
        If it does not.
    """
    if type(array) is not np.ndarray or not array.dtype.isnative or any(stride < 0 for stride in array.strides):
        raise Unsupported("an array that torch does not take")
