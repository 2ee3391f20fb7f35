"""Compiling (jit, cache), threads, calls by address, layouts of arguments, and the one driver of tasks."""
