"""One stream of JSONL through many processes: the parent moves bytes, workers do the rest."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from classifier.corpus.open_paths import Source, find_sources
from classifier.corpus.open_text import format_by_content, open_bytes
from classifier.corpus.read_options import ReadTally
from classifier.errors import BadInputError
from classifier.model.model import Model
from classifier.serving.line_blocks import line_blocks, utf8_bytes
from classifier.serving.private_model import PrivateModel, private_model
from classifier.serving.shard import position
from classifier.serving.tag_workers import BlockTask, TaggedBlock, block_worker
from classifier.serving.tagger import TagOptions
from classifier.serving.workers import Answer, Crew

__all__ = ["tag_stream", "tagged_blocks"]

# Blocks under way or waiting for an earlier one, for each worker.
WINDOW = 4


def tag_stream(
    paths: Sequence[Path | str],
    *,
    model: Model | Path | str | None = None,
    jobs: int = 2,
    options: TagOptions | None = None,
    packing: str = "",
    tally: ReadTally | None = None,
    stdin: BinaryIO | None = None,
    copied: bool = False,
) -> Iterator[bytes]:
    """Yield the tagged lines of JSONL files in order, as bytes to write one after the other.

    Parameters
    ----------
    paths : sequence of paths
        JSONL files, packed or not, folders of them, or ``-``.
    model : Model, path or None
        The shipped model when not given.
    jobs : int
        Worker processes.
    options : TagOptions, optional
        By default what `classifier predict` writes; the first bad row stops the run.
    packing : str
        ``.gz`` or ``.zst`` to pack what is written, else empty.
    tally : ReadTally, optional
        Counted up.
    stdin : binary stream, optional
        Read for ``-``.
    copied : bool
        Whether workers may begin as copies of this process, which is sooner and only for a program
        that knows what else it runs.

    Raises
    ------
    BadInputError
        At once when a file is no JSONL; while reading, when a row or a file is bad.

    Notes
    -----
    The same bytes as one process writes, except that an id may come up more than once: ids are
    not remembered, so memory does not grow with the input.
    """
    options = options or TagOptions(replace(TagOptions().reading, on_error="stop"), carry=False)
    sources = find_sources(paths, format=options.reading.format)
    for source in sources:
        if source.format not in ("jsonl", ""):
            raise BadInputError(
                f"{source.name}: is {source.format}. Only JSONL goes through several processes "
                "in one stream; leave out --jobs."
            )
    return _stream(sources, model, jobs, options, packing, tally or ReadTally(), stdin, copied)


def _stream(
    sources: list[Source],
    model: Model | Path | str | None,
    jobs: int,
    options: TagOptions,
    packing: str,
    tally: ReadTally,
    stdin: BinaryIO | None,
    copied: bool,
) -> Iterator[bytes]:
    with (
        TemporaryDirectory() as folder,
        private_model(model, Path(folder, "model")) as own,
        _opened(options.reading.rejects) as rejects,
    ):
        blocks = (
            task for source in sources for task in block_tasks(source, options, packing, stdin)
        )
        for _, tagged in tagged_blocks(blocks, own, options, jobs=jobs, copied=copied):
            tally.read += tagged.tally.read
            tally.reasons.update(tagged.tally.rejects)
            tally.skipped = tally.reasons.total()
            rejects.write(tagged.rejects)
            yield tagged.data


@contextmanager
def _opened(path: Path | None) -> Iterator[io.TextIOBase]:
    if path is None:
        yield _Nowhere()
        return
    try:
        stream = path.open("w", encoding="ascii")
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written ({error.strerror}). Name another file."
        ) from None
    with stream:
        yield stream


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


def block_tasks(
    source: Source, options: TagOptions, packing: str, stdin: BinaryIO | None = None
) -> Iterator[BlockTask]:
    """Yield the lines of a file as tasks.

    Raises
    ------
    BadInputError
        When it cannot be read or, for standard input, is no JSONL.
    """
    encoding = options.reading.encoding
    with open_bytes(source, stdin, encoding=encoding) as stream:
        if not source.format and stream.peek(1) and format_by_content(stream) != "jsonl":
            raise BadInputError(f"{source.name}: is no JSONL. Leave out --jobs.")
        with utf8_bytes(stream, encoding) as read:
            for block in line_blocks(read, longest=options.longest_line):
                yield BlockTask(block, source.name, packing, position(stream))


def tagged_blocks(
    tasks: Iterable[BlockTask],
    model: PrivateModel,
    options: TagOptions,
    *,
    jobs: int,
    copied: bool = False,
) -> Iterator[tuple[BlockTask, TaggedBlock]]:
    """Yield tasks with what became of them, in order.

    Raises
    ------
    BadInputError
        What the first that failed failed of.
    """
    crew: Crew[BlockTask] = Crew(
        block_worker, (model, options), jobs=jobs, ahead=WINDOW * jobs, copied=copied
    )
    early: dict[int, Answer[BlockTask]] = {}
    turn = 0
    with closing(crew.run(iter(tasks))) as answers:
        for answer in answers:
            if isinstance(answer, Answer):
                early[answer.index] = answer
            while turn in early:
                done = early.pop(turn)
                turn += 1
                yield done.task, _value(done)


def _value(answer: Answer[BlockTask]) -> TaggedBlock:
    if not answer.reason:
        return answer.value  # type: ignore[no-any-return]
    place = "" if answer.task.file in answer.reason else f"{answer.task.place}: "
    raise BadInputError(f"{place}{answer.reason}")
