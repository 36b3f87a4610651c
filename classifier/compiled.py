"""Whether the compiled parts of the package are there and wanted."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from types import ModuleType

__all__ = [
    "COUNTER",
    "KERNEL",
    "SCAN",
    "SHINGLES",
    "SOLVER",
    "SWITCH",
    "compiled",
    "kernel_status",
]

SWITCH = "CLASSIFIER_KERNEL"

KERNEL = "classifier.model._kernel"
SCAN = "classifier._scan"
COUNTER = "classifier.model._counter"
SHINGLES = "classifier.corpus._shingles"
SOLVER = "classifier.training._solver"


def compiled(name: str = KERNEL) -> ModuleType | None:
    """Return a compiled module, nothing where it was not built or ``CLASSIFIER_KERNEL=off``."""
    return None if os.environ.get(SWITCH, "").strip().lower() == "off" else _built(name)


@cache
def _built(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None


def kernel_status() -> str:
    """Return which of the two paths is in use, for people."""
    if compiled():
        return "compiled"
    return f"off, by {SWITCH} (NumPy)" if _built(KERNEL) else "none (NumPy)"
