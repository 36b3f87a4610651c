"""One small reader for each format of files."""
