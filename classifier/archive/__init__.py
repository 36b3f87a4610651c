"""Tags many files, goes on where it stopped, over any executor."""
