"""What workers do: whole files, or blocks of lines of one."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from classifier.serving.line_blocks import Block
from classifier.serving.private_model import PrivateModel
from classifier.serving.run_summary import Tally
from classifier.serving.shard import Shard, ShardResult, packed, tag_shard
from classifier.serving.tag_lines import tag_block
from classifier.serving.tagger import Tagger, TagOptions

__all__ = ["BlockTask", "ShardTask", "TaggedBlock", "block_worker", "shard_worker"]

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A file to tag and where to put the result and the rejects until they get their names."""

    shard: Shard
    part: Path
    rejects: Path


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Lines of a file to tag; `packing` is ``.gz``, ``.zst`` or empty."""

    block: Block
    file: str
    packing: str
    read_bytes: int = 0

    @property
    def place(self) -> str:
        """The lines, for messages."""
        n_more = self.block.data.count(b"\n") - 1
        first = self.block.first
        return f"{self.file} lines {first} to {first + max(n_more, 0)}"


@dataclass(frozen=True, slots=True)
class TaggedBlock:
    """What became of a block: bytes to write, counts, and bad rows as lines of JSON."""

    data: bytes
    tally: Tally
    rejects: str


def shard_worker(
    model: PrivateModel, options: TagOptions
) -> Callable[[ShardTask, Report], ShardResult]:
    """Return what tags a whole file."""
    tagger = Tagger(model.load(), options, model.signature)

    def work(task: ShardTask, report: Report) -> ShardResult:
        return tag_shard(task.shard, tagger, task.part, rejects=task.rejects, report=report)

    return work


def block_worker(
    model: PrivateModel, options: TagOptions
) -> Callable[[BlockTask, Report], TaggedBlock]:
    """Return what tags a block of lines; packed blocks stand one after the other in a file."""
    tagger = Tagger(model.load(), options, model.signature)

    def work(task: BlockTask, report: Report) -> TaggedBlock:
        tally, rejects = Tally(), list[str]()
        data = tag_block(tagger, task.block, task.file, tally=tally, reject=rejects.append)
        if data and task.packing:
            packing = io.BytesIO()
            with packed(packing, task.packing) as stream:
                stream.write(data)
            data = packing.getvalue()
        return TaggedBlock(data, tally, "".join(rejects))

    return work
