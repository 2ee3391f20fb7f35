"""Figures of signals and spectrograms."""
