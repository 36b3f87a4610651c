"""Many machines: Dask frames and archives of files, tagged by the workers of a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from multiprocessing import resource_tracker
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from classifier.archive.journal import (
    CLAIMS,
    FOLDER,
    VERSION,
    ClusterJournal,
    Entry,
    check_free,
    claim_line,
    claim_name,
    occupied,
    opened_cluster_journal,
    read_journal,
)
from classifier.archive.run import cut_short
from classifier.archive.shard import Shard, ShardResult, tag_shard
from classifier.archive.shards import INSTALL, Files, Place, find_files, place_of
from classifier.archive.tagger import Failure, Progress, RunSummary, Tagger, TagOptions
from classifier.archive.workers import Answer, interrupts_held, private_model, told
from classifier.errors import BadInputError, ClassifierError, ModelError
from classifier.model.folder import load_model
from classifier.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ClusterRun",
    "FarTask",
    "PackedModel",
    "begun_mark",
    "check_versions",
    "import_distributed",
    "model_here",
    "opened_client",
    "packed_model",
    "parquet_schema",
    "parts_folder",
    "predict_on_cluster",
    "tag_far_shard",
    "tag_files",
    "tag_frame",
]


LOCAL = "local"
CLIENT_PATIENCE = 5.0
# The first death of a worker may be chance; the third on the same file is not.
MOST_DEATHS = 2


def import_distributed() -> Any:
    """Return the module `distributed`.

    Raises
    ------
    ClassifierError
        When it is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise ClassifierError(f"a cluster needs dask and distributed. {INSTALL}") from None
    return distributed


@contextmanager
def opened_client(address: str, *, jobs: int | None = None) -> Iterator[Any]:
    """Give a client of a scheduler, or of workers on this machine that live as long.

    Parameters
    ----------
    address : str
        As in ``tcp://scheduler:8786``, or ``local``.
    jobs : int, optional
        Workers of ``local``; as many as there are cores when not given.

    Raises
    ------
    ClassifierError
        When no scheduler answers within 5 seconds.
    """
    distributed = import_distributed()
    if address == LOCAL:
        with (
            _local_cluster(distributed, jobs or os.cpu_count() or 1) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    with (
        _silent(logging.getLogger("distributed.client")),
        _connected(distributed, address) as client,
    ):
        yield client


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """Leave out the traceback of a scheduler that has gone, which is told as an error."""
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _local_cluster(distributed: Any, n_workers: int) -> Any:
    import dask

    deaths = {"distributed.scheduler.allowed-failures": MOST_DEATHS}
    # started by the first process, it would let interrupts through again
    resource_tracker.ensure_running()
    # Ctrl-C is for this process, which ends the others
    with dask.config.set(deaths), interrupts_held():
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )


def _connected(distributed: Any, address: str) -> Any:
    try:
        return distributed.Client(address, timeout=CLIENT_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClassifierError(
            f"{address}: no Dask scheduler answers ({reason}). Is it running and can it be "
            "reached from here? An address looks like tcp://scheduler:8786."
        ) from None


def check_versions(client: Any, *, package: str = "classifier", wanted: str = "") -> None:
    """Raise when the scheduler or a worker lacks this package or has another version of it.

    Parameters
    ----------
    client : distributed.Client
    package : str
    wanted : str, optional
        The version that is installed here when not given.

    Raises
    ------
    ClassifierError
        With what was found where.
    """
    wanted = wanted or version(package)
    found = _versions(client, package)
    wrong = {place: have for place, have in found.items() if have != wanted}
    if wrong:
        shown = ", ".join(f"{place} has {have}" for place, have in list(wrong.items())[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise ClassifierError(
            f"{package} is {wanted} here, but {shown}{more}. Install {package}=={wanted} on the "
            "scheduler and on every worker."
        )


def _versions(client: Any, package: str) -> Mapping[str, str]:
    # asked by a function of the standard library, which is there whatever else is not
    answers = client.run(version, package, on_error="return")
    try:
        answers = {"the scheduler": client.run_on_scheduler(version, package)} | answers
    except ImportError as error:
        answers = {"the scheduler": error} | answers
    return {
        place: answer if isinstance(answer, str) else "none" for place, answer in answers.items()
    }


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
class FarTask:
    """A file to tag on any machine.

    Parameters
    ----------
    shard : Shard
        Its `path` counts for nothing.
    address : str
        Of the file.
    out : str
        Address of the folder of results.
    run : str
        Name of the run, below which unfinished results lie.
    free : bool
        Whether nothing was at its target when the run began.
    """

    shard: Shard
    address: str
    out: str
    run: str
    free: bool


def parts_folder(run: str) -> str:
    """Return where in the folder of results a run keeps what is not whole."""
    return f"{FOLDER}/parts/{run}"


def begun_mark(run: str) -> str:
    """Return the file that is there as long as the run goes on."""
    return f"{parts_folder(run)}/begun"


def tag_far_shard(task: FarTask, packed: PackedModel, options: TagOptions) -> Answer[FarTask]:
    """Tag a file and give the result its name.

    A file that cannot be read is an answer with a reason: it would fail elsewhere too.

    Raises
    ------
    ClassifierError
        When the model cannot be used on this machine, or the folder of results is not seen.
    OSError
        When storage fails, which may pass.
    """
    tagger = Tagger(model_here(packed), options, packed.signature)
    out = place_of(task.out)
    _check_begun(task, out)
    with TemporaryDirectory(dir=_scratch()) as folder:
        try:
            with _near(task, Path(folder)) as shard:
                result = _tagged(task, shard, tagger, out, Path(folder))
        except BadInputError as error:
            # the copy's name means nothing to anybody
            copy = str(Path(folder, Path(task.shard.name).name))
            return Answer(0, task, reason=str(error).replace(copy, task.address))
    return Answer(0, task, result)


def _check_begun(task: FarTask, out: Place) -> None:
    if not out.fs.exists(out.below(begun_mark(task.run))):
        raise ClassifierError(
            f"{task.out}: a worker does not see the run there. Is it a place that all of them and "
            "this machine share?"
        )


def _scratch() -> str:
    from distributed import get_worker

    return str(get_worker().local_directory)


@contextmanager
def _near(task: FarTask, folder: Path) -> Iterator[Shard]:
    """Give the file where it can be opened by a path."""
    place = place_of(task.address)
    if place.is_local:
        yield replace(task.shard, path=Path(place.path))
        return
    copy = folder / Path(task.shard.name).name
    place.fs.get_file(place.path, str(copy))
    now = copy.stat()
    if now.st_size != task.shard.n_bytes:
        raise BadInputError(f"{task.address}: was changed since it was found. Run once more.")
    yield replace(task.shard, path=copy, n_bytes=now.st_size, mtime_ns=now.st_mtime_ns)


def _tagged(task: FarTask, shard: Shard, tagger: Tagger, out: Place, folder: Path) -> ShardResult:
    # a worker that was given up for lost may be at the same file
    token = secrets.token_hex(8)
    passing = out.below(f"{parts_folder(task.run)}/{token}")
    part = Path(passing if out.is_local else folder / token)
    rejects = part.with_suffix(".rejects")
    result = tag_shard(shard, tagger, part, rejects=rejects, report=lambda articles, n_bytes: None)
    # a task that outlives its run must not replace what the next one writes
    _check_begun(task, out)
    claim = out.below(f"{FOLDER}/{claim_name(shard.target)}")
    if task.free and out.fs.exists(out.below(shard.target)) and not out.fs.exists(claim):
        raise BadInputError(occupied(out.below(shard.target)))
    rejected = out.below(f"{FOLDER}/rejects/{shard.name}.jsonl")
    if rejects.exists():
        _name_address(rejects, str(shard.path), task.address)
        _publish(rejects, out, rejected, passing=f"{passing}.rejects")
    elif out.fs.exists(rejected):
        out.fs.rm_file(rejected)
    out.fs.pipe_file(claim, claim_line(shard.target, (result.n_bytes, result.sha256)))
    _publish(part, out, out.below(shard.target), passing=passing)
    return result


def _name_address(rejects: Path, copy: str, address: str) -> None:
    if copy == address:
        return
    import json

    before, after = json.dumps(copy), json.dumps(address)
    named = rejects.with_suffix(".named")
    with rejects.open(encoding="ascii") as lines, named.open("w", encoding="ascii") as stream:
        stream.writelines(line.replace(before[1:-1], after[1:-1]) for line in lines)
    named.replace(rejects)


def _publish(part: Path, out: Place, target: str, *, passing: str) -> None:
    if out.is_local:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, target)  # noqa: PTH105
        return
    for name in (passing, target):
        out.fs.makedirs(name.rpartition("/")[0], exist_ok=True)
    out.fs.put_file(str(part), passing)
    out.fs.mv(passing, target)


RETRIES = 2
TICK = 1.0
# Clusters that grow on demand have no worker before there is a task.
PATIENCE = 60.0


@dataclass
class ClusterRun:
    """One run over what is left to do.

    Parameters
    ----------
    files : Files
    kept : ClusterJournal
    client : distributed.Client
    packed : PackedModel
    options : TagOptions
    """

    files: Files
    kept: ClusterJournal
    client: Any
    packed: PackedModel
    options: TagOptions
    failures: list[Failure] = field(default_factory=list)
    articles: int = 0
    n_bytes: int = 0
    workers: set[str] = field(default_factory=set)
    start: float = field(default_factory=time.monotonic)

    def finished(self, progress: Callable[[Progress], None]) -> RunSummary:
        """Do it, and return what was done.

        Raises
        ------
        ClassifierError
            When there is no worker, the cluster goes, or no more can be written.
        """
        archive = self.files.archive
        earlier = self.kept.done(archive)
        run = secrets.token_hex(4)
        tasks = [
            FarTask(shard, address, self.kept.out.address, run, self.kept.is_free(shard.target))
            for shard, address in zip(archive.shards, self.files.addresses, strict=True)
            if shard.name not in earlier
        ]
        if tasks:
            with self._parts(run):
                self._work(tasks, progress)
        return self._summary(len(earlier))

    @contextmanager
    def _parts(self, run: str) -> Iterator[None]:
        """Make the folder of what is not whole, and take it away with what is left in the end."""
        out = self.kept.out
        folder = out.below(parts_folder(run))
        out.fs.makedirs(folder, exist_ok=True)
        out.fs.makedirs(out.below(f"{FOLDER}/{CLAIMS}"), exist_ok=True)
        try:
            out.fs.pipe_file(out.below(begun_mark(run)), b"")
            yield
        finally:
            with suppress(OSError):
                # a local folder is locked, so what killed runs have left is nobody's
                out.fs.rm(folder.rpartition("/")[0] if out.is_local else folder, recursive=True)

    def _work(self, tasks: list[FarTask], progress: Callable[[Progress], None]) -> None:
        n_bytes, n_files = sum(task.shard.n_bytes for task in tasks), len(self.files.archive.shards)
        waiting: dict[Any, FarTask] = {}
        try:
            waiting |= self._submitted(tasks)
            done = n_files - len(tasks)
            for future in self._ended(waiting):
                if future is not None:
                    self._take(future, waiting.pop(future))
                    done += 1
                seconds = time.monotonic() - self.start
                progress(Progress(done, n_files, self.articles, self.n_bytes, n_bytes, seconds))
        finally:
            with suppress(OSError):
                self.client.cancel(list(waiting), force=True)

    def _submitted(self, tasks: list[FarTask]) -> dict[Any, FarTask]:
        model = self._model()
        futures = self.client.map(
            tag_far_shard,
            tasks,
            packed=model,
            options=self.options,
            retries=RETRIES,
            pure=False,
            key=[f"classifier-{task.run}-{number}" for number, task in enumerate(tasks)],
        )
        return dict(zip(futures, tasks, strict=True))

    def _model(self) -> Any:
        """Return the model as a result that each worker asks for once, and that can be remade."""
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            model = self.client.submit(_same, self.packed, key=f"model-{secrets.token_hex(4)}")
        taken = Event()
        model.add_done_callback(lambda ended: taken.set())
        if not taken.wait(PATIENCE):
            raise ClassifierError(
                f"{self._address}: no worker took a task in {PATIENCE:g} s. Start "
                "workers: dask worker ADDRESS"
            )
        self.workers |= set(self._threads())
        return model

    def _ended(self, waiting: dict[Any, FarTask]) -> Iterator[Any | None]:
        """Yield futures as they end, and ``None`` when none does for a while."""
        ended: SimpleQueue[Any] = SimpleQueue()
        for future in waiting:
            future.add_done_callback(ended.put)
        seen = time.monotonic()
        while waiting:
            try:
                yield ended.get(timeout=TICK)
            except Empty:
                yield None
            if time.monotonic() - seen > TICK:
                self.workers |= set(self._threads())
                seen = time.monotonic()

    def _take(self, future: Any, task: FarTask) -> None:
        if future.status == "finished":
            answer: Answer[FarTask] = future.result()
        elif future.status == "error":
            answer = _failed(task, future.exception())
        else:
            raise self._refusal(f"{self._address}: the scheduler has gone or dropped the task")
        self.n_bytes += task.shard.n_bytes
        if answer.stop:
            raise self._refusal(f"{task.shard.name}: {answer.reason.rstrip('.')}")
        if answer.reason:
            self.failures.append(Failure(task.shard.name, answer.reason))
        else:
            self._note(task, answer)

    @property
    def _address(self) -> str:
        return str(self.client.scheduler.address)

    def _threads(self) -> Mapping[str, int]:
        """Return the threads of each worker by its address."""
        try:
            threads: Mapping[str, int] = self.client.nthreads()
        except OSError:
            raise self._refusal(f"{self._address}: the scheduler has gone") from None
        return threads

    def _refusal(self, reason: str) -> ClassifierError:
        archive = self.files.archive
        return cut_short(reason, len(self.kept.done(archive)), archive)

    def _note(self, task: FarTask, answer: Answer[FarTask]) -> None:
        shard, result = task.shard, answer.value
        self.articles += result.tally.read
        self.kept.add(Entry.of(shard, result))

    def _summary(self, n_earlier: int) -> RunSummary:
        done = self.kept.done(self.files.archive)
        threads = self._threads()
        return RunSummary(
            out=self.kept.out.address,
            model=self.packed.signature,
            labels=self.packed.labels,
            n_files=len(done),
            n_earlier=n_earlier,
            failures=tuple(self.failures),
            passed_over=self.files.archive.passed_over,
            tally=self.kept.journal.tally(done),
            articles=self.articles,
            seconds=time.monotonic() - self.start,
            jobs=sum(threads.values()),
            workers_replaced=len(self.workers - set(threads)),
        )


def _same(packed: PackedModel) -> PackedModel:
    return packed


def _failed(task: FarTask, error: Exception) -> Answer[FarTask]:
    distributed = import_distributed()
    if isinstance(error, distributed.KilledWorker):
        reason, stop = "the workers that had it died, again and again; is memory short?", False
    else:
        reason, stop = told(error, made=not isinstance(error, ClassifierError))
    return Answer(0, task, reason=reason, stop=stop)


Source = Path | str | Sequence[Path | str]
Report = Callable[[Progress], None]


def tag_frame(
    ddf: Any,
    model: Model | Path | str | None = None,
    *,
    text: str = "text",
    title: str | None = None,
) -> Any:
    """Return tags and scores for each row of a Dask frame, when they are computed.

    Parameters
    ----------
    ddf : dask.dataframe.DataFrame
    model : Model, path or None
        The shipped model when not given. Its files are one task of the graph, whose result each
        process asks for and loads once.
    text, title : str
        See `classifier.predict_frame`.

    Returns
    -------
    dask.dataframe.DataFrame
        What `classifier.predict_frame` returns of the whole, in the same partitions.

    Raises
    ------
    BadInputError
        When a column is not there; in computing, when a text is missing or not a string.
    """
    from dask.delayed import delayed

    from classifier.archive.score import predict_frame

    packed = packed_model(model)
    meta = predict_frame(ddf._meta, model_here(packed), text=text, title=title)
    # one key for all partitions; as a plain argument it would be copied into each task
    files = delayed(packed, name=f"classifier-model-{packed.sha256}", traverse=False)
    return ddf.map_partitions(_tag_partition, files, text=text, title=title, meta=meta)


def _tag_partition(
    frame: pd.DataFrame, packed: PackedModel, *, text: str, title: str | None
) -> pd.DataFrame:
    from classifier.archive.score import predict_frame

    return predict_frame(frame, model_here(packed), text=text, title=title)


def parquet_schema(tagged: Any) -> Any:
    """Return the Arrow schema of a Dask frame with a column ``tags``, for its `to_parquet`.

    Dask cannot tell from a column of lists, or from a partition without tags, what they hold.

    Parameters
    ----------
    tagged : dask.dataframe.DataFrame
        What `tag_frame` returns, or a frame that it was joined to.

    Returns
    -------
    pyarrow.Schema
    """
    import pandas as pd
    import pyarrow as pa

    meta = tagged._meta.rename_axis(index=tagged.index.name or "__null_dask_index__")
    lists = pd.Series([], meta.index, dtype=pd.ArrowDtype(pa.list_(pa.string())))
    return pa.Schema.from_pandas(meta.assign(tags=lists).reset_index(), preserve_index=False)


def predict_on_cluster(
    source: Source,
    out: Path | str,
    *,
    address: str,
    model: Model | Path | str | None = None,
    jobs: int | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
    progress: Report | None = None,
) -> RunSummary:
    """Tag an archive on a cluster: what ``classifier predict --dask ADDRESS`` does.

    Parameters
    ----------
    address : str
        Of a scheduler, as in ``tcp://scheduler:8786``; ``local`` starts workers here for as long
        as it takes.
    jobs : int, optional
        Workers of ``local``; as many as there are cores when not given.
    source, out, model, options, restart, progress
        See `tag_files`.

    Raises
    ------
    ClassifierError
        As `tag_files`, and when no scheduler answers within 5 seconds.
    """
    with opened_client(address, jobs=jobs) as client:
        return tag_files(
            source,
            out,
            client=client,
            model=model,
            options=options,
            restart=restart,
            progress=progress,
        )


def tag_files(
    source: Source,
    out: Path | str,
    *,
    client: Any,
    model: Model | Path | str | None = None,
    options: TagOptions | None = None,
    restart: bool = False,
    progress: Report | None = None,
) -> RunSummary:
    """Tag every article of an archive on a cluster and write a file for each of its files.

    The files are those that `classifier.archive.run.tag_archive` writes, with one journal of
    the same form, so that either goes on where the other has stopped.

    Parameters
    ----------
    source : path, address, or sequence of either
        A folder, a pattern, or files, anywhere that fsspec and all workers can read.
    out : path or address
        The folder of the results, anywhere that fsspec and all workers can write.
    client : distributed.Client
    model, options, restart
        See `tag_archive`.
    progress : callable, optional
        Called now and then, at least every few seconds.

    Returns
    -------
    RunSummary
        `jobs` are the workers' threads, `workers_replaced` the workers that went meanwhile.

    Raises
    ------
    ClassifierError
        Before the first file, when the run makes no sense or a worker lacks this package; later
        when the cluster goes or nothing more can be written. What is finished stays, and the
        same call goes on.
    """
    options, place = options or TagOptions(), place_of(out)
    files = find_files(source, place, input_format=options.reading.format, format=options.format)
    packed = packed_model(model)
    Tagger(model_here(packed), options)
    check_versions(client)
    settings = {
        "version": VERSION,
        "model": packed.sha256,
        "source": files.root,
        **options.to_json(),
    }

    def check(kept: ClusterJournal) -> None:
        done = () if restart else kept.done(files.archive)
        check_free(files.archive, done, kept.may_write, place.address)

    if place.is_local:
        # before there is a trace of the run
        check(ClusterJournal(read_journal(Path(place.path)), place, place.sizes()))
    with opened_cluster_journal(place) as kept:
        check(kept)
        if restart:
            kept.restart()
        kept.journal.check(settings)
        kept.journal.begin(settings)
        kept.copy()
        run = ClusterRun(files, kept, client, packed, options)
        return run.finished(progress or (lambda state: None))
