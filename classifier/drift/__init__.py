"""Whether articles are still like those of the training."""
