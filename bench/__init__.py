"""Measurements: opt-in, with their results kept beside them."""
