"""An archive of one file, whose lines are shared out among the workers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from classifier.errors import ClassifierError
from classifier.resources import file_sha256
from classifier.serving.private_model import PrivateModel
from classifier.serving.run_summary import Tally
from classifier.serving.shard import Rejects, ShardResult, opened_part
from classifier.serving.tag_stream import block_tasks, tagged_blocks
from classifier.serving.tag_workers import ShardTask
from classifier.serving.tagger import TagOptions
from classifier.serving.workers import Answer, Note, told

__all__ = ["SingleShard"]


class SingleShard:
    """In place of a `Crew`, when there is one file of JSONL and more than one worker."""

    def __init__(self, model: PrivateModel, options: TagOptions, *, jobs: int) -> None:
        self._model, self._options, self._jobs = model, options, jobs
        self.n_replaced = 0

    def run(self, tasks: Iterator[ShardTask]) -> Generator[Answer[ShardTask] | Note]:
        """Yield notes of progress and then the answer."""
        for task in tasks:
            tally = Tally()
            try:
                yield from self._tagged(task, tally)
                size, sha256 = task.part.stat().st_size, file_sha256(task.part)
                yield Answer(0, task, ShardResult(size, sha256, tally))
            except (ClassifierError, OSError) as error:
                reason, stop = told(error)
                yield Answer(0, task, reason=reason, stop=stop)

    def _tagged(self, task: ShardTask, tally: Tally) -> Iterator[Note]:
        shard = task.shard
        blocks = block_tasks(shard.source, self._options, Path(shard.target).suffix.lower())
        with opened_part(task.part) as raw, Rejects(task.rejects) as reject:
            for block, tagged in tagged_blocks(blocks, self._model, self._options, jobs=self._jobs):
                raw.write(tagged.data)
                tally.add(tagged.tally)
                if tagged.rejects:
                    reject(tagged.rejects)
                yield Note(0, tally.read, block.read_bytes)
            shard.check_unchanged()
