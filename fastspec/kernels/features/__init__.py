"""Filtered levels, decibels, their inverses, and products of matrices."""
