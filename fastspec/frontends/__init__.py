"""Front ends of speech recognition and of vocoders: `FrontEnd`, and their recipes by name."""

from .frontend import FrontEnd
from .recipes import recipe, recipes

__all__ = ["FrontEnd", "recipe", "recipes"]
