"""Many machines: Dask frames and archives of files, tagged by the workers of a cluster."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING, Any

from classifier.archive.journal import PARTS, claim_name, occupied, opened_journal, publish
from classifier.archive.run import ArchiveRun, Report, Source, begun_mark, planned
from classifier.archive.shard import Shard, ShardResult, tag_shard
from classifier.archive.shards import INSTALL, Place, place_of
from classifier.archive.tagger import RunSummary, Tagger, TagOptions
from classifier.archive.tasks import PackedModel, model_here, packed_model
from classifier.archive.workers import (
    Do,
    LostError,
    Note,
    Outcome,
    Pool,
    interrupts_held,
    perform,
    reason_of,
)
from classifier.errors import BadInputError, ClassifierError
from classifier.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FarTask",
    "FarWorkers",
    "PackedModel",
    "check_versions",
    "far_worker",
    "import_distributed",
    "model_here",
    "opened_client",
    "packed_model",
    "parquet_schema",
    "predict_on_cluster",
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


@dataclass(frozen=True, slots=True)
class FarTask:
    """A file to tag on any machine.

    Parameters
    ----------
    shard : Shard
    out : str
        Address of the folder of results.
    run : str
        Name of the run, below which unfinished results lie.
    free : bool
        Whether nothing was at its target when the run began.
    """

    shard: Shard
    out: str
    run: str
    free: bool


def far_worker(packed: PackedModel, options: TagOptions) -> Do:
    """Return what tags a file and gives the result its name.

    It raises `BadInputError` for a file that would fail elsewhere too, another `ClassifierError`
    when the model cannot be used on this machine or the folder of results is not seen.
    """
    tagger = Tagger(model_here(packed), options, packed.signature)

    def work(task: FarTask, report: Callable[[int, int], None]) -> ShardResult:
        out = place_of(task.out)
        _check_begun(task, out)
        with TemporaryDirectory(dir=_scratch()) as folder:
            copy = Path(folder, Path(task.shard.name).name)
            try:
                return _tagged(task, _near(task.shard, copy), tagger, out, Path(folder))
            except BadInputError as error:
                # the copy's name means nothing to anybody
                message = str(error).replace(str(copy), task.shard.address)
                raise BadInputError(message) from None

    return work


def _check_begun(task: FarTask, out: Place) -> None:
    if out.is_free(begun_mark(task.run)):
        raise ClassifierError(
            f"{task.out}: a worker does not see the run there. Is it a place that all of them and "
            "this machine share?"
        )


def _scratch() -> str:
    from distributed import get_worker

    return str(get_worker().local_directory)


def _near(shard: Shard, copy: Path) -> Shard:
    """Return the file where it can be opened by a path."""
    place = place_of(shard.address)
    if place.is_local:
        return shard
    place.fs.get_file(place.path, str(copy))
    now = copy.stat()
    if now.st_size != shard.n_bytes:
        raise BadInputError(f"{shard.address}: was changed since it was found. Run once more.")
    return replace(shard, address=str(copy), mtime_ns=now.st_mtime_ns)


def _tagged(task: FarTask, shard: Shard, tagger: Tagger, out: Place, folder: Path) -> ShardResult:
    # a worker that was given up for lost may be at the same file
    token = secrets.token_hex(8)
    part = Path(out.below(f"{PARTS}/{task.run}/{token}")) if out.is_local else folder / token
    rejects = part.with_suffix(".rejects")
    result = tag_shard(shard, tagger, part, rejects=rejects, report=lambda articles, n_bytes: None)
    # a task that outlives its run must not replace what the next one writes
    _check_begun(task, out)
    target, claim = shard.target, claim_name(shard.target)
    if task.free and not out.is_free(target) and out.is_free(claim):
        raise BadInputError(occupied(out, target))
    if rejects.exists():
        _name_address(rejects, shard.address, task.shard.address)
    publish(out, shard, result, part, rejects)
    return result


def _name_address(rejects: Path, copy: str, address: str) -> None:
    if copy != address:
        before, after = json.dumps(copy)[1:-1], json.dumps(address)[1:-1]
        named = rejects.with_suffix(".named")
        with rejects.open(encoding="ascii") as lines, named.open("w", encoding="ascii") as stream:
            stream.writelines(line.replace(before, after) for line in lines)
        named.replace(rejects)


# Clusters that grow on demand have no worker before there is a task.
PATIENCE = 60.0
TICK = 1.0
# Tasks that a scheduler is given at a time.
MOST_TASKS = 1000


class FarWorkers:
    """An executor of the workers of a cluster.

    Parameters
    ----------
    client : distributed.Client
    make : callable
        Gives, for the model and the options, what does tasks.
    packed : PackedModel
        Sent to each worker once.
    options : TagOptions
    """

    def __init__(
        self, client: Any, make: Callable[..., Do], packed: PackedModel, options: TagOptions
    ) -> None:
        self._client, self._make, self._options = client, make, options
        self._pool = client.get_executor(pure=False)
        self._model = self._sent(packed)
        self._tasks: set[Future[Outcome]] = set()
        self._seen, self._workers = time.monotonic(), set(self._threads())

    def _sent(self, packed: PackedModel) -> Any:
        """Return the model as a result that each worker asks for once, and that can be remade."""
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            model = self._client.submit(_same, packed, key=f"model-{secrets.token_hex(4)}")
        taken = Event()
        model.add_done_callback(lambda ended: taken.set())
        if not taken.wait(PATIENCE):
            raise ClassifierError(
                f"{self._address}: no worker took a task in {PATIENCE:g} s. Start "
                "workers: dask worker ADDRESS"
            )
        return model

    @property
    def _address(self) -> str:
        return str(self._client.scheduler.address)

    def _threads(self) -> Mapping[str, int]:
        """Return the threads of each worker by its address."""
        try:
            threads: Mapping[str, int] = self._client.nthreads()
        except OSError:
            raise LostError(f"{self._address}: the scheduler has gone") from None
        return threads

    @property
    def n_replaced(self) -> int:
        """Workers that have gone."""
        return len(self._workers - set(self._threads()))

    def has_room(self) -> bool:
        """Return whether one more task may be submitted."""
        return len(self._tasks) < MOST_TASKS

    def submit(self, index: int, task: FarTask) -> Future[Outcome]:
        """Begin with a task."""
        future: Future[Outcome] = self._pool.submit(
            _perform, self._model, self._make, self._options, task
        )
        self._tasks.add(future)
        return future

    def outcome(self, future: Future[Outcome]) -> Outcome:
        """Return what became of a task that has ended."""
        self._tasks.discard(future)
        if future.cancelled():
            raise LostError(f"{self._address}: the scheduler has gone or dropped the task")
        error = future.exception()
        if isinstance(error, import_distributed().KilledWorker):
            # the scheduler has given the file to one worker after the other
            reason = "the workers that had it died, again and again; is memory short?"
            return Outcome(None, reason)
        return Outcome(None, *reason_of(error), may_pass=True) if error else future.result()

    def notes(self) -> list[Note]:
        """Return nothing: workers do not say how far they are; look after them."""
        if time.monotonic() - self._seen > TICK:
            self._workers |= set(self._threads())
            self._seen = time.monotonic()
        return []

    def close(self) -> None:
        """Cancel what is under way."""
        with suppress(OSError):
            self._pool.shutdown(wait=False)


def _same(packed: PackedModel) -> PackedModel:
    return packed


def _perform(
    packed: PackedModel, make: Callable[..., Do], options: TagOptions, task: FarTask
) -> Outcome:
    return perform(partial(make, packed, options), task, lambda articles, n_bytes: None)


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
    packed = packed_model(model)
    loaded, sha256 = model_here(packed), packed.sha256
    plan = planned(source, place, model=loaded, sha256=sha256, options=options, restart=restart)
    check_versions(client)
    with opened_journal(place) as journal:

        def pool_for(todo: list[Shard]) -> Pool[FarTask]:
            return Pool(far_worker, (), executor=FarWorkers(client, far_worker, packed, options))

        def task_of(run: str, shard: Shard) -> FarTask:
            where = place.path if place.is_local else place.address
            return FarTask(shard, where, run, journal.is_free(shard.target))

        jobs = sum(client.nthreads().values())
        return ArchiveRun(plan, journal, pool_for, task_of, packed.signature, jobs).finished(
            progress
        )
