"""Recipes by name."""


def recipe(name: str) -> None:
    """None yet."""


def recipes() -> tuple[str, ...]:
    """None yet."""
    return ()
