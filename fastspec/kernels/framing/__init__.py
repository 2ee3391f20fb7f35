"""Signals and arrays in memory <-> tiles of frames."""
