"""Several processes that write one stream of JSONL, without the parser of options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.cli.output import write_bytes
from classifier.cli.progress import remark_on
from classifier.corpus.read_options import ReadTally

if TYPE_CHECKING:
    from classifier.serving.tagger import TagOptions

__all__ = ["write_stream"]


def write_stream(
    paths: Sequence[Path | str],
    out: Path | None,
    *,
    model: Path | str | None,
    jobs: int,
    options: TagOptions | None = None,
    quiet: bool,
) -> None:
    """Tag JSONL with several processes into one file or standard output.

    Parameters
    ----------
    paths : sequence of paths
    out : Path or None
        Standard output when not given.
    model : path or None
        The shipped one when not given.
    jobs : int
    options : TagOptions, optional
        By default what `classifier predict` writes; the first bad row stops the run.
    quiet : bool
        Whether nothing is said of rows that were skipped.
    """
    from classifier.serving.tag_stream import tag_stream

    tally = ReadTally()
    with write_bytes(out) as (write, packing):
        tagged = tag_stream(
            paths,
            model=model,
            jobs=jobs,
            options=options,
            packing=packing,
            tally=tally,
            copied=True,
        )
        for data in tagged:
            write(data)
    remark_on(tally, quiet=quiet)
