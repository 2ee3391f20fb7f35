"""Filtered levels and decibels, and what undoes them."""
