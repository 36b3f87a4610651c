"""The command line as tests run it: in this process, in one of its own, and on a terminal."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from classifier.cli.app import app
from classifier.model.folder import save_model
from tests.models import ENERGY_TEXT, MIXED_TEXT, tiny_model

EXAMPLES = Path(__file__).parent.parent / "data" / "examples" / "articles.jsonl"
PLAIN = {"COLUMNS": "80", "NO_COLOR": None, "FORCE_COLOR": None, "TERM": "xterm"}
# Seconds to wait for what comes soon, however busy the machine is.
PATIENCE = 120
_COLOUR = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
_FRAME = re.compile("[╭╮╰╯│─]")


@dataclass(frozen=True)
class Outcome:
    """What a run left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Standard error as running text, without the frame round usage errors."""
        return running_text(self.err)

    @property
    def help(self) -> str:
        """Standard output as running text, without the frames round options."""
        return running_text(self.out)


def running_text(shown) -> str:
    """Return what a terminal was sent without colours, frames and line ends."""
    return " ".join(_FRAME.sub(" ", _COLOUR.sub("", shown)).split())


def wait_for(condition):
    """Return what a condition gives once it is met; fail when it never is."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "in vain"
        time.sleep(0.005)
    return found


def run(*args, input=None, **env) -> Outcome:
    """Run a command in this process; its output is no terminal."""
    result = CliRunner().invoke(app, list(map(str, args)), input=input, env=PLAIN | env)
    return Outcome(result.exit_code, result.stdout, result.stderr)


def run_process(*args, input=None, cwd=None) -> Outcome:
    """Run a command in a process of its own."""
    done = subprocess.run(
        command(*args),
        input=input, capture_output=True, encoding="utf-8", env=environment(), cwd=cwd, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def environment(**changes):
    """Return this process's environment with `PLAIN` and `changes`; None takes a name out."""
    values = os.environ | PLAIN | {"PYTHONPATH": str(EXAMPLES.parents[2])} | changes
    return {name: value for name, value in values.items() if value is not None}


def command(*args, script="") -> list[str]:
    """Return the arguments of a command in a process of its own, after a script if there is one."""
    begin = ["-c", f"{script}\nfrom classifier.cli import main\nmain()"] if script else None
    return [sys.executable, *(begin or ["-m", "classifier"]), *map(str, args)]


def run_on_terminal(*args, output="screen", interrupt_at="", script="", **env) -> Outcome:
    """Run a command on a terminal; `out` is what the screen was sent, `err` what was piped off.

    With ``output="pipe"`` only its messages go to the screen. When `interrupt_at` is on the
    screen, Ctrl-C is pressed. A `script` runs before the command.
    """
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        command(*args, script=script),
        stdin=terminal,
        stdout=terminal if output == "screen" else subprocess.PIPE,
        stderr=terminal,
        env=environment(**env),
        # whoever started the tests may ignore it, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(terminal)
    sent = b""
    while piece := _read(screen):
        sent += piece
        if interrupt_at and interrupt_at.encode() in sent:
            process.send_signal(signal.SIGINT)
            interrupt_at = ""
    os.close(screen)
    piped = b"" if process.stdout is None else process.communicate()[0]
    return Outcome(process.wait(), sent.decode().replace("\r\n", "\n"), piped.decode())


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # what Linux says when the last writer has gone
        return b""


def unhashed(text: str) -> str:
    """Return `text` without the hash of the tiny model, which is that of all its files."""
    return re.sub("(?<=tiny@)[0-9a-f]{8}", "HASH", text)


def save_tiny(folder: Path, **changes) -> Path:
    """Save the tiny model in `folder`."""
    save_model(tiny_model(**changes), folder)
    return folder


def write_rows(path: Path, rows) -> Path:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


ROWS = [
    {"id": "a", "text": ENERGY_TEXT},
    {"id": "b", "text": MIXED_TEXT},
    {"id": "c", "text": "und der die das"},
]
