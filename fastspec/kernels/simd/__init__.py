"""Vectors in registers: loads, stores, transposes, logarithms, sines."""
