"""What workers do: tag a whole file, or a block of the lines of one that is shared out."""

from __future__ import annotations

import io
import shutil
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import BinaryIO

from classifier.archive.shard import (
    GZIP_LEVEL,
    Rejects,
    Shard,
    ShardResult,
    jsonl_blocks,
    opened_part,
    tag_shard,
)
from classifier.archive.tagger import Tagger, TagOptions, Tally, tag_block
from classifier.archive.workers import Answer, Note, Pool, Report, can_copy, reason_of
from classifier.corpus.corpus import ReadTally
from classifier.corpus.find import Source, find_sources
from classifier.corpus.open import Block
from classifier.corpus.read import check_rejects
from classifier.errors import BadInputError, ClassifierError, ModelError
from classifier.files import file_sha256, opened_text, packed
from classifier.model.folder import MANIFEST, load_model, model_folder, save_model
from classifier.model.manifest import parse_manifest
from classifier.model.model import Model

__all__ = [
    "BlockTask",
    "PackedModel",
    "PrivateModel",
    "ShardTask",
    "SingleShard",
    "TaggedBlock",
    "block_worker",
    "model_here",
    "packed_model",
    "private_model",
    "shard_worker",
    "tag_stream",
    "tagged_blocks",
]


@dataclass(frozen=True, slots=True)
class PrivateModel:
    """A model in a folder that nobody else writes to.

    Parameters
    ----------
    folder : Path
    sha256 : str
        The model's hash, which each worker compares.
    signature : str
        What results call it.
    labels : tuple of str
    """

    folder: Path
    sha256: str
    signature: str
    labels: tuple[str, ...]

    def load(self) -> Model:
        """Return the model, mapped.

        Raises
        ------
        ModelError
            When it is not the one that the run began with.
        """
        model = load_model(self.folder, mmap=True)
        if model.info["hash"] != self.sha256:
            raise ModelError(f"{self.folder}: was changed by someone. Run the same command again.")
        return model


@contextmanager
def private_model(
    model: Model | Path | str | None, folder: Path, *, loaded: Model | None = None
) -> Iterator[PrivateModel]:
    """Put a model into `folder`, and take it away in the end.

    Parameters
    ----------
    model : Model, path or None
        In memory or in a folder; the shipped model when not given.
    folder : Path
        What it holds is removed first.
    loaded : Model, optional
        What is in the folder of `model`, when that is known.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        if isinstance(model, Model):
            sha256, signature = str(save_model(model, folder).info["hash"]), model.signature
        else:
            model = _copied(model_folder(model), folder, loaded)
            sha256, signature = str(model.info["hash"]), model.signature
        yield PrivateModel(folder, sha256, signature, model.labels)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(source: Path, folder: Path, loaded: Model | None) -> Model:
    """Copy the files that a model consists of; each worker checks them when it loads them."""
    model = loaded or load_model(source)
    with suppress(FileNotFoundError):
        if _copy(source, folder) == model.info["hash"]:
            return model
    raise ModelError(f"{source}: was replaced while it was copied. Run the same command again.")


def _copy(source: Path, folder: Path) -> object:
    """Copy a model and return its hash."""
    path = source / MANIFEST
    raw = path.read_bytes()
    manifest = parse_manifest(raw, path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).write_bytes(raw)
        for stored in manifest.files.values():
            shutil.copyfile(source / stored.name, folder / stored.name)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ModelError(f"{source}: cannot be copied to {folder} ({error.strerror}).") from None
    return manifest.outline.info["hash"]


# A worker that serves one run after the other keeps the models of the last two.
MOST_LOADED = 2
_loaded: OrderedDict[str, Model] = OrderedDict()
_loading = Lock()


@dataclass(frozen=True, slots=True)
class PackedModel:
    """The files of a model folder.

    Parameters
    ----------
    sha256 : str
        The model's hash.
    signature : str
        What results call it.
    labels : tuple of str
    files : mapping of str to bytes
        By name.
    """

    sha256: str
    signature: str
    labels: tuple[str, ...]
    files: Mapping[str, bytes]


def packed_model(model: Model | Path | str | None) -> PackedModel:
    """Return a model in memory or in a folder, or the shipped one, as bytes.

    Raises
    ------
    ModelError
        When it cannot be loaded.
    """
    with TemporaryDirectory() as folder, private_model(model, Path(folder, "model")) as own:
        files = {path.name: path.read_bytes() for path in sorted(own.folder.iterdir())}
        return PackedModel(own.sha256, own.signature, own.labels, files)


def model_here(packed: PackedModel) -> Model:
    """Return the model, which this process loads when it meets it for the first time.

    Raises
    ------
    ModelError
        When it is not what was packed, or scores its golden articles differently here.
    """
    with _loading:
        if packed.sha256 not in _loaded:
            _loaded[packed.sha256] = _unpacked(packed)
        _loaded.move_to_end(packed.sha256)
        if len(_loaded) > MOST_LOADED:
            _loaded.popitem(last=False)
        return _loaded[packed.sha256]


def _unpacked(packed: PackedModel) -> Model:
    with TemporaryDirectory() as folder:
        for name, content in packed.files.items():
            Path(folder, name).write_bytes(content)
        try:
            model = load_model(Path(folder))
        except ModelError as error:
            message = str(error).replace(folder, f"model {packed.signature} on this worker")
            raise ModelError(message) from None
    if model.info["hash"] != packed.sha256:
        raise ModelError(f"model {packed.signature} was changed on its way. Run once more.")
    return model


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A file to tag and where to put the result and the rejects until they get their names."""

    shard: Shard
    part: Path
    rejects: Path


def shard_worker(
    model: PrivateModel, options: TagOptions
) -> Callable[[ShardTask, Report], ShardResult]:
    """Return what tags a whole file."""
    tagger = Tagger(model.load(), options, model.signature)

    def work(task: ShardTask, report: Report) -> ShardResult:
        return tag_shard(task.shard, tagger, task.part, rejects=task.rejects, report=report)

    return work


@dataclass(frozen=True, slots=True)
class BlockTask:
    """Lines of a file to tag; `packing` is ``.gz``, ``.zst`` or empty.

    Of a file that can be read again, `path`, only the place of its lines is sent, and how many
    bytes they have. What becomes of them goes into the file `part`, if there is one: a worker that
    is killed while it sends much would leave its run waiting for the rest.
    """

    block: Block
    file: str
    packing: str
    read_bytes: int = 0
    part: Path | None = None
    path: Path | None = None
    size: int = 0

    def placed(self, path: Path, start: int) -> BlockTask:
        """Return the same task without its lines, which are those of a file from `start` on."""
        block = replace(self.block, data=b"", start=start + self.block.start)
        return replace(self, block=block, path=path, size=len(self.block.data))

    def lines(self) -> Block:
        """Return the lines.

        Raises
        ------
        BadInputError
            When the file has become shorter.
        """
        if self.path is None or self.block.too_long:
            return self.block
        with self.path.open("rb", buffering=0) as stream:
            stream.seek(self.block.start)
            data = stream.read(self.size)
        if len(data) < self.size:
            raise BadInputError(f"{self.file}: was changed while it was read. Run once more.")
        return replace(self.block, data=data)

    @property
    def place(self) -> str:
        """The lines, for messages."""
        n_more = self.lines().data.count(b"\n") - 1
        first = self.block.first
        return f"{self.file} lines {first} to {first + max(n_more, 0)}"


@dataclass(frozen=True, slots=True)
class TaggedBlock:
    """What became of a block: bytes to write, counts, and bad rows as lines of JSON."""

    data: bytes
    tally: Tally
    rejects: str
    n_bytes: int = 0

    def put(self, part: Path) -> TaggedBlock:
        """Leave it in a file, and return what it takes to get it from there."""
        part.write_bytes(self.data + self.rejects.encode("ascii"))
        return TaggedBlock(b"", self.tally, "", len(self.data))

    def taken(self, part: Path) -> TaggedBlock:
        """Return what was left in a file, which goes."""
        content = part.read_bytes()
        part.unlink()
        rejects = content[self.n_bytes :].decode("ascii")
        return TaggedBlock(content[: self.n_bytes], self.tally, rejects)


def block_worker(
    model: PrivateModel | Model, options: TagOptions
) -> Callable[[BlockTask, Report], TaggedBlock]:
    """Return what tags a block of lines; packed blocks stand one after the other in a file.

    A model that is loaded is shared with workers that begin as copies.
    """
    loaded = model if isinstance(model, Model) else model.load()
    tagger = Tagger(loaded, options, model.signature)

    def work(task: BlockTask, report: Report) -> TaggedBlock:
        tally, rejects = Tally(), list[str]()
        data = tag_block(tagger, task.lines(), task.file, tally=tally, reject=rejects.append)
        if data and task.packing:
            packing = io.BytesIO()
            with packed(packing, task.packing, gzip_level=GZIP_LEVEL) as stream:
                stream.write(data)
            data = packing.getvalue()
        tagged = TaggedBlock(data, tally, "".join(rejects))
        return tagged if task.part is None else tagged.put(task.part)

    return work


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
        At once when a file is no JSONL, or would be overwritten by the rejects; while reading,
        when a row or a file is bad.

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
    check_rejects(options.reading, sources)
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
    rejects_path = options.reading.rejects
    loaded = model if isinstance(model, Model) else load_model(model_folder(model))
    copied = copied and can_copy()
    with (
        TemporaryDirectory() as name,
        # a process that is sent a whole model and ends at once would leave its run sending
        nullcontext(loaded)
        if copied
        else private_model(model, Path(name, "model"), loaded=loaded) as own,
        opened_text(Path(rejects_path)) if rejects_path else nullcontext() as rejects,
    ):
        blocks = (
            task for source in sources for task in block_tasks(source, options, packing, stdin)
        )
        tagged_all = tagged_blocks(blocks, own, options, Path(name), jobs=jobs, copied=copied)
        total = Tally()
        for _, tagged in tagged_all:
            total.add(tagged.tally)
            tally.read += tagged.tally.read
            tally.headlines += tagged.tally.headlines
            tally.reasons.update(tagged.tally.rejects)
            tally.skipped = tally.reasons.total()
            if rejects:
                rejects.write(tagged.rejects)
            yield tagged.data
        total.check_fields(", ".join(source.name for source in sources))


def block_tasks(
    source: Source, options: TagOptions, packing: str, stdin: BinaryIO | None = None
) -> Iterator[BlockTask]:
    """Yield the lines of a JSONL file as tasks."""
    for block, n_bytes, start in jsonl_blocks(source, options, stdin, checked=True):
        task = BlockTask(block, source.name, packing, n_bytes)
        yield task if source.path is None or start is None else task.placed(source.path, start)


def tagged_blocks(
    tasks: Iterable[BlockTask],
    model: PrivateModel | Model,
    options: TagOptions,
    folder: Path,
    *,
    jobs: int,
    copied: bool = False,
) -> Iterator[tuple[BlockTask, TaggedBlock]]:
    """Yield tasks with what became of them, in order; `folder` holds what waits for its turn.

    Raises
    ------
    BadInputError
        What the first that failed failed of.
    """
    pool: Pool[BlockTask] = Pool(
        block_worker, (model, options), jobs=jobs, ahead=WINDOW * jobs, copied=copied
    )
    early: dict[int, Answer[BlockTask]] = {}
    turn = 0
    numbered = (replace(task, part=folder / f"{n}.block") for n, task in enumerate(tasks))
    with closing(pool.run(numbered)) as answers:
        for answer in answers:
            if isinstance(answer, Answer):
                early[answer.index] = answer
            while turn in early:
                done = early.pop(turn)
                turn += 1
                yield done.task, _value(done)


def _value(answer: Answer[BlockTask]) -> TaggedBlock:
    tagged, part = answer.value, answer.task.part
    if not answer.reason:
        return tagged if part is None else tagged.taken(part)  # type: ignore[no-any-return]
    place = "" if answer.task.file in answer.reason else f"{answer.task.place}: "
    kind = ClassifierError if answer.stop else BadInputError
    raise kind(f"{place}{answer.reason}")


class SingleShard:
    """In place of a `Pool`, when there is one file of JSONL and more than one worker."""

    n_replaced = 0

    def __init__(self, model: PrivateModel, options: TagOptions, *, jobs: int) -> None:
        self._model, self._options, self._jobs = model, options, jobs

    def run(self, tasks: Iterator[ShardTask]) -> Generator[Answer[ShardTask] | Note]:
        """Yield notes of progress and then the answer."""
        for task in tasks:
            tally = Tally()
            try:
                yield from self._tagged(task, tally)
                size, sha256 = task.part.stat().st_size, file_sha256(task.part)
                yield Answer(0, task, ShardResult(size, sha256, tally))
            except (ClassifierError, OSError) as error:
                reason, stop = reason_of(error)
                yield Answer(0, task, reason=reason, stop=stop)

    def _tagged(self, task: ShardTask, tally: Tally) -> Iterator[Note]:
        shard, options, folder = task.shard, self._options, task.part.parent
        blocks = block_tasks(shard.source, options, Path(shard.target).suffix.lower())
        with opened_part(task.part) as raw, Rejects(task.rejects) as reject:
            for block, tagged in tagged_blocks(
                blocks, self._model, options, folder, jobs=self._jobs
            ):
                raw.write(tagged.data)
                tally.add(tagged.tally)
                if tagged.rejects:
                    reject(tagged.rejects)
                yield Note(0, tally.read, block.read_bytes)
            shard.check_unchanged()
            tally.check_fields(shard.source.name)
