"""What goes in and what comes out: reading articles, their labels, writing predictions."""
