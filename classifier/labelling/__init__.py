"""What to label next, and labels back in."""
