"""The tools that ``make bench`` compares, and how each is called."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.environment import ROOT, peers_python
from bench.speed_runs import Call, Command
from classifier.compiled import SWITCH
from classifier.files import resource

__all__ = ["KERNEL", "NUMPY", "SHIPPED", "TOOLS", "Tool", "interpreter"]

PEERS = Path(__file__).parent / "peers"
SHIPPED = resource("models", "sectors")
KERNEL, NUMPY = "ours, kernel", "ours, NumPy"


@cache
def interpreter(environment: str) -> Path:
    """Return the Python of "ours", of "peers", or of "LibMultiLabel", made where it is missing."""
    if environment == "ours":
        return Path(sys.executable)
    if environment == "LibMultiLabel":
        return peers_python()
    return peers_python(ROOT / ".venv-bench-speed", PEERS.parent / "requirements-speed.txt")


@dataclass(frozen=True)
class Tool:
    """A tool: which script of ``bench/peers`` drives it, in which environment.

    Parameters
    ----------
    name, script, environment : str
    trained_by : str
        The tool whose model it uses, itself when empty.
    variables : mapping of str to str
        Environment variables that it runs with.
    """

    name: str
    script: str
    environment: str = "peers"
    trained_by: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_name(self) -> str:
        """The name of the folder of its model."""
        return (self.trained_by or self.name).replace(" ", "-").replace(",", "")

    def command(self, *arguments: str | Path) -> Command:
        """Return how its script is called."""
        return [interpreter(self.environment), PEERS / f"{self.script}.py", *arguments]

    def bulk(self, model: Path, data: Path, out: Path) -> Call:
        """Return how a file is tagged into another by one process, and where its output goes."""
        if self.environment == "ours":
            return [*our_command(), data, "--model", model, "--quiet"], out
        return self.command("bulk", model, data, out), out.with_suffix(".log")


def our_command() -> Command:
    """Return how a user calls `classifier predict`."""
    return [Path(sys.executable).parent / "classifier", "predict"]


@cache
def has_jobs() -> bool:
    """Return whether `classifier predict` divides the work among processes by itself."""
    told = subprocess.run([*our_command(), "--help"], capture_output=True, text=True, check=True)
    return "--jobs" in told.stdout


def _libmultilabel(name: str, options: str) -> Tool:
    variables = {"LIBMULTILABEL_OPTIONS": options}
    return Tool(name, "libmultilabel_peer", "LibMultiLabel", variables=variables)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(KERNEL, "ours_peer", "ours", variables={SWITCH: "on"}),
        Tool(NUMPY, "ours_peer", "ours", KERNEL, {SWITCH: "off"}),
        Tool("scikit-learn", "sklearn_peer"),
        Tool("scikit-learn, stacked", "stacked_peer", trained_by="scikit-learn"),
        Tool("scikit-learn, exported", "exported_peer"),
        Tool("fastText", "fasttext_peer"),
        Tool("fastText, pairs", "fasttext_pairs_peer"),
        Tool("Vowpal Wabbit", "vowpal_peer"),
        # As it comes, with a thread a core, it takes several times the CPU on problems so small.
        _libmultilabel("LibMultiLabel", "-s 1 -m 1"),
        _libmultilabel("LibMultiLabel, bias", "-s 2 -B 1 -e 0.0001 -m 1"),
        _libmultilabel("LibMultiLabel, as it comes", ""),
    )
}
