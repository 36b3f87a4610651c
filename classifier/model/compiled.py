"""Whether the compiled part of the package is there and wanted."""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

__all__ = ["SWITCH", "compiled", "kernel_status"]

SWITCH = "CLASSIFIER_KERNEL"


def compiled() -> ModuleType | None:
    """Return the compiled module, nothing where it was not built or ``CLASSIFIER_KERNEL=off``."""
    return None if os.environ.get(SWITCH, "").strip().lower() == "off" else _built()


@cache
def _built() -> ModuleType | None:
    try:
        from classifier.model import _kernel
    except ImportError:
        return None
    return _kernel


def kernel_status() -> str:
    """Return which of the two paths is in use, for people."""
    if compiled():
        return "compiled"
    return f"off, by {SWITCH} (NumPy)" if _built() else "none (NumPy)"
