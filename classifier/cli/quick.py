"""`classifier predict FILE …` without the parser of options, which takes longer than tagging."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.cli.output import chosen_layout, write_predictions, write_stream
from classifier.cli.terminal import (
    EXPECTED,
    counted_on_terminal,
    flush,
    on_terminal,
    read_tally,
    remark_on,
    told,
)
from classifier.corpus.corpus import UNLABELLED

__all__ = ["Plain", "plain_prediction", "run"]


@dataclass(frozen=True, slots=True)
class Plain:
    """A call of `predict` that needs no parser.

    Parameters
    ----------
    files : tuple of str
        At least one; ``-`` is standard input.
    model : str or None
        A folder; ``None`` is the shipped model.
    quiet : bool
    jobs : int
        Processes; several only where JSONL is written.
    """

    files: tuple[str, ...]
    model: str | None = None
    quiet: bool = False
    jobs: int = 1


def plain_prediction(arguments: Sequence[str]) -> Plain | None:
    """Return what the arguments ask for, nothing when they ask for more than files and a model.

    Examples
    --------
    >>> plain_prediction(["predict", "a.txt", "--model", "mine"])
    Plain(files=('a.txt',), model='mine', quiet=False, jobs=1)
    >>> plain_prediction(["predict", "a.txt", "--explain"])
    """
    command, *rest = arguments or [""]
    if command != "predict":
        return None
    files, model, quiet, jobs = [], None, False, "1"
    words = iter(rest)
    for word in words:
        if word == "--model":
            model = next(words, "")
        elif word == "--jobs":
            jobs = next(words, "")
        elif word in ("--quiet", "-q"):
            quiet = True
        elif word.startswith("-") and word != "-":
            return None
        else:
            files.append(word)
    if not files and sys.stdin is not None and not on_terminal(sys.stdin):
        files = ["-"]
    usable = files and all(files) and (model is None or (model and not model.startswith("-")))
    if not usable or not _is_count(jobs) or (int(jobs) > 1 and on_terminal(sys.stdout)):
        return None
    return Plain(tuple(files), model, quiet, int(jobs))


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 4 and word.strip("0") != ""


def run(plain: Plain) -> int:
    """Tag the files as `classifier predict` does and return the exit code."""
    try:
        try:
            _predict(plain)
        finally:
            flush()
    except EXPECTED as error:
        return told(error)
    return 0


def _predict(plain: Plain) -> None:
    paths: list[Path | str] = [name if name == "-" else Path(name) for name in plain.files]
    if plain.jobs > 1:
        gc.enable()
        write_stream(paths, None, model=plain.model, jobs=plain.jobs, quiet=plain.quiet)
        return
    from classifier.archive.score import load, shipped_model
    from classifier.corpus.read import read_articles

    layout = chosen_layout(None, None)
    tally = read_tally(quiet=plain.quiet)
    # people are shown the headline of an article without an id
    reading = replace(UNLABELLED, line_ids=layout.format != "table")
    articles = read_articles(paths, reading, tally=tally)
    model = shipped_model() if plain.model is None else load(plain.model)
    gc.enable()
    shown = counted_on_terminal(articles, "articles", quiet=plain.quiet or layout.on_screen)
    write_predictions(model, shown, layout, thresholds={})
    remark_on(tally, quiet=plain.quiet)
