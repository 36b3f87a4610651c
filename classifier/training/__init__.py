"""corpus → model."""
