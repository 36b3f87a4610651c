"""The command line: options, one library call, one print."""

from classifier.cli.app import main

__all__ = ["main"]
