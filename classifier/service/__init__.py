"""The model over HTTP, and the page."""
