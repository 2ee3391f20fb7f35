"""Front ends of speech recognition and of vocoders: `FrontEnd`, and their recipes by name."""

from .frontend import FrontEnd
from .recipes import Recipe, recipe

__all__ = ["FrontEnd", "Recipe", "recipe"]
