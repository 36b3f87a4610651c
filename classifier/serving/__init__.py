"""How a model is used: the importable functions."""
