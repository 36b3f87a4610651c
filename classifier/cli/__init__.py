"""The command line: options, one library call, one print."""

import atexit
import gc
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    # nothing of what is imported is garbage, and it is fewer objects than that
    gc.set_threshold(100_000)
    if sys.argv[1:2] == ["predict"]:
        # it multiplies no matrices, and BLAS would start a thread a core for them
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # else Python looks through all of it once more at its end, when nobody needs the room
    atexit.register(gc.freeze)
    from classifier.cli.app import app

    app(prog_name="classifier")
