"""Checks of the arguments of a `FrontEnd`."""

from __future__ import annotations

from typing import Any

from .. import checks


def choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    """One of the choices."""
    if (value is not None and not isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    return value


def at_least_0(name: str, value: float) -> float:
    """A finite number of at least 0."""
    number = checks.as_finite(name, value)
    if number < 0:
        raise ValueError(f"{name} must be at least 0, got {value!r}")
    return number


def above_0(name: str, value: float) -> float:
    """A finite number above 0."""
    number = checks.as_finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return number


def coefficient(name: str, value: float) -> float:
    """A number from 0 to 1."""
    number = checks.as_finite(name, value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be from 0 to 1, got {value!r}")
    return number
