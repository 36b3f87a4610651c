"""The public corpora with our labels: where each lies, how it is fetched, read and joined."""
