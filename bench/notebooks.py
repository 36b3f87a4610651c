"""Runs the notebooks and keeps their output in them; ``make notebooks`` runs it."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"
# Said by a library that would draw bars of progress, with a path of this machine.
QUIET = {"PYTHONWARNINGS": "ignore:IProgress not found"}
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with the output of its cells, run in its own folder.

    Neither times nor versions are kept, so that the same articles give the same file.
    """
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    how = {"timeout": 600, "kernel_name": "python3", "record_timing": False}
    NotebookClient(notebook, resources=where, **how).execute(env=os.environ | QUIET)
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def main() -> None:
    """Run every notebook in place."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        nbformat.write(executed(path), path)
        print(path.name)


if __name__ == "__main__":
    main()
