"""What is wrong with a corpus before anybody trains on it or believes a figure from it."""
