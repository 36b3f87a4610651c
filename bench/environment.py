"""The environment of the peers, apart from ours: they need older libraries.

``python -m bench.environment`` makes or renews it.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
REQUIREMENTS = HERE / "requirements-peers.txt"


def peers_python(folder: Path = ROOT / ".venv-bench", requirements: Path = REQUIREMENTS) -> Path:
    """Return the interpreter that has the peers, made anew when the requirements changed."""
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp, wanted = folder / ".installed", hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*command, "--no-deps", "--requirement", str(requirements)], check=True)
        stamp.write_text(wanted)
    return python


def run_peer(script: Path, folder: Path) -> None:
    """Run a script of a peer on the files in `folder`, where it leaves its results."""
    subprocess.run([peers_python(), script, folder], check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    print(peers_python())
