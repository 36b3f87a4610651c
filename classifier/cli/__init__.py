"""The command line: options, one library call, one print."""

import gc
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    # of what is imported nothing is garbage
    gc.disable()
    if sys.argv[1:2] == ["predict"]:
        # it multiplies no matrices, and BLAS would start a thread a core for them
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from classifier.cli.quick import plain_prediction, run

    # shells ask for completions with the same arguments
    completing = any(name.endswith("_COMPLETE") for name in os.environ)
    plain = None if completing else plain_prediction(sys.argv[1:])
    if plain is not None:
        sys.exit(run(plain))
    from classifier.cli.app import main as parsed

    gc.enable()
    parsed()
