"""How Hypothesis draws: the same cases on every machine and every day; new ones are for `make fuzz` (tests/fuzz.py)."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("fuzz", database=None, deadline=None, print_blob=True)
settings.load_profile("same")
